"""The objective in coordinates, and a step to the minimum on a sample."""

import numpy as np
import pytest

from mnist_gradients.maths.logistic import LogisticObjective
from mnist_gradients.maths.solvers.columns import describe_columns
from mnist_gradients.maths.solvers.coordinates import curvature_coordinates
from mnist_gradients.maths.solvers.lbfgs import lbfgs, lbfgs_iterates
from mnist_gradients.maths.solvers.local_objective import LocalObjective, step_on_sample
from mnist_gradients.maths.solvers.sampling import sample


@pytest.fixture(scope="module")
def objective():
    generator = np.random.default_rng(0)
    X = generator.standard_normal((5_000, 8)) * np.geomspace(1, 0.1, 8)
    y = (X @ generator.normal(size=8) * 3 + generator.logistic(size=5_000) > 1).astype(int)
    return LogisticObjective(X, y, 1e-3)


def at(objective, w):
    """The objective in coordinates for its curvature at w, and the iterate there."""
    coordinates = curvature_coordinates(
        objective,
        w,
        describe_columns(objective),
        "classes",
        np.random.default_rng(0),
        every_row=True,
    )
    local = LocalObjective(objective, w, coordinates)
    return local, next(lbfgs_iterates(local, np.zeros_like(w), preconditioned=True))


def test_a_known_value_and_gradient_replace_an_evaluation(objective):
    w = np.linspace(-1, 1, objective.size)
    local, iterate = at(objective, w)
    again = LocalObjective(objective, w, local.coordinates)
    value, gradient = again.at_origin(*objective(w))
    assert value == iterate.value
    np.testing.assert_array_equal(gradient, iterate.gradient)
    np.testing.assert_array_equal(again.gradient, objective(w)[1])
    np.testing.assert_array_equal(again.weights, w)


def test_the_step_on_all_rows_leads_close_to_the_minimum(objective):
    """Newton's step leads less far: the curvature changes along it."""
    least = lbfgs(objective, tolerance=1e-10).objective
    w = np.zeros(objective.size)
    local, iterate = at(objective, w)
    gap = objective(w)[0] - least
    newton = local(-iterate.gradient)[0] - least
    found = local(step_on_sample(objective, local, iterate))[0] - least
    assert found < gap / 100
    assert found < newton / 10


def test_the_step_on_a_sample_has_the_gradient_of_all_rows(objective):
    """At the minimum of all rows, a sample whose own minimum is elsewhere leads nowhere."""
    solution = lbfgs(objective, tolerance=1e-10)
    few = sample(objective, 500, np.random.default_rng(1))
    local, iterate = at(objective, solution.weights)
    step = local.coordinates.weights(step_on_sample(few, local, iterate))
    own = lbfgs(few, tolerance=1e-10).weights - solution.weights
    assert np.linalg.norm(step) < 1e-6 * np.linalg.norm(own)


def test_a_step_that_does_not_lead_down_is_not_taken(objective):
    w = np.zeros(objective.size)
    local, iterate = at(objective, w)
    away = LogisticObjective(objective.rows.X, objective.rows.y, 1e-3)
    away.l2 = -1e3  # a sample without a minimum
    step = step_on_sample(away, local, iterate)
    assert step @ iterate.gradient < 0
