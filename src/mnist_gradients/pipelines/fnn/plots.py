"""Pictures of the feed-forward network: its two curves, its mistakes, and what it saw."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from mnist_gradients import report
from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.core.metrics import expected_calibration_error
from mnist_gradients.plotting import figures
from mnist_gradients.training.augmentation import build_deformation, draw_deformations
from mnist_gradients.training.parameters import FnnParameters

FIGURES = (
    *("loss_curves", "loss_curves_plotly", "accuracy_curves", "accuracy_curves_plotly"),
    *("augmentation_samples", "worst_mistakes", "confusion_matrix", "calibration"),
)


def plot_augmentation_samples(
    train: LabelledImages, parameters: FnnParameters, seed: int
) -> Figure:
    """Draw an image of each class beside deformations of it, as training sees them."""
    n_deformed = 9
    classes, rows = np.unique(train.labels, return_index=True)
    images = train.images[np.repeat(rows, n_deformed)]
    shape = train.images.shape[1:]
    deform = build_deformation(shape, parameters.augmentation, seed)
    rng = np.random.default_rng(seed)
    how = draw_deformations(len(images), parameters.augmentation, rng)
    deformed = np.asarray(deform(images, how)).reshape(len(classes), n_deformed, *shape)
    return figures.digit_grid(
        [
            np.concatenate([train.images[[row]], few])
            for row, few in zip(rows, deformed, strict=True)
        ],
        title="Training images as they are (left) and as they are shown to the network",
        row_labels=[str(label) for label in classes],
    )


def plot_loss_curves(history: pd.DataFrame) -> Figure:
    """Draw training loss and test loss against training iterations, in one figure."""
    figure, axes = _plot_curves(history, "loss")
    axes.set(
        ylabel="cross-entropy (nats)",
        yscale="log",
        title="Training loss and test loss by iteration",
    )
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    return figure


def plot_accuracy_curves(history: pd.DataFrame) -> Figure:
    """Draw training accuracy and test accuracy against training iterations, in one figure."""
    figure, axes = _plot_curves(history, "accuracy")
    axes.set(
        ylabel="accuracy (fraction correct)",
        ylim=accuracy_limits(history),
        title="Training accuracy and test accuracy by iteration",
    )
    return figure


def accuracy_limits(history: pd.DataFrame) -> tuple[float, float]:
    """Return the limits between which all accuracies on unseen images, and no empty half, show."""
    lowest = history[["test_accuracy", "validation_accuracy"]].min().min()
    return min(0.9, lowest - 0.01), 1.001


def running_mean(of_batch: pd.Series) -> tuple[pd.Series, int]:
    """Return the mean of the mini-batches around each one, and of how many that is."""
    window = max(1, min(100, len(of_batch) // 20))
    return of_batch.rolling(window, min_periods=1, center=True).mean(), window


def _plot_curves(history: pd.DataFrame, measure: str) -> tuple[Figure, Any]:
    """Draw a measure of every mini-batch, its running mean, and the same on the test images."""
    figure, axes = figures.new_figure(width=9, height=4.8)
    iteration, of_batch = history["iteration"], history[f"train_{measure}"]
    mean, window = running_mean(of_batch)
    axes.plot(iteration, of_batch, color=figures.TRAINING, linewidth=0.5, alpha=0.5)
    axes.plot(
        iteration,
        mean,
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
    wrong = int((predictions["label"] != predictions["predicted"]).sum())
    return figures.confusion_matrix(
        predictions["label"],
        predictions["predicted"],
        [str(label) for label in range(n_classes)],
        f"Feed-forward network: {wrong:,} mistakes in {len(predictions):,} test images",
    )


def plot_calibration(predictions: pd.DataFrame) -> Figure:
    """Draw how often the network is right against how sure it is, and how many images that is.

    Most images have a confidence close to 1: the bins hold equally many images, not equal widths.
    """
    correct = predictions["predicted"] == predictions["label"]
    by_confidence = predictions["confidence"].rank(method="first")
    bins = pd.qcut(by_confidence, min(10, len(predictions)), labels=False)
    confidence = predictions["confidence"].groupby(bins).mean()
    accuracy = correct.groupby(bins).mean()
    error = expected_calibration_error(predictions["confidence"].to_numpy(), correct.to_numpy())
    figure, axes = figures.new_figure(width=5.6, height=5.2)
    lowest = min(confidence.min(), accuracy.min()) - 0.02
    axes.plot([lowest, 1], [lowest, 1], color="0.5", linestyle="--", label="perfectly calibrated")
    axes.plot(
        confidence,
        accuracy,
        color=figures.TEST,
        marker="o",
        label="a tenth of the test images each",
    )
    axes.set(
        xlabel="confidence (mean probability of the predicted class)",
        ylabel="accuracy (fraction correct)",
        title=f"Reliability: expected calibration error {100 * error:.1f} %",
    )
    axes.legend(frameon=False)
    return figure


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


def write_section(metrics: dict[str, Any], **figures: Any) -> str:
    """Write the section of the report about the network, with all of `FIGURES`."""
    return report.write_section("fnn", metrics=metrics, **figures)
