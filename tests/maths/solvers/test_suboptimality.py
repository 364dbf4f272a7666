"""Newton's decrement where conjugate gradients are slow to find it."""

import numpy as np
import pytest

from mnist_gradients.maths.linear_objective import spread_of
from mnist_gradients.maths.logistic import LogisticObjective
from mnist_gradients.maths.softmax_regression import SoftmaxObjective
from mnist_gradients.maths.solvers import preconditioned_lbfgs
from mnist_gradients.maths.solvers.columns import describe_columns
from mnist_gradients.maths.solvers.coordinates import Coordinates, curvature_coordinates
from mnist_gradients.maths.solvers.suboptimality import (
    NEAR,
    estimate_suboptimality,
    newton_decrement,
)

SPECTRA = {
    "even": np.geomspace(1, 1e-3, 300),
    "one direction learned": np.r_[1.0, np.geomspace(1e-3, 1e-5, 299)],
    "the identity": np.linspace(0.9, 1.1, 300),
}


@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("tail", [0.0, 0.5, 1.0])
def test_the_decrement_includes_what_further_steps_would_gain(name, tail):
    spectrum = SPECTRA[name]
    for seed in range(20):
        gradient = np.random.default_rng(seed).standard_normal(300) * spectrum**tail
        exact = np.sum(gradient**2 / spectrum)
        found, step, image, steps = newton_decrement(lambda v: spectrum * v, gradient, np.copy)
        assert found > 0.85 * exact  # infinite where the steps do not suffice
        assert found < 1.5 * exact or np.isinf(found)
        np.testing.assert_allclose(image, spectrum * step, atol=1e-9)
        assert 0 < steps <= 100


def test_a_small_decrement_takes_as_many_steps_as_one_before():
    spectrum = np.linspace(0.5, 1.5, 50)
    steps = [
        newton_decrement(lambda v: spectrum * v, np.ones(50), np.copy, enough, least_steps=least)[3]
        for enough in (1.0, np.inf)
        for least in (0, 5)
    ]
    assert steps == [3, 3, 3, 5]


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 1.1, 2.0, 10.0, 100.0])
def test_a_bound_ends_the_steps_early_or_late(part):
    """A penalty of 1 limits what the residual leaves of a decrement, given as part of enough."""
    spectrum, least = np.geomspace(30, 1, 200), 1.0

    def most_left(residual):
        return residual @ residual / least

    for seed in range(10):
        gradient = np.random.default_rng(seed).standard_normal(200)
        exact = np.sum(gradient**2 / spectrum)
        enough = exact / part
        found, step, _, steps = newton_decrement(
            lambda v: spectrum * v, gradient, np.copy, enough, most_left=most_left
        )
        left = gradient - spectrum * step
        if part < 1:
            assert exact <= found <= enough  # a bound, and not an estimate
        else:
            assert 0.9 * exact < found < 1.1 * exact
            assert most_left(left) <= max(enough / 2, 0.1 * exact)
        assert steps == 1 if part < 1 / 4 else 1 < steps < 30


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
