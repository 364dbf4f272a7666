"""Ctrl-C ends a run with one line and exit code 130, and a process ends with its parent."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from typing import NoReturn

EXIT_CODE = 128 + signal.SIGINT
LINE = b"Interrupted: the files that were saved stay as they are.\n"
PATIENCE = 2  # seconds
OWN_COMMANDS = ("mnist-gradients", os.path.join("mnist_gradients", "__main__.py"))


def is_run(arguments: Sequence[str]) -> bool:
    """Return whether `sys.argv` is that of `kedro run` or of the package's own command."""
    if arguments[0].endswith("kedro"):
        return arguments[1:2] == ["run"]
    return arguments[0].endswith(OWN_COMMANDS)


def end_by_interruption() -> None:
    """Let Ctrl-C end this process in order, and the processes that it started at once."""
    signal.signal(signal.SIGINT, _Interruption())


def end_with_parent() -> None:
    """End this process, a worker of the ParallelRunner, when the run is killed."""
    parent = multiprocessing.parent_process()
    if parent is None or _watches(parent.pid):
        return

    def watch() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name=f"watch {parent.pid}", daemon=True).start()


def _watches(pid: int | None) -> bool:
    return any(thread.name == f"watch {pid}" for thread in threading.enumerate())


class _Interruption:
    """A handler of SIGINT."""

    def __init__(self) -> None:
        self._is_announced = False

    def __call__(self, *_: object) -> NoReturn:
        if multiprocessing.parent_process() is not None:
            os.kill(os.getpid(), signal.SIGTERM)  # the parent prints the line
        if not self._is_announced:
            os.write(2, LINE)  # sys.stderr may be in use
            self._is_announced = True
        for child in multiprocessing.active_children():
            child.terminate()
        # Python ignores an exception inside some callbacks, such as those of a plot.
        again = threading.Timer(PATIENCE, os.kill, [os.getpid(), signal.SIGINT])
        again.daemon = True
        again.start()
        raise SystemExit(EXIT_CODE)
