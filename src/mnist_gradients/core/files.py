"""Files that are written beside their place first, so that no reader meets half a file."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

UNFINISHED = ".unfinished-"
"""Beginning of the name of a folder with files that are not yet complete."""


@contextmanager
def unfinished_folder(parent: Path | None) -> Iterator[Path]:
    """Make a folder for files that will be renamed into ``parent``; delete it at the end.

    Args:
        parent: An existing or a new folder; None for the system's folder of temporary files.
    """
    if parent is not None:
        parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=parent) as folder:
        yield Path(folder)


def remove_unfinished(data_root: Path) -> None:
    """Delete what runs that were killed left in the layers (01_raw, ...) of a data folder.

    Those of runs with a name, in ``runs``, belong to it. Only for the one run that has the data
    folder to itself; see `run_lock`.
    """
    for layers in ("0*", "runs/*/0*"):
        for folder in list(data_root.glob(f"{layers}/**/{UNFINISHED}*")):
            shutil.rmtree(folder, ignore_errors=True)
