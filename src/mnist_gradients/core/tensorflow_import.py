"""Import TensorFlow without its lines on standard error, and with Keras on top of it.

Keras is set up as this project needs it, whatever the environment and a `keras.json` say.

No environment variable removes all the lines that TensorFlow's C++ side prints; only a redirected
file descriptor 2 does, during the import.
"""

import os
import sys
from types import ModuleType

LEAST_ADDRESS_SPACE = 4 * 2**30


def import_tensorflow() -> ModuleType:
    """Import TensorFlow quietly and return it; Keras uses it, and float32, in this process.

    Raises:
        ImportError: If TensorFlow cannot be imported.
        RuntimeError: If Keras was imported before, with another backend.
        ValueError: If the environment names a number of threads that is none.
        MemoryError: If the address space of the process is limited to less than 4 GiB.
    """
    imported = sys.modules.get("keras")
    if imported is not None and imported.config.backend() != "tensorflow":
        raise RuntimeError(
            f"Keras backend: found {imported.config.backend()}, expected tensorflow; "
            "Keras was imported before"
        )
    _check_surroundings()
    os.environ["KERAS_BACKEND"] = "tensorflow"  # this process and its workers
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    standard_error = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        if "TF_XLA_FLAGS" not in os.environ:  # a wrong one ends the process with a line
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


def _check_surroundings() -> None:
    """Refuse what would end the process inside TensorFlow without a word, or with many."""
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        if not os.environ.get(name, "0").isdigit():
            raise ValueError(f"{name}: found {os.environ[name]}, expected a number of threads")
    if sys.platform == "win32":
        return
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < LEAST_ADDRESS_SPACE:
        raise MemoryError(
            f"address space: found a limit of {limit / 2**30:.1f} GiB (ulimit -v), "
            "expected at least 4 for TensorFlow"
        )
