"""How far an iterate is above the minimum: long steps, samples, and what the penalty limits."""

import numpy as np
import pytest
import scipy.sparse

from mnist_gradients.maths.linear_objective import spread_of
from mnist_gradients.maths.logistic import LogisticObjective
from mnist_gradients.maths.softmax_regression import SoftmaxObjective
from mnist_gradients.maths.solvers import preconditioned_lbfgs
from mnist_gradients.maths.solvers.columns import describe_columns
from mnist_gradients.maths.solvers.coordinates import Coordinates, curvature_coordinates
from mnist_gradients.maths.solvers.suboptimality import (
    NEAR,
    PenaltyLimit,
    estimate_suboptimality,
)


def test_a_gradient_that_the_penalty_limits_needs_one_product_with_the_hessian():
    generator = np.random.default_rng(0)
    X = generator.standard_normal((300, 900))
    y = (X[:, 0] > generator.logistic(size=300)).astype(int)
    objective = LogisticObjective(X, y, 1e-2)
    best = preconditioned_lbfgs(objective, tolerance=1e-12)
    w = best.weights + 1e-4 * generator.standard_normal(objective.size)
    value, gradient = objective(w)
    coordinates = Coordinates(objective, describe_columns(objective))
    arguments = objective, coordinates, np.copy, w, gradient
    small, large = ((value - best.objective) * times for times in (10.0, 1.5))
    found = estimate_suboptimality(*arguments, small, bounded=True)
    assert found.steps == 1
    assert value - best.objective <= found.gap <= small
    assert estimate_suboptimality(*arguments, large, bounded=True).steps > 1


def wide_problem(K, intercept="free"):
    """Few rows, one class of which is rare; an iterate near the minimum."""
    generator = np.random.default_rng(K)
    X = generator.standard_normal((60, 40)) + 1
    y = np.append(np.arange(K), generator.integers(max(1, K - 1), size=60 - K))
    weights = generator.uniform(0.5, 2, 60)
    kind = LogisticObjective if K == 2 else SoftmaxObjective
    objective = kind(X, y, 0.3, intercept=intercept, weights=weights)
    return objective, generator.standard_normal(objective.size) / 30


@pytest.mark.parametrize("intercept", ["free", "penalised", "none"])
@pytest.mark.parametrize("K", [2, 3, 7])
def test_the_penalty_limits_a_decrement_once_the_intercept_is_settled(K, intercept):
    objective, w = wide_problem(K, intercept)
    product, limit = objective.hessian(w), PenaltyLimit(objective, w)
    H = np.column_stack([product(e) for e in np.eye(objective.size)])
    generator = np.random.default_rng(0)
    part = objective.n_features * objective.n_outputs  # from here on, the intercept
    for size in (1e-2, 1.0, 1e2):  # of its part of the gradient
        gradient = generator.standard_normal(objective.size)
        gradient[part:] *= size
        W, g = objective.unpack(gradient)
        if K > 2:  # as of every gradient of the loss
            W, g = W - W.mean(axis=1, keepdims=True), g - g.mean()
        gradient = objective.pack(W, g)
        exact = gradient @ np.linalg.lstsq(H, gradient)[0]
        v = limit.settling_step(gradient)
        if intercept != "free":
            assert v is None
            assert exact <= limit(gradient) == pytest.approx(gradient @ gradient / 0.3)
            continue
        left = gradient - H @ v
        np.testing.assert_allclose(left[part:], 0, atol=1e-12 * size)
        assert exact <= v @ gradient + limit(left)
        assert limit(left) == pytest.approx(np.sum(left[:part] ** 2) / 0.3)
        np.testing.assert_allclose(v @ gradient, v @ H @ v)


@pytest.mark.parametrize("K", [2, 3, 7])
def test_the_block_of_the_intercept_is_that_of_the_hessian(K):
    objective, w = wide_problem(K)
    product, K = objective.hessian(w), objective.n_outputs
    units = np.eye(objective.size)[-K:]
    block = np.array([product(e)[-K:] for e in units])
    np.testing.assert_allclose(objective.intercept_hessian(w), block, rtol=1e-10)


@pytest.mark.parametrize(("l2", "tolerance"), [(1.0, 1e-3), (10.0, 3e-4), (10.0, 1e-2)])
def test_the_intercept_of_a_rare_class_counts_though_it_has_no_penalty(l2, tolerance):
    generator = np.random.default_rng(0)
    sampler = {"rng": generator, "data_sampler": generator.standard_normal}
    X = scipy.sparse.random_array((5_000, 3_000), density=0.01, format="csr", **sampler)
    objective = LogisticObjective(X, (np.arange(5_000) % 500 == 499).astype(int), l2)
    best = preconditioned_lbfgs(objective, tolerance=1e-12)
    found = preconditioned_lbfgs(objective, tolerance=tolerance)
    assert found.converged
    assert found.objective - best.objective <= tolerance * best.objective
    assert found.objective - best.objective <= 1.01 * found.relative_gap * best.objective


@pytest.mark.parametrize("l2", [0.2, 2e-3])
def test_the_intercepts_of_twenty_classes_count_though_they_have_no_penalty(l2):
    """Labels that the features tell nothing of, half of them of one class and few of the last."""
    generator = np.random.default_rng(5)
    sampler = {"rng": generator, "data_sampler": generator.uniform}
    X = scipy.sparse.random_array((5_000, 2_000), density=0.01, format="csr", **sampler)
    odds = 0.6 ** np.arange(20)
    y = np.append(np.arange(20), generator.choice(20, 4_980, p=odds / odds.sum()))
    objective = SoftmaxObjective(X, y, l2)
    found = preconditioned_lbfgs(objective, tolerance=1e-6)
    best = preconditioned_lbfgs(objective, tolerance=1e-10)
    assert found.converged
    assert found.objective - best.objective <= 1e-6 * best.objective


@pytest.mark.parametrize("seed", range(8))
def test_slow_directions_count_in_wide_correlated_data(seed):
    generator = np.random.default_rng(seed)
    N, d, l2, tolerance = 450, 800, 1e-4, 1e-3
    mixing = generator.standard_normal((d, d)) * np.geomspace(1, 1e-2, d)[:, None]
    X = generator.standard_normal((N, d)) @ mixing * 10 ** generator.uniform(-0.7, 0.7, d)
    logits = X @ generator.standard_normal(d) / X.std() / 30
    objective = LogisticObjective(X, (logits > generator.logistic(size=N)).astype(int), l2)
    least = preconditioned_lbfgs(objective, tolerance=1e-9, max_iterations=3_000).objective
    found = preconditioned_lbfgs(objective, tolerance=tolerance, max_iterations=3_000)
    assert found.converged
    assert found.objective <= (1 + tolerance) * least


@pytest.mark.parametrize("K", [2, 4])
def test_a_gap_is_known_though_newtons_step_moves_some_rows_far(K):
    """Rows that are classified with confidence, by features that the others lack."""
    far = 0
    for seed in range(10):
        generator = np.random.default_rng(seed)
        N, d = 600, 12
        X = generator.standard_normal((N, d))
        for j in range(6, d):
            X[:, j] *= np.where(np.arange(N) // 5 == 7 * j + seed, 30, 0)
        y = np.argmax(X @ generator.standard_normal((d, K)) + generator.gumbel(size=(N, K)), axis=1)
        objective = (LogisticObjective if K == 2 else SoftmaxObjective)(X, y, 1e-4)
        best = preconditioned_lbfgs(objective, tolerance=1e-12)
        columns = describe_columns(objective)
        for w in best.weights * np.array([0.8, 0.9, 0.95])[:, None]:
            coordinates = curvature_coordinates(objective, w, columns, "classes", generator)
            value, gradient = objective(w)
            found = estimate_suboptimality(objective, coordinates, np.copy, w, gradient, np.inf)
            change = objective.logits(coordinates.weights(found.step))
            far += spread_of(change).max() > NEAR
            gap = value - best.objective
            assert gap < found.gap < 2 * gap
    assert far > 10


@pytest.mark.parametrize(
    ("weights", "l2", "error"),
    [
        (np.ones(16), 0.0, 1 / 4),
        (np.ones(16), 1 / 4, 1 / 8),  # the penalty, which is certain, is half of the curvature
        (np.append(9.0, np.ones(7)), 0.0, np.sqrt(9**2 + 7) / 16),
    ],
)
def test_the_curvature_of_a_sample_has_an_error(weights, l2, error):
    n = len(weights)
    y = (np.arange(n) < n // 4).astype(int)
    objective = LogisticObjective(np.ones((n, 1)), y, l2, intercept="none", weights=weights)
    w = np.zeros(1)  # where each row has the curvature s_i / 4
    coordinates = Coordinates(objective, describe_columns(objective))
    gradient = objective(w)[1]
    arguments = objective, coordinates, np.copy, w, gradient, np.inf
    found = estimate_suboptimality(*arguments, sampled=True)
    assert found.sampling_error == pytest.approx(error)
    exact = estimate_suboptimality(*arguments)
    assert exact.sampling_error == 0
    assert found.gap == pytest.approx(exact.gap / (1 - 5 * error) if error < 1 / 5 else np.inf)
