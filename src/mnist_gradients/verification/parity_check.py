"""The twin networks: the hand-derived one and Keras's, step by step on the same mini-batches.

Both start from the same weights, see the same images and follow the same rule, so that the losses
of every iteration are the same numbers up to rounding. Two correct programs still add up their
products in different orders, and every sum is rounded: to 1e-16 of itself in float64, to 6e-8 in
float32. Training carries such differences along without making them visible, with one exception. A
rectifier has a kink: where rounding puts a pre-activation on the other side of zero, the unit is on
in one network and off in the other, and for this image the gradients differ by a finite amount. A
run of 1,000 iterations computes six million pre-activations of hidden units, spread over a few
units of length, so that one of them within 1e-7 of zero, where float32 may take it for the other
sign, is to be expected in one of a few runs; in float64, in one of a billion.

The history therefore counts the units that are on in one network only. Until the first of them the
twins differ by rounding alone, in float32 too; after it, they are two runs of the same quality.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.core.tensorflow_import import import_tensorflow
from mnist_gradients.maths.network import Network, forward_pass, initialise, loss_and_gradients
from mnist_gradients.maths.optimisers import SGD
from mnist_gradients.verification.parameters import TwinParameters

DTYPES = ("float64", "float32")

Floats = NDArray[np.floating]
MiniBatches = Iterator[tuple[Floats, NDArray[np.int64]]]


class Run(NamedTuple):
    """What one network did.

    Attributes:
        losses: Loss of every iteration's mini-batch before the step, in nats, (iterations,).
        active: Whether a hidden unit's output is positive, (iterations, batch_size, units).
        parameters: Weights and biases after the last step.
    """

    losses: Floats
    active: NDArray[np.bool_]
    parameters: tuple[Floats, ...]


def train_twins(
    train: LabelledImages, parameters: TwinParameters, seed: int
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Train both networks in float64 and in float32.

    Args:
        train: The images to draw mini-batches from.
        parameters: Architecture and training.
        seed: Seed of the initial weights and of the order of images.

    Returns:
        The history, one row per iteration: iteration (from 1), and per type (float64, float32) the
        losses numpy_* and keras_* of the mini-batch before the step, in nats, and switched_units_*,
        the number of hidden units, over all images, that are on in one network only. And a summary
        of the largest differences.
    """
    weights_seed, order_seed = np.random.SeedSequence(seed).spawn(2)
    order = draw_order(len(train), parameters, np.random.default_rng(order_seed))
    sizes = (train.images[0].size, *parameters.hidden_widths, int(train.labels.max()) + 1)
    # Keras keeps the learning rate in float32, so both use the number that this leaves of it.
    step_size = float(np.float32(parameters.step_size))
    history = pd.DataFrame({"iteration": np.arange(1, len(order) + 1)})
    summary: dict[str, Any] = {
        "iterations": parameters.iterations,
        "float64_tolerance": parameters.float64_tolerance,
    }
    for dtype in DTYPES:
        network = initialise(
            sizes, parameters.activation, np.random.default_rng(weights_seed), dtype
        )
        ours = train_numpy(network, mini_batches(train, order, dtype), step_size)
        theirs = train_keras(network, mini_batches(train, order, dtype), step_size)
        history[f"numpy_{dtype}"] = ours.losses
        history[f"keras_{dtype}"] = theirs.losses
        history[f"switched_units_{dtype}"] = (ours.active != theirs.active).sum(axis=(1, 2))
        summary[dtype] = compare(ours, theirs)
    return history, summary


def draw_order(
    n_images: int, parameters: TwinParameters, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Which images form which mini-batch, (iterations, batch_size): shuffled pass after pass."""
    n_drawn = parameters.iterations * parameters.batch_size
    passes = [rng.permutation(n_images) for _ in range(-(-n_drawn // n_images))]
    return np.concatenate(passes)[:n_drawn].reshape(parameters.iterations, parameters.batch_size)


def mini_batches(train: LabelledImages, order: NDArray[np.int64], dtype: str) -> MiniBatches:
    """Pixels in [0, 1], (batch_size, pixels), and labels of every mini-batch in turn."""
    for rows in order:
        pixels = train.images[rows].reshape(len(rows), -1).astype(dtype) / 255
        yield pixels, train.labels[rows].astype(np.int64)


def train_numpy(network: Network, batches: MiniBatches, step_size: float) -> Run:
    """Train by hand-derived back-propagation and SGD."""
    from threadpoolctl import threadpool_limits

    optimiser = SGD(step_size)
    state = optimiser.start(network.parameters)
    losses, active = [], []
    with threadpool_limits(limits=1, user_api="blas"):  # such small products only suffer from more
        for X, y in batches:
            loss, gradients = loss_and_gradients(network, X, y)
            losses.append(loss)
            active.append(_active(forward_pass(network, X)[1][1:]))
            stepped, state = optimiser.step(network.parameters, gradients, state)
            network = network.with_parameters(stepped)
    return Run(np.array(losses), np.array(active), network.parameters)


def train_keras(network: Network, batches: MiniBatches, step_size: float) -> Run:
    """Train a Keras network that starts from the same weights, by Keras's own loss and SGD."""
    tf = import_tensorflow()
    import keras

    dtype = str(network.dtype)
    inputs = keras.Input((len(network.weights[0]),), dtype=dtype)
    outputs, widths = [inputs], [len(b) for b in network.biases]
    for width in widths[:-1]:
        outputs.append(keras.layers.Dense(width, network.activation, dtype=dtype)(outputs[-1]))
    outputs.append(keras.layers.Dense(widths[-1], dtype=dtype)(outputs[-1]))
    twin = keras.Model(inputs, outputs[1:])
    twin.set_weights(network.parameters)
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True, dtype=dtype)
    optimiser = keras.optimizers.SGD(step_size)
    optimiser.build(twin.trainable_variables)

    @tf.function
    def step(X: Any, y: Any) -> tuple[Any, list[Any]]:
        with tf.GradientTape() as tape:
            *hidden, logits = twin(X, training=True)
            loss = cross_entropy(y, logits)
        gradients = tape.gradient(loss, twin.trainable_variables)
        optimiser.apply(gradients, twin.trainable_variables)
        return loss, hidden

    losses, active = [], []
    for X, y in batches:
        loss, hidden = step(tf.constant(X), tf.constant(y))
        losses.append(loss.numpy())
        active.append(_active([layer.numpy() for layer in hidden]))
    return Run(np.array(losses), np.array(active), tuple(twin.get_weights()))


def compare(ours: Run, theirs: Run) -> dict[str, Any]:
    """Largest differences between two runs, and when a unit was first on in one of them only.

    Returns:
        largest_loss_difference, in nats; largest_parameter_difference after the last step;
        first_switched_unit, the iteration or None; and largest_loss_difference_before_it, which
        includes that iteration's own loss, taken before its step.
    """
    switched = np.flatnonzero((ours.active != theirs.active).any(axis=(1, 2)))
    first = int(switched[0]) + 1 if switched.size else None
    return {
        "largest_loss_difference": _largest(ours.losses, theirs.losses),
        "largest_parameter_difference": max(
            _largest(a, b) for a, b in zip(ours.parameters, theirs.parameters, strict=True)
        ),
        "first_switched_unit": first,
        "largest_loss_difference_before_it": _largest(ours.losses[:first], theirs.losses[:first]),
    }


def _active(hidden: list[Floats]) -> NDArray[np.bool_]:
    return np.concatenate([layer > 0 for layer in hidden], axis=1)


def _largest(a: Floats, b: Floats) -> float:
    return float(np.abs(a.astype(np.float64) - b.astype(np.float64)).max())
