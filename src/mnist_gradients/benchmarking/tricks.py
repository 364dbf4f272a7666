"""What each part of the default solver buys: whole fits with one change at a time."""

import logging
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from mnist_gradients.benchmarking.parameters import TimeToGapParameters, TricksParameters
from mnist_gradients.benchmarking.switches import CHANGES, UNCHANGED
from mnist_gradients.benchmarking.time_to_gap import Entry, TaskFiles, describe
from mnist_gradients.maths.solvers import DEFAULT_SOLVER

logger = logging.getLogger(__name__)

COLUMNS = [
    *("task", "l2", "change", "input", "threads", "seconds", "times_as_long", "cpu_seconds"),
    *("passes", "iterations", "gap", "repeats", "outcome"),
]


def measure_tricks(
    files: TaskFiles,
    optima: pd.DataFrame,
    tasks: TimeToGapParameters,
    parameters: TricksParameters,
) -> pd.DataFrame:
    """Fit the estimator with each change on each task, with ``tol`` at the gap.

    Returns:
        One row per task, l2 and change, `COLUMNS`. seconds (wall), cpu_seconds, passes (over the
        data, those over samples as fractions) and iterations are medians over the repeats;
        times_as_long is seconds by those of the unchanged solver, NaN if that was not measured; gap
        is the largest true gap. outcome is the state of the last fit.
    """
    least = optima.set_index(["task", "l2"])["objective"]
    rows: list[dict[str, Any]] = []
    for task in tasks.tasks:
        for l2 in task.l2_values:
            reference = files.reference(task.positive_classes, l2)
            optimum = float(least[task.name, l2])
            for change in parameters.changes:
                _, input_type, threads = CHANGES[change]
                entry = Entry(task.name, l2, DEFAULT_SOLVER, input_type, threads)
                fits = files.measure(
                    entry,
                    reference,
                    optimum,
                    np.inf,  # whatever the first fit reaches, it is repeated
                    cap_seconds=parameters.cap_seconds,
                    tolerances=(parameters.gap,),
                    repeats=parameters.repeats,
                    enough_seconds=parameters.enough_seconds,
                    change=change,
                )
                logger.info("    %s, %s: %s", entry, change, describe(fits))
                row = _summary(pd.DataFrame([asdict(fit) for fit in fits]))
                rows.append(asdict(entry) | {"change": change} | row)
    return _compared(pd.DataFrame(rows))[COLUMNS]


def _summary(fits: pd.DataFrame) -> dict[str, Any]:
    """Return medians over the fits with a change; empty if the last one has no result."""
    last = fits["state"].iloc[-1]
    medians = fits[["seconds", "cpu_seconds", "passes", "iterations"]].median()
    if last in ("capped", "failed"):
        medians[:] = np.nan
    return {str(name): float(median) for name, median in medians.items()} | {
        "gap": fits["gap"].max(),
        "repeats": len(fits),
        "outcome": last,
    }


def _compared(table: pd.DataFrame) -> pd.DataFrame:
    """Add the ratio of the seconds to those of the unchanged solver."""
    unchanged = table[table["change"] == UNCHANGED].set_index(["task", "l2"])["seconds"]
    key = pd.MultiIndex.from_frame(table[["task", "l2"]])
    return table.assign(times_as_long=table["seconds"] / unchanged.reindex(key).to_numpy())
