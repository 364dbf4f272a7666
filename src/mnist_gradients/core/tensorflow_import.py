"""Import TensorFlow without its lines on standard error, and with Keras on top of it.

Keras is set up as this project needs it, whatever the environment and a `keras.json` say.

No environment variable removes all the lines that TensorFlow's C++ side prints; only a redirected
file descriptor 2 does, during the import.
"""

import os
import sys
from types import ModuleType


def import_tensorflow() -> ModuleType:
    """Import TensorFlow quietly and return it; Keras uses it, and float32, in this process.

    Raises:
        ImportError: If TensorFlow cannot be imported.
        RuntimeError: If Keras was imported before, with another backend.
    """
    imported = sys.modules.get("keras")
    if imported is not None and imported.config.backend() != "tensorflow":
        raise RuntimeError(
            f"Keras backend: found {imported.config.backend()}, expected tensorflow; "
            "Keras was imported before"
        )
    os.environ["KERAS_BACKEND"] = "tensorflow"  # this process and its workers
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    standard_error = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        import tensorflow

        # The start of the CPU runtime prints as well.
        tensorflow.config.list_logical_devices("CPU")
    finally:
        os.dup2(standard_error, 2)
        os.close(standard_error)
        os.close(nowhere)
    import keras

    keras.config.set_floatx("float32")
    return tensorflow
