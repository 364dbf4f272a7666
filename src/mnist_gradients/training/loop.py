"""Train the network and record the true loss of every iteration.

Keras' `fit` hands callbacks the running mean of the epoch, not the loss of the iteration that has
just run, and it goes through Python once per iteration. Here the training images stay in memory as
one tensor, and one compiled call runs all iterations up to the next evaluation and returns the loss
and accuracy of each of them.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.core.tensorflow_import import import_tensorflow
from mnist_gradients.training.augmentation import Deformations, build_deformation
from mnist_gradients.training.batches import draw_batches, stack
from mnist_gradients.training.checkpoints import Checkpoints, name_of_training, resume
from mnist_gradients.training.network import build_network, build_optimiser
from mnist_gradients.training.parameters import FnnParameters

logger = logging.getLogger(__name__)

HISTORY = (
    *("iteration", "epoch", "train_loss", "train_accuracy"),
    *("validation_loss", "validation_accuracy", "test_loss", "test_accuracy"),
)

Run = Callable[..., tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class TrainingResult:
    """A trained network, its history, and what the training took.

    Attributes:
        network: The Keras network.
        history: One row per recorded iteration; see `train`.
        iterations: Iterations in all.
        train_seconds: Wall time of training, recording included.
        recording_seconds: The part of it spent on evaluating validation and test images.
    """

    network: Any
    history: pd.DataFrame
    iterations: int
    train_seconds: float
    recording_seconds: float


def train(
    train_images: LabelledImages,
    validation_images: LabelledImages | None,
    test_images: LabelledImages,
    parameters: FnnParameters,
    seed: int,
    checkpoints: Checkpoints | None = None,
) -> TrainingResult:
    """Train a network; the same seed gives the same bits on the same machine.

    Nothing is chosen by the test images: they are evaluated for the curve alone, and the network
    that is returned is the one after the last iteration.

    Args:
        train_images: What to train on.
        validation_images: What to measure on besides; None for nothing.
        test_images: What to draw the test curve from.
        parameters: Architecture, optimiser and recording.
        seed: Of the initial weights, the order of the images, their deformations and dropout.
        checkpoints: Where to keep a checkpoint now and then, and to look for one to go on from;
            None for no checkpoints. The last one stays.

    Returns:
        The network and its history with the columns `HISTORY`: iteration (from 1), epoch (from 1),
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

    began = time.perf_counter()
    keras.utils.set_random_seed(seed)
    n_classes = int(train_images.labels.max()) + 1
    network = build_network(parameters, train_images.images.shape[1:], n_classes)
    average = keras.models.clone_model(network) if parameters.weight_averaging else None
    optimiser = build_optimiser(parameters, iterations_per_epoch)
    run_iterations = compile_iterations(
        network, optimiser, train_images, parameters, seed=seed, average=average
    )
    result = network if average is None else average
    evaluate = compile_evaluation(result)
    evaluated_sets = {"validation": validation_images, "test": test_images}

    variables = [*network.variables, *optimiser.variables]
    if average is not None:
        average.set_weights(network.get_weights())
        variables += average.weights
    name = name_of_training(parameters, seed, (train_images, validation_images, test_images))
    progress = resume(checkpoints, name, variables)
    began -= progress.seconds
    saved_at = progress.seconds  # zero as long as there is no checkpoint
    n_iterations = parameters.epochs * iterations_per_epoch
    batches = draw_batches(len(train_images), parameters, seed, first=progress.iterations)
    while progress.iterations < n_iterations:
        done = progress.iterations
        chunk = min(parameters.evaluate_every, n_iterations - done)
        losses, accuracies = run_iterations(*stack(batches, chunk))
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
        evaluation_began = time.perf_counter()
        for set_name, images in evaluated_sets.items():
            measured = (np.nan, np.nan) if images is None else evaluate(images)
            record.loc[chunk - 1, [f"{set_name}_loss", f"{set_name}_accuracy"]] = measured
        progress.recording_seconds += time.perf_counter() - evaluation_began
        recorded = record["iteration"] % parameters.record_every == 0
        recorded.iloc[-1] = True
        progress.history.append(record[recorded])
        progress.iterations += chunk
        progress.seconds = time.perf_counter() - began
        _report(record, progress.seconds, n_iterations, parameters)
        due = progress.seconds - saved_at >= parameters.checkpoint_seconds
        last = saved_at > 0 and progress.iterations == n_iterations
        if checkpoints is not None and (due or last):
            checkpoints.save(name, progress.to_arrays(variables))
            saved_at = progress.seconds
    return TrainingResult(
        result,
        pd.concat(progress.history, ignore_index=True),
        progress.iterations,
        progress.seconds,
        progress.recording_seconds,
    )


def _report(
    record: pd.DataFrame, seconds: float, n_iterations: int, parameters: FnnParameters
) -> None:
    """Print a line of progress."""
    last = record.iloc[-1]
    accuracy = last["validation_accuracy"]
    logger.info(
        "    epoch %d/%d, iteration %d/%d: training loss %.4f, %s%.0f s, about %.0f s left",
        last["epoch"],
        parameters.epochs,
        last["iteration"],
        n_iterations,
        record["train_loss"].mean(),
        "" if np.isnan(accuracy) else f"validation error {100 * (1 - accuracy):.2f} %, ",
        seconds,
        seconds / last["iteration"] * (n_iterations - last["iteration"]),
    )


def compile_iterations(
    network: Any,
    optimiser: Any,
    images: LabelledImages,
    parameters: FnnParameters,
    *,
    seed: int = 0,
    average: Any = None,
) -> Run:
    """Return a function that runs one iteration per row of its arguments.

    The function takes the arrays of n mini-batches, as `batches.stack` returns them, and returns
    the losses and accuracies (n,) of the mini-batches. With label smoothing the network is trained
    on the smoothed loss, but the plain cross-entropy is returned, so that the training curve can be
    compared with the test curve.

    Args:
        network: What to train.
        optimiser: How.
        images: Training images.
        parameters: Batch size, augmentation, label smoothing and weight averaging.
        seed: Of the bank of displacement fields.
        average: A network of the same layers that keeps the running average of the weights.
    """
    tf = import_tensorflow()

    height, width = images.images.shape[1:]
    pixels = tf.constant(images.images)
    labels = tf.constant(images.labels.astype(np.int32))
    deform = build_deformation((height, width), parameters.augmentation, seed)
    optimiser.build(network.trainable_variables)

    @tf.function(jit_compile=True)
    def iterate(rows: Any, *deformations: Any) -> tuple[Any, Any]:
        x = deform(tf.gather(pixels, rows), Deformations(*deformations))
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
        if average is not None:
            _move_average(average, network, optimiser, parameters.weight_averaging)
        hits = tf.equal(tf.argmax(logits, axis=1, output_type=tf.int32), y)
        return tf.reduce_mean(cross_entropy), tf.reduce_mean(tf.cast(hits, tf.float32))

    # The number of iterations is left open, so that a shorter last chunk compiles nothing anew.
    size = parameters.batch_size
    signature = (
        tf.TensorSpec((None, size), tf.int32),
        tf.TensorSpec((None, size, 2, 2), tf.float32),
        tf.TensorSpec((None, size, 2), tf.int32),
        tf.TensorSpec((None, size), tf.int32),
    )

    @tf.function(input_signature=signature)
    def run(*arrays: Any) -> tuple[Any, Any]:
        n = tf.shape(arrays[0])[0]
        losses = tf.TensorArray(tf.float32, n)
        accuracies = tf.TensorArray(tf.float32, n)
        for i in tf.range(n):
            loss, accuracy = iterate(*(array[i] for array in arrays))
            losses = losses.write(i, loss)
            accuracies = accuracies.write(i, accuracy)
        return losses.stack(), accuracies.stack()

    def run_iterations(*arrays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        losses, accuracies = run(*arrays)
        return losses.numpy(), accuracies.numpy()

    return run_iterations


def _move_average(average: Any, network: Any, optimiser: Any, keep: float) -> None:
    """Move the average of the weights towards the weights; in the beginning by larger steps.

    What batch normalisation has seen is averaged as well, because it belongs to the weights.
    """
    from keras import ops

    iteration = ops.cast(optimiser.iterations, "float32")
    share = 1 - ops.minimum(keep, iteration / (10 + iteration))
    for mean, value in zip(average.weights, network.weights, strict=True):
        mean.assign(mean + share * (value - mean))


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
