"""This project's estimator as a solver of benchopt's benchmark of l2-penalised logistic regression.

The benchmark (https://github.com/benchopt/benchmark_logreg_l2) minimises, without an intercept,

::

    sum_i log(1 + exp(-y_i x_i . beta)) + lmbd/2 ||beta||^2,    y_i in {-1, 1}

which is the estimator's objective at C = 1 / lmbd. To run it:

::

    pip install benchopt mnist-gradients
    git clone https://github.com/benchopt/benchmark_logreg_l2
    cp tools/benchopt_solver.py benchmark_logreg_l2/solvers/mnist_gradients.py
    benchopt run benchmark_logreg_l2 -s mnist_gradients -s "sklearn[solver=lbfgs]" -d simulated
"""

import warnings

from benchopt import BaseSolver
from sklearn.exceptions import ConvergenceWarning

from mnist_gradients.estimators import GradientLogisticRegression


class Solver(BaseSolver):
    """Whole fits of the estimator with the tolerances that benchopt asks for."""

    name = "mnist_gradients"
    requirements = ["pip::mnist-gradients"]  # noqa: RUF012 - the form that benchopt expects
    sampling_strategy = "tolerance"

    def set_objective(self, X, y, lmbd):
        """Take the data and the strength of the penalty."""
        self.X, self.y = X, y
        self.model = GradientLogisticRegression(C=1 / lmbd, fit_intercept=False)

    def run(self, tolerance):
        """Fit once; benchopt starts with an infinite tolerance."""
        self.model.set_params(tol=min(tolerance, 1.0))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # benchopt evaluates the result
            self.model.fit(self.X, self.y)

    def get_result(self):
        """Return the weights, (d,)."""
        return {"beta": self.model.coef_.ravel()}
