"""The default solver where nothing was tuned for it: other tasks, other data, fewer of them."""

import logging
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from mnist_gradients.benchmarking.data import join, targets
from mnist_gradients.benchmarking.parameters import BenchmarkParameters
from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.maths.linear_objective import LinearObjective
from mnist_gradients.maths.logistic import LogisticObjective
from mnist_gradients.maths.softmax_regression import SoftmaxObjective
from mnist_gradients.maths.solvers.descent import SOLVERS

logger = logging.getLogger(__name__)

GAP = 1e-4
REFERENCE_GAP = 1e-10
TOLERANCES = 10.0 ** -np.arange(1, 8)  # of scikit-learn, until it is close enough
ENOUGH_SECONDS = 1.0
MOST_REPEATS = 9


@dataclass(frozen=True, eq=False)
class Problem:
    """A classification problem.

    Attributes:
        name: What to call it.
        X: Rows, (N, d), float32 or float64.
        y: Classes 0..K-1, (N,).
        l2: Strength of the penalty.
    """

    name: str
    X: np.ndarray
    y: np.ndarray
    l2: float

    def objective(self, compute_dtype: type | None = None) -> LinearObjective:
        """Return the objective, on one thread."""
        kind = LogisticObjective if self.y.max() == 1 else SoftmaxObjective
        return kind(self.X, self.y, self.l2, threads=1, compute_dtype=compute_dtype)


def measure_robustness(
    train: LabelledImages, validation: LabelledImages, parameters: BenchmarkParameters, seed: int
) -> pd.DataFrame:
    """Time the project's solver beside scikit-learn's lbfgs, to a gap of 1e-4, one thread each.

    scikit-learn's tolerance is about the gradient, so it gets tighter ones until it is close
    enough; only the last of these fits counts.

    Returns:
        One row per problem: problem, rows, columns, classes, l2; seconds (median) and gap of the
        project's solver, asked for 1e-4; scikit_learn_seconds and scikit_learn_gap (empty if it
        does not get there); times_faster, their ratio: below one is slower.
    """
    rows = []
    with threadpool_limits(1):
        for problem in problems(join(train, validation), parameters.robustness_rows, seed):
            solve = SOLVERS[parameters.solver]
            exact = problem.objective(np.float64)
            optimum = solve(exact, tolerance=REFERENCE_GAP).objective

            def gap(w: np.ndarray) -> float:
                return exact(w)[0] / optimum - 1  # noqa: B023 - used at once

            solution, seconds = _median_time(
                lambda: solve(problem.objective(), tolerance=GAP)  # noqa: B023
            )
            rival_gap, rival_seconds = _time_scikit_learn(problem, exact, gap)
            row = {
                "problem": problem.name,
                "rows": len(problem.y),
                "columns": problem.X.shape[1],
                "classes": int(problem.y.max()) + 1,
                "l2": problem.l2,
                "seconds": seconds,
                "gap": gap(solution.weights),
                "scikit_learn_seconds": rival_seconds,
                "scikit_learn_gap": rival_gap,
                "times_faster": rival_seconds / seconds,
            }
            logger.info("    %s: %.1f times as fast", problem.name, row["times_faster"])
            rows.append(row)
    return pd.DataFrame(rows)


def problems(images: LabelledImages, n_rows: int, seed: int) -> Iterator[Problem]:
    """Yield the problems."""
    from sklearn.datasets import load_digits

    rng = np.random.default_rng(seed)
    X = images.images[:n_rows].reshape(-1, images.images[0].size).astype(np.float32) / 255
    labels = images.labels[:n_rows]
    for digit in range(10):
        yield Problem(f"{digit} against the rest", X, targets(labels, (digit,)), 1e-4)
    some = np.isin(labels, (3, 8))
    yield Problem("3 against 8", X[some], targets(labels[some], (8,)), 1e-4)
    yield Problem(
        "a hundred images, odd or even", X[:100], targets(labels[:100], (1, 3, 5, 7, 9)), 1e-3
    )

    pixels, digits = load_digits(return_X_y=True)
    for l2 in (1e-2, 1e-4):
        yield Problem("8 x 8 digits, ten classes", pixels / 16, digits, l2)
        yield Problem("8 x 8 digits, odd or even", pixels / 16, digits % 2, l2)

    for N, d, condition in ((20_000, 100, 1e6), (3_000, 30, 1e6), (100, 10, 1), (2_000, 2, 1)):
        rows = _gaussian(N, d, condition, rng)
        noisy = rows @ rng.standard_normal(d) + 0.3 * rng.standard_normal(N)
        name = f"Gaussian, condition number {condition:g}"
        yield Problem(name, rows, (noisy > 0).astype(np.int64), 1e-4)
    for N, d in ((1_000, 10), (20_000, 50)):
        rows = _gaussian(N, d, 1, rng)
        y = (rows[:, 0] > 0).astype(np.int64)
        rows[:, 0] += np.sign(rows[:, 0])
        yield Problem("separable", rows, y, 1e-4)


def _gaussian(N: int, d: int, condition: float, rng: np.random.Generator) -> np.ndarray:
    """Return Gaussian rows (N, d) whose covariance has that condition number."""
    Q = np.linalg.qr(rng.standard_normal((d, d)))[0]
    return rng.standard_normal((N, d)) @ (Q * np.geomspace(1, condition**-0.5, d)) @ Q.T


def _time_scikit_learn(
    problem: Problem, exact: LinearObjective, gap: Callable[[np.ndarray], float]
) -> tuple[float, float]:
    """Return gap and seconds of scikit-learn's lbfgs at the loosest tolerance that is enough."""
    from sklearn.linear_model import LogisticRegression

    C = 1 / (len(problem.y) * problem.l2)
    for tolerance in TOLERANCES:
        model, seconds = _median_time(
            lambda: LogisticRegression(C=C, tol=tolerance, max_iter=20_000).fit(  # noqa: B023
                problem.X, problem.y
            )
        )
        found = gap(exact.pack(model.coef_.T, model.intercept_))
        if found <= GAP:
            return found, seconds
    return np.nan, np.nan


def _median_time(function: Callable[[], Any]) -> tuple[Any, float]:
    """Call a function a few times and return its last result and the median of the seconds."""
    seconds: list[float] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of scikit-learn, when it stops short of a tolerance
        while True:
            began = time.perf_counter()
            result = function()
            seconds.append(time.perf_counter() - began)
            if len(seconds) == MOST_REPEATS or sum(seconds) >= ENOUGH_SECONDS:
                return result, float(np.median(seconds))
