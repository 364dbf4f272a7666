"""Nodes of the reporting pipeline: one table of all models, and one page about the run."""

import base64
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import BaseModel

from mnist_gradients.pipelines.reporting import provenance

BINARY, MULTINOMIAL = "logistic_regression.binary", "logistic_regression.multinomial"
REFERENCE = "scikit_learn"
SHOWN = ("ingestion", "derivations", "logistic_regression", "fnn")  # what the page is about
OPTIMUM = 1e-6  # relative gap at or below which a solver counts as having arrived


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
        {f"{BINARY}.{solver}": row for solver, row in binary.items()}
        | {f"{MULTINOMIAL}.{solver}": row for solver, row in multinomial.items()}
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
    binary: pd.DataFrame,
    multinomial: pd.DataFrame,
    checks: pd.DataFrame,
    twins: dict[str, Any],
    benchmark: pd.DataFrame,
    parameters: dict[str, Any],
    **pictures: bytes,
) -> str:
    """Write the report: one HTML page that needs nothing but itself.

    Args:
        model_comparison: Output of `compare_models`.
        binary: One row per solver of the binary task: how near to the optimum, how soon.
        multinomial: The same for softmax regression.
        checks: One row per checked identity of the derivations.
        twins: How far the hand-written network and its Keras twin are apart.
        benchmark: Headline of the benchmark; empty where it never ran.
        parameters: All parameters of the run, blocks of them as Pydantic models.
        pictures: PNG files by the name under which the template shows them.

    Returns:
        The page.
    """
    environment = Environment(
        loader=PackageLoader(__package__, "."), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["scientific"] = scientific
    races = {BINARY: race(binary), MULTINOMIAL: race(multinomial)}
    winners = {
        task: result["winner"]["solver"] for task, result in races.items() if result["winner"]
    }
    return environment.get_template("report.html.jinja").render(
        models=models_by_task(model_comparison, winners),
        races={"Binary task": races[BINARY], "Softmax regression": races[MULTINOMIAL]},
        checks=_records(checks),
        oracles=summarise_checks(checks),
        twins=twins,
        benchmark=_records(tightest(benchmark)),
        provenance=provenance.describe(),
        parameters=write_parameters(parameters),
        seed=parameters["seed"],
        pictures={
            name: "data:image/png;base64," + base64.b64encode(png).decode("ascii")
            for name, png in pictures.items()
        },
    )


def models_by_task(
    model_comparison: pd.DataFrame, winners: dict[str, str]
) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each task by its title, under the solver's name alone.

    The network, and the solver that won its race to the optimum, come first and are `chosen`: the
    test images have no say in it. The others follow by test error.

    Args:
        model_comparison: Output of `compare_models`.
        winners: Task to solver, where there is a winner.
    """
    titles = {
        "fnn": "Feed-forward network, all classes",
        MULTINOMIAL: "Softmax regression, all classes",
        BINARY: "Logistic regression, two groups of classes",
    }
    chosen = {"fnn", *(f"{task}.{solver}" for task, solver in winners.items())}
    ordered = model_comparison.assign(chosen=model_comparison["model"].isin(chosen)).sort_values(
        ["chosen", "test_error", "train_seconds"], ascending=[False, True, True]
    )
    rows: dict[str, list[dict[str, Any]]] = {title: [] for title in titles.values()}
    for row in _records(ordered):
        task, _, solver = row["model"].rpartition(".")
        rows[titles[task or "fnn"]].append(row | {"model": solver})
    return rows


def race(comparison: pd.DataFrame) -> dict[str, Any]:
    """Return the rows of a task's solvers, and who of ours was first at the optimum.

    Returns:
        rows, the soonest at the optimum first and those that did not get there last; winner, the
        row of our first solver there, or None; times_faster, how many times as long scikit-learn
        took to get there, or None where one of the two did not.
    """
    arrived = comparison["relative_gap"] <= OPTIMUM
    order = comparison.assign(missed=~arrived).sort_values(["missed", "seconds"], kind="stable")
    rows = _records(order.drop(columns="missed"))
    there = {row["solver"]: row for row in rows[: arrived.sum()]}
    reference = there.pop(REFERENCE, None)
    winner = next(iter(there.values()), None)
    times_faster = reference["seconds"] / winner["seconds"] if winner and reference else None
    return {"rows": rows, "winner": winner, "times_faster": times_faster}


def summarise_checks(checks: pd.DataFrame) -> list[dict[str, Any]]:
    """Return one row per oracle: oracle, checks, held, and the largest error."""
    return [
        {
            "oracle": oracle,
            "checks": len(rows),
            "held": int(rows["holds"].sum()),
            "max_abs_error": rows["max_abs_error"].max(),
        }
        for oracle, rows in checks.groupby("oracle", sort=False)
    ]


def tightest(benchmark: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the benchmark's headline at its smallest gap, all there is if empty."""
    if benchmark.empty:
        return benchmark
    return benchmark[benchmark["gap"] == benchmark["gap"].min()]


def scientific(number: float) -> str:
    """Return a number as it is printed: 0.25, 2.5 × 10⁻³, 10⁻⁶."""
    if number == 0 or 0.01 <= abs(number) < 1000:
        return f"{number:.3g}"
    digits, _, exponent = f"{number:.1e}".partition("e")
    power = f"10{str(int(exponent)).translate(_SUPERSCRIPT)}"
    return power if digits == "1.0" else f"{digits} × {power}"


_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def write_parameters(parameters: dict[str, Any]) -> str:
    """Return the parameters of the pipelines that the page is about as YAML, short lists inline."""
    shown = {
        name: _plain(value)
        for name, value in parameters.items()
        if name in SHOWN or not isinstance(value, dict | BaseModel)
    }
    return yaml.safe_dump(shown, sort_keys=False, default_flow_style=None, width=100)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table's rows by the names of its columns."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _plain(parameters: Any) -> Any:
    """Return parameters as they stand in YAML: models and tuples as dictionaries and lists."""
    if isinstance(parameters, BaseModel):
        return parameters.model_dump(mode="json")
    if isinstance(parameters, dict):
        return {name: _plain(value) for name, value in parameters.items()}
    return parameters
