"""Nodes of the feed-forward network: train one or several, and measure them."""

import logging
from typing import Any

import numpy as np
import pandas as pd

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.core.metrics import classification_metrics
from mnist_gradients.maths.softmax import log_softmax
from mnist_gradients.training import loop
from mnist_gradients.training.checkpoints import Checkpoints, name_of_training
from mnist_gradients.training.parameters import FnnParameters
from mnist_gradients.training.views import View, seen_as

logger = logging.getLogger(__name__)


def train_network(
    train: LabelledImages,
    validation: LabelledImages,
    test: LabelledImages,
    parameters: FnnParameters,
    seed: int,
    checkpoints: Checkpoints,
) -> tuple[Any, pd.DataFrame, dict[str, float]]:
    """Train the network and record the true loss of every iteration.

    Returns:
        The Keras network, the history (see `loop.train`), and what the training took:
        train_seconds, recording_seconds, iterations, parameters (trainable numbers).

    Raises:
        ValueError: If a view that a network of the committee will be shown is wider than an image.
    """
    width = train.images.shape[2]
    if too_wide := [view for view in parameters.views if isinstance(view, int) and view > width]:
        raise ValueError(
            f"parameter fnn.views: found {too_wide[0]}, expected a width of at most {width}, that "
            "of the images"
        )
    sets = _training_sets(train, validation, test, parameters, 0)
    result = loop.train(*sets, parameters, seed, checkpoints)
    cost = {
        "train_seconds": result.train_seconds,
        "recording_seconds": result.recording_seconds,
        "iterations": result.iterations,
        "parameters": sum(int(np.prod(v.shape)) for v in result.network.trainable_variables),
    }
    return result.network, result.history, cost


def evaluate_network(
    network: Any,
    validation: LabelledImages,
    test: LabelledImages,
    training_cost: dict[str, float],
    parameters: FnnParameters,
) -> tuple[dict[str, float], pd.DataFrame]:
    """Measure the trained network on the test images, and on those held out for validation.

    Returns:
        Metrics: test and validation error (fractions), loss (nats) and expected calibration error,
        and the training cost; nothing on the validation images if they were trained on.
        Predictions: see `_predictions`.
    """
    log_p = _log_probabilities(network, test)
    metrics = _prefixed("test", classification_metrics(log_p, test.labels))
    if not parameters.include_validation:
        held_out = _log_probabilities(network, validation)
        metrics |= _prefixed("validation", classification_metrics(held_out, validation.labels))
    return metrics | training_cost, _predictions(log_p, test)


def train_committee(
    train: LabelledImages,
    validation: LabelledImages,
    test: LabelledImages,
    first: Any,
    parameters: FnnParameters,
    seed: int,
    checkpoints: Checkpoints,
) -> tuple[dict[str, Any], pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Train further networks, each with a seed and perhaps a view of its own, and let all vote.

    The committee's probabilities are the mean of its members'. A committee of one is the network.

    Returns:
        The networks by name; each expects images in its own view. The histories of those after the
        first, evaluated iterations only, with a column seed. The committee's predictions (see
        `_predictions`) with a further column, wrong_members. Metrics: seeds and views; test_error,
        test_loss and test_expected_calibration_error of the committee; members_test_error, one for
        each, with mean and standard_deviation (none for a single one); and the same for validation
        unless the images were trained on.
    """
    members = {seed: first}
    histories = [pd.DataFrame(columns=[*loop.HISTORY, "seed"])]
    for number in range(1, parameters.networks):
        view = parameters.view_of(number)
        logger.info("    network %d of %d, view %s", number + 1, parameters.networks, view)
        sets = _training_sets(train, validation, test, parameters, number)
        result = loop.train(*sets, parameters, seed + number, checkpoints)
        members[seed + number] = result.network
        evaluated = result.history.dropna(subset=["test_loss"])
        histories.append(evaluated.assign(seed=seed + number))
    views = [parameters.view_of(number) for number in range(parameters.networks)]
    metrics: dict[str, Any] = {"seeds": list(members), "views": views}
    measured = (
        {"test": test}
        if parameters.include_validation
        else {"test": test, "validation": validation}
    )
    for name, labelled in measured.items():
        log_p = np.stack(
            [
                _log_probabilities(member, _seen_as(view, labelled))
                for member, view in zip(members.values(), views, strict=True)
            ]
        )
        together = np.logaddexp.reduce(log_p, axis=0) - np.log(len(members))
        wrong = log_p.argmax(axis=2) != labelled.labels
        metrics |= _prefixed(name, classification_metrics(together, labelled.labels))
        metrics |= _spread(f"members_{name}_error", wrong.mean(axis=1))
        if name == "test":
            predictions = _predictions(together, labelled)
            predictions["wrong_members"] = wrong.sum(axis=0)
    named = {f"seed_{number}": member for number, member in members.items()}
    # Without the empty table, if there are others, whose types it would change.
    history = pd.concat(histories[1:] or histories, ignore_index=True)
    return named, history, predictions, metrics


def remove_checkpoints(
    train: LabelledImages,
    validation: LabelledImages,
    test: LabelledImages,
    parameters: FnnParameters,
    seed: int,
    checkpoints: Checkpoints,
    committee_metrics: dict[str, Any],  # noqa: ARG001 - it is there: all the others are as well
) -> None:
    """Remove the checkpoints of networks that are saved, so that the next run trains anew."""
    for number in range(parameters.networks):
        sets = _training_sets(train, validation, test, parameters, number)
        checkpoints.remove(name_of_training(parameters, seed + number, sets))


def _training_sets(
    train: LabelledImages,
    validation: LabelledImages,
    test: LabelledImages,
    parameters: FnnParameters,
    number: int,
) -> tuple[LabelledImages, LabelledImages | None, LabelledImages]:
    """Return what to train a network on, what to measure on besides, and the test images."""
    train, validation, test = (
        _seen_as(parameters.view_of(number), labelled) for labelled in (train, validation, test)
    )
    if not parameters.include_validation:
        return train, validation, test
    both = (train, validation)
    images = np.concatenate([images.images for images in both])
    labels = np.concatenate([images.labels for images in both])
    return LabelledImages(images, labels), None, test


def _seen_as(view: View, labelled: LabelledImages) -> LabelledImages:
    return LabelledImages(seen_as(view, labelled.images), labelled.labels)


def _log_probabilities(network: Any, labelled: LabelledImages) -> np.ndarray:
    """Return the logarithms of the network's probabilities, (N, K)."""
    return log_softmax(np.float64(network.predict(labelled.images, 1000, verbose=0)))


def _prefixed(name: str, metrics: dict[str, float]) -> dict[str, float]:
    return {f"{name}_{metric}": value for metric, value in metrics.items()}


def _spread(name: str, values: np.ndarray) -> dict[str, Any]:
    """Return the values, their mean, and their standard deviation if there are several."""
    deviation = float(values.std(ddof=1)) if len(values) > 1 else None
    return {
        name: values.tolist(),
        f"{name}_mean": float(values.mean()),
        f"{name}_standard_deviation": deviation,
    }


def _predictions(log_p: np.ndarray, labelled: LabelledImages) -> pd.DataFrame:
    """Return a row per image: image, label, predicted, confidence (probability), loss (nats)."""
    rows = np.arange(len(labelled))
    return pd.DataFrame(
        {
            "image": rows,
            "label": labelled.labels,
            "predicted": log_p.argmax(axis=1),
            "confidence": np.exp(log_p.max(axis=1)),
            "loss": -log_p[rows, labelled.labels],
        }
    )
