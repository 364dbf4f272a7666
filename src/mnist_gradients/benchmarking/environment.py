"""Where a benchmark ran: figures mean little without it."""

import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mnist_gradients.core.machine import processor

PACKAGES = ("mnist-gradients", "numpy", "scipy", "scikit-learn", "threadpoolctl")


def check_system() -> None:
    """Check that a process can set itself an alarm and tell its memory.

    Raises:
        RuntimeError: On Windows.
    """
    if sys.platform == "win32":
        raise RuntimeError("benchmark: found Windows, expected Linux or macOS")


def describe() -> dict[str, Any]:
    """Return the versions, the BLAS libraries, the processor and its cores, and the load.

    Raises:
        RuntimeError: On Windows.
    """
    check_system()
    import scipy.linalg  # noqa: F401 - loads SciPy's own BLAS, so that it is listed
    from threadpoolctl import threadpool_info

    from mnist_gradients.maths.rows.blocks import available_cores

    return {
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
        "blas": [
            {
                "library": Path(pool["filepath"]).name,
                "name": pool["internal_api"],
                "version": pool["version"],
                "architecture": pool.get("architecture"),
                "threads": pool["num_threads"],
            }
            for pool in threadpool_info()
            if pool["user_api"] == "blas"
        ],
        "processor": processor(),
        "cores": available_cores(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "load_average": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
    }
