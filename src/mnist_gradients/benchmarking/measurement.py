"""Start workers for jobs and read their fits."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

import mnist_gradients
from mnist_gradients.benchmarking import solvers, worker
from mnist_gradients.benchmarking.jobs import Fit, Job, State
from mnist_gradients.core.machine import check_system

START_SECONDS = 120  # to start the process and to load the data
GRACE_SECONDS = 60  # to evaluate the gaps
SOURCE = Path(mnist_gradients.__file__).parents[1]

# Half a decade between two: gaps of a gradient method then differ by about one decade.
TOLERANCES = tuple(float(f"{10 ** (-k / 2):.2g}") for k in range(2, 25))


def ladder(solver: str, gaps: tuple[float, ...]) -> tuple[float, ...]:
    """Return the tolerances of a solver's fits, the loosest first.

    A solver whose tolerance is the relative gap gets the gaps themselves, then tighter ones.
    """
    if not solvers.find(solver).promises_gap:
        return TOLERANCES
    return (*sorted(gaps, reverse=True), *(t for t in TOLERANCES if t < min(gaps)))


def measure(job: Job) -> list[Fit]:
    """Fit in a process of its own; see `measure_in_turn`."""
    return measure_in_turn([job])[0]


def measure_in_turn(jobs: list[Job]) -> list[list[Fit]]:
    """Do one job after another in a process of their own.

    Where a job ends the process, a new one goes on with the next job.

    Returns:
        For each job its fits in the order of the tolerances. The last one is "capped" if the
        process had to be ended, and "failed" if it ended by itself with an error.

    Raises:
        RuntimeError: On Windows, where a process cannot set itself an alarm.
    """
    check_system()
    found: list[list[Fit]] = []
    while len(found) < len(jobs):
        found += _measure_some(jobs[len(found) :])
    return found


def _measure_some(jobs: list[Job]) -> list[list[Fit]]:
    """Return the fits of the jobs that a process does until it ends, one job at least."""
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        (folder / worker.JOBS).write_text(json.dumps([asdict(job) for job in jobs]))
        seconds = sum(job.cap_seconds + GRACE_SECONDS for job in jobs)
        ended = _run_worker(folder, START_SECONDS + seconds)
        files = [folder / worker.FITS.format(i) for i in range(len(jobs))]
        lines = [file.read_text().splitlines() for file in files if file.exists()]
    found = [[Fit(**json.loads(line)) for line in of_job] for of_job in lines] or [[]]
    job, fits = jobs[len(found) - 1], found[-1]
    if ended is None:
        fits.append(_ended(job, fits, "capped", "", job.cap_seconds))
    elif ended:
        fits.append(_ended(job, fits, "failed", ended, np.nan))
    return found


def _ended(job: Job, fits: list[Fit], state: State, message: str, seconds: float) -> Fit:
    """Return the fit during which a worker ended."""
    tolerance = job.tolerances[min(len(fits), len(job.tolerances) - 1)]
    return Fit(tolerance, state, message, seconds, np.nan)


def _run_worker(folder: Path, timeout: float) -> str | None:
    """Run a worker; return "" if all went well, what went wrong, or None if time ran out."""
    paths = [str(SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])]
    try:
        process = subprocess.run(  # noqa: S603 - this very package
            [sys.executable, "-m", worker.__name__, str(folder)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            stderr=subprocess.PIPE,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    if process.returncode == -signal.SIGPROF:  # of `worker.capped`
        return None
    if process.returncode == 0:
        return ""
    said = process.stderr.strip().splitlines()
    return f"exit code {process.returncode}{': ' + said[-1] if said else ''}"
