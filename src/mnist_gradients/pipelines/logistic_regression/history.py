"""Record what a solver does."""

import logging
import time

import pandas as pd

logger = logging.getLogger(__name__)


class HistoryRecorder:
    """Callback of a solver that keeps every iteration and, every few seconds, reports progress.

    The clock starts when the recorder is made, so that it includes the set-up of the solver.

    Args:
        solver: Name of the solver.
        report_every: Seconds between two lines of progress.
    """

    def __init__(self, solver: str, report_every: float = 5.0) -> None:
        self._solver = solver
        self._report_every = report_every
        self._started = time.perf_counter()
        self._reported = 0.0
        self._rows: list[tuple[int, float, float, float]] = []

    def __call__(self, iteration: int, objective: float, gradient_norm: float) -> None:
        """Keep an iteration that has just ended."""
        seconds = self.elapsed()
        self.add(iteration, objective, gradient_norm, seconds)
        if seconds - self._reported > self._report_every:
            self._reported = seconds
            logger.info(
                "    %s: iteration %d, objective %.6f, %.0f s",
                self._solver,
                iteration,
                objective,
                seconds,
            )

    def add(self, iteration: int, objective: float, gradient_norm: float, seconds: float) -> None:
        """Keep an iteration that ended `seconds` after the start."""
        self._rows.append((iteration, objective, gradient_norm, seconds))

    def elapsed(self) -> float:
        """Return the seconds since the start."""
        return time.perf_counter() - self._started

    @property
    def seconds(self) -> float:
        """Seconds from the start to the end of the last iteration."""
        return self._rows[-1][-1]

    def table(self) -> pd.DataFrame:
        """Return one row per iteration: solver, iteration, objective, gradient_norm, seconds."""
        table = pd.DataFrame(
            self._rows, columns=["iteration", "objective", "gradient_norm", "seconds"]
        )
        table.insert(0, "solver", self._solver)
        return table
