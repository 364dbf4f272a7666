"""Nodes of the logistic-regression pipeline; a binary task and softmax regression share them."""

import logging
import time

import numpy as np
import pandas as pd

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.core.linear_model import LinearModel
from mnist_gradients.maths.solvers.descent import DEFAULT_SOLVER, SOLVERS
from mnist_gradients.pipelines.logistic_regression.history import HistoryRecorder
from mnist_gradients.pipelines.logistic_regression.parameters import TaskParameters
from mnist_gradients.pipelines.logistic_regression.task import (
    PIXEL_SCALE,
    design_matrix,
    evaluate,
    make_model,
    make_objective,
    targets,
)

logger = logging.getLogger(__name__)

REFERENCE = "scikit_learn"

# Of two classes scikit-learn fits one difference of weights v. Softmax regression of two classes
# has two columns: at its optimum -v/2 and v/2, whose penalty is half that of v.
TWO_COLUMNS = np.array([[-0.5, 0.5]])


def trace_regularisation_path(
    train: LabelledImages, validation: LabelledImages, parameters: TaskParameters
) -> pd.DataFrame:
    """Fit the task at each strength of the penalty and choose the best by validation error.

    Each fit starts where the one before, at the next stronger penalty, ended.

    Returns:
        One row per strength, strongest first, with the columns l2, train_error, validation_error
        (fractions), validation_loss (nats), seconds and chosen. Exactly one row is chosen: the
        lowest validation error, at a tie the strongest penalty.
    """
    rows = []
    start = None
    for l2 in sorted(parameters.l2_values, reverse=True):
        started = time.perf_counter()
        objective = make_objective(train, l2, parameters)
        start = SOLVERS[DEFAULT_SOLVER](objective, start, tolerance=1e-5).weights
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
    path = pd.DataFrame(rows)
    path["chosen"] = path.index == path["validation_error"].idxmin()
    return path


def fit_models(
    train: LabelledImages, regularisation_path: pd.DataFrame, parameters: TaskParameters
) -> tuple[dict[str, LinearModel], pd.DataFrame]:
    """Minimise one objective, at the chosen penalty, with every solver and with scikit-learn.

    Each of them has one thread, so that their seconds can be compared.

    Returns:
        Solver name to model, and the history: one row per solver and iteration with the columns
        solver, iteration (0 is the start), objective, gradient_norm and seconds since the start of
        the fit, set-up included. Of scikit-learn only the last iteration is known.
    """
    l2 = float(regularisation_path.loc[regularisation_path["chosen"], "l2"].iloc[0])
    models, histories = {}, []
    for name, options in parameters.solvers.items():
        record = HistoryRecorder(name)
        objective = make_objective(train, l2, parameters, threads=1)
        solution = SOLVERS[name](
            objective, callback=record, **options.model_dump(exclude_none=True)
        )
        models[name] = make_model(objective, solution.weights)
        histories.append(record.table())
        logger.info("    %s: %.1f s, %s", name, record.seconds, solution.message)
    models[REFERENCE], reference_history = fit_reference(train, l2, parameters)
    return models, pd.concat([*histories, reference_history], ignore_index=True)


def fit_reference(
    train: LabelledImages, l2: float, parameters: TaskParameters
) -> tuple[LinearModel, pd.DataFrame]:
    """Find the optimum of the same objective with scikit-learn, at C = 1 / (N l2).

    Returns:
        The model, and one row of history.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    logger.info("    %s: running %s", REFERENCE, parameters.reference.solver)
    record = HistoryRecorder(REFERENCE)
    y = targets(train, parameters)
    two_columns = parameters.positive_classes is None and y.max() == 1
    X = design_matrix(train) * PIXEL_SCALE
    if parameters.intercept == "penalised":
        X = np.hstack([X, np.ones((len(X), 1))])
    estimator = LogisticRegression(
        C=(2 if two_columns else 1) / (len(X) * l2),
        solver=parameters.reference.solver,
        tol=parameters.reference.tolerance,
        max_iter=parameters.reference.max_iterations,
        fit_intercept=parameters.intercept == "free",
    )
    # Several BLAS threads wait for each other by spinning, on a busy machine for most of the time.
    with threadpool_limits(limits=1):
        estimator.fit(X, y)
    seconds = record.elapsed()
    objective = make_objective(train, l2, parameters)
    columns, intercept = estimator.coef_.T, estimator.intercept_
    if two_columns:
        columns, intercept = columns @ TWO_COLUMNS, intercept @ TWO_COLUMNS
    w = np.ravel(columns)
    if parameters.intercept == "free":
        w = np.concatenate([w, intercept])
    value, gradient = objective(w)
    iterations = int(estimator.n_iter_.max())
    record.add(iterations, value, float(np.linalg.norm(gradient)), seconds)
    logger.info("    %s: %.1f s, %d iterations", REFERENCE, seconds, iterations)
    return make_model(objective, w), record.table()


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
        The comparison, one row per solver: solver, iterations, seconds, objective, relative_gap
        (J - J*) / J* with J* the lowest objective that any solver reached,
        max_abs_weight_difference from scikit-learn (weights and intercepts; a common shift of all
        classes, which changes no probability, is taken out), train_error, validation_error,
        test_error. And the metrics of each solver for the comparison with other kinds of models.
    """
    last = history.groupby("solver", sort=False).last()
    comparison = measures.set_index("solver").join(last[["iteration", "seconds"]])
    comparison["iterations"] = comparison["iteration"]
    best = comparison["objective"].min()
    comparison["relative_gap"] = (comparison["objective"] - best) / best
    reference = _centred(models[REFERENCE])
    comparison["max_abs_weight_difference"] = [
        float(np.abs(_centred(models[name]) - reference).max()) for name in comparison.index
    ]
    columns = [
        *("iterations", "seconds", "objective", "relative_gap", "max_abs_weight_difference"),
        *("train_error", "validation_error", "test_error"),
    ]
    metrics = {
        str(name): {
            "test_error": row["test_error"],
            "test_loss": row["test_loss"],
            "test_expected_calibration_error": row["test_expected_calibration_error"],
            "validation_error": row["validation_error"],
            "train_seconds": row["seconds"],
            "iterations": int(row["iterations"]),
            "parameters": models[str(name)].weights.size + models[str(name)].intercept.size,
        }
        for name, row in comparison.iterrows()
    }
    return comparison[columns].reset_index(), metrics


def _centred(model: LinearModel) -> np.ndarray:
    """Stack weights and intercepts, (d + 1, K), less their mean over the classes when K > 1."""
    stacked = np.vstack([model.weights, model.intercept])
    return stacked - stacked.mean(axis=1, keepdims=True) if stacked.shape[1] > 1 else stacked
