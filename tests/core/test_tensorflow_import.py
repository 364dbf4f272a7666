import subprocess
import sys
from types import SimpleNamespace

import pytest

from mnist_gradients.core.tensorflow_import import import_tensorflow


@pytest.mark.tensorflow
def test_keras_is_set_up_whatever_the_users_settings_say_and_nothing_is_printed(
    monkeypatch, tmp_path
):
    code = """
from mnist_gradients.core.tensorflow_import import import_tensorflow
tensorflow = import_tensorflow()
import keras
print(keras.config.backend(), keras.config.floatx(), tensorflow.__name__)
"""
    (tmp_path / "keras.json").write_text('{"floatx": "float16", "backend": "torch"}')
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_BACKEND", "nonsense")
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (run.stdout, run.stderr) == ("tensorflow float32 tensorflow\n", "")


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


@pytest.mark.tensorflow
def test_line_of_tensorflow_on_a_wrong_flag_is_shown(monkeypatch):
    monkeypatch.setenv("TF_XLA_FLAGS", "--nonsense")
    code = "from mnist_gradients.core import tensorflow_import as t; t.import_tensorflow()"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode != 0
    assert "Unknown flag in TF_XLA_FLAGS: --nonsense" in run.stderr
