"""A job for a worker, and a fit in its answer."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

State = Literal["converged", "warned", "capped", "failed"]


@dataclass(frozen=True)
class Job:
    """A solver, a problem, and the tolerances to fit it with.

    Attributes:
        rows_file: File of the rows, (N, d): `.npy`, or `.npz` for a sparse array.
        classes_file: File of the classes 0..K-1, int64 (N,).
        rows: Number of rows to use, the first of the file.
        divisor: What a row is divided by: 255 for pixels, 1 for others.
        l2: Strength of the penalty on the weights of the divided rows.
        solver: A name of `solvers.SOLVERS`.
        input: Type of the rows that the solver gets; "uint8" rows are not divided.
        memory_mapped: Leave the rows in their file; for dense rows of the file's type only.
        threads: Number of threads.
        tolerances: Tolerances of the fits, the loosest first.
        optimum: Least value of the objective.
        gap: The last fit is the first one whose relative gap is at most that.
        cap_seconds: Time of all fits together.
        seed: Seed of solvers that draw rows at random.
        repeats: Largest number of fits with the tolerance that reaches the gap.
        enough_seconds: They are not repeated once they have taken so long.
        change: A name of `switches.CHANGES`: what is different inside the project's solver.
        memory_mib: Largest address space of the process, where the system allows a limit; None
            for no limit.
    """

    rows_file: str
    classes_file: str
    rows: int
    divisor: float
    l2: float
    solver: str
    input: Literal["uint8", "float32", "float64"]
    memory_mapped: bool
    threads: int
    tolerances: tuple[float, ...]
    optimum: float
    gap: float
    cap_seconds: float
    seed: int
    repeats: int = 1
    enough_seconds: float = 1.0
    change: str = "unchanged"
    memory_mib: int | None = None


@dataclass(frozen=True)
class Fit:
    """A whole fit of an estimator.

    Attributes:
        tolerance: Its ``tol``.
        state: "converged", "warned" (the solver warned that it stopped early), "capped" or
            "failed".
        message: The warning or the error.
        seconds: Wall time of ``fit``.
        cpu_seconds: CPU time of all threads.
        iterations: The estimator's ``n_iter_``.
        gap: Relative suboptimality gap, (J - J*) / J*; NaN without weights.
        peak_memory_mib: Largest resident memory of the process during the fit (so far, where the
            system cannot reset the peak).
        private_memory_mib: Largest memory without mapped files, sampled; None if unknown.
        passes: Passes over the data, those over samples counted as fractions; NaN for the solvers
            of other libraries, and for data that is small enough for Newton's method.
        added_memory_mib: The peak less the resident memory just before the fit, which holds X and
            the libraries; None if unknown.
    """

    tolerance: float
    state: State
    message: str
    seconds: float
    cpu_seconds: float
    iterations: float = np.nan
    gap: float = np.nan
    peak_memory_mib: float | None = None
    private_memory_mib: float | None = None
    passes: float = np.nan
    added_memory_mib: float | None = None
