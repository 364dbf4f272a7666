"""Import TensorFlow without the lines that its C++ side prints to standard error.

No environment variable removes all of them; only pointing file descriptor 2 elsewhere while the
import runs does.
"""

import os
from types import ModuleType


def import_tensorflow() -> ModuleType:
    """Import TensorFlow quietly and return it; a failing import raises as usual."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    standard_error = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        import tensorflow

        # Starting the CPU runtime prints as well, so it is started here.
        tensorflow.config.list_logical_devices("CPU")
    finally:
        os.dup2(standard_error, 2)
        os.close(standard_error)
        os.close(nowhere)
    return tensorflow
