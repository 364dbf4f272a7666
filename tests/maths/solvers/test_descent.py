"""Every solver on problems whose minimum is known."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_gradients.maths.solvers import DEFAULT_SOLVER, SOLVERS
from mnist_gradients.maths.solvers.descent import accelerated_descent, gradient_descent
from mnist_gradients.maths.solvers.lbfgs import (
    InverseHessian,
    lbfgs,
    lbfgs_iterates,
    wolfe_step,
)
from mnist_gradients.maths.solvers.preconditioned_lbfgs import preconditioned_lbfgs


class Quadratic:
    """J(w) = 1/2 (w - minimiser)^T A (w - minimiser)."""

    def __init__(self, eigenvalues, minimiser):
        self.A, self.minimiser = np.diag(eigenvalues), np.array(minimiser)
        self.size = self.minimiser.size
        self.evaluations = 0

    def __call__(self, w):
        self.evaluations += 1
        gradient = self.A @ (w - self.minimiser)
        return (w - self.minimiser) @ gradient / 2, gradient

    def lipschitz(self):
        return self.A.max()


TEXTBOOK = [gradient_descent, accelerated_descent, lbfgs]


@pytest.mark.parametrize("solver", TEXTBOOK)
@settings(max_examples=20)
@given(st.lists(st.floats(0.05, 5), min_size=1, max_size=6), st.integers(0, 9))
def test_the_minimum_of_a_quadratic_is_found(solver, eigenvalues, seed):
    minimiser = np.random.default_rng(seed).normal(size=len(eigenvalues))
    solution = solver(Quadratic(eigenvalues, minimiser), tolerance=1e-9)
    assert solution.converged
    assert solution.gradient_norm <= 1e-9
    assert solution.message == "gradient norm at or below 1e-09"
    np.testing.assert_allclose(solution.weights, minimiser, atol=1e-7)


@pytest.mark.parametrize("solver", TEXTBOOK)
def test_the_callback_is_called_at_every_iteration_from_zero_on(solver):
    seen = []
    objective = Quadratic([1.0, 0.01], [3.0, -2.0])
    start = np.array([1.0, 1.0])
    solution = solver(
        objective, start, max_iterations=7, tolerance=1e-12, callback=lambda *a: seen.append(a)
    )
    value, gradient = objective(start)
    assert seen[0] == (0, pytest.approx(value), pytest.approx(np.linalg.norm(gradient)))
    assert [row[0] for row in seen] == list(range(solution.iterations + 1))
    assert seen[-1][1:] == (solution.objective, solution.gradient_norm)
    np.testing.assert_array_equal(start, [1.0, 1.0])


@pytest.mark.parametrize("solver", [gradient_descent, accelerated_descent])
def test_an_exhausted_budget_is_said(solver):
    solution = solver(Quadratic([1.0, 0.001], [3.0, -2.0]), max_iterations=3, tolerance=1e-9)
    assert (solution.iterations, solution.converged) == (3, False)
    assert solution.message == "iteration limit reached"


def test_gradient_descent_is_the_textbook_rule():
    objective = Quadratic([1.0, 0.5], [3.0, -2.0])
    solution = gradient_descent(objective, np.ones(2), step_size=0.3, max_iterations=1)
    np.testing.assert_allclose(solution.weights, [1 + 0.3 * 2, 1 - 0.3 * 1.5], rtol=1e-15)


def test_gradient_descent_never_increases_the_objective():
    values = []
    objective = Quadratic([4.0, 0.5, 0.01], [3.0, -2.0, 5.0])
    gradient_descent(objective, max_iterations=50, callback=lambda _, J, __: values.append(J))
    assert np.all(np.diff(values) <= 0)


def test_acceleration_and_curvature_each_save_iterations():
    eigenvalues, minimiser = np.geomspace(1e-3, 1, 20), np.ones(20)
    textbook, accelerated, quasi_newton = (
        solver(Quadratic(eigenvalues, minimiser), tolerance=1e-6).iterations for solver in TEXTBOOK
    )
    assert 4 * accelerated < textbook
    assert 2 * quasi_newton < accelerated


@pytest.mark.parametrize("length", [1e-6, 1.0, 1e6])
def test_a_wolfe_step_meets_both_conditions_from_any_first_length(length):
    objective = Quadratic([1.0, 0.2], [3.0, -2.0])
    value, gradient = objective(np.zeros(2))
    direction = -length * gradient
    start = next(lbfgs_iterates(objective, np.zeros(2)))
    w_next, value_next, gradient_next = wolfe_step(objective, start, direction)
    alpha = np.linalg.norm(w_next) / np.linalg.norm(direction)
    assert value_next <= value + 1e-4 * alpha * (gradient @ direction)
    assert gradient_next @ direction >= 0.9 * (gradient @ direction)
    assert objective.evaluations <= 1 + 9  # a decade for each


def test_a_wolfe_step_that_is_too_long_ends_where_the_secant_says():
    objective = Quadratic([1.0, 0.2], [3.0, -2.0])
    start = next(lbfgs_iterates(objective, np.zeros(2)))
    exact = start.gradient @ start.gradient / (start.gradient @ objective.A @ start.gradient)
    w_next, _, _ = wolfe_step(objective, start, -4 * start.gradient)
    np.testing.assert_allclose(w_next, -exact * start.gradient)
    assert objective.evaluations == 1 + 2


def test_a_wolfe_step_comes_back_from_where_the_objective_overflows():
    class Walled(Quadratic):
        def __call__(self, w):
            value, gradient = super().__call__(w)
            return (np.inf, np.full_like(w, np.nan)) if np.abs(w).max() > 4 else (value, gradient)

    objective = Walled([1.0, 0.2], [3.0, -2.0])
    start = next(lbfgs_iterates(objective, np.zeros(2)))
    w_next, value_next, _ = wolfe_step(objective, start, -1e5 * start.gradient)
    assert np.abs(w_next).max() <= 4
    assert value_next < start.value


@pytest.mark.parametrize("knee", [1e-1, 1e-2, 1e-3])
def test_a_wolfe_step_is_found_soon_where_the_slope_changes_at_once(knee):
    """As along a feature that is zero in nearly all rows: secants alone shorten it by a tenth."""
    evaluations = []

    def objective(w):
        a = w[0]
        evaluations.append(a)
        bend = a * a / (2 * knee) if a < knee else a - knee / 2
        slope = -1 + 1.1 * min(a / knee, 1) + 0.3 * a
        return 5 - a + 1.1 * bend + 0.15 * a * a, np.array([slope])

    start = next(lbfgs_iterates(objective, np.zeros(1)))
    w_next, value_next, _ = wolfe_step(objective, start, np.ones(1))
    assert 0 < w_next[0] < 2 * knee
    assert value_next < start.value
    assert len(evaluations) <= 4 + 2 * -np.log10(knee)


def test_there_is_no_wolfe_step_uphill():
    objective = Quadratic([1.0], [3.0])
    start = next(lbfgs_iterates(objective, np.zeros(1)))
    assert wolfe_step(objective, start, start.gradient) is None


def test_a_newton_step_that_lbfgs_learns_is_its_next_direction():
    objective = Quadratic([1.0, 0.2], [3.0, -2.0])
    iterate = next(lbfgs_iterates(objective, np.zeros(2)))
    np.testing.assert_allclose(iterate.direction, -iterate.gradient / np.hypot(3, 0.4))
    step = -objective.minimiser
    iterate.learn(step, objective.A @ step)
    np.testing.assert_allclose(iterate.direction, objective.minimiser)


def test_a_step_that_was_learned_sets_no_scale_for_other_directions():
    """Newton's step runs along the flattest direction, which tells nothing of the others."""
    objective = Quadratic([4.0, 2.0, 1e-6], [1.0, 1.0, 1e-6])
    iterates = lbfgs_iterates(objective, np.zeros(3))
    next(iterates)
    iterate = next(iterates)
    assert not iterate.foreseen
    flat = np.array([0.0, 0.0, 1.0])
    iterate.learn(flat, objective.A @ flat)
    np.testing.assert_allclose(iterate.inverse_hessian.times(flat), 1e6 * flat, rtol=1e-4)
    assert iterate.inverse_hessian.times(iterate.gradient)[1] < 1
    iterate = next(iterates)
    assert iterate.foreseen
    assert not next(iterates).foreseen


def test_what_was_learned_on_one_sample_serves_on_another():
    eigenvalues, linear = np.geomspace(1, 1e-3, 8), np.ones(8)
    for iterate in islice(lbfgs_iterates(Quadratic(eigenvalues, linear), np.zeros(8)), 12):
        learned = iterate.inverse_hessian
    another = Quadratic(1.1 * eigenvalues, 0.9 * linear)
    least = another(another.minimiser)[0]
    gaps = [
        [iterate.value - least for iterate in islice(iterates, 4)]
        for iterates in (
            lbfgs_iterates(another, np.zeros(8)),
            lbfgs_iterates(another, np.zeros(8), known=learned),
        )
    ]
    assert gaps[1][0] == gaps[0][0]
    assert gaps[1][3] < 0.1 * gaps[0][3]


def test_a_hessian_expected_near_the_identity_scales_what_no_step_has_told():
    inverse = InverseHessian(preconditioned=True)
    first, second = np.array([3.0, 0.0]), np.array([0.0, 5.0])
    np.testing.assert_allclose(inverse.times(first), first / (1 + 3))  # a damped step of Newton's
    inverse.learn(first, 4 * first)
    np.testing.assert_allclose(inverse.times(first), first / 4)
    np.testing.assert_allclose(inverse.times(second), (1 + 1 / 4) / 2 * second)
    inverse.learn(first, 40 * first)  # which shows that it is not near it
    np.testing.assert_allclose(inverse.times(second), second / 40)
    inverse.learn(first, 4 * first)
    np.testing.assert_allclose(inverse.times(second), second / 4)

    plain = InverseHessian()
    np.testing.assert_allclose(plain.times(first), first / 3)
    plain.learn(first, 4 * first)
    np.testing.assert_allclose(plain.times(second), second / 4)


def test_lbfgs_says_that_rounding_allows_no_further_step():
    class Rounded(Quadratic):
        def __call__(self, w):
            value, gradient = super().__call__(w)
            return value, np.where(np.abs(gradient) < 1e-3, 1e-3, gradient)

    solution = lbfgs(Rounded([1.0, 0.3], [3.0, -2.0]), tolerance=1e-6, max_iterations=100)
    assert not solution.converged
    assert solution.message == "no step lowers the objective further"


def test_a_start_of_the_wrong_length_is_refused():
    for solver in TEXTBOOK:
        with pytest.raises(ValueError, match=r"start: found shape \(3,\), expected \(2,\)"):
            solver(Quadratic([1.0, 1.0], [0.0, 0.0]), np.zeros(3))


def test_solvers_are_known_by_their_names():
    assert all(SOLVERS[solver.__name__] is solver for solver in [*TEXTBOOK, preconditioned_lbfgs])
    assert SOLVERS[DEFAULT_SOLVER] is preconditioned_lbfgs
