"""Minimise the objective of a task by one of our solvers, or by scikit-learn."""

from typing import Literal

import numpy as np
import pandas as pd
from pydantic import PositiveFloat, PositiveInt
from threadpoolctl import threadpool_limits

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.core.linear_model import LinearModel
from mnist_gradients.core.parameters import Parameters
from mnist_gradients.maths.solvers import SOLVERS
from mnist_gradients.regression.history import History
from mnist_gradients.regression.task import (
    PIXEL_SCALE,
    Task,
    design_matrix,
    image_weights,
    make_model,
    make_objective,
    targets,
)

REFERENCE = "scikit_learn"

# For two classes scikit-learn fits one column v, the difference of the two of softmax regression.
# At the optimum these are -v/2 and v/2, whose penalty is half that of v.
TWO_COLUMNS = np.array([[-0.5, 0.5]])

Fit = tuple[LinearModel, pd.DataFrame]


class SolverParameters(Parameters):
    """Stopping rule and step size of a solver.

    Attributes:
        max_iterations: Largest number of iterations.
        tolerance: The solver's own stopping rule; see its docstring.
        step_size: Step size alpha; None for 1/L.
    """

    max_iterations: PositiveInt
    tolerance: PositiveFloat
    step_size: PositiveFloat | None = None


class ReferenceParameters(Parameters):
    """Options of scikit-learn's `LogisticRegression`, which finds the reference optimum.

    Attributes:
        solver: Its solver.
        max_iterations: Its `max_iter`.
        tolerance: Its `tol`, the largest entry of the gradient at which it stops.
        precision: Type of the pixels that it is given, in which it computes.
    """

    solver: Literal["lbfgs", "newton-cg", "newton-cholesky"]
    max_iterations: PositiveInt
    tolerance: PositiveFloat
    precision: Literal["float32", "float64"]


def best_solver(comparison: pd.DataFrame) -> str:
    """Return the solver of this project with the lowest objective; columns solver, objective."""
    own = comparison[comparison["solver"] != REFERENCE].set_index("solver")
    return str(own["objective"].idxmin())


def fit(name: str, images: LabelledImages, l2: float, task: Task, options: SolverParameters) -> Fit:
    """Minimise the objective by the solver of that name, on one thread.

    Returns:
        The model, and the history: see `History.table`.
    """
    history = History(name)
    objective = make_objective(images, l2, task, threads=1)
    solution = SOLVERS[name](objective, callback=history, **options.model_dump(exclude_none=True))
    return make_model(objective, solution.weights), history.table()


def fit_reference(
    images: LabelledImages, l2: float, task: Task, options: ReferenceParameters
) -> Fit:
    """Minimise the same objective by scikit-learn, at C = 1 / (S l2), on one thread.

    S is the sum of the weights of the images, N without weights.

    Returns:
        The model, and a history of one row, the last iteration.
    """
    from sklearn.linear_model import LogisticRegression

    history = History(REFERENCE)
    y = targets(images, task)
    two_columns = task.positive_classes is None and y.max() == 1
    X = design_matrix(images) * np.dtype(options.precision).type(PIXEL_SCALE)
    if task.intercept == "penalised":
        X = np.hstack([X, np.ones((len(X), 1), X.dtype)])
    weights = image_weights(images, task)
    total_weight = len(X) if weights is None else weights.sum()
    estimator = LogisticRegression(
        C=(2 if two_columns else 1) / (total_weight * l2),
        solver=options.solver,
        tol=options.tolerance,
        max_iter=options.max_iterations,
        fit_intercept=task.intercept == "free",
    )
    with threadpool_limits(limits=1):
        estimator.fit(X, y, sample_weight=weights)
    seconds = history.elapsed()
    columns, intercept = estimator.coef_.T, estimator.intercept_
    if two_columns:
        columns, intercept = columns @ TWO_COLUMNS, intercept @ TWO_COLUMNS
    w = np.ravel(columns).astype(np.float64)
    if task.intercept == "free":
        w = np.concatenate([w, intercept])
    objective = make_objective(images, l2, task)
    value, gradient = objective(w)
    history.add(int(estimator.n_iter_.max()), value, float(np.linalg.norm(gradient)), seconds)
    return make_model(objective, w), history.table()
