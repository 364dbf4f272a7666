"""Newton's decrement where conjugate gradients are slow to find it, and where they end early."""

import numpy as np
import pytest

from mnist_gradients.maths.solvers.conjugate_gradients import (
    LIMITED_STEPS,
    Demand,
    Limit,
    _Limits,
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
        newton_decrement(
            lambda v: spectrum * v, np.ones(50), np.copy, Demand(enough, np.inf, least)
        )[3]
        for enough in (1.0, np.inf)
        for least in (0, 5)
    ]
    assert steps == [3, 3, 3, 5]


class Least(Limit):
    """Of a Hessian whose least eigenvalue is known."""

    def __init__(self, eigenvalue):
        self.eigenvalue = eigenvalue

    def __call__(self, residual):
        return float(residual @ residual) / self.eigenvalue

    def settling_step(self, residual):  # noqa: ARG002
        return None


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 1.1, 2.0, 10.0, 100.0])
def test_a_limit_ends_the_steps_early_or_late(part):
    """The exact decrement is given as a part of what is enough."""
    spectrum, limit = np.geomspace(30, 1, 200), Least(1.0)
    for seed in range(10):
        gradient = np.random.default_rng(seed).standard_normal(200)
        exact = np.sum(gradient**2 / spectrum)
        enough = exact / part
        found, step, _, steps = newton_decrement(
            lambda v: spectrum * v, gradient, np.copy, Demand(enough), limit=limit
        )
        left = limit(gradient - spectrum * step)
        if part < 1:
            assert exact <= found <= enough  # a bound, and not an estimate
        else:
            assert 0.9 * exact < found < 1.25 * exact
            assert left <= max(enough / 2, 0.1 * exact)
        assert steps == 1 if part < 1 / 4 else 1 < steps < 30


class OneFree(Least):
    """The same but for one coordinate, the last, whose curvature is known in its place."""

    def __init__(self, eigenvalue, H):
        super().__init__(eigenvalue)
        self.curvature = H[-1, -1]

    def __call__(self, residual):
        return super().__call__(residual[:-1]) + residual[-1] ** 2 / self.curvature

    def settling_step(self, residual):
        return np.append(np.zeros(len(residual) - 1), residual[-1] / self.curvature)


@pytest.mark.parametrize("part", [0.01, 0.3, 0.9])
def test_a_limit_is_strict_once_it_is_settled(part):
    """What the free coordinate shares with the others makes up most of the decrement."""
    for seed in range(20):
        generator = np.random.default_rng(seed)
        A = generator.standard_normal((40, 60))
        A[:, -1] = 0.02 * A[:, 0] + 0.01 * A[:, -1]  # next to no curvature
        H = A.T @ A / 40 + np.diag(np.append(np.full(59, 0.1), 0.0))
        gradient = generator.standard_normal(60) * np.append(np.full(59, 0.01), 1.0)
        exact = gradient @ np.linalg.solve(H, gradient)
        found, step, image, _ = newton_decrement(
            lambda v, H=H: H @ v, gradient, np.copy, Demand(exact / part), limit=OneFree(0.1, H)
        )
        assert exact <= found <= exact / part
        np.testing.assert_allclose(image, H @ step, atol=1e-9)


def limits(after_each_step, enough=10.0):
    found = _Limits(Least(1.0), enough)
    for one in after_each_step:
        found.look_at(np.array([np.sqrt(one)]))
    return found


def test_a_sum_is_confirmed_where_the_limit_leaves_it_within_enough():
    assert [limits([4.0]).confirm(total) for total in (5.9, 6.1)] == [True, False]
    assert not limits([4.0], enough=np.inf).confirm(0.0)
    assert [limits([4.0]).confirm(0.0, precision) for precision in (3.9, 4.1)] == [False, True]


@pytest.mark.parametrize(
    ("after_each_step", "total", "more"),
    [
        ([4.0], 5.9, False),
        ([4.0], 9.0, True),  # not confirmed yet
        ([100.0, 90.0], 20.0, True),  # falls fast enough
        ([100.0, 99.9], 20.0, False),  # or does not
        ([100.0, 1e300], 20.0, False),
        ([0.0, 100.0], 20.0, False),
        ([100.0], 20.0, False),  # which one alone does not tell
        ([4.9], 20.0, False),  # half of what is enough is reached
    ],
)
def test_more_steps_are_taken_where_they_lower_the_limit_in_time(after_each_step, total, more):
    assert limits(after_each_step).ask_for_more(total, most=0.1) == more


def test_no_limit_is_taken_after_so_many_steps():
    found = limits([1e6] * (LIMITED_STEPS - 1))
    assert found.ask_for_more(1.0, most=0.1)
    found.look_at(np.array([1e3]))
    assert found.last == np.inf
    assert not found.ask_for_more(1.0, most=0.1)
