"""Newton's method for small problems, and what follows where it gives up."""

import numpy as np
import pytest
import scipy.sparse
from sklearn.linear_model import LogisticRegression

from mnist_gradients.maths.logistic import LogisticObjective
from mnist_gradients.maths.softmax_regression import SoftmaxObjective
from mnist_gradients.maths.solvers import preconditioned_lbfgs
from mnist_gradients.maths.solvers.newton import newton, newton_pays

N, D = 200, 4
CLASSES = pytest.mark.parametrize("K", [2, 3])


def rows_and_labels(K, N=N, d=D):
    generator = np.random.default_rng(0)
    X = generator.normal(size=(N, d)) * np.geomspace(1e-3, 1e3, d)
    logits = X / np.geomspace(1e-3, 1e3, d) @ generator.normal(size=(d, K))
    y = np.argmax(logits + generator.gumbel(size=(N, K)), axis=1)
    y[:K] = np.arange(K)
    return X, y


def objective_for(X, y, l2=1e-2, **options):
    return (LogisticObjective if y.max() == 1 else SoftmaxObjective)(X, y, l2, **options)


def solve(objective, start=None, tolerance=1e-10, max_iterations=100, **options):
    return newton(objective, start, tolerance=tolerance, max_iterations=max_iterations, **options)


@CLASSES
@pytest.mark.parametrize("intercept", ["free", "penalised", "none"])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_minimum_is_that_of_scikit_learn(K, intercept, weighted):
    X, y = rows_and_labels(K)
    weights = np.random.default_rng(1).uniform(0.1, 5, N) if weighted else np.ones(N)
    penalised = intercept == "penalised"
    model = LogisticRegression(
        C=1 / (1e-2 * weights.sum()),
        fit_intercept=intercept == "free",
        solver="newton-cholesky",
        tol=1e-10,
    ).fit(np.column_stack([X, np.ones(N)]) if penalised else X, y, weights)
    objective = objective_for(X, y, intercept=intercept, weights=weights)
    W = model.coef_.T
    least = objective(objective.pack(*((W[:D], W[D]) if penalised else (W, model.intercept_))))[0]
    solution = solve(objective)
    assert solution.converged
    assert solution.iterations < 12
    assert abs(solution.objective / least - 1) < 1e-9
    value, gradient = objective(solution.weights)
    assert abs(solution.objective / value - 1) < 1e-12
    before = solve(objective, max_iterations=1)
    value, gradient = objective(before.weights)
    assert abs(before.objective / value - 1) < 1e-12
    assert abs(before.gradient_norm / np.linalg.norm(gradient) - 1) < 1e-9


@CLASSES
def test_the_true_gap_is_at_most_the_one_that_is_told(K):
    X, y = rows_and_labels(K)
    objective = objective_for(X, y)
    least = solve(objective, tolerance=1e-14).objective
    for tolerance in 10.0 ** -np.arange(1, 10):
        solution = solve(objective, tolerance=tolerance)
        assert solution.converged
        assert solution.objective / least - 1 <= solution.relative_gap <= tolerance


@CLASSES
def test_sparse_rows_and_pixels_have_the_minimum_of_the_same_numbers(K):
    _, y = rows_and_labels(K)
    X = np.random.default_rng(1).integers(0, 3, size=(N, D)).astype(np.uint8)
    expected = solve(objective_for(X / 255, y))
    for same in (X, scipy.sparse.csr_array(X / 255)):
        solution = solve(objective_for(same, y))
        np.testing.assert_allclose(solution.weights, expected.weights, rtol=1e-6, atol=1e-9)


def test_the_callback_is_called_once_per_iteration():
    seen = []
    solution = solve(objective_for(*rows_and_labels(3)), callback=lambda *row: seen.append(row))
    assert [row[0] for row in seen] == list(range(solution.iterations + 1))
    assert seen[-1][1:] == (solution.objective, solution.gradient_norm)
    assert np.all(np.diff([row[1] for row in seen]) < 0)


@CLASSES
def test_separable_rows_without_a_penalty_end_below_rounding(K):
    y = np.arange(60) % K
    X = np.eye(K)[y] + 0.1 * np.random.default_rng(0).normal(size=(60, K))
    solution = solve(objective_for(X, y, l2=0.0))
    assert solution.converged
    assert solution.objective < 1e-15


def test_a_singular_hessian_is_left_to_lbfgs():
    X, y = rows_and_labels(2)
    X[:, 1] = X[:, 0] * (1 + 1e-9 * np.random.default_rng(1).normal(size=N))
    objective = objective_for(X, y, l2=0.0)
    first = solve(objective)
    assert not first.converged
    seen = []
    solution = preconditioned_lbfgs(
        objective, tolerance=1e-9, callback=lambda *row: seen.append(row)
    )
    assert solution.converged
    assert solution.iterations > first.iterations
    assert [row[0] for row in seen] == list(range(solution.iterations + 1))
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10)
    model.fit(np.column_stack([X[:, 0] / 1e-3, (X[:, 1] - X[:, 0]) / 1e-12, X[:, 2:]]), y)
    Z = model.decision_function(
        np.column_stack([X[:, 0] / 1e-3, (X[:, 1] - X[:, 0]) / 1e-12, X[:, 2:]])
    )
    least = np.logaddexp(0, np.where(y == 1, -Z, Z)).mean()
    assert abs(solution.objective / least - 1) < 1e-9


def test_an_exhausted_budget_is_said():
    solution = preconditioned_lbfgs(objective_for(*rows_and_labels(3)), max_iterations=1)
    assert (solution.iterations, solution.converged) == (1, False)
    assert solution.message.startswith("iteration limit reached at a relative gap of")


@pytest.mark.parametrize("size", [(200, 4), (3_000, 60)])
def test_a_start_with_a_part_common_to_all_classes_is_freed_of_it(size):
    X, y = rows_and_labels(3, *size)
    objective = objective_for(X, y)
    assert newton_pays(objective) == (size == (200, 4))
    least = preconditioned_lbfgs(objective, tolerance=1e-9)
    W, b = objective.unpack(least.weights)
    common = objective.pack(W + np.geomspace(1e3, 1e-3, size[1])[:, None], b + 5)
    assert objective(common)[0] > 100 * least.objective
    for start in (common, least.weights):
        solution = preconditioned_lbfgs(objective, start, tolerance=1e-6)
        assert abs(objective(solution.weights)[0] / least.objective - 1) < 1e-6


@pytest.mark.parametrize(
    ("shape", "K", "pays"),
    [
        ((150, 4), 3, True),
        ((3_000, 8), 3, True),
        ((569, 30), 2, True),
        ((100_000, 20), 2, False),
        ((1_797, 64), 10, False),
        ((50, 20), 100, False),
        ((100, 784), 2, False),
    ],
)
def test_only_small_problems_are_solved_by_newtons_method(shape, K, pays):
    assert newton_pays(objective_for(np.zeros(shape), np.arange(shape[0]) % K)) is pays
