"""Nodes of the ablation: train the network with changes and measure it on the validation images."""

import logging
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.pipelines.ablation.parameters import AblationParameters
from mnist_gradients.training.compiled import compile_evaluation
from mnist_gradients.training.loop import train as train_network
from mnist_gradients.training.parameters import TrainingParameters
from mnist_gradients.training.sets import TrainingSets

logger = logging.getLogger(__name__)

UNCHANGED = "unchanged"

# What is compared (a variant's name, a number of images or of epochs), the training images, and
# the parameters.
Trial = tuple[str | int, LabelledImages, TrainingParameters]


def compare_variants(
    train: LabelledImages, validation: LabelledImages, parameters: AblationParameters, seed: int
) -> pd.DataFrame:
    """Train the network unchanged, and with each variant's changes.

    Returns:
        One row per variant, the unchanged network first: variant, validation_error (fraction, mean
        over the seeds), standard_deviation, validation_loss (nats), train_error and train_loss (of
        the training images as they are), augmented_error and augmented_loss (of the mini-batches of
        the last epoch), train_seconds (mean), seeds.
    """
    variants: dict[str, dict[str, Any]] = {UNCHANGED: {}}
    variants |= parameters.variants[parameters.compared]
    trials = [  # all of them are checked before the first training
        (name, train, parameters.network.changed(changes)) for name, changes in variants.items()
    ]
    return _compare("variant", trials, validation, parameters, seed)


def compare_sizes(
    train: LabelledImages, validation: LabelledImages, parameters: AblationParameters, seed: int
) -> pd.DataFrame:
    """Train on the first images only, for as many iterations as on all of them.

    Returns:
        One row per number of images: images, and the columns of `compare_variants`.
    """

    def trial(size: int) -> Trial:
        changes = {
            "epochs": max(1, round(parameters.network.epochs * len(train) / size)),
            "batch_size": min(parameters.network.batch_size, size),
        }
        return size, train.take(np.arange(size)), parameters.network.changed(changes)

    sizes = sorted({min(size, len(train)) for size in parameters.sizes})
    return _compare("images", map(trial, sizes), validation, parameters, seed)


def compare_lengths(
    train: LabelledImages, validation: LabelledImages, parameters: AblationParameters, seed: int
) -> pd.DataFrame:
    """Train for more and for fewer epochs, each with its own schedule.

    Returns:
        One row per length: epochs, and the columns of `compare_variants`.
    """
    trials = (
        (epochs, train, parameters.network.changed({"epochs": epochs}))
        for epochs in sorted(parameters.epochs)
    )
    return _compare("epochs", trials, validation, parameters, seed)


def _compare(
    column: str,
    trials: Iterable[Trial],
    validation: LabelledImages,
    parameters: AblationParameters,
    seed: int,
) -> pd.DataFrame:
    """Return a row per trial: its name in ``column``, and its measurements over the seeds."""
    rows = []
    for trial in trials:
        measured = Parallel(n_jobs=parameters.n_jobs)(
            delayed(_measure)(trial, validation, seed + number)
            for number in range(parameters.seeds)
        )
        rows.append({column: trial[0]} | _summarise(measured))
    return pd.DataFrame(rows)


def _measure(trial: Trial, validation: LabelledImages, seed: int) -> dict[str, float]:
    """Train once; return the errors, losses and seconds. The test images are not used."""
    name, train, parameters = trial
    at_the_end = parameters.changed({"evaluate_every": 10**9, "record_every": 1})
    trained = train_network(TrainingSets(train, None, None), at_the_end, seed)
    evaluate = compile_evaluation(trained.network)
    last = trained.history[trained.history["epoch"] == parameters.epochs]
    measured = {
        "validation": evaluate(validation),
        "train": evaluate(train),
        "augmented": (last["train_loss"].mean(), last["train_accuracy"].mean()),
    }
    logger.info("    %s, seed %d: %.2f %%", name, seed, 100 * (1 - measured["validation"][1]))
    errors: dict[str, float] = {}
    for images, (loss, accuracy) in measured.items():
        errors |= {f"{images}_error": 1 - accuracy, f"{images}_loss": loss}
    return errors | {"train_seconds": trained.cost["train_seconds"]}


def _summarise(measured: list[dict[str, float]]) -> dict[str, Any]:
    """Return the means over the seeds, and the standard deviation of the validation error."""
    table = pd.DataFrame(measured)
    means: dict[Any, Any] = table.mean().to_dict()
    return {
        "validation_error": means.pop("validation_error"),
        "standard_deviation": table["validation_error"].std(),
        **means,
        "seeds": len(table),
    }
