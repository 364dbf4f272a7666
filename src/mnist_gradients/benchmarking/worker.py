"""One measurement in a process of its own: ``python -m <this module> <folder>``.

The folder holds `job.json` and the data; the worker leaves `points.bin` and `result.json` there.
"""

import json
import signal
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from threadpoolctl import threadpool_limits

from mnist_gradients.benchmarking import solvers
from mnist_gradients.benchmarking.memory import (
    PrivateMemory,
    peak_resident_mib,
    resident_mib,
)
from mnist_gradients.benchmarking.recorder import Recorder, TargetReached
from mnist_gradients.benchmarking.solvers import Problem

JOB, POINTS, RESULT = "job.json", "points.bin", "result.json"
LOADED_ROWS = 4096

State = Literal["target", "finished", "capped", "failed"]


class CapReached(BaseException):
    """Ends a run that has used up its time; no solver may take it for an error."""


@dataclass(frozen=True)
class Job:
    """What is to be measured.

    Attributes:
        pixels: File of the images, uint8 (N, d).
        labels: File of the classes, int64 (N,).
        rows: Number of rows to use, the first of the file.
        binary: Logistic regression if true, softmax regression otherwise.
        l2: Strength of the penalty.
        solver: Name of the contender.
        input: Type of the rows that it gets; pixels are scaled to 0..1 unless they are uint8.
        memory_mapped: Leave the rows in their file; for uint8 only.
        threads: Number of threads.
        target: Stop at the first value of the objective at or below it.
        cap_seconds: Stop after that many seconds.
        seed: Seed of the solvers that draw rows at random.
    """

    pixels: str
    labels: str
    rows: int
    binary: bool
    l2: float
    solver: str
    input: Literal["uint8", "float32", "float64"]
    memory_mapped: bool
    threads: int
    target: float
    cap_seconds: float
    seed: int


@dataclass(frozen=True)
class Result:
    """How a run ended, and what it took.

    Attributes:
        state: "target", "finished" (by the solver's own rule, or at a loss), "capped" or "failed".
        message: What went wrong.
        seconds: Wall time of the run.
        cpu_seconds: CPU time of all threads.
        baseline_memory_mib: Resident memory before the run, the data included.
        peak_memory_mib: Largest resident memory of the process.
        private_memory_mib: Largest memory without mapped files, sampled.
    """

    state: State
    message: str
    seconds: float
    cpu_seconds: float
    baseline_memory_mib: float | None
    peak_memory_mib: float | None
    private_memory_mib: float | None


def load_problem(job: Job) -> Problem:
    """Load the data of a job, converted in pieces: no second copy counts as the solver's memory."""
    pixels = np.load(job.pixels, mmap_mode="r")[: job.rows]
    if job.memory_mapped:
        X = pixels
    else:
        X = np.empty(pixels.shape, dtype=job.input)
        del pixels
        for first in range(0, job.rows, LOADED_ROWS):
            piece = slice(first, min(first + LOADED_ROWS, job.rows))
            # Mapped anew each time, so that the pages read before are given back.
            X[piece] = np.load(job.pixels, mmap_mode="r")[piece]
        if job.input != "uint8":
            X /= 255
    y = np.load(job.labels)[: job.rows]
    return Problem(X, y, job.binary, job.l2, job.threads, job.seed)


def measure(job: Job, folder: Path) -> Result:
    """Run a contender, record the points it passes, and return how it ended."""
    run = solvers.find(job.solver)
    problem = load_problem(job)
    _warm_up(run, problem, folder)
    state: State = "finished"
    message = ""
    baseline = resident_mib()
    start, cpu_start = time.perf_counter(), time.process_time()
    with threadpool_limits(job.threads), PrivateMemory() as private:
        try:
            with Recorder(folder / POINTS, job.target) as recorder, capped(job.cap_seconds):
                run(problem, recorder)
        except TargetReached:
            state = "target"
        except CapReached:
            state = "capped"
        except Exception as error:  # whatever a library raises is a result of the race
            state, message = "failed", f"{type(error).__name__}: {error}"
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    return Result(
        state, message, seconds, cpu_seconds, baseline, peak_resident_mib(), private.peak_mib
    )


@contextmanager
def capped(seconds: float) -> Iterator[None]:
    """Raise `CapReached` after that many seconds, as soon as the interpreter has the word."""

    def stop(*_: object) -> None:
        raise CapReached

    previous = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def _warm_up(run: solvers.Run, problem: Problem, folder: Path) -> None:
    """Let a library load what it loads at its first use, on a few rows and columns."""
    corner = np.ascontiguousarray(problem.X[:300, :: max(1, problem.X.shape[1] // 20)])
    # The first point ends it; an error will show in the run itself.
    with suppress(TargetReached, Exception), Recorder(folder / "warm_up.bin", np.inf) as recorder:
        run(replace(problem, X=corner, y=problem.y[:300]), recorder)


def main(folder: Path) -> None:
    """Do the job in the folder."""
    warnings.simplefilter("ignore")  # such as: a solver stopped at one iteration has not converged
    job = Job(**json.loads((folder / JOB).read_text()))
    (folder / RESULT).write_text(json.dumps(asdict(measure(job, folder))))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
