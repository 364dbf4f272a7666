"""Jobs, one after another, in a process of their own: ``python -m <this module> <folder>``.

The folder holds `jobs.json`, a list. The worker starts a file of fits for each job and adds a line
to it after each fit.
"""

import json
import resource
import signal
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

from mnist_gradients.benchmarking import memory, solvers, switches
from mnist_gradients.benchmarking.jobs import Fit, Job, State
from mnist_gradients.benchmarking.reference_objective import ReferenceObjective
from mnist_gradients.benchmarking.solvers import Setting

JOBS, FITS = "jobs.json", "fits_{:03d}.jsonl"
LOADED_ROWS = 4096
EARLY = ("ConvergenceWarning", "LineSearchWarning", "LinAlgWarning")
PATIENCE = 6  # fits in a row that come no closer to the optimum
WARM_UP_SECONDS = 60  # at the most; a library that compiles itself needs some
GRACE_SECONDS = 1  # of CPU time on each thread, for a library to end a capped fit


class CapReached(BaseException):
    """Ends a fit that has used up its time; no solver may take it for an error."""


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
    _warm_up(job, X, y)  # before the limit, which acts on the libraries that are loaded
    with threadpool_limits(job.threads), switches.changed(job.change):
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
            if fit.state in ("capped", "failed") or left <= 0 or since_best == PATIENCE:
                return


def _repeat(job: Job, X: Any, y: NDArray[np.integer], fit: Fit) -> Iterator[Fit]:
    """Repeat a fit with other seeds until all of them together have taken enough time."""
    spent = fit.seconds
    for i in range(1, job.repeats):
        if spent >= job.enough_seconds:
            return
        again = measure(replace(job, seed=job.seed + i), X, y, fit.tolerance, job.cap_seconds)
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
    with (
        memory.PrivateMemory() as private,
        switches.RowCounter() as counter,
        warnings.catch_warnings(record=True) as warned,
    ):
        warnings.simplefilter("always")
        memory.reset_peak()
        before = memory.resident_mib()
        start, cpu_start = time.perf_counter(), time.process_time()
        try:
            with capped(cap, job.threads):
                estimator.fit(X, y)
        except CapReached:
            state = "capped"
        except Exception as error:  # whatever a library raises is a result
            state, message = "failed", f"{type(error).__name__}: {error}"
        seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    peak = memory.peak_resident_mib()  # before the gap takes some
    early = [w for w in warned if w.category.__name__ in EARLY]
    if state == "converged" and early:
        state, message = "warned", str(early[0].message)
    fit = Fit(
        tolerance,
        state,
        message,
        seconds,
        cpu_seconds,
        peak_memory_mib=peak,
        private_memory_mib=private.peak_mib,
        passes=counter.rows / job.rows if counter.rows else np.nan,
        added_memory_mib=None if before is None else max(peak - before, 0.0),
    )
    if state in ("capped", "failed"):
        return fit
    iterations = float(np.max(estimator.n_iter_))
    return replace(fit, iterations=iterations, gap=true_gap(job, estimator, divided))


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
def capped(seconds: float, threads: int) -> Iterator[None]:
    """Raise `CapReached` after that many seconds, between two steps of the interpreter.

    A library that takes no such step is ended, with this process, by SIGPROF.
    """

    def stop(*_: object) -> None:
        raise CapReached

    previous = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.setitimer(signal.ITIMER_PROF, threads * (seconds + GRACE_SECONDS))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGALRM, previous)


def _warm_up(job: Job, X: Any, y: NDArray[np.integer]) -> None:
    """Let a library load what it loads at its first use, on a few rows and columns."""
    rows = np.union1d(np.arange(min(300, len(y))), np.unique(y, return_index=True)[1])
    corner = X[rows][:, :: max(1, X.shape[1] // 20)]
    setting = Setting(len(rows), 1.0, 0.1, job.threads, job.seed)
    # An error will show in the fit itself.
    with (
        suppress(Exception, CapReached),
        warnings.catch_warnings(),
        capped(WARM_UP_SECONDS, job.threads),
    ):
        warnings.simplefilter("ignore")
        solvers.find(job.solver).make(setting).fit(corner, y[rows])


def limit_memory(mib: int | None) -> None:
    """Limit the address space, so that a fit too large fails instead of the whole machine."""
    if mib is not None and sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (mib * 2**20, mib * 2**20))


def main(folder: Path) -> None:
    """Do the jobs in the folder."""
    for i, options in enumerate(json.loads((folder / JOBS).read_text())):
        job = Job(**options)
        limit_memory(job.memory_mib)
        with open(folder / FITS.format(i), "w", buffering=1, encoding="utf-8") as file:
            for fit in run(job):
                file.write(json.dumps(asdict(fit)) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
