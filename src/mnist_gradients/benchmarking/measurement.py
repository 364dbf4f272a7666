"""Start a worker for each measurement, and turn the points it recorded into gaps."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

import mnist_gradients
from mnist_gradients.benchmarking import worker
from mnist_gradients.benchmarking.environment import check_system
from mnist_gradients.benchmarking.recorder import read_points
from mnist_gradients.benchmarking.reference_objective import Judge

START_SECONDS = 120  # to start the process and to load the data
GRACE_SECONDS = 60  # a worker notices its cap only between two calls of a library
DRAWN_POINTS = 24
JUDGED_AT_ONCE = 8
TARGET = 0.25  # of the smallest gap: what a solver sees in float32 is off by some 1e-7
SOURCE = Path(mnist_gradients.__file__).parents[1]


def measure(job: worker.Job, size: int) -> tuple[worker.Result, np.ndarray]:
    """Run a job in a process of its own.

    Args:
        job: What to measure.
        size: Length of the packed parameter.

    Returns:
        How it ended, and the points it passed, as `Recorder` writes them.

    Raises:
        RuntimeError: On Windows, where a process cannot set itself an alarm.
    """
    check_system()
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        (folder / worker.JOB).write_text(json.dumps(asdict(job)))
        failure = _run_worker(folder, START_SECONDS + job.cap_seconds + GRACE_SECONDS)
        if (folder / worker.RESULT).exists():
            result = worker.Result(**json.loads((folder / worker.RESULT).read_text()))
        elif failure:
            result = worker.Result("failed", failure, np.nan, np.nan, None, None, None)
        else:
            result = worker.Result("capped", "", job.cap_seconds, np.nan, None, None, None)
        points = folder / worker.POINTS
        return result, read_points(points, size) if points.exists() else np.empty((0, 3 + size))


def _run_worker(folder: Path, timeout: float) -> str:
    """Run a worker and return what went wrong; nothing if it had to be ended."""
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
        return ""
    said = process.stderr.strip().splitlines()
    return f"exit code {process.returncode}{': ' + said[-1] if said else ''}"


def exact_path(
    points: np.ndarray, judge: Judge, optimum: float, gaps: tuple[float, ...]
) -> pd.DataFrame:
    """Judge the points that matter: those that first reach a gap, and some in between to draw.

    The values that the solver saw say where to look, the judge decides: a point with a gap of at
    most g has a seen gap of at most 1.01 g + 1e-6, rounding in float32 included, so that the first
    of those that passes is the first of all.

    Args:
        points: Rows of seconds, cpu_seconds, seen value and packed parameter, (T, 3 + size).
        judge: The objective in float64.
        optimum: Its least value, J*.
        gaps: Gaps to look for.

    Returns:
        Columns iteration (0 is the first point), seconds, cpu_seconds and gap, (J - J*) / J*.
    """
    if not len(points):
        return pd.DataFrame({"iteration": [], "seconds": [], "cpu_seconds": [], "gap": []})
    seconds, cpu_seconds, values = points[:, :3].T
    judged: dict[int, float] = {}

    def look_at(indices: np.ndarray) -> None:
        new = np.setdiff1d(indices, list(judged))
        if len(new):
            exact = judge.values(points[new, 3:]) / optimum - 1
            judged.update(zip(new.tolist(), exact, strict=True))

    drawn = np.searchsorted(seconds, np.geomspace(seconds[0], seconds[-1], DRAWN_POINTS))
    # The last point is what the solver returned; it need not have looked at its value.
    look_at(np.append(drawn.clip(max=len(points) - 1), len(points) - 1))
    for gap in gaps:
        candidates = np.flatnonzero(values / optimum - 1 <= 1.01 * gap + 1e-6)
        for first in range(0, len(candidates), JUDGED_AT_ONCE):
            batch = candidates[first : first + JUDGED_AT_ONCE]
            look_at(batch)
            if min(judged[i] for i in batch) <= gap:
                break
    chosen = np.array(sorted(judged))
    return pd.DataFrame(
        {
            "iteration": chosen,
            "seconds": seconds[chosen],
            "cpu_seconds": cpu_seconds[chosen],
            "gap": [judged[i] for i in chosen],
        }
    )
