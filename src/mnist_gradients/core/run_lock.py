"""A lock on a data folder: two runs at once would replace each other's files.

The system releases the lock with the process that holds it, however that ends. So a file that a
killed run left behind locks nothing. Another host may not notice the lock on a network folder:
there the file itself counts, as long as it is there.
"""

import getpass
import os
import socket
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TextIO

from mnist_gradients.maths.checking import mismatch

try:
    import fcntl
except ImportError:  # Windows has no such lock; there two runs at once are not noticed
    fcntl = None  # type: ignore[assignment]


class RunLockedError(RuntimeError):
    """Another run works on the data folder."""


class RunLock:
    """The lock of one run: a file `.lock` with its user, host, process and time."""

    def __init__(self) -> None:
        self._file: TextIO | None = None

    @property
    def is_held(self) -> bool:
        """Whether this run has the lock."""
        return self._file is not None

    def acquire(self, data_root: Path) -> None:
        """Lock a data folder; it is made if there is none.

        Raises:
            RunLockedError: If another run holds its lock.
            ValueError: If the folder cannot be made or written into.
        """
        self.release()  # after an interrupted run in the same notebook
        path, host = data_root / ".lock", socket.gethostname()
        while self._file is None:
            try:
                data_root.mkdir(parents=True, exist_ok=True)
                file = path.open("a+", encoding="utf-8")
            except OSError as error:
                expected = "a folder that can be written into"
                raise mismatch("data_root", f"{data_root} ({error.strerror})", expected) from error
            is_free = _try_to_lock(file)
            file.seek(0)
            owner = file.read().strip()
            if not is_free or (owner and f" on {host}, " not in owner):
                file.close()
                raise RunLockedError(
                    f"{path}: found a run {owner or 'that has just begun'}, expected none; wait "
                    "for its end, or delete the file if that run is gone"
                )
            # Its last owner may have deleted the file after it was opened here.
            if path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno())):
                self._file = file
            else:
                file.close()
        now = datetime.now().astimezone().isoformat(" ", "seconds")
        self._file.truncate(0)
        self._file.write(f"by {_user()} on {host}, process {os.getpid()}, since {now}\n")
        self._file.flush()

    def release(self) -> None:
        """Delete the file, if this run has the lock, and unlock the folder."""
        if self._file is not None:
            with suppress(OSError):  # the folder may be gone
                os.unlink(self._file.name)
            self._file.close()
            self._file = None


def _try_to_lock(file: TextIO) -> bool:
    """Return whether no other process has locked the file; some disks have no locks."""
    if fcntl:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return not isinstance(error, BlockingIOError)
    return True


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container may have users without a name
        return "an unknown user"
