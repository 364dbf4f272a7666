"""The contenders, by name, and how the path of each is followed in a single run.

=====================  ===========================================================================
solver                 what is recorded
=====================  ===========================================================================
the project's own      each evaluation of the objective, at its end
lbfgs, newton-*        each evaluation of scikit-learn's objective, at its beginning: the solver
                       could have returned that point then
sag, saga              each pass over the data, at its end
=====================  ===========================================================================
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from mnist_gradients.benchmarking.recorder import Recorder
from mnist_gradients.maths.linear_objective import LinearObjective
from mnist_gradients.maths.logistic import LogisticObjective
from mnist_gradients.maths.softmax_regression import SoftmaxObjective
from mnist_gradients.maths.solvers.descent import SOLVERS

SCIKIT_LEARN = "scikit_learn_"
NEVER = 10**9  # iterations: a run ends by its target or its cap
TOLERANCE = 1e-12  # of every solver's own stopping rule, far below what is measured


@dataclass(frozen=True, eq=False)
class Problem:
    """What a contender is to minimise, all in memory.

    Attributes:
        X: Rows, (N, d): raw pixels if uint8, otherwise pixels in 0..1.
        y: Classes 0..K-1, (N,).
        binary: Logistic regression if true, softmax regression otherwise.
        l2: Strength of the penalty; the intercept is free of it.
        threads: Number of threads.
        seed: Seed of the solvers that draw rows at random.
    """

    X: np.ndarray
    y: np.ndarray
    binary: bool
    l2: float
    threads: int
    seed: int

    def objective(self, compute_dtype: DTypeLike | None = None) -> LinearObjective:
        """Return the project's objective of the problem."""
        kind = LogisticObjective if self.binary else SoftmaxObjective
        return kind(self.X, self.y, self.l2, threads=self.threads, compute_dtype=compute_dtype)


def run_own(solver: str, problem: Problem, recorder: Recorder) -> None:
    """Run a solver of the project and record each evaluation of the objective."""
    evaluate = LinearObjective.__call__
    recorder.start()
    objective = problem.objective()

    def recorded(self: LinearObjective, w: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = evaluate(self, w)
        if self is objective:  # and not one on a part of the rows
            recorder.record(w, value)
        return value, gradient

    with replaced(LinearObjective, "__call__", recorded):
        solution = SOLVERS[solver](objective, tolerance=TOLERANCE, max_iterations=NEVER)
    recorder.record(solution.weights, solution.objective)


def run_by_evaluations(solver: str, problem: Problem, recorder: Recorder) -> None:
    """Run a solver of scikit-learn and record each evaluation of its objective.

    Raises:
        RuntimeError: If scikit-learn's objective, which is not public, is not where it was.
    """
    from sklearn.linear_model import LogisticRegression, _linear_loss

    owner = private(_linear_loss, "LinearModelLoss")
    evaluations = {name: private(owner, name) for name in ("loss", "loss_gradient")}

    def recorded(evaluate: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: object, coef: np.ndarray, *args: Any, **kwargs: Any) -> Any:
            moment = recorder.now()
            result = evaluate(self, coef, *args, **kwargs)
            # Packed as in this project: feature by feature, all classes of one together.
            recorder.record(coef, result[0] if isinstance(result, tuple) else result, moment)
            return result

        return call

    recorder.start()
    estimator = LogisticRegression(**_options(solver, problem))
    with (
        replaced(owner, "loss", recorded(evaluations["loss"])),
        replaced(owner, "loss_gradient", recorded(evaluations["loss_gradient"])),
    ):
        estimator.fit(problem.X, problem.y)
    w = np.concatenate([estimator.coef_.T.ravel(), estimator.intercept_])
    recorder.record(w, np.nan)


def run_by_epochs(solver: str, problem: Problem, recorder: Recorder) -> None:
    """Run a stochastic solver of scikit-learn and record each pass over the data.

    The solver is called for one pass at a time and takes up the state in which it left off. It
    does not look at the objective; that is evaluated while the clock stands still.

    Raises:
        RuntimeError: If scikit-learn's solver, which is not public, is not where it was.
    """
    from sklearn.linear_model import LogisticRegression, _logistic

    sag_solver = private(_logistic, "sag_solver")
    objective = problem.objective(compute_dtype=np.float64)

    def epochs(*args: Any, **kwargs: Any) -> Any:
        call = inspect.signature(sag_solver).bind(*args, **kwargs)
        call.arguments |= {"max_iter": 1, "random_state": np.random.RandomState(problem.seed)}
        for _ in range(NEVER):
            result = sag_solver(*call.args, **call.kwargs)
            call.arguments["warm_start_mem"] = result[2]
            with recorder.paused():
                w = result[2]["coef"].ravel().astype(np.float64)
                value, _ = objective(w)
            recorder.record(w, value)
        return result

    recorder.start()
    estimator = LogisticRegression(**_options(solver, problem))
    with replaced(_logistic, "sag_solver", epochs):
        estimator.fit(problem.X, problem.y)


Run = Callable[[Problem, Recorder], None]

CONTENDERS: dict[str, Run] = {
    **{name: partial(run_own, name) for name in SOLVERS},
    "scikit_learn_lbfgs": partial(run_by_evaluations, "lbfgs"),
    "scikit_learn_newton_cg": partial(run_by_evaluations, "newton-cg"),
    "scikit_learn_newton_cholesky": partial(run_by_evaluations, "newton-cholesky"),
    "scikit_learn_sag": partial(run_by_epochs, "sag"),
    "scikit_learn_saga": partial(run_by_epochs, "saga"),
}


def find(name: str) -> Run:
    """Return how to run the contender of that name.

    Raises:
        ValueError: If there is none.
    """
    if name not in CONTENDERS:
        raise ValueError(f"found solver {name!r}, expected one of {', '.join(CONTENDERS)}")
    return CONTENDERS[name]


@contextmanager
def replaced(owner: Any, name: str, replacement: object) -> Iterator[None]:
    """Put something in the place of an attribute of a class or module meanwhile."""
    original = getattr(owner, name)
    setattr(owner, name, replacement)
    try:
        yield
    finally:
        setattr(owner, name, original)


def private(owner: Any, name: str) -> Any:
    """Return a part of scikit-learn that is not public.

    Raises:
        RuntimeError: If it is not there.
    """
    if not hasattr(owner, name):
        import sklearn

        raise RuntimeError(
            f"scikit-learn: found version {sklearn.__version__} without {owner.__name__}.{name}, "
            "expected a version that has it, such as 1.9: the benchmark follows the solver by it"
        )
    return getattr(owner, name)


def _options(solver: str, problem: Problem) -> dict[str, Any]:
    """Return the options of `LogisticRegression`; its objective is N C times the project's."""
    return {
        "solver": solver,
        "C": 1 / (len(problem.y) * problem.l2),
        "tol": TOLERANCE,
        "max_iter": NEVER,
        "random_state": problem.seed,
    }
