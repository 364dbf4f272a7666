"""Nodes of the feed-forward network: train it, measure it, and show what it got wrong."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mnist_gradients import figures
from mnist_gradients.evaluation import classification_metrics
from mnist_gradients.labelled_images import LabelledImages
from mnist_gradients.maths.softmax import log_softmax
from mnist_gradients.pipelines.fnn import training
from mnist_gradients.pipelines.fnn.parameters import FnnParameters


def train_network(
    train: LabelledImages,
    validation: LabelledImages,
    test: LabelledImages,
    parameters: FnnParameters,
    seed: int,
) -> tuple[Any, pd.DataFrame, dict[str, float]]:
    """Train the network and record the true loss of every iteration.

    Returns:
        The Keras network, the history (see `training.train`), and what the training took:
        train_seconds, recording_seconds, iterations, parameters (trainable numbers).
    """
    result = training.train(train, validation, test, parameters, seed)
    cost = {
        "train_seconds": result.train_seconds,
        "recording_seconds": result.recording_seconds,
        "iterations": len(result.history),
        "parameters": sum(int(np.prod(v.shape)) for v in result.network.trainable_variables),
    }
    return result.network, result.history, cost


def evaluate_network(
    network: Any, validation: LabelledImages, test: LabelledImages, training_cost: dict[str, float]
) -> tuple[dict[str, float], pd.DataFrame]:
    """Measure the trained network on the validation and the test images.

    Returns:
        Metrics: test and validation error (fractions), loss (nats) and expected calibration error,
        and the training cost. Predictions: one row per test image with the columns image, label,
        predicted, confidence (probability of the predicted class) and loss (nats).
    """
    metrics: dict[str, float] = {}
    for name, labelled in (("test", test), ("validation", validation)):
        log_p = log_softmax(np.float64(network.predict(labelled.images, 1000, verbose=0)))
        measured = classification_metrics(log_p, labelled.labels)
        metrics[f"{name}_error"] = measured["error"]
        metrics[f"{name}_loss"] = measured["loss"]
        metrics[f"{name}_expected_calibration_error"] = measured["expected_calibration_error"]
        if name == "test":
            predictions = pd.DataFrame(
                {
                    "image": np.arange(len(labelled)),
                    "label": labelled.labels,
                    "predicted": log_p.argmax(axis=1),
                    "confidence": np.exp(log_p.max(axis=1)),
                    "loss": -log_p[np.arange(len(labelled)), labelled.labels],
                }
            )
    return metrics | training_cost, predictions


def plot_loss_curves(history: pd.DataFrame) -> Figure:
    """Draw training loss and test loss against training iterations, in one figure."""
    figure, axes = _plot_curves(history, "loss")
    axes.set(
        ylabel="cross-entropy (nats)",
        yscale="log",
        title="Training loss and test loss by iteration",
    )
    axes.yaxis.set_major_formatter("{x:g}")
    return figure


def plot_accuracy_curves(history: pd.DataFrame) -> Figure:
    """Draw training accuracy and test accuracy against training iterations, in one figure."""
    figure, axes = _plot_curves(history, "accuracy")
    lowest = history[["test_accuracy", "validation_accuracy"]].min().min()
    axes.set(
        ylabel="accuracy (fraction correct)",
        ylim=(min(0.9, lowest - 0.01), 1.001),
        title="Training accuracy and test accuracy by iteration",
    )
    return figure


def _plot_curves(history: pd.DataFrame, measure: str) -> tuple[Figure, Any]:
    """Draw a measure of every mini-batch, its running mean, and the same on the test images."""
    figure, axes = figures.new_figure(width=9, height=4.8)
    iteration, of_batch = history["iteration"], history[f"train_{measure}"]
    window = max(1, min(100, len(history) // 20))
    running_mean = of_batch.rolling(window, min_periods=1, center=True).mean()
    axes.plot(iteration, of_batch, color=figures.TRAINING, linewidth=0.5, alpha=0.5)
    axes.plot(
        iteration,
        running_mean,
        color=figures.TRAINING_DARK,
        linewidth=1.6,
        label=f"training {measure}: each mini-batch (pale)\nand mean of {window} of them",
    )
    evaluated = history.dropna(subset=[f"test_{measure}"])
    axes.plot(
        evaluated["iteration"],
        evaluated[f"test_{measure}"],
        color=figures.TEST,
        linewidth=1.8,
        marker="o",
        markersize=4,
        label=f"test {measure}",
    )
    axes.set(xlabel="training iteration (one mini-batch)", xlim=(0, iteration.iloc[-1]))
    axes.legend(frameon=True, framealpha=0.9, edgecolor="none")
    return figure, axes


def plot_confusion_matrix(predictions: pd.DataFrame) -> Figure:
    """Draw which digits the network takes for which."""
    n_classes = int(predictions[["label", "predicted"]].to_numpy().max()) + 1
    counts = np.zeros((n_classes, n_classes), dtype=int)
    np.add.at(counts, (predictions["label"], predictions["predicted"]), 1)
    wrong = int((predictions["label"] != predictions["predicted"]).sum())
    return figures.confusion_matrix(
        counts,
        [str(label) for label in range(n_classes)],
        f"Feed-forward network: {wrong:,} mistakes in {len(predictions):,} test images",
    )


def plot_worst_mistakes(predictions: pd.DataFrame, test: LabelledImages) -> Figure:
    """Draw the wrongly classified test images on which the network lost the most."""
    n_columns, n_rows = 10, 4
    mistakes = predictions[predictions["label"] != predictions["predicted"]]
    worst = mistakes.nlargest(n_columns * n_rows, "loss", keep="all").head(n_columns * n_rows)
    rows = [worst.iloc[i : i + n_columns] for i in range(0, max(1, len(worst)), n_columns)]
    return figures.digit_grid(
        [test.images[row["image"].to_numpy(dtype=int)] for row in rows],
        title=f"The {len(worst)} worst of {len(mistakes)} mistakes: true class → prediction, "
        "its probability",
        captions=[
            [f"{row.label} → {row.predicted}, {row.confidence:.2f}" for row in part.itertuples()]
            for part in rows
        ],
        caption_height=0.2,
    )
