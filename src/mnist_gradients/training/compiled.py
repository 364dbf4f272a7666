"""The two compiled functions of a training: run iterations, and evaluate labelled images."""

from collections.abc import Callable
from typing import Any

import numpy as np

from mnist_gradients.core.class_weights import weights_by_class
from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.core.tensorflow_import import import_tensorflow
from mnist_gradients.training.augmentation import Augmentations, build_augmentation
from mnist_gradients.training.parameters import TrainingParameters

Run = Callable[..., tuple[np.ndarray, np.ndarray]]
Evaluate = Callable[[LabelledImages], tuple[float, float]]


def compile_iterations(
    network: Any,
    optimiser: Any,
    images: LabelledImages,
    parameters: TrainingParameters,
    seed: int,
) -> Run:
    """Return a function that runs one iteration per row of its arguments.

    The function takes the arrays of n mini-batches, as `batches.stack` returns them, and returns
    the losses and accuracies (n,) of the mini-batches. With label smoothing the network is trained
    on the smoothed loss, and with class weights on the weighted one. The plain cross-entropy is
    returned, so that the training curve can be compared with the test curve.

    Args:
        network: Keras network to train.
        optimiser: Keras optimiser.
        images: Training images.
        parameters: Batch size, augmentation, label smoothing and class weights.
        seed: Seed of the bank of displacement fields.
    """
    tf = import_tensorflow()
    pixels = tf.constant(images.images)
    labels = tf.constant(images.labels.astype(np.int32))
    weights = weights_by_class(parameters.class_weights, images.labels)
    augment = build_augmentation(images.images.shape[1:], parameters.augmentation, seed)
    optimiser.build(network.trainable_variables)

    @tf.function(jit_compile=True)
    def iterate(rows: Any, *augmentations: Any) -> tuple[Any, Any]:
        x = augment(tf.gather(pixels, rows), Augmentations(*augmentations))
        y = tf.gather(labels, rows)
        with tf.GradientTape() as tape:
            logits = network(x, training=True)
            cross_entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)
            # -sum_k q_k log p_k with q = (1 - smoothing) y + smoothing / K
            spread = tf.reduce_mean(-tf.nn.log_softmax(logits), axis=1)
            smoothing = parameters.label_smoothing
            losses = (1 - smoothing) * cross_entropy + smoothing * spread
            if weights is not None:
                losses *= tf.gather(tf.constant(weights, tf.float32), y)
            objective = tf.reduce_mean(losses)
        gradients = tape.gradient(objective, network.trainable_variables)
        optimiser.apply(gradients, network.trainable_variables)
        hits = tf.equal(tf.argmax(logits, axis=1, output_type=tf.int32), y)
        return tf.reduce_mean(cross_entropy), tf.reduce_mean(tf.cast(hits, tf.float32))

    return _repeated(tf, iterate, parameters.batch_size)


def _repeated(tf: Any, iterate: Callable[..., tuple[Any, Any]], batch_size: int) -> Run:
    """Return a compiled function that calls ``iterate`` once per row of its arguments."""
    # The number of iterations is left open, so another number compiles nothing anew.
    signature = (
        tf.TensorSpec((None, batch_size), tf.int32),
        tf.TensorSpec((None, batch_size, 2, 2), tf.float32),
        tf.TensorSpec((None, batch_size, 2), tf.int32),
        tf.TensorSpec((None, batch_size), tf.int32),
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


def compile_evaluation(network: Any, batch_size: int = 1000) -> Evaluate:
    """Return a function from labelled images to their mean cross-entropy (nats) and accuracy."""
    tf = import_tensorflow()

    @tf.function(reduce_retracing=True)
    def measure(images: Any, labels: Any) -> tuple[Any, Any]:
        logits = network(tf.cast(images, tf.float32), training=False)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        return losses, tf.equal(tf.argmax(logits, axis=1, output_type=tf.int32), labels)

    def evaluate(labelled: LabelledImages) -> tuple[float, float]:
        total_loss, total_hits = 0.0, 0
        for start in range(0, len(labelled), batch_size):
            rows = slice(start, start + batch_size)
            losses, hits = measure(labelled.images[rows], labelled.labels[rows].astype(np.int32))
            total_loss += float(losses.numpy().sum(dtype=np.float64))
            total_hits += int(hits.numpy().sum())
        return total_loss / len(labelled), total_hits / len(labelled)

    return evaluate
