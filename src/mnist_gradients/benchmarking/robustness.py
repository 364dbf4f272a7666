"""Solvers on problems of many shapes: time at equal gap, memory, and results that are wrong."""

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from mnist_gradients.benchmarking import solvers
from mnist_gradients.benchmarking.jobs import Fit, Job
from mnist_gradients.benchmarking.measurement import ladder, measure
from mnist_gradients.benchmarking.optimum import find_optimum
from mnist_gradients.benchmarking.parameters import RobustnessParameters
from mnist_gradients.benchmarking.problems import GROUPS, Problem, Source
from mnist_gradients.benchmarking.reference_objective import ReferenceObjective
from mnist_gradients.core.labelled_images import LabelledImages

logger = logging.getLogger(__name__)

PRECISION = 1e-2  # of the gap: how well the optimum is known
REPEATS = 9
COLUMNS = [
    *("group", "problem", "rows", "columns", "classes", "l2", "solver", "version", "threads"),
    *("gap", "outcome", "wrong", "seconds", "iterations", "tolerance", "true_gap"),
    *("promised_gap", "peak_memory_mib", "message"),
]


def measure_robustness(
    images: LabelledImages, parameters: RobustnessParameters, seed: int
) -> pd.DataFrame:
    """Fit every installed solver on every problem, one thread each, until it reaches the gap.

    Returns:
        One row per problem and solver, `COLUMNS`. outcome is "reached", "stopped" (no tolerance
        reaches the gap, and no warning says so), "warned", "capped", "failed", or "no optimum" (the
        reference objective could not be minimised). seconds, iterations and tolerance are those of
        the loosest fits that reach the gap, empty if there are none; true_gap is theirs, otherwise
        that of the last fit. promised_gap is the tolerance where a solver's ``tol`` is the gap.
        wrong says whether a fit ended without a warning above its promise; for solvers without a
        promise, whether the outcome is "stopped". peak_memory_mib is that of the whole process.
    """
    used = {name: solvers.find(name) for name in parameters.solvers}
    for name in [name for name, solver in used.items() if not solver.installed]:
        logger.info("    %s: %s is not installed, left out", name, used.pop(name).package)
    rows = images.take(np.arange(min(len(images), parameters.rows)))
    source = Source(rows, seed, parameters.largest)
    table: list[dict[str, Any]] = []
    for group in parameters.groups:
        for problem in GROUPS[group](source):
            names = [name for name in used if problem.n_classes == 2 or not used[name].binary_only]
            found = [{"group": group} | row for row in _measure(problem, names, parameters, seed)]
            table += found
            logger.info("    %s, %s: %s", group, problem.name, _summary(found))
    return pd.DataFrame(table, columns=COLUMNS)


def _measure(
    problem: Problem, names: list[str], parameters: RobustnessParameters, seed: int
) -> Iterator[dict[str, Any]]:
    """Yield a row for each solver."""
    base = {
        "problem": problem.name,
        "rows": problem.X.shape[0],
        "columns": problem.X.shape[1],
        "classes": problem.n_classes,
        "l2": problem.l2,
        "threads": 1,
        "gap": parameters.gap,
    }
    reference = ReferenceObjective(problem.X, problem.y, problem.l2)
    try:
        optimum, _ = find_optimum(reference, PRECISION * parameters.gap)
    except RuntimeError as error:
        yield base | {"solver": "", "outcome": "no optimum", "message": str(error), "wrong": False}
        return
    with tempfile.TemporaryDirectory() as folder:
        files = write(problem, Path(folder))
        for name in names:
            promised = solvers.find(name).promises_gap
            job = Job(
                **files,
                rows=problem.X.shape[0],
                divisor=1,
                l2=problem.l2,
                solver=name,
                input=str(problem.X.dtype),  # type: ignore[arg-type]
                memory_mapped=False,
                threads=1,
                tolerances=ladder(name, (parameters.gap,)),
                optimum=optimum,
                gap=parameters.gap,
                cap_seconds=parameters.cap_seconds,
                seed=seed,
                repeats=REPEATS,
                memory_mib=parameters.memory_mib,
            )
            version = solvers.find(name).version
            row = tabulate(measure(job), parameters.gap, promises_gap=promised)
            yield base | {"solver": name, "version": version} | row


def write(problem: Problem, folder: Path) -> dict[str, Any]:
    """Write a problem and return its two files as a `Job` names them."""
    classes = folder / "classes.npy"
    np.save(classes, problem.y)
    if sparse.issparse(problem.X):
        rows = folder / "rows.npz"
        sparse.save_npz(rows, problem.X, compressed=False)
    else:
        rows = folder / "rows.npy"
        np.save(rows, problem.X)
    return {"rows_file": str(rows), "classes_file": str(classes)}


def tabulate(fits: list[Fit], gap: float, *, promises_gap: bool) -> dict[str, Any]:
    """Return the outcome, the time and the truth of a solver's fits on a problem."""
    within = [fit for fit in fits if fit.gap <= gap]
    reached = [fit for fit in within if fit.tolerance == within[0].tolerance]
    last = (reached or fits)[-1]
    outcome = "reached" if reached else last.state.replace("converged", "stopped")
    if promises_gap:
        slack = 1 + PRECISION  # the optimum is known no better
        silent = [fit for fit in fits if fit.state == "converged"]
        wrong = any(fit.gap > slack * fit.tolerance for fit in silent if fit.tolerance >= gap)
    else:
        wrong = outcome == "stopped"
    return {
        "outcome": outcome,
        "wrong": wrong,
        "seconds": np.median([fit.seconds for fit in reached]) if reached else np.nan,
        "iterations": reached[0].iterations if reached else np.nan,
        "tolerance": reached[0].tolerance if reached else np.nan,
        "true_gap": max(fit.gap for fit in reached) if reached else last.gap,
        "promised_gap": fits[0].tolerance if promises_gap else np.nan,
        "peak_memory_mib": max((fit.peak_memory_mib or np.nan for fit in fits), default=np.nan),
        "message": last.message,
    }


def _summary(rows: list[dict[str, Any]]) -> str:
    """Return the times in one line."""
    times = (
        f"{row['solver']} {row['seconds'] * 1e3:.1f} ms"
        if row["outcome"] == "reached"
        else f"{row['solver']} {row['outcome']}"
        for row in rows
    )
    return ", ".join(times)
