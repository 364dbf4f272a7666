"""What each ingredient, each further image and each epoch is worth, by the validation images."""

import logging
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.pipelines.ablation.parameters import AblationParameters
from mnist_gradients.plotting import figures
from mnist_gradients.training import loop
from mnist_gradients.training.parameters import FnnParameters

logger = logging.getLogger(__name__)

RECIPE = "the recipe"


def compare_variants(
    train: LabelledImages,
    validation: LabelledImages,
    fnn: FnnParameters,
    parameters: AblationParameters,
    seed: int,
) -> pd.DataFrame:
    """Train the network as configured, and every variant.

    Returns:
        One row per variant, the recipe first: variant, validation_error (fraction, mean over the
        seeds), standard_deviation, validation_loss (nats), train_seconds (mean), seeds.
    """
    variants = {RECIPE: fnn} | {
        name: fnn.changed(changes) for name, changes in parameters.variants.items()
    }
    return pd.DataFrame(
        {"variant": name} | _measure(name, train, validation, variant, parameters.seeds, seed)
        for name, variant in variants.items()
    )


def compare_sizes(
    train: LabelledImages,
    validation: LabelledImages,
    fnn: FnnParameters,
    parameters: AblationParameters,
    seed: int,
) -> pd.DataFrame:
    """Train the network on the first images only, for as many iterations as on all of them.

    Returns:
        One row per number of images: images, and the columns of `compare_variants`.
    """
    rows = []
    for size in sorted({min(size, len(train)) for size in parameters.sizes}):
        epochs = max(1, round(fnn.epochs * len(train) / size))
        few = train.take(np.arange(size))
        batch_size = min(fnn.batch_size, size)
        variant = fnn.changed({"epochs": epochs, "batch_size": batch_size})
        measured = _measure(f"{size} images", few, validation, variant, parameters.seeds, seed)
        rows.append({"images": size} | measured)
    return pd.DataFrame(rows)


def compare_lengths(
    train: LabelledImages,
    validation: LabelledImages,
    fnn: FnnParameters,
    parameters: AblationParameters,
    seed: int,
) -> pd.DataFrame:
    """Train for more and fewer epochs, each with a schedule of its own that ends with the last.

    Returns:
        One row per length: epochs, and the columns of `compare_variants`.
    """
    return pd.DataFrame(
        {"epochs": epochs}
        | _measure(
            f"{epochs} epochs",
            train,
            validation,
            fnn.changed({"epochs": epochs}),
            parameters.seeds,
            seed,
        )
        for epochs in sorted(parameters.epochs)
    )


def plot_sizes(sizes: pd.DataFrame) -> Figure:
    """Draw the validation error against the number of training images."""
    figure, axes = _plot_errors(sizes, sizes["images"])
    axes.set(
        xlabel="training images",
        title="Error by the number of training images, as many iterations for each",
    )
    axes.set_xticks(sizes["images"], [f"{images:,}" for images in sizes["images"]])
    return figure


def plot_lengths(lengths: pd.DataFrame) -> Figure:
    """Draw the validation error against the length of training."""
    figure, axes = _plot_errors(lengths, lengths["epochs"])
    axes.set(
        xlabel="epochs",
        title="Error by the length of training, each with a schedule of its own",
    )
    axes.set_xticks(lengths["epochs"], [f"{epochs:,}" for epochs in lengths["epochs"]])
    return figure


def _plot_errors(table: pd.DataFrame, x: pd.Series) -> tuple[Figure, Any]:
    """Draw the validation errors of a table, with their spread, on logarithmic axes."""
    figure, axes = figures.new_figure(width=7, height=4.4)
    axes.errorbar(
        x,
        100 * table["validation_error"],
        yerr=100 * table["standard_deviation"].fillna(0),
        color=figures.TRAINING_DARK,
        marker="o",
        capsize=3,
    )
    axes.set(xscale="log", yscale="log", ylabel="validation error (%)")
    axes.minorticks_off()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    axes.yaxis.set_major_formatter("{x:g}")
    return figure, axes


def _measure(
    name: str,
    train: LabelledImages,
    validation: LabelledImages,
    parameters: FnnParameters,
    seeds: int,
    seed: int,
) -> dict[str, Any]:
    """Train with each seed and return the mean and the spread of what the validation says."""
    at_the_end = parameters.changed({"evaluate_every": 10**9, "record_every": 10**9})
    errors, losses, seconds = [], [], []
    for number in range(seeds):
        # The test images have no part in it: the validation images stand in for them.
        result = loop.train(train, None, validation, at_the_end, seed + number)
        last = result.history.iloc[-1]
        errors.append(1 - last["test_accuracy"])
        losses.append(last["test_loss"])
        seconds.append(result.train_seconds)
        logger.info("    %s, seed %d: %.2f %%", name, seed + number, 100 * errors[-1])
    return {
        "validation_error": np.mean(errors),
        "standard_deviation": np.std(errors, ddof=1) if seeds > 1 else np.nan,
        "validation_loss": np.mean(losses),
        "train_seconds": np.mean(seconds),
        "seeds": seeds,
    }
