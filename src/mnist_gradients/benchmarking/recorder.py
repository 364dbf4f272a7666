"""The clock of a measurement, and the points that a solver passes while it runs."""

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np


class TargetReached(BaseException):
    """Ends a run that has come as far as is measured; no solver may take it for an error."""


class Moment(NamedTuple):
    """Seconds since the start of the clock: wall time, and CPU time of all threads."""

    seconds: float
    cpu_seconds: float


class Recorder:
    """Writes where a solver is, and when, to a file.

    The file, which is closed at the end of the context, holds one row of float64 per point:
    seconds, cpu_seconds, value, and the packed parameter. Being written at once, the points take no
    memory from the solver that is measured, and outlive a process that has to be ended.

    Args:
        path: File to write.
        target: End the run with `TargetReached` at the first value at or below it.
    """

    def __init__(self, path: str | os.PathLike[str], target: float = -math.inf) -> None:
        self._file = open(path, "wb", buffering=0)  # noqa: SIM115 - closed by __exit__
        self._target = target
        self._zero = Moment(0.0, 0.0)

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def start(self) -> None:
        """Set the clock to zero."""
        self._zero = _time()

    def now(self) -> Moment:
        """Return the time since the start, pauses left out."""
        now = _time()
        return Moment(*(a - b for a, b in zip(now, self._zero, strict=True)))

    def record(self, w: np.ndarray, value: float, moment: Moment | None = None) -> None:
        """Write a point.

        Args:
            w: Packed parameter, (size,).
            value: The objective there, as the solver sees it; NaN if it does not look.
            moment: When the solver was there; None for now.

        Raises:
            TargetReached: If the value is at or below the target.
        """
        row = np.concatenate([moment or self.now(), [value], np.ravel(w)], dtype=np.float64)
        self._file.write(row.tobytes())
        if value <= self._target:
            raise TargetReached

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the clock meanwhile."""
        before = _time()
        yield
        pause = (after - start for after, start in zip(_time(), before, strict=True))
        self._zero = Moment(*(a + b for a, b in zip(self._zero, pause, strict=True)))


def read_points(path: str | os.PathLike[str], size: int) -> np.ndarray:
    """Return the points of a file, (T, 3 + size); a last one that is incomplete is left out."""
    numbers = np.fromfile(path, dtype=np.float64)
    width = 3 + size
    return numbers[: len(numbers) // width * width].reshape(-1, width)


def _time() -> Moment:
    return Moment(time.perf_counter(), time.process_time())
