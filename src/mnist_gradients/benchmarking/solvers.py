"""The solvers and baselines by name, all of them public estimators with ``fit``.

=========================  =======================================================================
name                       estimator
=========================  =======================================================================
the project's own names    ``mnist_gradients.estimators.GradientLogisticRegression``
``scikit_learn_*``         ``sklearn.linear_model.LogisticRegression``
``intelex_lbfgs``          ``sklearnex.linear_model.LogisticRegression``, optional
``glum``                   ``glum.GeneralizedLinearRegressor``, optional
``skglm``                  ``skglm.GeneralizedLinearEstimator``, optional
``snapml``                 ``snapml.LogisticRegression``, optional
=========================  =======================================================================

Two of them penalise the intercept. ``scikit_learn_liblinear`` has a large ``intercept_scaling``,
which makes that penalty small. ``snapml`` does not converge with one.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_gradients.benchmarking.reference_objective import ReferenceObjective
from mnist_gradients.maths.checking import check_choice
from mnist_gradients.maths.rows.threads import available_cores
from mnist_gradients.maths.solvers import DEFAULT_SOLVER
from mnist_gradients.maths.solvers import SOLVERS as OWN

SCIKIT_LEARN = "scikit_learn_"
START_TOLERANCE = 1e-12
MANY_ITERATIONS = 1_000_000  # a fit ends by its tolerance or by its cap
INTERCEPT_SCALING = 100  # divides liblinear's penalty on the intercept by its square


@dataclass(frozen=True)
class Setting:
    """How an estimator is to be set up.

    Attributes:
        rows: Number of rows that it is fitted to.
        l2: Strength of the penalty on the weights, for the mean loss per row.
        tolerance: Its ``tol``.
        threads: Number of threads that it may use.
        seed: Seed of what is random in it.
    """

    rows: int
    l2: float
    tolerance: float
    threads: int
    seed: int

    @property
    def C(self) -> float:  # noqa: N802 - scikit-learn's name
        """Inverse penalty of an objective that sums the losses."""
        return 1 / (self.rows * self.l2)


def own(solver: str, setting: Setting) -> Any:
    """Return the project's estimator with a solver of its own."""
    from mnist_gradients.estimators import GradientLogisticRegression

    return GradientLogisticRegression(
        solver=solver,
        C=setting.C,
        tol=setting.tolerance,
        max_iter=MANY_ITERATIONS,
        n_jobs=setting.threads,
        random_state=setting.seed,
    )


def scikit_learn(solver: str, setting: Setting) -> Any:
    """Return scikit-learn's estimator; its threads are those of BLAS."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(
        solver=solver,
        C=setting.C,
        tol=setting.tolerance,
        max_iter=MANY_ITERATIONS,
        random_state=setting.seed,
        intercept_scaling=INTERCEPT_SCALING if solver == "liblinear" else 1,
    )


def scikit_learn_intelex(solver: str, setting: Setting) -> Any:
    """Return the estimator of scikit-learn-intelex."""
    from sklearnex.linear_model import LogisticRegression

    return LogisticRegression(
        solver=solver,
        C=setting.C,
        tol=setting.tolerance,
        max_iter=MANY_ITERATIONS,
        n_jobs=setting.threads,
    )


def glum(setting: Setting) -> Any:
    """Return glum's estimator, for two classes; its objective is the mean loss as well."""
    from glum import GeneralizedLinearRegressor

    return GeneralizedLinearRegressor(
        family="binomial",
        alpha=setting.l2,
        l1_ratio=0,
        gradient_tol=setting.tolerance,
        max_iter=MANY_ITERATIONS,
    )


def skglm(setting: Setting) -> Any:
    """Return skglm's estimator, for two classes: an elastic net without its L1 part.

    Its own L2 penalty has no solver with an intercept.
    """
    from skglm import GeneralizedLinearEstimator
    from skglm.datafits import Logistic
    from skglm.penalties import L1_plus_L2
    from skglm.solvers import ProxNewton

    return GeneralizedLinearEstimator(
        Logistic(),
        L1_plus_L2(setting.l2, l1_ratio=0),
        ProxNewton(tol=setting.tolerance, max_iter=MANY_ITERATIONS),
    )


def snapml(setting: Setting) -> Any:
    """Return snapml's estimator."""
    from snapml import LogisticRegression

    return LogisticRegression(
        regularizer=1 / setting.C,
        tol=setting.tolerance,
        fit_intercept=True,
        max_iter=MANY_ITERATIONS,
        n_jobs=setting.threads,
        random_state=setting.seed,
    )


@dataclass(frozen=True)
class Solver:
    """A solver or baseline.

    Attributes:
        make: Returns its estimator.
        package: Distribution that it comes from.
        module: Module that must be there.
        binary_only: Whether it is for two classes only.
        promises_gap: Whether its ``tol`` is the relative suboptimality gap.
    """

    make: Callable[[Setting], Any]
    package: str
    module: str
    binary_only: bool = False
    promises_gap: bool = False

    @property
    def installed(self) -> bool:
        """Whether the module is there."""
        return find_spec(self.module) is not None

    @property
    def version(self) -> str:
        """Version of the package."""
        return version(self.package)


SOLVERS: dict[str, Solver] = {
    **{
        name: Solver(
            partial(own, name),
            "mnist-gradients",
            "mnist_gradients",
            promises_gap=name == DEFAULT_SOLVER,
        )
        for name in OWN
    },
    **{
        f"{SCIKIT_LEARN}{name.replace('-', '_')}": Solver(
            partial(scikit_learn, name),
            "scikit-learn",
            "sklearn",
            binary_only=name == "liblinear",
        )
        for name in ("lbfgs", "liblinear", "newton-cg", "newton-cholesky", "sag", "saga")
    },
    "intelex_lbfgs": Solver(
        partial(scikit_learn_intelex, "lbfgs"), "scikit-learn-intelex", "sklearnex"
    ),
    "glum": Solver(glum, "glum", "glum", binary_only=True),
    "skglm": Solver(skglm, "skglm", "skglm", binary_only=True),
    "snapml": Solver(snapml, "snapml", "snapml", binary_only=True),
}


def find(name: str) -> Solver:
    """Return the solver of that name.

    Raises:
        ValueError: If there is none.
    """
    check_choice("solver", name, SOLVERS)
    return SOLVERS[name]


def weights(estimator: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return W (d, K) and b (K,) of a fitted estimator; K = 1 for two classes."""
    coef = np.atleast_2d(np.asarray(estimator.coef_, dtype=np.float64))
    return coef.T, np.atleast_1d(np.asarray(estimator.intercept_, dtype=np.float64))


def start_from_estimator(
    reference: ReferenceObjective,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return W (d, K) and b (K,) of the project's estimator, close to the optimum."""
    from sklearn.exceptions import ConvergenceWarning

    rows = len(reference.y)
    setting = Setting(
        rows, reference.l2 / reference.scale**2, START_TOLERANCE, available_cores(), 0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the reference proves the result
        W, b = weights(own(DEFAULT_SOLVER, setting).fit(reference.X, reference.y))
    return W / reference.scale, b
