"""Nodes of the benchmark pipeline: find the optima, hold the race, and tell how it went."""

import logging
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd

from mnist_gradients.benchmarking import environment, tables
from mnist_gradients.benchmarking.data import join
from mnist_gradients.benchmarking.parameters import BenchmarkParameters
from mnist_gradients.benchmarking.reference_objective import find_optimum
from mnist_gradients.benchmarking.scaling import measure_growth
from mnist_gradients.benchmarking.time_to_gap import Arena, hold_race
from mnist_gradients.core.labelled_images import LabelledImages

logger = logging.getLogger(__name__)

PRECISION = 1e-10  # of the optima, relative


def describe_environment() -> dict[str, Any]:
    """Return versions, BLAS, processor, cores, memory and load of the machine."""
    return environment.describe()


def find_optima(
    train: LabelledImages, validation: LabelledImages, parameters: BenchmarkParameters
) -> pd.DataFrame:
    """Find the least value of every objective that is raced on, in float64.

    Returns:
        Columns task, l2, objective (J*, nats), relative_gap_bound (J* is at most that far above
        the true one, as its gradient proves), seconds.
    """
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        arena = Arena(join(train, validation), Path(folder))
        for task in parameters.tasks:
            for l2 in task.l2_values:
                started = time.perf_counter()
                judge = arena.judge(task.positive_classes, l2)
                objective, bound = find_optimum(judge, parameters.solver, PRECISION)
                seconds = time.perf_counter() - started
                logger.info(
                    "    %s l2 %g: optimum %.10f, off by at most %.0e, found in %.0f s",
                    *(task.name, l2, objective, bound, seconds),
                )
                rows.append((task.name, l2, objective, bound, seconds))
    return pd.DataFrame(rows, columns=["task", "l2", "objective", "relative_gap_bound", "seconds"])


def race_contenders(
    train: LabelledImages,
    validation: LabelledImages,
    optima: pd.DataFrame,
    parameters: BenchmarkParameters,
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure every contender on every task, each run in a process of its own.

    Returns:
        Runs and paths; see `race.hold_race`.
    """
    with tempfile.TemporaryDirectory() as folder:
        arena = Arena(join(train, validation), Path(folder), seed=seed)
        return hold_race(arena, optima, parameters)


def tabulate_time_to_gap(
    runs: pd.DataFrame, paths: pd.DataFrame, parameters: BenchmarkParameters
) -> pd.DataFrame:
    """Return when each contender first reached each gap; see `tables.time_to_gap`."""
    return tables.time_to_gap(runs, paths, parameters.gaps)


def summarise_headline(time_to_gap: pd.DataFrame, parameters: BenchmarkParameters) -> pd.DataFrame:
    """Return how many times faster the project's solver is; see `tables.headline`."""
    headline = tables.headline(time_to_gap, parameters.solver, parameters.headline_gaps)
    for row in headline.to_dict("records"):
        logger.info(
            "    %s l2 %g, gap %g, threads %d: %.1f times faster than scikit-learn's lbfgs, "
            "%.1f times than its best (%s)",
            *(row["task"], row["l2"], row["gap"], row["threads"]),
            *(row["times_faster_than_lbfgs"], row["times_faster_than_best"], row["best"]),
        )
    return headline


def measure_scaling(
    train: LabelledImages,
    validation: LabelledImages,
    time_to_gap: pd.DataFrame,
    parameters: BenchmarkParameters,
    seed: int,
) -> pd.DataFrame:
    """Measure time and memory on ever more rows, shifted copies of the images among them.

    Returns:
        One row per number of rows and solver; see `scaling.measure_growth`.
    """
    images, scaling = join(train, validation), parameters.scaling
    with tempfile.TemporaryDirectory() as folder:
        arena = Arena(images, Path(folder), max(scaling.factors), scaling.max_shift, seed)
        return measure_growth(arena, len(images), time_to_gap, parameters)
