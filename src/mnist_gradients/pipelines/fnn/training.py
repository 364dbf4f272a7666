"""Train the network and record the true loss of every iteration.

Keras' `fit` hands callbacks the running mean of the epoch, not the loss of the iteration that has
just run, and it goes through Python once per iteration. Here the training images stay in memory as
one tensor, and one compiled call runs all iterations up to the next evaluation and returns the loss
and accuracy of each of them.
"""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mnist_gradients.labelled_images import LabelledImages
from mnist_gradients.pipelines.fnn.network import build_network, build_optimiser
from mnist_gradients.pipelines.fnn.parameters import FnnParameters
from mnist_gradients.tensorflow_import import import_tensorflow

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingResult:
    """A trained network, its history, and what the training took.

    Attributes:
        network: The Keras network.
        history: One row per iteration; see `train`.
        train_seconds: Wall time of training, recording included.
        recording_seconds: The part of it spent on evaluating validation and test images.
    """

    network: Any
    history: pd.DataFrame
    train_seconds: float
    recording_seconds: float


def train(
    train_images: LabelledImages,
    validation_images: LabelledImages,
    test_images: LabelledImages,
    parameters: FnnParameters,
    seed: int,
) -> TrainingResult:
    """Train a network; the same seed gives the same bits on the same machine.

    Nothing is chosen by the test images: they are evaluated for the curve alone, and the network
    that is returned is the one after the last iteration.

    Returns:
        The network and its history with the columns iteration (from 1), epoch (from 1),
        train_loss and train_accuracy (of the iteration's mini-batch, before its update),
        validation_loss, validation_accuracy, test_loss, test_accuracy (after the update, NaN where
        not evaluated). Losses are mean cross-entropies in nats, accuracies fractions.

    Raises:
        ValueError: If the batch size exceeds the number of training images.
        FloatingPointError: If the training loss is no longer finite.
    """
    iterations_per_epoch = len(train_images) // parameters.batch_size
    if iterations_per_epoch == 0:
        raise ValueError(
            f"parameter fnn.batch_size: found {parameters.batch_size}, expected at most "
            f"{len(train_images)}, the number of training images"
        )
    import_tensorflow()
    import keras

    started = time.perf_counter()
    recording_seconds = 0.0
    keras.utils.set_random_seed(seed)
    n_classes = int(train_images.labels.max()) + 1
    network = build_network(parameters, train_images.images.shape[1:], n_classes)
    run_iterations = compile_iterations(
        network, build_optimiser(parameters, iterations_per_epoch), train_images, parameters
    )
    evaluate = compile_evaluation(network)

    records = []
    n_iterations = parameters.epochs * iterations_per_epoch
    batches = draw_batches(len(train_images), parameters, np.random.default_rng(seed))
    done = 0
    while done < n_iterations:
        chunk = min(parameters.evaluate_every, n_iterations - done)
        losses, accuracies = run_iterations(*_stack(batches, chunk))
        if not np.isfinite(losses).all():
            raise FloatingPointError(
                f"training loss: found {losses[~np.isfinite(losses)][0]} at iteration "
                f"{done + int(np.argmin(np.isfinite(losses))) + 1}, expected a finite number; "
                f"try a smaller fnn.learning_rate (now {parameters.learning_rate})"
            )
        record = pd.DataFrame(
            {
                "iteration": np.arange(done + 1, done + chunk + 1),
                "epoch": np.arange(done, done + chunk) // iterations_per_epoch + 1,
                "train_loss": losses,
                "train_accuracy": accuracies,
            }
        )
        done += chunk
        evaluation_started = time.perf_counter()
        for name, images in (("validation", validation_images), ("test", test_images)):
            loss, accuracy = evaluate(images)
            record.loc[chunk - 1, [f"{name}_loss", f"{name}_accuracy"]] = loss, accuracy
        recording_seconds += time.perf_counter() - evaluation_started
        records.append(record)
        elapsed = time.perf_counter() - started
        logger.info(
            "    epoch %d/%d, iteration %d/%d: training loss %.4f, validation error %.2f %%, "
            "%.0f s, about %.0f s left",
            record["epoch"].iloc[-1],
            parameters.epochs,
            done,
            n_iterations,
            losses.mean(),
            100 * (1 - record["validation_accuracy"].iloc[-1]),
            elapsed,
            elapsed / done * (n_iterations - done),
        )
    return TrainingResult(
        network,
        pd.concat(records, ignore_index=True),
        time.perf_counter() - started,
        recording_seconds,
    )


def draw_batches(
    n_images: int, parameters: FnnParameters, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield for each iteration the rows of its images and how far each image is moved.

    Every epoch is a fresh permutation; the images left over by the last whole batch sit it out.

    Yields:
        rows: int32 (batch_size,).
        shifts: int32 (batch_size, 2), pixels down and right, each in -max_shift .. max_shift.
    """
    size, reach = parameters.batch_size, parameters.max_shift
    while True:
        order = rng.permutation(n_images).astype(np.int32)
        for start in range(0, n_images - size + 1, size):
            shifts = rng.integers(-reach, reach, (size, 2), dtype=np.int32, endpoint=True)
            yield order[start : start + size], shifts


def _stack(
    batches: Iterator[tuple[np.ndarray, np.ndarray]], count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Take `count` mini-batches and stack them."""
    rows, shifts = zip(*(next(batches) for _ in range(count)), strict=True)
    return np.stack(rows), np.stack(shifts)


def compile_iterations(
    network: Any, optimiser: Any, images: LabelledImages, parameters: FnnParameters
) -> Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return a function that runs one iteration per row of its arguments.

    The function takes rows (n, batch_size) and shifts (n, batch_size, 2) and returns the losses and
    accuracies (n,) of the n mini-batches. With label smoothing the network is trained on the
    smoothed loss, but the plain cross-entropy is returned, so that the training curve can be
    compared with the test curve.
    """
    tf = import_tensorflow()

    height, width = images.images.shape[1:]
    reach = parameters.max_shift
    padded = np.pad(images.images, ((0, 0), (reach, reach), (reach, reach)))
    pixels = tf.constant(padded.reshape(len(images), -1))
    labels = tf.constant(images.labels.astype(np.int32))
    stride = width + 2 * reach
    # Position of each pixel of an image that is not moved, in the padded and flattened image.
    centre = tf.constant(
        ((np.arange(height)[:, None] + reach) * stride + np.arange(width) + reach)
        .ravel()
        .astype(np.int32)
    )
    optimiser.build(network.trainable_variables)

    @tf.function(jit_compile=True)
    def iterate(rows: Any, offsets: Any) -> tuple[Any, Any]:
        moved = tf.gather(tf.gather(pixels, rows), centre[None, :] - offsets[:, None], batch_dims=1)
        x = tf.reshape(tf.cast(moved, tf.float32), (parameters.batch_size, height, width))
        y = tf.gather(labels, rows)
        with tf.GradientTape() as tape:
            logits = network(x, training=True)
            cross_entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)
            # -sum_k q_k log p_k with q = (1 - smoothing) y + smoothing / K
            spread = tf.reduce_mean(-tf.nn.log_softmax(logits), axis=1)
            smoothing = parameters.label_smoothing
            objective = tf.reduce_mean((1 - smoothing) * cross_entropy + smoothing * spread)
        gradients = tape.gradient(objective, network.trainable_variables)
        optimiser.apply(gradients, network.trainable_variables)
        hits = tf.equal(tf.argmax(logits, axis=1, output_type=tf.int32), y)
        return tf.reduce_mean(cross_entropy), tf.reduce_mean(tf.cast(hits, tf.float32))

    # The number of iterations is left open, so that a shorter last chunk compiles nothing anew.
    chunk = tf.TensorSpec((None, parameters.batch_size), tf.int32)

    @tf.function(input_signature=(chunk, chunk))
    def run(rows: Any, offsets: Any) -> tuple[Any, Any]:
        n = tf.shape(rows)[0]
        losses = tf.TensorArray(tf.float32, n)
        accuracies = tf.TensorArray(tf.float32, n)
        for i in tf.range(n):
            loss, accuracy = iterate(rows[i], offsets[i])
            losses = losses.write(i, loss)
            accuracies = accuracies.write(i, accuracy)
        return losses.stack(), accuracies.stack()

    def run_iterations(rows: np.ndarray, shifts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        losses, accuracies = run(rows, shifts[..., 0] * stride + shifts[..., 1])
        return losses.numpy(), accuracies.numpy()

    return run_iterations


def compile_evaluation(
    network: Any, batch_size: int = 1000
) -> Callable[[LabelledImages], tuple[float, float]]:
    """Return a function from labelled images to their mean cross-entropy (nats) and accuracy."""
    tf = import_tensorflow()

    @tf.function(jit_compile=True, reduce_retracing=True)
    def sums(images: Any, labels: Any) -> tuple[Any, Any]:
        logits = network(tf.cast(images, tf.float32), training=False)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        hits = tf.equal(tf.argmax(logits, axis=1, output_type=tf.int32), labels)
        return tf.reduce_sum(losses), tf.reduce_sum(tf.cast(hits, tf.float32))

    def evaluate(labelled: LabelledImages) -> tuple[float, float]:
        total_loss, total_hits = 0.0, 0.0
        for start in range(0, len(labelled), batch_size):
            rows = slice(start, start + batch_size)
            loss, hits = sums(labelled.images[rows], labelled.labels[rows].astype(np.int32))
            total_loss += float(loss)
            total_hits += float(hits)
        return total_loss / len(labelled), total_hits / len(labelled)

    return evaluate
