"""Nodes of the benchmark pipeline: find the optima, measure, tabulate."""

import logging
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd

from mnist_gradients import report
from mnist_gradients.benchmarking import robustness, tables, throughput, tricks
from mnist_gradients.benchmarking.data import join
from mnist_gradients.benchmarking.optimum import find_optimum
from mnist_gradients.benchmarking.scaling import find_entries, measure_growth
from mnist_gradients.benchmarking.solvers import start_from_estimator
from mnist_gradients.benchmarking.time_to_gap import TaskFiles, measure_all
from mnist_gradients.core import machine
from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.pipelines.benchmark.parameters import BenchmarkParameters

logger = logging.getLogger(__name__)

PRECISION = 1e-10  # of the optima, relative
REPORTED = (
    *("headline", "convergence", "tricks", "scaling_plot", "robustness"),
    *("training_throughput", "augmentation_cost", "environment"),
)


def describe_environment() -> dict[str, Any]:
    """Return date, commit, versions, BLAS, processor, cores, memory and load."""
    return machine.describe() | machine.describe_resources()


def find_optima(
    train: LabelledImages, validation: LabelledImages, parameters: BenchmarkParameters
) -> pd.DataFrame:
    """Find the least value of every objective in float64.

    Returns:
        Columns task, l2, objective (J*, nats), relative_gap_bound (J* is at most that far above
        the true one, proven by its gradient), seconds.
    """
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        files = TaskFiles(join(train, validation), Path(folder))
        for task in parameters.tasks:
            for l2 in task.l2_values:
                started = time.perf_counter()
                reference = files.reference(task.positive_classes, l2)
                start = start_from_estimator(reference)
                objective, bound = find_optimum(reference, PRECISION, start)
                seconds = time.perf_counter() - started
                logger.info(
                    "    %s l2 %g: optimum %.10f, off by at most %.0e, found in %.0f s",
                    *(task.name, l2, objective, bound, seconds),
                )
                rows.append((task.name, l2, objective, bound, seconds))
    return pd.DataFrame(rows, columns=["task", "l2", "objective", "relative_gap_bound", "seconds"])


def measure_solvers(
    train: LabelledImages,
    validation: LabelledImages,
    optima: pd.DataFrame,
    parameters: BenchmarkParameters,
    seed: int,
) -> pd.DataFrame:
    """Fit every solver on every task with ever tighter tolerances.

    Returns:
        One row per fit; see `measure_all`.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = TaskFiles(join(train, validation), Path(folder), seed=seed)
        return measure_all(files, optima, parameters)


def tabulate_time_to_gap(fits: pd.DataFrame, parameters: BenchmarkParameters) -> pd.DataFrame:
    """Return the time of whole fits to each gap; see `tables.time_to_gap`."""
    return tables.time_to_gap(fits, parameters.gaps)


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


def measure_tricks(
    train: LabelledImages,
    validation: LabelledImages,
    optima: pd.DataFrame,
    parameters: BenchmarkParameters,
    seed: int,
) -> pd.DataFrame:
    """Measure the default solver with one change at a time; see `tricks.measure_tricks`."""
    with tempfile.TemporaryDirectory() as folder:
        files = TaskFiles(join(train, validation), Path(folder), seed=seed)
        return tricks.measure_tricks(files, optima, parameters, parameters.tricks)


def measure_scaling(
    train: LabelledImages,
    validation: LabelledImages,
    time_to_gap: pd.DataFrame,
    parameters: BenchmarkParameters,
    seed: int,
) -> pd.DataFrame:
    """Measure time and memory on ever more rows, translated copies of the images among them.

    Returns:
        One row per number of rows and solver; see `measure_growth`.
    """
    images, scaling = join(train, validation), parameters.scaling
    sizes = [factor * len(images) for factor in sorted(scaling.factors)]
    classes = parameters.task(scaling.task).positive_classes
    entries = find_entries(time_to_gap, parameters.solver, scaling)
    with tempfile.TemporaryDirectory() as folder:
        files = TaskFiles(images, Path(folder), max(scaling.factors), scaling.translation, seed)
        return measure_growth(files, sizes, classes, entries, scaling)


def measure_robustness(
    train: LabelledImages, validation: LabelledImages, parameters: BenchmarkParameters, seed: int
) -> pd.DataFrame:
    """Measure solvers on problems of many shapes; see `robustness.measure_robustness`."""
    images = join(train, validation)
    return robustness.measure_robustness(images, parameters.robustness, seed)


def measure_throughput(
    train: LabelledImages, parameters: BenchmarkParameters, seed: int
) -> pd.DataFrame:
    """Measure images per second in training; see `throughput.measure_throughput`."""
    return throughput.measure_throughput(train, parameters.throughput, seed)


def measure_augmentation(
    train: LabelledImages, parameters: BenchmarkParameters, seed: int
) -> pd.DataFrame:
    """Measure the cost of augmenting an image; see `throughput.measure_augmentation`."""
    return throughput.measure_augmentation(train, parameters.throughput, seed)


def write_section(**results: Any) -> str:
    """Write the section of the report about the benchmark, with all that is in `REPORTED`."""
    return report.write_section("benchmark", **results)
