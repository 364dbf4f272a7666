import re

import numpy as np
import pytest

from mnist_gradients.benchmarking import solvers
from mnist_gradients.benchmarking.recorder import Recorder, TargetReached, read_points
from mnist_gradients.benchmarking.reference_objective import find_optimum
from mnist_gradients.maths.linear_objective import LinearObjective
from mnist_gradients.maths.solvers.descent import SOLVERS

# scikit-learn warns at tolerances that no solver can reach, and after a single pass of several.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Line Search failed"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]
BINARY = pytest.mark.parametrize("binary", [True, False], ids=["binary", "ten_class"])
EVALUATING = ["lbfgs", "newton-cg", "newton-cholesky"]
STOCHASTIC = ["sag", "saga"]
SLOW = {"gradient_descent", "accelerated_descent"}  # unless they are given a target


@pytest.fixture
def follow(judge, problem, tmp_path):
    """Runs a contender and returns its points and their relative gaps, as the judge sees them."""

    def follow(name, binary, stop_at=-np.inf):
        the_judge = judge(binary)
        optimum, _ = find_optimum(the_judge, "lbfgs", 1e-10)
        with Recorder(tmp_path / "points", optimum * (1 + stop_at)) as recorder:
            try:
                solvers.find(name)(problem(binary), recorder)
            except TargetReached:
                assert stop_at > 0
        points = read_points(tmp_path / "points", the_judge.size)
        return points, the_judge.values(points[:, 3:]) / optimum - 1

    return follow


def fitted(problem, solver, **options):
    """What scikit-learn finds when nobody looks."""
    from sklearn.linear_model import LogisticRegression

    options = {"tol": solvers.TOLERANCE, "max_iter": 10_000} | options
    C = 1 / (len(problem.y) * problem.l2)
    estimator = LogisticRegression(solver=solver, C=C, **options).fit(problem.X, problem.y)
    return np.concatenate([estimator.coef_.T.ravel(), estimator.intercept_])


def centred(w, binary):
    return w if binary else w.reshape(-1, 10) - w.reshape(-1, 10).mean(axis=1, keepdims=True)


@BINARY
@pytest.mark.parametrize("solver", EVALUATING)
def test_path_of_scikit_learn_ends_where_it_ends_alone(follow, problem, solver, binary):
    points, _ = follow(f"scikit_learn_{solver.replace('-', '_')}", binary)
    w = fitted(problem(binary), solver)
    np.testing.assert_array_equal(points[-1, 3:], w)
    # The point that was returned had been evaluated before, but for a common shift of all classes.
    best = points[points[:-1, 2].argmin(), 3:]
    np.testing.assert_allclose(centred(best, binary), centred(w, binary), atol=1e-7)


@BINARY
@pytest.mark.parametrize("name", solvers.CONTENDERS)
def test_path_starts_at_zero_or_near_and_comes_down_to_the_target(follow, name, binary):
    points, gaps = follow(name, binary, stop_at=1e-3)
    assert gaps[-1] <= 1.0001e-3 < gaps[:-1].min()
    assert (np.diff(points[:, 0]) > 0).all()
    assert (points[:, 0] > 0).all()
    # What the solver saw is what the judge sees.
    optimum = points[-1, 2] / (1 + gaps[-1])
    np.testing.assert_allclose(points[:, 2] / optimum - 1, gaps, rtol=1e-9)


def test_own_path_comes_down_from_the_first_iterate(follow):
    points, gaps = follow("gradient_descent", True, stop_at=1e-2)
    assert not points[0, 3:].any()
    assert gaps[0] > 0.4
    assert (np.diff(gaps) < 0).all()


@pytest.mark.parametrize("name", sorted(SOLVERS.keys() - SLOW))
def test_own_solver_ends_by_itself_where_it_ends_alone(follow, problem, name):
    points, gaps = follow(name, True)
    assert abs(gaps[-1]) < 1e-8
    alone = SOLVERS[name](problem().objective(), tolerance=solvers.TOLERANCE)
    np.testing.assert_array_equal(points[-1, 2:], [alone.objective, *alone.weights])


@BINARY
@pytest.mark.parametrize("solver", STOCHASTIC)
def test_passes_one_by_one_are_as_good_as_all_at_once(follow, problem, judge, solver, binary):
    points, gaps = follow(f"scikit_learn_{solver}", binary, stop_at=1e-4)
    passes = len(points)
    optimum, _ = find_optimum(judge(binary), "lbfgs", 1e-10)
    at_once = [
        judge(binary).values(
            fitted(problem(binary), solver, max_iter=passes, random_state=seed)[None]
        )[0]
        / optimum
        - 1
        for seed in range(5)
    ]
    assert min(at_once) / 3 < gaps[-1] < 3 * max(at_once)


def test_nothing_stays_replaced(follow):
    from sklearn.linear_model import _linear_loss, _logistic

    def parts():
        loss = _linear_loss.LinearModelLoss
        return LinearObjective.__call__, loss.loss, loss.loss_gradient, _logistic.sag_solver

    before = parts()
    for name in ("lbfgs", "scikit_learn_newton_cg", "scikit_learn_sag"):
        follow(name, True, stop_at=1e-1)
    assert parts() == before


def test_unknown_contender_is_refused():
    names = ", ".join(solvers.CONTENDERS)
    message = f"found solver 'liblinear', expected one of {names}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        solvers.find("liblinear")


def test_scikit_learn_without_its_private_parts_is_refused(follow, monkeypatch):
    from sklearn.linear_model import _linear_loss, _logistic

    monkeypatch.delattr(_linear_loss.LinearModelLoss, "loss_gradient")
    with pytest.raises(RuntimeError, match=r"without LinearModelLoss.loss_gradient, expected"):
        follow("scikit_learn_lbfgs", True)
    monkeypatch.delattr(_logistic, "sag_solver")
    with pytest.raises(RuntimeError, match=r"without sklearn.linear_model._logistic.sag_solver, "):
        follow("scikit_learn_sag", True)
