"""Record the iterations of a solver."""

import time

import pandas as pd


class History:
    """Callback of a solver that keeps every iteration.

    The clock starts when the history is made, so that it includes the set-up of the solver.

    Args:
        solver: Name of the solver.
    """

    def __init__(self, solver: str) -> None:
        self._solver = solver
        self._started = time.perf_counter()
        self._rows: list[tuple[int, float, float, float]] = []

    def __call__(self, iteration: int, objective: float, gradient_norm: float) -> None:
        """Keep an iteration that has just ended."""
        self.add(iteration, objective, gradient_norm, self.elapsed())

    def add(self, iteration: int, objective: float, gradient_norm: float, seconds: float) -> None:
        """Keep an iteration that ended `seconds` after the start."""
        self._rows.append((iteration, objective, gradient_norm, seconds))

    def elapsed(self) -> float:
        """Return the seconds since the start."""
        return time.perf_counter() - self._started

    def table(self) -> pd.DataFrame:
        """Return one row per iteration: solver, iteration, objective, gradient_norm, seconds."""
        table = pd.DataFrame(
            self._rows, columns=["iteration", "objective", "gradient_norm", "seconds"]
        )
        table.insert(0, "solver", self._solver)
        return table
