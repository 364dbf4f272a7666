import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from mnist_gradients.core.tensorflow_import import import_tensorflow

PRINTING = """
import os
from unittest.mock import Mock
os.write(2, b"Unknown flag\\n")  # past `sys.stderr`, as TensorFlow's C++ side
config = Mock()
"""


def test_keras_with_another_backend_is_refused(monkeypatch):
    keras = SimpleNamespace(config=SimpleNamespace(backend=lambda: "jax"))
    monkeypatch.setitem(sys.modules, "keras", keras)
    words = "^Keras backend: found jax, expected tensorflow; Keras was imported before$"
    with pytest.raises(RuntimeError, match=words):
        import_tensorflow()


def test_number_of_threads_that_is_none_is_named(monkeypatch):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "-3")
    words = "^TF_NUM_INTRAOP_THREADS: found -3, expected a number of threads$"
    with pytest.raises(ValueError, match=words):
        import_tensorflow()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_address_space_that_is_too_small_is_named(monkeypatch):
    monkeypatch.setattr("resource.getrlimit", lambda _: (2**31, 2**31))
    words = r"^address space: found a limit of 2\.0 GiB \(ulimit -v\), expected at least 4 for"
    with pytest.raises(MemoryError, match=words):
        import_tensorflow()


@pytest.mark.parametrize(("flags", "shown"), [("--nonsense", "Unknown flag\n"), (None, "")])
def test_line_on_a_wrong_flag_is_shown_and_other_lines_are_not(monkeypatch, tmp_path, flags, shown):
    (tmp_path / "tensorflow.py").write_text(PRINTING)
    (tmp_path / "keras.py").write_text("from unittest.mock import Mock\nconfig = Mock()\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.delenv("TF_XLA_FLAGS", raising=False)
    if flags is not None:
        monkeypatch.setenv("TF_XLA_FLAGS", flags)
    code = "from mnist_gradients.core import tensorflow_import as t; t.import_tensorflow()"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, shown)
