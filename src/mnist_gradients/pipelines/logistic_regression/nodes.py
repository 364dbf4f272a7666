"""Nodes of the logistic-regression pipeline, for a binary task and for softmax regression."""

import logging
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from mnist_gradients import report
from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.core.linear_model import LinearModel
from mnist_gradients.core.metrics import class_metrics
from mnist_gradients.maths.solvers import DEFAULT_SOLVER, SOLVERS
from mnist_gradients.pipelines.logistic_regression.parameters import TaskParameters
from mnist_gradients.regression.solvers import REFERENCE, best_solver, fit, fit_reference
from mnist_gradients.regression.task import (
    design_matrix,
    evaluate,
    make_model,
    make_objective,
    name_classes,
    targets,
)
from mnist_gradients.report.summaries import rank_solvers

logger = logging.getLogger(__name__)

PATH_TOLERANCE = 1e-9  # relative gap: a single image decides between two penalties at times
COMPARISON_COLUMNS = (
    *("l2", "iterations", "seconds", "objective", "relative_gap", "max_abs_weight_difference"),
    *("train_error", "validation_error", "test_error"),
)


def trace_regularisation_path(
    train: LabelledImages, validation: LabelledImages, parameters: TaskParameters
) -> pd.DataFrame:
    """Fit the task at each strength of the penalty.

    Each fit starts at the optimum of the next stronger penalty.

    Returns:
        One row per strength, strongest first, with the columns l2, train_error, validation_error
        (fractions), validation_loss (nats) and seconds.
    """
    rows = []
    start = None
    for l2 in sorted(parameters.l2_values, reverse=True):
        started = time.perf_counter()
        objective = make_objective(train, l2, parameters)
        start = SOLVERS[DEFAULT_SOLVER](objective, start, tolerance=PATH_TOLERANCE).weights
        model = make_model(objective, start)
        seconds = time.perf_counter() - started
        measured = evaluate(model, validation, parameters)
        rows.append(
            {
                "l2": l2,
                "train_error": evaluate(model, train, parameters)["error"],
                "validation_error": measured["error"],
                "validation_loss": measured["loss"],
                "seconds": seconds,
            }
        )
        logger.info("    l2 %g: validation error %.2f %%", l2, 100 * measured["error"])
    return pd.DataFrame(rows)


def choose_penalty(regularisation_path: pd.DataFrame) -> dict[str, float]:
    """Choose the penalty with the lowest validation error; of equal ones, the strongest.

    Returns:
        l2, and its validation_error (fraction) and validation_loss (nats).
    """
    best = regularisation_path.sort_values("l2", ascending=False).nsmallest(1, "validation_error")
    columns = ["l2", "validation_error", "validation_loss"]
    return {column: float(best[column].item()) for column in columns}


def fit_models(
    train: LabelledImages, penalty: dict[str, float], parameters: TaskParameters
) -> tuple[dict[str, LinearModel], pd.DataFrame]:
    """Minimise one objective, at the chosen penalty, by every solver and by scikit-learn.

    Each fit runs on one thread, so that the times can be compared.

    Returns:
        Solver name to model, and the history: one row per solver and iteration with the columns
        solver, iteration (0 is the start), objective, gradient_norm and seconds since the start of
        the fit, set-up included. Of scikit-learn only the last iteration is known.
    """
    l2 = penalty["l2"]
    models, histories = {}, []
    for name in (*parameters.solvers, REFERENCE):
        if name == REFERENCE:
            solver = parameters.reference.solver
            logger.info("    %s: %s, up to a minute on ten classes", name, solver)
            model, history = fit_reference(train, l2, parameters, parameters.reference)
        else:
            model, history = fit(name, train, l2, parameters, parameters.solvers[name])
        last = history.iloc[-1]
        logger.info("    %s: %d iterations, %.1f s", name, last["iteration"], last["seconds"])
        models[name] = model
        histories.append(history)
    return models, pd.concat(histories, ignore_index=True)


def measure_models(
    models: dict[str, LinearModel],
    train: LabelledImages,
    validation: LabelledImages,
    test: LabelledImages,
    parameters: TaskParameters,
) -> pd.DataFrame:
    """Measure every model on the three sets.

    Returns:
        One row per solver with the columns solver, objective (on the training set) and, for each
        set, error (fraction), loss (nats) and expected_calibration_error, as in test_error.
    """
    rows = []
    for name, model in models.items():
        objective = make_objective(train, model.l2, parameters)
        row = {
            "solver": name,
            "objective": objective(objective.pack(model.weights, model.intercept))[0],
        }
        for part, images in (("train", train), ("validation", validation), ("test", test)):
            measured = evaluate(model, images, parameters)
            row |= {f"{part}_{key}": value for key, value in measured.items()}
        rows.append(row)
    return pd.DataFrame(rows)


def compare_solvers(
    models: dict[str, LinearModel], history: pd.DataFrame, measures: pd.DataFrame
) -> tuple[pd.DataFrame, dict[str, dict[str, float]]]:
    """Put the solvers side by side.

    Returns:
        The comparison, one row per solver: solver, l2, iterations, seconds, objective,
        relative_gap (J - J*) / J* with J* the lowest objective that any solver reached,
        max_abs_weight_difference from scikit-learn (weights and intercepts; adding one vector to
        the weights of all classes changes no probability and counts as no difference),
        train_error, validation_error, test_error. And the metrics of each solver by its name.
    """
    last = history.groupby("solver", sort=False)[["iteration", "seconds"]].last()
    table = measures.set_index("solver").join(last.rename(columns={"iteration": "iterations"}))
    best = table["objective"].min()
    reference = _centred(models[REFERENCE])
    table["l2"] = [models[name].l2 for name in table.index]
    table["relative_gap"] = (table["objective"] - best) / best
    table["max_abs_weight_difference"] = [
        float(np.abs(_centred(models[name]) - reference).max()) for name in table.index
    ]
    return table[list(COMPARISON_COLUMNS)].reset_index(), {
        str(name): {
            "l2": row["l2"],
            "test_error": row["test_error"],
            "test_loss": row["test_loss"],
            "test_expected_calibration_error": row["test_expected_calibration_error"],
            "validation_error": row["validation_error"],
            "train_seconds": row["seconds"],
            "iterations": int(row["iterations"]),
            "parameters": models[str(name)].weights.size + models[str(name)].intercept.size,
        }
        for name, row in table.iterrows()
    }


def measure_classes(
    models: dict[str, LinearModel],
    comparison: pd.DataFrame,
    test: LabelledImages,
    class_names: Sequence[str],
    parameters: TaskParameters,
) -> pd.DataFrame:
    """Return precision, recall and F1 of the best model's classes: see `class_metrics`."""
    predicted = models[best_solver(comparison)].predict(design_matrix(test))
    names = name_classes(class_names, parameters)
    return class_metrics(targets(test, parameters), predicted, names)


def write_subsection(
    comparison: pd.DataFrame,
    class_metrics: pd.DataFrame,
    class_names: Sequence[str],
    parameters: TaskParameters,
    **figures: Any,
) -> str:
    """Write the part of the report about one task: the table of its solvers and its figures."""
    title = "Softmax regression, all classes"
    if parameters.positive_classes is not None:
        positive = name_classes(class_names, parameters)[1]
        title = f"Logistic regression, {positive} against the other classes"
    return report.write_section(
        "logistic_regression_task",
        parameters=parameters.model_dump(mode="json"),
        title=title,
        ranking=rank_solvers(comparison),
        class_metrics=class_metrics,
        **figures,
    )


def write_section(*subsections: str) -> str:
    """Write the section of the report about all tasks."""
    return report.write_section("logistic_regression", tasks=subsections)


def join_metrics(**tasks: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Return the metrics of every model of every task by the name `task.solver`."""
    return {
        f"{task}.{solver}": metrics
        for task, solvers in tasks.items()
        for solver, metrics in solvers.items()
    }


def _centred(model: LinearModel) -> np.ndarray:
    """Stack weights and intercepts, (d + 1, K), less their mean over the classes when K > 1."""
    stacked = np.vstack([model.weights, model.intercept])
    return stacked - stacked.mean(axis=1, keepdims=True) if stacked.shape[1] > 1 else stacked
