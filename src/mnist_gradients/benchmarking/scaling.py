"""How time and memory grow with the number of rows."""

import logging
from dataclasses import asdict

import numpy as np
import pandas as pd

from mnist_gradients.benchmarking.measurement import TOLERANCES
from mnist_gradients.benchmarking.optimum import find_optimum
from mnist_gradients.benchmarking.parameters import ScalingParameters
from mnist_gradients.benchmarking.solvers import start_from_estimator
from mnist_gradients.benchmarking.tables import best_scikit_learn
from mnist_gradients.benchmarking.time_to_gap import Entry, TaskFiles, describe

logger = logging.getLogger(__name__)

PRECISION = 1e-3  # of the gap: how well the optimum is known


def find_entries(
    table: pd.DataFrame, solver: str, scaling: ScalingParameters
) -> list[tuple[Entry, float, bool]]:
    """Return the entries, the loosest tolerance worth a try, and whether rows stay in their file.

    They are the project's solver on raw pixels in a file, and the solver of scikit-learn that was
    the fastest on the images as they are, if one reached the gap at all. It starts with the
    tolerance that it needed there.
    """
    where = {name: getattr(scaling, name) for name in ("task", "l2", "threads")}
    found = [(Entry(**where, solver=solver, input="uint8"), scaling.gap, True)]
    best = best_scikit_learn(table, where | {"gap": scaling.gap})
    if best is not None:
        baseline = Entry(**where, solver=best["solver"], input=best["input"])
        found.append((baseline, float(best["tolerance"]), False))
    return found


def measure_growth(
    files: TaskFiles,
    sizes: list[int],
    positive_classes: tuple[int, ...] | None,
    entries: list[tuple[Entry, float, bool]],
    scaling: ScalingParameters,
) -> pd.DataFrame:
    """Time each entry on ever more rows.

    Returns:
        One row per number of rows and entry: rows, the entry, memory_mapped, gap, seconds and
        cpu_seconds of the loosest fit with at most that gap (empty if there is none),
        peak_memory_mib (resident, pages of mapped files included), private_memory_mib (without
        them, sampled), outcome.
    """
    rows = []
    for size in sizes:
        reference = files.reference(positive_classes, scaling.l2, rows=size)
        optimum, _ = find_optimum(
            reference, PRECISION * scaling.gap, start_from_estimator(reference)
        )
        for entry, tolerance, memory_mapped in entries:
            fits = files.measure(
                entry,
                reference,
                optimum,
                scaling.gap,
                cap_seconds=scaling.cap_seconds,
                tolerances=(tolerance, *(t for t in TOLERANCES if t < tolerance)),
                memory_mapped=memory_mapped,
            )
            logger.info("    %d rows, %s: %s", size, entry, describe(fits))
            last = fits[-1]
            reached = last.gap <= scaling.gap
            rows.append(
                {"rows": size}
                | asdict(entry)
                | {"memory_mapped": memory_mapped, "gap": scaling.gap}
                | {
                    "seconds": last.seconds if reached else np.nan,
                    "cpu_seconds": last.cpu_seconds if reached else np.nan,
                    "peak_memory_mib": last.peak_memory_mib,
                    "private_memory_mib": last.private_memory_mib,
                    "outcome": "reached" if reached else last.state,
                }
            )
    return pd.DataFrame(rows)
