"""How time and memory grow with the number of rows."""

import logging
from dataclasses import asdict

import pandas as pd

from mnist_gradients.benchmarking.parameters import BenchmarkParameters
from mnist_gradients.benchmarking.reference_objective import find_optimum
from mnist_gradients.benchmarking.tables import best_scikit_learn
from mnist_gradients.benchmarking.time_to_gap import Arena, Entry, describe

logger = logging.getLogger(__name__)

PRECISION = 1e-3  # of the gap: how well the optimum is known


def find_entries(table: pd.DataFrame, parameters: BenchmarkParameters) -> list[tuple[Entry, bool]]:
    """Return who takes part, and whether the rows stay in their file.

    They are the project's solver on raw pixels in a file, and the solver of scikit-learn that was
    the fastest on the images as they are, if one arrived at all.
    """
    scaling = parameters.scaling
    where = {name: getattr(scaling, name) for name in ("task", "l2", "threads")}
    found = [(Entry(**where, solver=parameters.solver, input="uint8"), True)]
    best = best_scikit_learn(table, where | {"gap": scaling.gap})
    if best is not None:
        found.append((Entry(**where, solver=best["solver"], input=best["input"]), False))
    return found


def measure_growth(
    arena: Arena, n_images: int, table: pd.DataFrame, parameters: BenchmarkParameters
) -> pd.DataFrame:
    """Time each entry on ever more rows.

    Returns:
        One row per number of rows and entry: rows, the entry, memory_mapped, gap, seconds and
        cpu_seconds to that gap (empty if it was not reached), peak_memory_mib (resident, pages of
        mapped files included), private_memory_mib (without them, sampled), outcome.
    """
    scaling = parameters.scaling
    classes = parameters.task(scaling.task).positive_classes
    rows = []
    for factor in sorted(scaling.factors):
        judge = arena.judge(classes, scaling.l2, rows=factor * n_images)
        optimum, _ = find_optimum(judge, parameters.solver, PRECISION * scaling.gap)
        for entry, memory_mapped in find_entries(table, parameters):
            result, path = arena.run(
                entry,
                judge,
                optimum,
                (scaling.gap,),
                cap_seconds=scaling.cap_seconds,
                memory_mapped=memory_mapped,
            )
            logger.info("    %d rows, %s: %s", len(judge.y), entry, describe(result, path))
            arrived = path[path["gap"] <= scaling.gap].head(1)
            rows.append(
                {"rows": len(judge.y)}
                | asdict(entry)
                | {"memory_mapped": memory_mapped, "gap": scaling.gap}
                | {name: arrived[name].max() for name in ("seconds", "cpu_seconds")}
                | {
                    "peak_memory_mib": result.peak_memory_mib,
                    "private_memory_mib": result.private_memory_mib,
                    "outcome": "reached" if len(arrived) else result.state,
                }
            )
    return pd.DataFrame(rows)
