"""Parity check: the reference network in NumPy and the same network in Keras, step by step.

Both start from the same weights, read the same mini-batches and follow the same rule. The losses of
every iteration are therefore equal up to rounding. The two programs add their products in different
orders, and every sum is rounded: to 1e-16 of itself in float64, to 6e-8 in float32. Training keeps
these differences small, with one exception. ReLU has a kink: if rounding puts a pre-activation on
the other side of zero, the unit is active in one network only, and the gradients of this image
differ by a finite amount. A run of 1,000 iterations computes six million pre-activations of hidden
units, spread over a few units of length. One of them is expected within 1e-7 of zero, where float32
can give the wrong sign, in one of a few runs; in float64, in one of a billion runs.

The history therefore counts the units that are active in one network only. Before the first of
them the networks differ by rounding alone, in float32 too. After it they are two runs of the same
quality.
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
from mnist_gradients.verification.parameters import ParityCheckParameters

DTYPES = ("float64", "float32")

Floats = NDArray[np.floating]
MiniBatches = Iterator[tuple[Floats, NDArray[np.int64]]]


class Run(NamedTuple):
    """The training of one network.

    Attributes:
        losses: Loss of every iteration's mini-batch before the step, in nats, (iterations,).
        active: Whether a hidden unit's output is positive, (iterations, batch_size, units).
        parameters: Weights and biases after the last step.
    """

    losses: Floats
    active: NDArray[np.bool_]
    parameters: tuple[Floats, ...]


def run_parity_check(
    train: LabelledImages, parameters: ParityCheckParameters, seed: int
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Train the reference network and the Keras network in float64 and in float32.

    Args:
        train: The images to draw mini-batches from.
        parameters: Architecture and training.
        seed: Seed of the initial weights and of the order of images.

    Returns:
        The history, one row per iteration: iteration (from 1), and per type (float64, float32) the
        losses numpy_* and keras_* of the mini-batch before the step, in nats, and switched_units_*,
        the number of hidden units, over all images, that are active in one network only. And a
        summary of the largest differences: see `compare`.
    """
    weights_seed, order_seed = np.random.SeedSequence(seed).spawn(2)
    order = draw_order(len(train), parameters, np.random.default_rng(order_seed))
    sizes = (train.images[0].size, *parameters.hidden_units, int(train.labels.max()) + 1)
    # Keras rounds the learning rate to float32; both networks use the rounded number.
    learning_rate = float(np.float32(parameters.learning_rate))
    history = pd.DataFrame({"iteration": np.arange(1, len(order) + 1)})
    summary: dict[str, Any] = {
        "iterations": parameters.iterations,
        "float64_tolerance": parameters.float64_tolerance,
    }
    for dtype in DTYPES:
        network = initialise(
            sizes, parameters.activation, np.random.default_rng(weights_seed), dtype
        )
        ours = train_reference(network, mini_batches(train, order, dtype), learning_rate)
        theirs = train_keras(network, mini_batches(train, order, dtype), learning_rate)
        history[f"numpy_{dtype}"] = ours.losses
        history[f"keras_{dtype}"] = theirs.losses
        history[f"switched_units_{dtype}"] = (ours.active != theirs.active).sum(axis=(1, 2))
        summary[dtype] = compare(ours, theirs)
    return history, summary


def draw_order(
    n_images: int, parameters: ParityCheckParameters, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Indices of the images of each mini-batch, (iterations, batch_size), one shuffle per pass."""
    n_drawn = parameters.iterations * parameters.batch_size
    passes = [rng.permutation(n_images) for _ in range(-(-n_drawn // n_images))]
    return np.concatenate(passes)[:n_drawn].reshape(parameters.iterations, parameters.batch_size)


def mini_batches(train: LabelledImages, order: NDArray[np.int64], dtype: str) -> MiniBatches:
    """Pixels in [0, 1], (batch_size, pixels), and labels of every mini-batch in turn."""
    for rows in order:
        pixels = train.images[rows].reshape(len(rows), -1).astype(dtype) / 255
        yield pixels, train.labels[rows].astype(np.int64)


def train_reference(network: Network, batches: MiniBatches, learning_rate: float) -> Run:
    """Train the NumPy network by hand-derived back-propagation and SGD."""
    from threadpoolctl import threadpool_limits

    optimiser = SGD(learning_rate)
    state = optimiser.start(network.parameters)
    losses, active = [], []
    with threadpool_limits(limits=1, user_api="blas"):  # more threads slow such small products
        for X, y in batches:
            loss, gradients = loss_and_gradients(network, X, y)
            losses.append(loss)
            active.append(_active(forward_pass(network, X)[1][1:]))
            stepped, state = optimiser.step(network.parameters, gradients, state)
            network = network.with_parameters(stepped)
    return Run(np.array(losses), np.array(active), network.parameters)


def train_keras(network: Network, batches: MiniBatches, learning_rate: float) -> Run:
    """Train a Keras network that starts from the same weights, by Keras's own loss and SGD."""
    tf = import_tensorflow()
    import keras

    dtype = str(network.dtype)
    inputs = keras.Input((len(network.weights[0]),), dtype=dtype)
    outputs, units = [inputs], [len(b) for b in network.biases]
    for n_units in units[:-1]:
        outputs.append(keras.layers.Dense(n_units, network.activation, dtype=dtype)(outputs[-1]))
    outputs.append(keras.layers.Dense(units[-1], dtype=dtype)(outputs[-1]))
    model = keras.Model(inputs, outputs[1:])
    model.set_weights(network.parameters)
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True, dtype=dtype)
    optimiser = keras.optimizers.SGD(learning_rate)
    optimiser.build(model.trainable_variables)

    @tf.function
    def step(X: Any, y: Any) -> tuple[Any, list[Any]]:
        with tf.GradientTape() as tape:
            *hidden, logits = model(X, training=True)
            loss = cross_entropy(y, logits)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimiser.apply(gradients, model.trainable_variables)
        return loss, hidden

    losses, active = [], []
    for X, y in batches:
        loss, hidden = step(tf.constant(X), tf.constant(y))
        losses.append(loss.numpy())
        active.append(_active([layer.numpy() for layer in hidden]))
    return Run(np.array(losses), np.array(active), tuple(model.get_weights()))


def compare(ours: Run, theirs: Run) -> dict[str, Any]:
    """Largest differences between two runs, and the first unit that was active in only one.

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
