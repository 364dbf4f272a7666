"""Nodes of the feed-forward network: train it, and evaluate it."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.core.metrics import class_metrics
from mnist_gradients.pipelines.fnn.parameters import FnnParameters
from mnist_gradients.training import loop
from mnist_gradients.training.checkpoints import Checkpoint, name_of_training
from mnist_gradients.training.evaluation import (
    log_probabilities,
    named_metrics,
    tabulate_predictions,
)
from mnist_gradients.training.sets import TrainingSets


def train_network(
    train: LabelledImages,
    validation: LabelledImages,
    test: LabelledImages,
    parameters: FnnParameters,
    seed: int,
) -> tuple[Any, pd.DataFrame, dict[str, Any], dict[str, Any]]:
    """Train the network and record the true loss of every iteration.

    Returns:
        The Keras network; the history (see `loop.train`); the cost of the training: train_seconds,
        recording_seconds, iterations, parameters (trainable numbers), and training, the name of the
        training; and the parameters of the run: seed and fnn, without the checkpoints.
    """
    sets = TrainingSets.choose(
        train, validation, test, train_on_validation=parameters.train_on_validation
    )
    name = name_of_training(parameters, seed, sets)
    checkpoint = Checkpoint(parameters.checkpoints.folder, name)
    trained = loop.train(sets, parameters, seed, checkpoint)
    run_parameters = {
        "seed": seed,
        "fnn": parameters.model_dump(mode="json", exclude={"checkpoints"}),
    }
    return trained.network, trained.history, trained.cost | {"training": name}, run_parameters


def evaluate_network(
    network: Any,
    validation: LabelledImages,
    test: LabelledImages,
    training_cost: dict[str, Any],
    parameters: FnnParameters,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Measure the trained network on the test images, and on those held out for validation.

    Returns:
        Metrics: test and validation error (fractions), loss (nats) and expected calibration error,
        and the cost of the training; no validation metric if the validation images were trained
        on. Predictions on the test images: see `tabulate_predictions`.
    """
    log_p = log_probabilities(network, test)
    metrics = named_metrics("test", log_p, test)
    if not parameters.train_on_validation:
        metrics |= named_metrics("validation", log_probabilities(network, validation), validation)
    return metrics | training_cost, tabulate_predictions(log_p, test)


def measure_classes(predictions: pd.DataFrame, class_names: Sequence[str]) -> pd.DataFrame:
    """Return precision, recall and F1 of each class on the test images: see `class_metrics`."""
    label, predicted = (predictions[name].to_numpy() for name in ("label", "predicted"))
    return class_metrics(label, predicted, class_names)
