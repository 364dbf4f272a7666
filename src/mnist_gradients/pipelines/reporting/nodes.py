"""Nodes of the reporting pipeline: one table of all models, and one page about the run."""

import base64
import platform
from importlib.metadata import version
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import BaseModel

PACKAGES = ("mnist-gradients", "kedro", "numpy", "scipy", "scikit-learn", "tensorflow", "keras")


def compare_models(
    binary: dict[str, dict[str, float]],
    multinomial: dict[str, dict[str, float]],
    fnn: dict[str, float],
) -> pd.DataFrame:
    """Put all models into one table.

    Args:
        binary: Solver name to metrics, of the binary task.
        multinomial: Solver name to metrics, of softmax regression.
        fnn: Metrics of the feed-forward network.

    Returns:
        One row per model: model, parameters (trained numbers), train_seconds, test_error
        (fraction), test_loss (nats), expected_calibration_error (fraction).
    """
    metrics = (
        {f"logistic_regression.binary.{solver}": row for solver, row in binary.items()}
        | {f"logistic_regression.multinomial.{solver}": row for solver, row in multinomial.items()}
        | {"fnn": fnn}
    )
    return pd.DataFrame(
        {
            "model": model,
            "parameters": row["parameters"],
            "train_seconds": row["train_seconds"],
            "test_error": row["test_error"],
            "test_loss": row["test_loss"],
            "expected_calibration_error": row["test_expected_calibration_error"],
        }
        for model, row in metrics.items()
    )


def write_report(
    model_comparison: pd.DataFrame,
    checks: pd.DataFrame,
    parameters: dict[str, Any],
    **pictures: bytes,
) -> str:
    """Write the report: one HTML page that needs nothing but itself.

    Args:
        model_comparison: Output of `compare_models`.
        checks: One row per checked identity of the derivations.
        parameters: All parameters of the run, blocks of them as Pydantic models.
        pictures: PNG files by the name under which the template shows them.

    Returns:
        The page.
    """
    environment = Environment(
        loader=PackageLoader(__package__, "."), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("report.html.jinja").render(
        models=model_comparison.to_dict("records"),
        checks=checks.to_dict("records"),
        parameters=yaml.safe_dump(_plain(parameters), sort_keys=False),
        versions={name: version(name) for name in PACKAGES} | {"python": platform.python_version()},
        pictures={
            name: "data:image/png;base64," + base64.b64encode(png).decode("ascii")
            for name, png in pictures.items()
        },
    )


def _plain(parameters: Any) -> Any:
    """Return parameters as they stand in YAML: models and tuples as dictionaries and lists."""
    if isinstance(parameters, BaseModel):
        return parameters.model_dump(mode="json")
    if isinstance(parameters, dict):
        return {name: _plain(value) for name, value in parameters.items()}
    return parameters
