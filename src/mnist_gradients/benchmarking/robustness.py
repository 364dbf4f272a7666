"""Solvers on problems of many shapes: time at equal gap, memory, and results that are wrong."""

import logging
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from mnist_gradients.benchmarking import solvers
from mnist_gradients.benchmarking.jobs import Fit, Job
from mnist_gradients.benchmarking.measurement import ladder, measure_in_turn
from mnist_gradients.benchmarking.optimum import find_optimum
from mnist_gradients.benchmarking.parameters import RobustnessParameters
from mnist_gradients.benchmarking.problems import GROUPS, Problem, Source
from mnist_gradients.benchmarking.reference_objective import ReferenceObjective
from mnist_gradients.benchmarking.solvers import Solver, start_from_estimator
from mnist_gradients.core.labelled_images import LabelledImages

logger = logging.getLogger(__name__)

PRECISION = 1e-2  # of the gap: how well the optimum is known
REPEATS, ENOUGH_SECONDS = 9, 0.3  # of the fits that count
COLUMNS = [
    *("group", "problem", "rows", "columns", "classes", "l2", "solver", "version", "threads"),
    *("gap", "outcome", "wrong", "seconds", "cpu_seconds", "iterations", "tolerance", "true_gap"),
    *("promised_gap", "added_memory_mib", "message"),
]


def measure_robustness(
    images: LabelledImages, parameters: RobustnessParameters, seed: int
) -> pd.DataFrame:
    """Fit every installed solver on every problem, one thread each, until it reaches the gap.

    Each solver has a process for all problems, and another one where that is ended.

    Returns:
        One row per problem and solver, `COLUMNS`. outcome is "reached", "stopped" (no tolerance
        reaches the gap, and no warning says so), "warned", "capped" or "failed". seconds (wall),
        cpu_seconds (of all threads), iterations and tolerance are those of the loosest fits that
        reach the gap, empty if there are none; true_gap is theirs, otherwise that of the last fit.
        promised_gap is the tolerance where a solver's ``tol`` is the gap. wrong says whether a fit
        ended without a warning above its promise; for solvers without a promise, whether the
        outcome is "stopped". added_memory_mib is the largest peak of the fits beyond X.
    """
    used = {name: solvers.find(name) for name in parameters.solvers}
    for name in [name for name, solver in used.items() if not solver.installed]:
        logger.info("    %s: %s is not installed, left out", name, used.pop(name).package)
    rows = images.take(np.arange(min(len(images), parameters.rows)))
    source = Source(rows, seed, parameters.largest)
    with tempfile.TemporaryDirectory() as folder:
        cases = [
            _prepare(group, problem, Path(folder) / f"{group}_{i}", parameters, seed)
            for group in parameters.groups
            for i, problem in enumerate(GROUPS[group](source))
        ]
        return pd.DataFrame(_measure(cases, used), columns=COLUMNS)


def _prepare(
    group: str, problem: Problem, folder: Path, parameters: RobustnessParameters, seed: int
) -> tuple[dict[str, Any], Job]:
    """Write a problem; return the columns and the job that its solvers have in common."""
    reference = ReferenceObjective(problem.X, problem.y, problem.l2)
    start = start_from_estimator(reference)
    optimum, _ = find_optimum(reference, PRECISION * parameters.gap, start)
    logger.info("    %s, %s: optimum %.6g", group, problem.name, optimum)
    N, d = problem.X.shape
    columns = {
        "group": group,
        "problem": problem.name,
        "rows": N,
        "columns": d,
        "classes": problem.n_classes,
        "l2": problem.l2,
        "threads": 1,
        "gap": parameters.gap,
    }
    job = Job(
        **write(problem, folder),
        rows=N,
        divisor=1,
        l2=problem.l2,
        solver="",
        input=str(problem.X.dtype),  # type: ignore[arg-type]
        memory_mapped=False,
        threads=1,
        tolerances=(),
        optimum=optimum,
        gap=parameters.gap,
        cap_seconds=parameters.cap_seconds,
        seed=seed,
        repeats=REPEATS,
        enough_seconds=ENOUGH_SECONDS,
        memory_mib=parameters.memory_mib,
    )
    return columns, job


def _measure(
    cases: list[tuple[dict[str, Any], Job]], used: dict[str, Solver]
) -> list[dict[str, Any]]:
    """Return a row for each problem and solver, in the order of the problems."""
    rows: list[list[dict[str, Any]]] = [[] for _ in cases]
    for name, solver in used.items():
        suited = [
            (row, columns, replace(job, solver=name, tolerances=ladder(name, (job.gap,))))
            for row, (columns, job) in zip(rows, cases, strict=True)
            if columns["classes"] == 2 or not solver.binary_only
        ]
        all_fits = measure_in_turn([job for *_, job in suited])
        for (row, columns, job), fits in zip(suited, all_fits, strict=True):
            found = tabulate(fits, job.gap, promises_gap=solver.promises_gap)
            row.append(columns | {"solver": name, "version": solver.version} | found)
            logger.info("    %s, %s: %s", name, columns["problem"], _summary(found))
    return [found for row in rows for found in row]


def write(problem: Problem, folder: Path) -> dict[str, Any]:
    """Write a problem into a new folder and return its two files as a `Job` names them."""
    folder.mkdir()
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
    added = [fit.added_memory_mib for fit in fits if fit.added_memory_mib is not None]
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
        "cpu_seconds": np.median([fit.cpu_seconds for fit in reached]) if reached else np.nan,
        "iterations": reached[0].iterations if reached else np.nan,
        "tolerance": reached[0].tolerance if reached else np.nan,
        "true_gap": max(fit.gap for fit in reached) if reached else last.gap,
        "promised_gap": fits[0].tolerance if promises_gap else np.nan,
        "added_memory_mib": max(added) if added else np.nan,
        "message": last.message,
    }


def _summary(found: dict[str, Any]) -> str:
    """Return the outcome in a few words."""
    reached = found["outcome"] == "reached"
    time = f"{found['seconds'] * 1e3:.1f} ms" if reached else found["outcome"]
    return f"{time}, {found['added_memory_mib']:.0f} MiB{', wrong' if found['wrong'] else ''}"
