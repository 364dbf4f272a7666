"""The fits of one solver in a process of its own: ``python -m <this module> <folder>``.

The folder holds `job.json`; the worker adds a line to `fits.jsonl` after each fit.
"""

import json
import resource
import signal
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

from mnist_gradients.benchmarking import solvers
from mnist_gradients.benchmarking.memory import PrivateMemory, peak_resident_mib
from mnist_gradients.benchmarking.reference_objective import ReferenceObjective
from mnist_gradients.benchmarking.solvers import Setting

JOB, FITS = "job.json", "fits.jsonl"
LOADED_ROWS = 4096
REPEAT_SECONDS = 1.0
PATIENCE = 6  # fits in a row that come no closer to the optimum

State = Literal["converged", "warned", "capped", "failed"]


class CapReached(BaseException):
    """Ends a fit that has used up its time; no solver may take it for an error."""


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
        peak_memory_mib: Largest resident memory of the process so far.
        private_memory_mib: Largest memory without mapped files, sampled; None if unknown.
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


def load_rows(job: Job) -> Any:
    """Load the rows, converted in pieces: no second copy counts as the solver's memory."""
    if job.rows_file.endswith(".npz"):
        return sparse.load_npz(job.rows_file)[: job.rows].astype(job.input)
    mapped = np.load(job.rows_file, mmap_mode="r")[: job.rows]
    if job.memory_mapped:
        return mapped
    X = np.empty(mapped.shape, dtype=job.input)
    del mapped
    for first in range(0, job.rows, LOADED_ROWS):
        piece = slice(first, min(first + LOADED_ROWS, job.rows))
        # Mapped anew each time, so that the pages read before are given back.
        X[piece] = np.load(job.rows_file, mmap_mode="r")[piece]
    if job.input != "uint8" and job.divisor != 1:
        X /= job.divisor
    return X


def run(job: Job) -> Iterator[Fit]:
    """Fit with one tolerance after another, until the gap, the cap or no progress ends it."""
    solvers.find(job.solver)
    X, y = load_rows(job), np.load(job.classes_file)[: job.rows]
    with threadpool_limits(job.threads):
        _warm_up(job, X, y)
        left, best, since_best = job.cap_seconds, np.inf, 0
        for tolerance in job.tolerances:
            fit = measure(job, X, y, tolerance, left)
            yield fit
            left -= fit.seconds
            since_best = 0 if fit.gap < best else since_best + 1
            best = min(best, fit.gap)
            if fit.gap <= job.gap:
                yield from _repeat(job, X, y, fit)
                return
            if fit.state != "converged" or left <= 0 or since_best == PATIENCE:
                return


def _repeat(job: Job, X: Any, y: NDArray[np.integer], fit: Fit) -> Iterator[Fit]:
    """Repeat a fit until it has taken a second in all."""
    spent = fit.seconds
    for _ in range(job.repeats - 1):
        if spent >= REPEAT_SECONDS:
            return
        again = measure(job, X, y, fit.tolerance, job.cap_seconds)
        yield again
        spent += again.seconds


def measure(job: Job, X: Any, y: NDArray[np.integer], tolerance: float, cap: float) -> Fit:
    """Time one fit and find its gap."""
    divided = 1 if job.input != "uint8" else job.divisor
    # Weights of undivided rows are smaller by the divisor, so that their penalty is larger.
    estimator = solvers.find(job.solver).make(
        Setting(job.rows, job.l2 * divided**2, tolerance, job.threads, job.seed)
    )
    state: State = "converged"
    message = ""
    with PrivateMemory() as private, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        start, cpu_start = time.perf_counter(), time.process_time()
        try:
            with capped(cap):
                estimator.fit(X, y)
        except CapReached:
            state = "capped"
        except Exception as error:  # whatever a library raises is a result
            state, message = "failed", f"{type(error).__name__}: {error}"
        seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    memory = peak_resident_mib()
    fit = Fit(tolerance, state, message, seconds, cpu_seconds)
    if state == "converged":
        stopped_early = [w for w in warned if w.category.__name__ in EARLY]
        if stopped_early:
            state, message = "warned", str(stopped_early[0].message)
        fit = Fit(
            tolerance,
            state,
            message,
            seconds,
            cpu_seconds,
            float(np.max(estimator.n_iter_)),
            true_gap(job, estimator, divided),
        )
    return Fit(**asdict(fit) | {"peak_memory_mib": memory, "private_memory_mib": private.peak_mib})


EARLY = ("ConvergenceWarning", "LineSearchWarning")


def true_gap(job: Job, estimator: Any, divided: float) -> float:
    """Return the relative gap of a fitted estimator, evaluated in float64 on the file's rows."""
    if job.rows_file.endswith(".npz"):
        X = sparse.load_npz(job.rows_file)
    else:
        X = np.load(job.rows_file, mmap_mode="r")
    y = np.load(job.classes_file)[: job.rows]
    W, b = solvers.weights(estimator)
    reference = ReferenceObjective(X[: job.rows], y, job.l2, 1 / job.divisor)
    return reference.value(W * divided, b) / job.optimum - 1


@contextmanager
def capped(seconds: float) -> Iterator[None]:
    """Raise `CapReached` after that many seconds, between two steps of the interpreter."""

    def stop(*_: object) -> None:
        raise CapReached

    previous = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def _warm_up(job: Job, X: Any, y: NDArray[np.integer]) -> None:
    """Let a library load what it loads at its first use, on a few rows and columns."""
    rows = np.union1d(np.arange(min(300, len(y))), np.unique(y, return_index=True)[1])
    corner = X[rows][:, :: max(1, X.shape[1] // 20)]
    setting = Setting(len(rows), 1.0, 0.1, job.threads, job.seed)
    with suppress(Exception), warnings.catch_warnings():  # an error will show in the fit itself
        warnings.simplefilter("ignore")
        solvers.find(job.solver).make(setting).fit(corner, y[rows])


def limit_memory(mib: int | None) -> None:
    """Limit the address space, so that a fit too large fails instead of the whole machine."""
    if mib is not None and sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (mib * 2**20, mib * 2**20))


def main(folder: Path) -> None:
    """Do the job in the folder."""
    job = Job(**json.loads((folder / JOB).read_text()))
    limit_memory(job.memory_mib)
    for fit in run(job):
        with open(folder / FITS, "a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(fit)) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
