"""SGD, momentum and Adam, against their unrolled sums and against Keras."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_gradients.core.tensorflow_import import import_tensorflow
from mnist_gradients.maths import optimisers
from mnist_gradients.verification.derivation import KERAS, Array, Equality

N_STEPS = 25
# Sums of few powers of two, because Keras rounds its constants to float32.
STEP_SIZE, MOMENTUM, BETA1, BETA2 = 2.0**-6, 0.875, 0.875, 1 - 2.0**-10

SGD = f"SGD w <- w - alpha g, {N_STEPS} steps"
HEAVY_BALL = f"momentum v <- mu v - alpha g, w <- w + v, {N_STEPS} steps"
ADAM = f"Adam w <- w - alpha m_hat / (sqrt(v_hat) + epsilon), {N_STEPS} steps"


def checks(rng: np.random.Generator) -> Iterator[Equality]:
    """Every check of optimisers.py, at gradients drawn from `rng`."""
    start, gradients = rng.normal(size=3), rng.normal(size=(N_STEPS, 3))
    yield from against_unrolled_sums(start, gradients)
    yield from against_keras(start, gradients)


def against_unrolled_sums(start: Array, gradients: Array) -> Iterator[Equality]:
    """Each recursion against its unrolled sum over all gradients."""
    cases: dict[str, tuple[optimisers.Optimiser, Array]] = {
        SGD: (optimisers.SGD(STEP_SIZE), -STEP_SIZE * gradients.sum(axis=0)),
        HEAVY_BALL: (
            optimisers.Momentum(STEP_SIZE, MOMENTUM),
            unrolled_momentum(gradients, STEP_SIZE, MOMENTUM),
        ),
        ADAM: (
            optimisers.Adam(STEP_SIZE, BETA1, BETA2, epsilon=0.1),
            unrolled_adam(gradients, STEP_SIZE, BETA1, BETA2, epsilon=0.1),
        ),
    }
    for identity, (optimiser, way) in cases.items():
        ours = partial(take_steps, optimiser, start, gradients)
        yield Equality(identity, "unrolled sums", ours, partial(np.add, start, way))


def against_keras(start: Array, gradients: Array) -> Iterator[Equality]:
    """Each recursion against Keras's, Adam without epsilon, which Keras adds elsewhere."""
    cases: dict[str, tuple[optimisers.Optimiser, Callable[[Any], Any]]] = {
        SGD: (optimisers.SGD(STEP_SIZE), lambda keras: keras.optimizers.SGD(STEP_SIZE)),
        HEAVY_BALL: (
            optimisers.Momentum(STEP_SIZE, MOMENTUM),
            lambda keras: keras.optimizers.SGD(STEP_SIZE, momentum=MOMENTUM),
        ),
        ADAM: (
            optimisers.Adam(STEP_SIZE, BETA1, BETA2, epsilon=0.0),
            lambda keras: keras.optimizers.Adam(STEP_SIZE, BETA1, BETA2, epsilon=0.0),
        ),
    }
    for identity, (optimiser, build) in cases.items():
        ours = partial(take_steps, optimiser, start, gradients)
        theirs = partial(take_keras_steps, build, start, gradients)
        yield Equality(identity, KERAS, ours, theirs)


def take_steps(optimiser: optimisers.Optimiser, start: Array, gradients: Array) -> Array:
    """Parameters of an optimiser after a sequence of gradients."""
    parameters: tuple[Array, ...] = (start,)
    state = optimiser.start(parameters)
    for gradient in gradients:
        parameters, state = optimiser.step(parameters, (gradient,), state)
    return parameters[0]


def take_keras_steps(build: Callable[[Any], Any], start: Array, gradients: Array) -> Array:
    """Parameters of a Keras optimiser after a sequence of gradients."""
    import_tensorflow()
    import keras

    optimiser, variable = build(keras), keras.Variable(start, dtype="float64")
    optimiser.build([variable])
    for gradient in gradients:
        optimiser.apply([gradient], [variable])
    return np.asarray(variable)


def unrolled_momentum(gradients: Array, alpha: float, mu: float) -> Array:
    """``-alpha sum_t sum_(s <= t) mu^(t - s) g_s``: every step's velocity, written out."""
    t = np.arange(len(gradients))
    return -alpha * _decay(mu, t[:, None] - t).sum(axis=0) @ gradients


def unrolled_adam(
    gradients: Array, alpha: float, beta1: float, beta2: float, epsilon: float
) -> Array:
    """Sum of Adam's steps, each from weighted means of the gradients so far and of their squares.

    ::

        m_hat_t = sum_(s <= t) beta1^(t - s) g_s   / sum_(s <= t) beta1^(t - s)
        v_hat_t = sum_(s <= t) beta2^(t - s) g_s^2 / sum_(s <= t) beta2^(t - s)
    """
    t = np.arange(len(gradients))
    lag = t[:, None] - t
    mean, mean_square = (
        _decay(beta, lag) @ powers / _decay(beta, lag).sum(axis=1, keepdims=True)
        for beta, powers in ((beta1, gradients), (beta2, gradients**2))
    )
    return -alpha * (mean / (np.sqrt(mean_square) + epsilon)).sum(axis=0)


def _decay(beta: float, lag: NDArray[np.integer]) -> Array:
    """``beta^lag`` for the past (lag >= 0), and 0 for the future."""
    return np.where(lag >= 0, beta ** np.maximum(lag, 0), 0.0)
