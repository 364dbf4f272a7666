"""The update rule of P2 in its writings: which are the same, and what the literal one minimises."""

import numpy as np
import pytest

from mnist_gradients.maths.logistic import LogisticObjective
from mnist_gradients.maths.optimisers import SGD, Adam
from mnist_gradients.maths.quasi_newton import lbfgs
from mnist_gradients.pipelines.derivations.identities import updates

L2, ALPHA = 0.3, 0.25


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(0)
    return rng.normal(size=(3, 2)), np.array([1, 0, 1])


def minimiser(X, y, l2):
    objective = LogisticObjective(X, y, l2, intercept="none", threads=1)
    return lbfgs(objective, np.zeros(2), tolerance=1e-12).weights


def fixed_point(X, y, alpha, l2):
    theta = np.zeros(2)
    for _ in range(2_000):
        theta = updates.printed_rule(theta, X, y, alpha, l2)
    return theta


def test_the_renamed_rule_ends_at_the_minimiser(problem):
    X, y = problem
    found = fixed_point(X, y, ALPHA / 3, ALPHA * L2 * 3)
    np.testing.assert_allclose(found, minimiser(X, y, L2), atol=1e-10)


def test_the_literal_rule_ends_at_the_minimiser_of_another_objective(problem):
    X, y = problem
    found = fixed_point(X, y, ALPHA, L2)
    np.testing.assert_allclose(found, minimiser(X, y, L2 / (ALPHA * 9)), atol=1e-10)
    assert np.abs(found - minimiser(X, y, L2)).max() > 0.1


def test_where_the_literal_rule_ends_depends_on_its_step_size(problem):
    X, y = problem
    assert np.abs(fixed_point(X, y, ALPHA, L2) - fixed_point(X, y, ALPHA / 2, L2)).max() > 0.1


def test_the_unrolled_sums_by_hand():
    gradients = np.array([[1.0], [3.0]])
    # velocities -1 and -1/2 - 3
    assert updates.unrolled_momentum(gradients, 1.0, 0.5).item() == pytest.approx(-4.5)
    # m_hat: 1, then (1/2 + 3) / (1/2 + 1); v_hat: 1, then (1/2 + 9) / (1/2 + 1)
    expected = -1 / (1 + 1) - (7 / 3) / (np.sqrt(19 / 3) + 1)
    assert updates.unrolled_adam(gradients, 1.0, 0.5, 0.5, 1.0).item() == pytest.approx(expected)


def test_the_inverse_bfgs_matrix_meets_the_secant_condition_and_is_exact_after_n_steps():
    curvature = np.array([[2.0, 0.5], [0.5, 1.0]])
    conjugate = np.array([[1.0, 0.0], [-0.25, 1.0]])  # s_1^T A s_2 = 0
    H = updates.inverse_bfgs_matrix(conjugate, conjugate @ curvature)
    np.testing.assert_allclose(H @ curvature @ conjugate[1], conjugate[1], atol=1e-15)
    np.testing.assert_allclose(H, np.linalg.inv(curvature), atol=1e-15)


def test_the_estimate_sequence_restarts_on_an_ill_conditioned_quadratic():
    scales = np.array([1.0, 0.01])

    def quadratic(w):
        return scales @ w**2 / 2, scales * w

    start = np.array([1.0, 1.0])
    far = updates.estimate_sequence(quadratic, start, 1.0, 400)
    assert np.abs(far).max() < 1e-8
    plain = start * (1 - scales) ** 400
    assert np.abs(plain).max() > 1e-3


@pytest.mark.tensorflow
def test_keras_takes_the_same_steps_and_other_steps_are_told_apart():
    rng = np.random.default_rng(5)
    start, gradients = rng.normal(size=3), rng.normal(size=(10, 3))
    theirs = updates.take_keras_steps(lambda keras: keras.optimizers.SGD(0.25), start, gradients)
    ours = updates.take_steps(SGD(0.25), start, gradients)
    np.testing.assert_allclose(ours, theirs, atol=1e-15)
    assert np.abs(updates.take_steps(Adam(0.25), start, gradients) - theirs).max() > 0.1
