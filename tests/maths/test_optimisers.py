"""Optimisers: first steps by hand, types, purity, convergence, errors."""

import numpy as np
import pytest

from mnist_gradients.maths.optimisers import SGD, Adam, Momentum

OPTIMISERS = pytest.mark.parametrize(
    "optimiser", [SGD(0.1), Momentum(0.1, 0.9), Adam(0.1)], ids=lambda o: type(o).__name__
)


def walk(optimiser, gradient, start, n_steps):
    """Positions of one parameter after each step."""
    parameters, state = (np.asarray(start),), optimiser.start((np.asarray(start),))
    positions = []
    for _ in range(n_steps):
        parameters, state = optimiser.step(parameters, (gradient(parameters[0]),), state)
        positions.append(parameters[0])
    assert state.iteration == n_steps
    return np.array(positions)


def constant(value):
    return lambda w: np.full_like(w, value)


def test_sgd_by_hand():
    np.testing.assert_allclose(walk(SGD(0.5), constant(2.0), [1.0], 2)[:, 0], [0.0, -1.0])


def test_momentum_by_hand():
    # velocities -1, -1.5, -1.75 under a constant gradient
    positions = walk(Momentum(0.5, 0.5), constant(2.0), [0.0], 3)[:, 0]
    np.testing.assert_allclose(positions, [-1.0, -2.5, -4.25])


def test_momentum_without_momentum_is_sgd():
    gradient = np.sin
    np.testing.assert_array_equal(
        walk(Momentum(0.1, 0.0), gradient, [1.0, 2.0], 5), walk(SGD(0.1), gradient, [1.0, 2.0], 5)
    )


@pytest.mark.parametrize("value", [1e-4, 1.0, -250.0])
def test_adam_under_a_constant_gradient_takes_steps_of_the_step_size(value):
    positions = walk(Adam(0.1, epsilon=0.0), constant(value), [0.0], 4)[:, 0]
    np.testing.assert_allclose(positions, -0.1 * np.sign(value) * np.arange(1, 5), rtol=1e-12)


def test_adam_by_hand():
    # after gradients 1 and 3 with beta1 = beta2 = 1/2: m_hat = 7/3, v_hat = 19/3
    gradients = iter([np.array([1.0]), np.array([3.0])])
    adam = Adam(1.0, beta1=0.5, beta2=0.5, epsilon=1.0)
    first, second = walk(adam, lambda _: next(gradients), [0.0], 2)[:, 0]
    assert first == pytest.approx(-0.5, rel=1e-15)  # -1 / (1 + epsilon)
    assert second - first == pytest.approx(-(7 / 3) / (np.sqrt(19 / 3) + 1), rel=1e-14)


@OPTIMISERS
def test_every_optimiser_finds_the_minimum_of_a_quadratic(optimiser):
    end = walk(optimiser, lambda w: w * [1.0, 3.0] - [1.0, 6.0], [5.0, -5.0], 500)[-1]
    np.testing.assert_allclose(end, [1.0, 2.0], atol=1e-3)


@OPTIMISERS
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_steps_keep_the_type_and_modify_nothing(optimiser, dtype):
    parameters = (np.ones((2, 3), dtype), np.zeros(3, dtype))
    gradients = (np.full((2, 3), 0.5, dtype), np.ones(3, dtype))
    state = optimiser.start(parameters)
    _, state = optimiser.step(parameters, gradients, state)
    before = [array.copy() for array in (*parameters, *gradients, *state.first, *state.second)]
    stepped, later = optimiser.step(parameters, gradients, state)
    for array in (*stepped, *later.first, *later.second):
        assert array.dtype == dtype
    for array, copy in zip(
        (*parameters, *gradients, *state.first, *state.second), before, strict=True
    ):
        np.testing.assert_array_equal(array, copy)


def test_a_float64_constant_does_not_widen_float32_parameters():
    parameters = (np.ones(2, np.float32),)
    for optimiser in (SGD(np.float64(0.1)), Momentum(np.float64(0.1)), Adam(np.float64(0.1))):
        stepped, _ = optimiser.step(parameters, parameters, optimiser.start(parameters))
        assert stepped[0].dtype == np.float32


@pytest.mark.parametrize("optimiser", [SGD, Momentum, Adam])
@pytest.mark.parametrize("step_size", [0.0, -1.0, float("nan")])
def test_a_step_size_that_is_not_positive_is_refused(optimiser, step_size):
    with pytest.raises(ValueError, match=r"step_size: found .*, expected a positive number"):
        optimiser(step_size)


@pytest.mark.parametrize("build", [
    lambda decay: Momentum(0.1, momentum=decay),
    lambda decay: Adam(0.1, beta1=decay),
    lambda decay: Adam(0.1, beta2=decay),
])  # fmt: skip
@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_a_decay_outside_its_range_is_refused(build, decay):
    with pytest.raises(ValueError, match=r"(momentum|beta1|beta2): found .*, expected .* \[0, 1\)"):
        build(decay)
