r"""The estimator as a solver of benchopt's benchmark of logistic regression with an l2 penalty.

The benchmark (https://github.com/benchopt/benchmark_logreg_l2) minimises, without an intercept,

::

    sum_i log(1 + exp(-y_i x_i . beta)) + lmbd/2 ||beta||^2,    y_i in {-1, 1}

which is the estimator's objective at C = 1 / lmbd. To run it from a checkout of this project:

::

    pip install -e . "benchopt~=1.7.0" "joblib<1.6"
    git clone https://github.com/benchopt/benchmark_logreg_l2
    cp tools/benchopt_solver.py benchmark_logreg_l2/solvers/mnist_gradients.py
    benchopt run benchmark_logreg_l2 -s mnist_gradients -s "sklearn[solver=lbfgs]" \
        -d "simulated[n_samples=1000,n_features=10]"

Both solvers then end at the objective 107.107811 for lmbd = 1. Since benchopt 1.8 the benchmark's
own simulated data ends in an AttributeError (commit ef6ba38 of the benchmark); benchopt 1.7 and 1.8
need a joblib that still has ``joblib.externals.cloudpickle``.
"""

import warnings

from benchopt import BaseSolver
from sklearn.exceptions import ConvergenceWarning

from mnist_gradients.estimators import GradientLogisticRegression


class Solver(BaseSolver):
    """Whole fits of the estimator with the tolerances that benchopt asks for."""

    name = "mnist_gradients"
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
