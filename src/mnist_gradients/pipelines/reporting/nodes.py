"""Nodes of the reporting pipeline: compare the models, and join the sections of the report."""

import timeit
from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd
import yaml
from pydantic import BaseModel

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
N_PREDICTED = 1000


def compare_models(
    linear_models: dict[str, dict[str, float]], fnn: dict[str, float]
) -> pd.DataFrame:
    """Put all models into one table.

    Args:
        linear_models: Metrics of each linear model, by task and solver: `binary.lbfgs`.
        fnn: Metrics of the feed-forward network.

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
        for model, row in (metrics | {"fnn": fnn}).items()
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
    parameters: dict[str, Any],
    all_sections: dict[str, Callable[[], str]],
    **sections: str,
) -> str:
    """Join the sections of all pipelines below the table of models.

    Args:
        model_comparison: Output of `compare_models`.
        prediction_times: Output of `time_predictions`.
        parameters: All parameters of the run, blocks of them as Pydantic models.
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
        parameters=write_parameters(parameters, sections),
        seed=parameters["seed"],
    )


def group_models(models: pd.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each group by its title, the lowest test error first.

    A row of a linear model has the solver as its `model`. The network and the models of the default
    solver are marked as `chosen`.
    """
    groups: dict[str, list[dict[str, Any]]] = {title: [] for title in GROUPS.values()}
    for row in models.sort_values(["test_error", "train_seconds"]).to_dict("records"):
        task, _, name = row["model"].rpartition(".")
        named = {"model": name, "chosen": name in ("fnn", DEFAULT_SOLVER)}
        groups[GROUPS[task or "fnn"]].append({str(key): row[key] for key in row} | named)
    return groups


def write_parameters(parameters: dict[str, Any], pipelines: Any) -> str:
    """Return the parameters of these pipelines and of the project as YAML, short lists inline."""
    shown = {
        name: _plain(value)
        for name, value in parameters.items()
        if name in pipelines or not isinstance(value, dict | BaseModel)
    }
    return yaml.safe_dump(shown, sort_keys=False, default_flow_style=None, width=100)


def _plain(parameters: Any) -> Any:
    """Return parameters as they stand in YAML: models and tuples as dictionaries and lists."""
    if isinstance(parameters, BaseModel):
        return parameters.model_dump(mode="json")
    if isinstance(parameters, dict):
        return {name: _plain(value) for name, value in parameters.items()}
    return parameters
