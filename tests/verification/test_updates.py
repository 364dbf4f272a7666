"""The update rule of P2: equivalent forms, and the objective that the literal form minimises."""

import numpy as np
import pytest

from mnist_gradients.maths.logistic import LogisticObjective
from mnist_gradients.maths.solvers.lbfgs import lbfgs
from mnist_gradients.verification.identities import updates

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


def test_limit_of_the_literal_rule_depends_on_its_step_size(problem):
    X, y = problem
    assert np.abs(fixed_point(X, y, ALPHA, L2) - fixed_point(X, y, ALPHA / 2, L2)).max() > 0.1
