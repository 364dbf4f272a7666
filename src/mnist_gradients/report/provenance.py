"""What somebody else needs to run it again: versions, commit, machine, date."""

import platform
import shutil
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from mnist_gradients.core.machine import processor
from mnist_gradients.maths.rows.blocks import available_cores

PACKAGES = (
    *("mnist-gradients", "kedro", "numpy", "scipy", "pandas", "matplotlib"),
    *("scikit-learn", "tensorflow", "keras"),
)


def describe() -> dict[str, str]:
    """Return what was run, with which versions, on which machine and when, by name."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit(Path(__file__)) or "not in a git checkout",
        "processor": processor(),
        "cores": str(available_cores()),
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def commit(file: Path) -> str | None:
    """Return the commit that a file is checked out from, and whether anything is changed since.

    Returns:
        Its abbreviated hash; None if git is not there or does not know the file, as where the
        package is installed inside the checkout of something else.
    """
    try:
        _git(file, "ls-files", "--error-unmatch", file.name)
        changed = " with changes" if _git(file, "status", "--porcelain", "-uno") else ""
        return _git(file, "rev-parse", "--short", "HEAD") + changed
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(file: Path, *arguments: str) -> str:
    """Return what a command of git prints in the folder of a file."""
    command = [shutil.which("git") or "git", *arguments]
    run = subprocess.run(  # noqa: S603 - arguments of this module
        command, cwd=file.parent, capture_output=True, text=True, check=True
    )
    return run.stdout.strip()
