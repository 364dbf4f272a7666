"""Nodes of the reporting pipeline: compare the models, and join the sections of the report."""

import logging
import math
import timeit
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import pandas as pd

from mnist_gradients import report
from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.core.linear_model import LinearModel
from mnist_gradients.maths.solvers import DEFAULT_SOLVER

BINARY, MULTINOMIAL = "logistic_regression.binary", "logistic_regression.multinomial"
GROUPS = {
    "fnn": "Feed-forward network, all classes",
    MULTINOMIAL: "Softmax regression, all classes",
    BINARY: "Logistic regression, two groups of classes",
}
OTHER = "Other models, all classes"
N_PREDICTED = 1000
# Datasets and their sources, each made from the one before it.
CHAINS = (
    ("train", "ingestion.section"),
    ("train", "derivations.section"),
    ("train", "fnn.model", "fnn.metrics", "fnn.section"),
    *(
        ("train", f"{task}.models", "logistic_regression.metrics", "logistic_regression.section")
        for task in (BINARY, MULTINOMIAL)
    ),
)

logger = logging.getLogger(__name__)


def compare_models(
    linear_models: dict[str, dict[str, float]], **others: dict[str, float]
) -> pd.DataFrame:
    """Put all models into one table.

    Args:
        linear_models: Metrics of each linear model, by task and solver: `binary.lbfgs`.
        others: Metrics of each other model by its pipeline.

    Returns:
        One row per model: model, parameters (trained numbers), train_seconds, test_error
        (fraction), test_loss (nats), expected_calibration_error (fraction).
    """
    metrics = {f"logistic_regression.{name}": row for name, row in linear_models.items()}
    return pd.DataFrame(
        {
            "model": model,
            "parameters": row["parameters"],
            "train_seconds": row["train_seconds"],
            "test_error": row["test_error"],
            "test_loss": row["test_loss"],
            "expected_calibration_error": row["test_expected_calibration_error"],
        }
        for model, row in (metrics | others).items()
    )


def time_predictions(
    network: Any,
    binary: dict[str, LinearModel],
    multinomial: dict[str, LinearModel],
    test: LabelledImages,
) -> pd.DataFrame:
    """Measure the time that each model takes to predict an image.

    Args:
        network: The Keras network.
        binary: Solver name to linear model.
        multinomial: The same for softmax regression.
        test: Its first images are predicted in one batch, several times.

    Returns:
        One row per model: model, microseconds_per_image (the fastest of four batches).
    """
    images = test.images[:N_PREDICTED]
    rows = images.reshape(len(images), -1)
    predict: dict[str, Callable[[], Any]] = {
        "fnn": partial(network.predict, images, batch_size=len(images), verbose=0)
    }
    for task, models in ((BINARY, binary), (MULTINOMIAL, multinomial)):
        for solver, model in models.items():
            predict[f"{task}.{solver}"] = partial(model.predict, rows)
    seconds = {model: min(timeit.repeat(run, number=1, repeat=4)) for model, run in predict.items()}
    return pd.DataFrame(
        {"model": model, "microseconds_per_image": 1e6 * value / len(images)}
        for model, value in seconds.items()
    )


def write_report(
    model_comparison: pd.DataFrame,
    prediction_times: pd.DataFrame,
    file_times: dict[str, float],
    all_sections: dict[str, Callable[[], str]],
    **sections: str,
) -> str:
    """Join the sections of all pipelines below the table of models.

    Args:
        model_comparison: Output of `compare_models`.
        prediction_times: Output of `time_predictions`.
        file_times: The time at which each dataset was written, by name.
        all_sections: Every section that was ever written, by pipeline. Those of optional pipelines
            follow after `sections`.
        sections: Sections of the default run by pipeline, in the order of the page.

    Returns:
        One HTML page that needs no other file.
    """
    optional = {name: load() for name, load in all_sections.items() if name not in sections}
    return report.write_page(
        models=group_models(model_comparison.merge(prediction_times, on="model", how="left")),
        sections=sections | dict(sorted(optional.items())),
        outdated=find_outdated(file_times),
    )


def find_outdated(file_times: dict[str, float]) -> list[str]:
    """Return a sentence for each dataset that is older than the one that it is made from."""
    outdated = [
        f"{dataset} is older than {source}"
        for source, dataset in dict.fromkeys(pair for chain in CHAINS for pair in pairwise(chain))
        if file_times.get(source, -math.inf) > file_times.get(dataset, math.inf)
    ]
    for sentence in outdated:
        logger.warning("    out of date: %s", sentence)
    return outdated


def group_models(models: pd.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each group by its title, the lowest test error first.

    A row of a linear model has the solver as its `model`. The network and the models of the default
    solver are marked as `chosen`.
    """
    titles = [*GROUPS.values(), OTHER]
    groups: dict[str, list[dict[str, Any]]] = {title: [] for title in titles}
    for row in models.sort_values(["test_error", "train_seconds"]).to_dict("records"):
        task, _, name = row["model"].rpartition(".")
        named = {"model": name, "chosen": name in ("fnn", DEFAULT_SOLVER)}
        title = GROUPS.get(task or name, OTHER)
        groups[title].append({str(key): row[key] for key in row} | named)
    return groups
