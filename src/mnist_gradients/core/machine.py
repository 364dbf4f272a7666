"""The machine, the versions and the commit of a run: figures mean little without them."""

import os
import platform
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mnist_gradients.maths.rows.threads import available_cores

PACKAGES = (
    *("mnist-gradients", "kedro", "numpy", "scipy", "pandas", "matplotlib"),
    *("scikit-learn", "threadpoolctl", "tensorflow", "keras"),
)


def describe() -> dict[str, str]:
    """Return date, time, commit, processor, cores, system and versions of a run by name."""
    now = datetime.now(UTC)
    return {
        "date": now.date().isoformat(),
        "time": now.strftime("%H:%M UTC"),
        "commit": commit(Path(__file__)) or "not in a git checkout",
        "processor": processor(),
        "cores": str(available_cores()),
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def describe_resources() -> dict[str, Any]:
    """Return the BLAS libraries, the memory and the load of the machine.

    Raises:
        RuntimeError: On Windows.
    """
    check_system()
    import scipy.linalg  # noqa: F401 - loads SciPy's own BLAS, so that it is listed
    from threadpoolctl import threadpool_info

    return {
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
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "load_average": round(os.getloadavg()[0], 2),
    }


def check_system() -> None:
    """Check that a process can set itself an alarm and measure its memory.

    Raises:
        RuntimeError: On Windows.
    """
    if sys.platform == "win32":
        raise RuntimeError("benchmark: found Windows, expected Linux or macOS")


def processor() -> str:
    """Return the name of the processor; Linux keeps it in a file."""
    names = Path("/proc/cpuinfo")
    if names.exists():
        for line in names.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def commit(file: Path) -> str | None:
    """Return the commit of a file's checkout, and whether anything is changed since.

    Returns:
        The abbreviated hash; None without git, and for a file that git does not know, as where the
        package is installed inside the checkout of something else.
    """
    try:
        _git(file, "ls-files", "--error-unmatch", file.name)
        changed = " with changes" if _git(file, "status", "--porcelain", "-uno") else ""
        return _git(file, "rev-parse", "--short", "HEAD") + changed
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(file: Path, *arguments: str) -> str:
    """Return the output of a command of git in the folder of a file."""
    command = [shutil.which("git") or "git", *arguments]
    run = subprocess.run(  # noqa: S603 - arguments of this module
        command, cwd=file.parent, capture_output=True, text=True, check=True
    )
    return run.stdout.strip()
