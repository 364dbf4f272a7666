"""Images per second of five ways of training a network, and the cost of augmenting an image."""

import logging
import time
import warnings
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from mnist_gradients.benchmarking.parameters import ThroughputParameters
from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.core.tensorflow_import import import_tensorflow
from mnist_gradients.training.augmentation import (
    Augmentations,
    build_augmentation,
    draw_augmentations,
)
from mnist_gradients.training.batches import draw_batches, stack
from mnist_gradients.training.compiled import compile_iterations
from mnist_gradients.training.network import build_network, build_optimiser
from mnist_gradients.training.parameters import TrainingParameters

logger = logging.getLogger(__name__)

PEAK_SIDE = 2048  # of the square matrices whose product is taken for the machine's peak
PEAK_PRODUCTS = 10
AUGMENTED_BATCHES = 20

Timed = Callable[[int], float]


def measure_throughput(
    train: LabelledImages, parameters: ThroughputParameters, seed: int
) -> pd.DataFrame:
    """Measure the training of each network: as configured, and plain work in four ways.

    Plain work is ReLU layers without normalisation, Adam, images as they are, float32: what all
    four ways can do. All cores are used. Compilation and the first iterations are not timed. Keras
    runs an epoch per call (``steps_per_execution``), so that it does not return to Python after
    each iteration.

    Returns:
        One row per network and way of training: network, hidden_units, batch_size, way,
        images_per_second, and fraction_of_peak, the floating-point operations of the matrix
        products per second relative to those of a product of two large matrices in float32.
    """
    images = train.take(np.arange(min(len(train), parameters.images)))
    peak = measure_peak()
    rows = []
    for name, configured in _configured(parameters).items():
        plain = _plain(configured)
        for way, prepare in WAYS.items():
            timed = prepare(images, configured if way == CONFIGURED else plain, seed)
            speed = _images_per_second(timed, plain.batch_size, parameters.seconds)
            logger.info("    %s, %s: %d images a second", name, way, speed)
            rows.append(
                {
                    "network": name,
                    "hidden_units": "-".join(map(str, plain.hidden_units)),
                    "batch_size": plain.batch_size,
                    "way": way,
                    "images_per_second": round(speed),
                    "fraction_of_peak": speed * operations_per_image(images, plain) / peak,
                }
            )
    return pd.DataFrame(rows)


def measure_augmentation(
    train: LabelledImages, parameters: ThroughputParameters, seed: int
) -> pd.DataFrame:
    """Measure the cost of augmenting an image, random draws included.

    Returns:
        One row per network: network; translation, rotation, scale, shear and elastic; microseconds,
        the CPU time per image of all threads together; setup_seconds, the CPU time of compiling
        and of making the bank of displacement fields, once in a training.
    """
    tf = import_tensorflow()
    rows = []
    for name, configured in _configured(parameters).items():
        augmentation = configured.augmentation
        images = tf.constant(train.images[: configured.batch_size])
        rng = np.random.default_rng(seed)
        began = time.process_time()
        augment = build_augmentation(train.images.shape[1:], augmentation, seed)

        @tf.function(jit_compile=True)
        def compiled(*how: Any) -> Any:
            return augment(images, Augmentations(*how))  # noqa: B023 - used at once

        compiled(*draw_augmentations(len(images), augmentation, rng).arrays())
        setup_seconds = time.process_time() - began
        began = time.process_time()
        for _ in range(AUGMENTED_BATCHES):
            compiled(*draw_augmentations(len(images), augmentation, rng).arrays()).numpy()
        seconds = (time.process_time() - began) / (AUGMENTED_BATCHES * len(images))
        logger.info("    %s: %.1f microseconds to augment an image", name, 1e6 * seconds)
        options = augmentation.model_dump(exclude={"elastic_smoothness"})
        rows.append(
            {"network": name}
            | options
            | {"microseconds": 1e6 * seconds, "setup_seconds": setup_seconds}
        )
    return pd.DataFrame(rows)


def measure_peak() -> float:
    """Return the floating-point operations per second of the best of several large products."""
    rng = np.random.default_rng(0)
    A, B = rng.standard_normal((2, PEAK_SIDE, PEAK_SIDE), dtype=np.float32)
    seconds = []
    for _ in range(PEAK_PRODUCTS):
        began = time.perf_counter()
        A @ B
        seconds.append(time.perf_counter() - began)
    return 2 * PEAK_SIDE**3 / min(seconds)


def operations_per_image(images: LabelledImages, parameters: TrainingParameters) -> int:
    """Return the floating-point operations in the matrix products of an image's training.

    Forward X W, backward X^T D and D W^T, two for each weight; the first layer passes nothing on.
    """
    n_classes = int(images.labels.max()) + 1
    sizes = [images.images[0].size, *parameters.hidden_units, n_classes]
    weights = [a * b for a, b in pairwise(sizes)]
    return 6 * sum(weights) - 2 * weights[0]


def _configured(parameters: ThroughputParameters) -> dict[str, TrainingParameters]:
    """Return the parameters of each network by its name."""
    return {each.name: parameters.network.changed(each.changes) for each in parameters.networks}


def _plain(parameters: TrainingParameters) -> TrainingParameters:
    """Return the same sizes with the options alone that all ways of training have."""
    nothing = dict.fromkeys(("translation", "rotation", "scale", "shear", "elastic"), 0)
    changes = {
        "activation": "relu",
        "dropout": 0.0,
        "batch_normalisation": False,
        "optimiser": "adam",
        "schedule": "constant",
        "learning_rate": 1e-3,
        "label_smoothing": 0.0,
        "augmentation": nothing,
    }
    return parameters.changed(changes)


def _images_per_second(timed: Timed, batch_size: int, seconds: float) -> float:
    """Return the throughput: a short run gives the number of iterations."""
    timed(2)
    few = 5
    iterations = max(few, round(few * seconds / timed(few)))
    return iterations * batch_size / timed(iterations)


def _resident(images: LabelledImages, parameters: TrainingParameters, seed: int) -> Timed:
    import_tensorflow()
    n_classes = int(images.labels.max()) + 1
    network = build_network(parameters, images.images.shape[1:], n_classes, seed)
    optimiser = build_optimiser(parameters, len(images) // parameters.batch_size)
    run = compile_iterations(network, optimiser, images, parameters, seed)
    batches = draw_batches(len(images), parameters, seed)

    def timed(iterations: int) -> float:
        began = time.perf_counter()
        run(*stack(batches, iterations))
        return time.perf_counter() - began

    return timed


def _keras_fit(images: LabelledImages, parameters: TrainingParameters, seed: int) -> Timed:
    import_tensorflow()
    import keras

    keras.utils.set_random_seed(seed)  # of the order of the images
    n_classes = int(images.labels.max()) + 1
    network = build_network(parameters, images.images.shape[1:], n_classes, seed)
    network.compile(
        keras.optimizers.Adam(parameters.learning_rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        steps_per_execution=max(1, len(images) // parameters.batch_size),
    )
    return _timed_fit(
        images,
        parameters.batch_size,
        lambda X, y, epochs: network.fit(
            X.reshape(-1, *images.images.shape[1:]),
            y,
            batch_size=parameters.batch_size,
            epochs=epochs,
            verbose=0,
        ),
    )


def _scikit_learn(images: LabelledImages, parameters: TrainingParameters, seed: int) -> Timed:
    from sklearn.neural_network import MLPClassifier

    network = MLPClassifier(
        parameters.hidden_units,
        batch_size=parameters.batch_size,
        learning_rate_init=parameters.learning_rate,
        alpha=0.0,
        random_state=seed,
    )
    return _timed_fit(
        images,
        parameters.batch_size,
        # It may not stop before the last epoch.
        lambda X, y, epochs: network.set_params(max_iter=epochs, n_iter_no_change=epochs).fit(X, y),
    )


def _numpy(images: LabelledImages, parameters: TrainingParameters, seed: int) -> Timed:
    from mnist_gradients.estimators import GradientMLPClassifier

    network = GradientMLPClassifier(
        hidden_layer_sizes=parameters.hidden_units,
        batch_size=parameters.batch_size,
        learning_rate_init=parameters.learning_rate,
        alpha=0.0,
        random_state=seed,
    )
    return _timed_fit(
        images,
        parameters.batch_size,
        # It may not stop before the last epoch.
        lambda X, y, epochs: network.set_params(max_iter=epochs, n_iter_no_change=epochs).fit(X, y),
    )


def _timed_fit(
    images: LabelledImages, batch_size: int, fit: Callable[[np.ndarray, np.ndarray, int], Any]
) -> Timed:
    """Time a fit of whole epochs, and one on some of the images for the rest of the iterations."""
    X = images.images.reshape(len(images), -1).astype(np.float32) / 255
    y = images.labels.astype(np.int64)

    def timed(iterations: int) -> float:
        epochs, rest = divmod(iterations * batch_size, len(images))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # so few epochs do not converge
            began = time.perf_counter()
            if epochs:
                fit(X, y, epochs)
            if rest:
                fit(X[:rest], y[:rest], 1)
            return time.perf_counter() - began

    return timed


CONFIGURED = "this project, as configured"  # the other ways do plain work
WAYS: dict[str, Callable[[LabelledImages, TrainingParameters, int], Timed]] = {
    CONFIGURED: _resident,
    "this project": _resident,
    "Keras model.fit": _keras_fit,
    "scikit-learn MLPClassifier": _scikit_learn,
    "NumPy network": _numpy,
}
