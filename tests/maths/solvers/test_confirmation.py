"""When the default solver's iterations are within the tolerance, and when that is looked at."""

from types import SimpleNamespace

import numpy as np
import pytest

from mnist_gradients.maths.logistic import LogisticObjective
from mnist_gradients.maths.solvers.confirmation import Confirmation, Point, Tolerance
from mnist_gradients.maths.solvers.working_problem import WorkingProblem


def point(value, gap):
    return Point(np.zeros(1), value, np.zeros(1), gap)


def test_a_gap_is_relative_to_the_least_that_the_minimum_can_be():
    assert point(1.25, 0.25).relative_gap == 0.25
    assert point(1.0, 1.0).relative_gap == np.inf
    assert point(1.0, np.inf).relative_gap == np.inf


def test_a_lower_point_has_at_most_the_gap_of_an_earlier_one():
    earlier = point(1.25, 0.5)
    assert point(1.5, 0.1).no_worse_than(earlier) is earlier
    assert point(1.0, np.inf).no_worse_than(earlier).gap == 0.25
    assert point(1.0, 0.125).no_worse_than(earlier).gap == 0.125
    assert point(0.5, np.inf).no_worse_than(earlier).gap == 0.5  # not less than none


@pytest.mark.parametrize(
    ("value", "gap", "progress"),
    [(1.0, 0.4, False), (1.0, 0.3, False), (1.0, 0.2, True), (0.999, 1.0, True), (1.1, 1.0, False)],
)
def test_progress_is_half_the_gap_or_a_lower_objective(value, gap, progress):
    assert point(value, gap).is_progress_on(point(1.0, 0.5), rounding=1e-6) == progress


def test_a_least_tolerance_is_asked_for_once_the_other_is_met():
    tolerance = Tolerance(0.25, 0.125)
    far, near, closer = point(2.0, 1.0), point(1.25, 0.25), point(1.125, 0.125)
    assert [tolerance.is_met(p) for p in (far, near, closer)] == [False, True, True]
    assert tolerance.allowed(near) == 0.25
    tolerance.tighten(far)
    assert tolerance.met_by is None
    tolerance.tighten(near)
    tolerance.tighten(closer)
    assert tolerance.met_by is near
    assert [tolerance.is_met(p) for p in (far, near, closer)] == [False, False, True]


def test_an_objective_of_zero_is_within_any_tolerance():
    assert Tolerance(0.0, 0.0).is_met(point(1e-17, 1e-17))
    assert not Tolerance(0.0, 0.0).is_met(point(1.0, 1e-15))


@pytest.fixture
def confirmation():
    """Of a problem of two classes and 200 rows, with factors."""
    generator = np.random.default_rng(0)
    X = generator.standard_normal((200, 5))
    problem = WorkingProblem(LogisticObjective(X, (X[:, 0] > 0).astype(int), 1e-2), generator)
    problem.model = "classes"
    return Confirmation(problem, generator, None)


def iterate(gradient, decrement, curvature=1.0, *, foreseen=False):
    return SimpleNamespace(
        gradient=np.array(gradient), decrement=decrement, curvature=curvature, foreseen=foreseen
    )


def test_a_rough_gap_is_the_largest_that_the_steps_so_far_allow(confirmation):
    assert confirmation.rough_gap(iterate([3.0, 4.0], 20.0)) == 25.0
    assert confirmation.rough_gap(iterate([3.0, 4.0], 30.0)) == 30.0
    assert confirmation.rough_gap(iterate([3.0, 4.0], 20.0, 0.1, foreseen=True)) == 25.0
    assert confirmation.rough_gap(iterate([3.0, 4.0], 20.0, 0.5)) == 50.0
    assert confirmation.rough_gap(iterate([3.0, 4.0], 20.0, 4.0)) == 50.0  # not forgotten,
    confirmation.start_round()
    assert confirmation.rough_gap(iterate([3.0, 4.0], 20.0, 4.0)) == 25.0  # but in a new round


def test_a_rough_gap_waits_until_it_is_worth_confirming(confirmation):
    assert confirmation.is_due(1.0, 1.0, allowed=1.0, steps=0)
    assert not confirmation.is_due(1.1, 1.0, allowed=1.0, steps=0)
    confirmation.wait_for_half_of(1.0)
    assert not confirmation.is_due(0.6, 1.0, allowed=1.0, steps=0)
    assert confirmation.is_due(0.5, 1.0, allowed=1.0, steps=0)
    confirmation.start_round()
    assert confirmation.is_due(0.6, 1.0, allowed=1.0, steps=0)


def test_after_an_estimate_in_vain_the_next_comes_later(confirmation):
    confirmation.failed(SimpleNamespace(gap=2.0, steps=7), times_allowed=2.0, steps=30)
    assert confirmation.is_due(1.0, 1.0, allowed=1.0, steps=31)
    confirmation.failed(SimpleNamespace(gap=np.inf, steps=100), times_allowed=np.inf, steps=31)
    assert not confirmation.is_due(1.0, 1.0, allowed=1.0, steps=40)
    assert confirmation.is_due(1.0, 1.0, allowed=1.0, steps=41)


def test_a_round_lasts_where_few_iterations_remain(confirmation):
    for gap in (16.0, 8.0, 4.0, 2.0, 1.0):  # each iteration halves it
        confirmation.rough_gap(iterate([0.0], gap))
    assert confirmation.takes_less_than_factors(allowed=0.9)
    assert not confirmation.takes_less_than_factors(allowed=1e-9)


def test_without_factors_newtons_steps_begin_before_the_tolerance(confirmation):
    gaps = {"value": 10.0, "allowed": 1e-6, "steps": 0}
    assert not confirmation.is_due(9e-4, **gaps)
    confirmation._problem.model = "diagonal"
    assert confirmation.is_due(9e-4, **gaps)
    assert not confirmation.is_due(2e-3, **gaps)
    confirmation._problem.objective.l2 = 0.0  # where nothing limits what they leave
    assert not confirmation.is_due(9e-4, **gaps)
