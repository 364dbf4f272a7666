"""The sample that the default solver holds of its rows."""

import numpy as np
import pytest

from mnist_gradients.maths.linear_objective import in_memory
from mnist_gradients.maths.logistic import LogisticObjective
from mnist_gradients.maths.softmax_regression import SoftmaxObjective
from mnist_gradients.maths.solvers import working_problem
from mnist_gradients.maths.solvers.local_objective import warm_start
from mnist_gradients.maths.solvers.working_problem import WorkingProblem

N, RARE = 20_000, [77, 5_321, 19_998]


@pytest.mark.parametrize("later", [False, True])
def test_rows_of_great_length_are_held_whenever_factors_are_taken(later):
    """Factors of data for which they cost much are taken once many passes were in vain."""
    generator = np.random.default_rng(0)
    X = generator.standard_normal((N, 20))
    X[:, 0] = 0
    X[RARE, 0] = 1.0  # a feature that a sample of the rows lacks
    problem = WorkingProblem(LogisticObjective(X, np.arange(N) % 2, 1e-6), generator)
    problem.model = "diagonal" if later else "classes"
    problem.hold_long_rows(generator)
    assert problem.columns.scale[0] == pytest.approx(X[:, 0].std(), rel=0.1)
    problem.model = "classes"
    problem.hold_curved_rows(generator, np.zeros(21), passes=1)
    assert in_memory(problem.few.rows).X[:, 0].sum() == len(RARE)


def two_classes(N, d=5):
    """Rows of which few have much curvature at the weights (3, 0, ..., 0)."""
    generator = np.random.default_rng(1)
    X = generator.standard_normal((N, d))
    y = (3 * X[:, 0] + generator.logistic(size=N) > 0).astype(int)
    return LogisticObjective(X, y, 1e-3), np.append(3.0, np.zeros(d))


def test_rows_are_drawn_by_their_curvature_where_a_few_are_fitted():
    objective, w = two_classes(60_000)
    problem = WorkingProblem(objective, np.random.default_rng(0))
    problem.model = "classes"
    assert problem.curvature_pays
    problem.focus(w)
    value, gradient = problem.focus_by_curvature(np.random.default_rng(0), w)
    assert value == objective(w)[0]
    np.testing.assert_array_equal(gradient, objective(w)[1])
    rows = problem.few.rows
    assert len(rows.y) == pytest.approx(4_000, rel=0.05)
    assert problem.few(w)[0] == pytest.approx(value, rel=0.05)
    curvature = objective.with_curvature(w)[2]
    assert np.sum(problem.few.curvature(w)) == pytest.approx(curvature.mean(), rel=0.02)
    assert objective.logit_curvature(rows.X @ w[:5, None]).mean() > 1.3 * curvature.mean()


@pytest.mark.parametrize("reason", ["few rows", "no factors", "three classes", "too many rows"])
def test_no_rows_are_drawn_by_curvature_where_it_does_not_pay(reason, monkeypatch):
    objective, _ = two_classes(20_000 if reason == "few rows" else 60_000)
    if reason == "three classes":
        objective = SoftmaxObjective(objective.rows.X, np.arange(60_000) % 3, 1e-3)
    problem = WorkingProblem(objective, np.random.default_rng(0))
    problem.model = "diagonal" if reason == "no factors" else "classes"
    if reason == "too many rows":
        monkeypatch.setattr(working_problem, "MOST_NUMBERS", 59_999)
    assert not problem.curvature_pays


def test_rows_that_were_fitted_underrate_the_curvature_and_those_drawn_by_it_do_not():
    """Newton's step with the Hessian of a sample, measured by the Hessian of all rows."""
    generator = np.random.default_rng(0)
    d = 150
    X = generator.standard_normal((30_000, d)) * np.geomspace(1, 0.1, d)
    logits = X @ generator.standard_normal(d) * 1.6
    y = (logits + generator.logistic(size=30_000) > 0).astype(int)
    objective = LogisticObjective(X, y, 1e-6)
    problem = WorkingProblem(objective, np.random.default_rng(0))
    problem.model = "classes"
    w, learned = warm_start(problem.few, problem.columns, np.zeros(objective.size))
    problem.focus(w)
    w, _ = warm_start(problem.few, problem.columns, w, learned)
    gradient = objective(w)[1]

    def hessian(few):
        product = few.hessian(w)
        return np.column_stack([product(e) for e in np.eye(objective.size)])

    H = hessian(objective)
    newton = np.linalg.solve(H, gradient)

    def with_sample():
        """Newton's decrement, and the gap that its step leaves, relative to those of all rows."""
        step = np.linalg.solve(hessian(problem.few), gradient)
        decrement, error = newton @ gradient, step - newton
        return step @ gradient / decrement, error @ H @ error / decrement

    fitted = with_sample()
    problem.focus_by_curvature(np.random.default_rng(0), w)
    drawn = with_sample()
    assert fitted[0] > 1.1
    assert drawn[0] == pytest.approx(1, abs=0.07)
    assert drawn[1] < fitted[1] / 3
