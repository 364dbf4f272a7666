"""Logistic and softmax regression as one scikit-learn classifier."""

from __future__ import annotations

import warnings
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning

from mnist_gradients.estimators.classifier import SoftmaxClassifier
from mnist_gradients.maths.checking import check_choice, check_count, check_number
from mnist_gradients.maths.linear_objective import LinearObjective
from mnist_gradients.maths.logistic import LogisticObjective
from mnist_gradients.maths.softmax_regression import SoftmaxObjective
from mnist_gradients.maths.solvers.descent import DEFAULT_SOLVER, SOLVERS


class GradientLogisticRegression(SoftmaxClassifier):
    """Logistic regression of two classes, softmax regression of more, by hand-derived gradients.

    ::

        minimise  C sum_i loss_i + 1/2 ||W||_F^2  =  N C J,     l2 = 1 / (N C)

    with J the objective of ``LogisticObjective`` or ``SoftmaxObjective``: what scikit-learn's
    ``LogisticRegression`` minimises. The intercept is not penalised. All is computed in float64,
    and X is converted block by block: pixels in uint8 and memory-maps are never copied as a whole.
    They are not rescaled either.

    Args:
        C: Inverse strength of the penalty, above 0; infinity for no penalty.
        fit_intercept: Whether to fit an intercept.
        solver: A key of ``maths.descent.SOLVERS``.
        tol: When to stop, in the solver's own terms: for the default solver the largest relative
            gap (J - min J) / min J, for the others the largest norm of the gradient of J.
        max_iter: Largest number of iterations.
        warm_start: Whether to start where the last fit ended, as along a path of penalties.

    Attributes:
        classes_: Labels in order, (K,).
        coef_: Weights, float64, (1, d) for two classes and (K, d) for more.
        intercept_: Intercept, (1,) or (K,); zero without one.
        n_iter_: Iterations taken, (1,).
        n_features_in_: d.
    """

    dtypes = (np.float64, np.float32, np.uint8)
    coef_: NDArray[np.float64]
    intercept_: NDArray[np.float64]

    def __init__(
        self,
        *,
        C: float = 1.0,
        fit_intercept: bool = True,
        solver: str = DEFAULT_SOLVER,
        tol: float = 1e-9,
        max_iter: int = 1_000,
        warm_start: bool = False,
    ) -> None:
        self.C = C
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Minimise the objective on the rows of X, (N, d), and their labels y, (N,).

        Returns:
            The estimator itself.

        Warns:
            ConvergenceWarning: If the solver stopped before it reached ``tol``.

        Raises:
            ValueError: If a parameter is out of its range, X and y do not fit together or hold
                missing values, or y holds fewer than two classes.
            TypeError: If X is sparse.
        """
        check_number("C", self.C, infinity=True)
        check_choice("solver", self.solver, SOLVERS)
        check_number("tol", self.tol)
        check_count("max_iter", self.max_iter)
        objective = self._objective(X, y)
        start = None
        if self.warm_start and hasattr(self, "coef_"):
            start = objective.pack(self.coef_.T, self.intercept_)
        solution = SOLVERS[self.solver](
            objective, start, max_iterations=self.max_iter, tolerance=self.tol
        )
        if not solution.converged:
            warnings.warn(
                f"{self.solver} did not reach tol = {self.tol:g} in {solution.iterations} "
                f"iterations: {solution.message}; raise max_iter or tol, or scale the features",
                ConvergenceWarning,
                stacklevel=2,
            )
        W, self.intercept_ = objective.unpack(solution.weights)
        self.coef_ = np.ascontiguousarray(W.T)
        self.n_iter_ = np.array([solution.iterations])
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Margins of the rows: (N,) for two classes, positive for the second; (N, K) for more."""
        rows = self._rows(X)
        Z = rows @ self.coef_.T + self.intercept_
        return Z[:, 0] if Z.shape[1] == 1 else Z

    def logits(self, X: ArrayLike) -> NDArray[np.float64]:
        """Margins of every class, (N, K); of two classes, the first has the margin zero."""
        Z = self.decision_function(X)
        return Z if Z.ndim == 2 else np.column_stack([np.zeros_like(Z), Z])

    def _objective(self, X: ArrayLike, y: ArrayLike) -> LinearObjective:
        """Objective J on the data of a fit; sets ``classes_``."""
        rows, numbers = self._rows_and_class_numbers(X, y)
        kind = LogisticObjective if len(self.classes_) == 2 else SoftmaxObjective
        return kind(
            rows,
            numbers,
            1 / (len(rows) * self.C),
            intercept="free" if self.fit_intercept else "none",
            scale=1.0,
            compute_dtype=np.float64,
        )
