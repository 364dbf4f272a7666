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
