"""Figures of the feed-forward network: its two curves, its mistakes, and its training images."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mnist_gradients import report
from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.core.metrics import expected_calibration_error
from mnist_gradients.pipelines.fnn.parameters import FnnParameters
from mnist_gradients.plotting import figures, interactive
from mnist_gradients.plotting.curves import log_loss_axis, running_mean
from mnist_gradients.training.augmentation import build_augmentation, draw_augmentations

TABLES = ("metrics", "class_metrics", "run_parameters")
FIGURES = (
    *("loss_curves", "loss_curves_plotly", "accuracy_curves", "accuracy_curves_plotly"),
    *("augmentation_samples_plot", "worst_mistakes_plot"),
    *("confusion_matrix_plot", "calibration_plot"),
)


def plot_augmentation_samples(
    train: LabelledImages, class_names: Sequence[str], parameters: FnnParameters, seed: int
) -> Figure:
    """Draw an image of each class beside augmented copies of it, as used in training."""
    n_copies = 9
    classes, rows = np.unique(train.labels, return_index=True)
    images = train.images[np.repeat(rows, n_copies)]
    shape = train.images.shape[1:]
    augment = build_augmentation(shape, parameters.augmentation, seed)
    rng = np.random.default_rng(seed)
    drawn = draw_augmentations(len(images), parameters.augmentation, rng)
    copies = np.asarray(augment(images, drawn)).reshape(len(classes), n_copies, *shape)
    return figures.digit_grid(
        [np.concatenate([train.images[[row]], few]) for row, few in zip(rows, copies, strict=True)],
        title="Training images (left) and augmented copies, as used in training",
        row_labels=[class_names[label] for label in classes],
    )


def plot_loss_curves(history: pd.DataFrame) -> Figure:
    """Draw training loss and test loss against training iterations, in one figure."""
    figure, axes = _plot_curves(history, "loss")
    axes.set_title("Training loss and test loss by iteration")
    log_loss_axis(axes)
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
    """Return limits of the y-axis that show the accuracies from the first epoch's end on."""
    after_first_epoch = history[history["epoch"] > 1]
    shown = history.tail(1) if after_first_epoch.empty else after_first_epoch
    lowest = shown[["test_accuracy", "validation_accuracy"]].min().min()
    return min(0.9, lowest - 0.01), 1.001


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


def plot_interactive_loss_curves(history: pd.DataFrame) -> Any:
    """Draw the same as `plot_loss_curves`, interactively."""
    figure = _plot_interactive_curves(history, "loss", "cross-entropy (nats)", hover=":.4g} nats")
    figure.update_yaxes(interactive.log_ticks(history["train_loss"]))
    return figure


def plot_interactive_accuracy_curves(history: pd.DataFrame) -> Any:
    """Draw the same as `plot_accuracy_curves`, interactively."""
    figure = _plot_interactive_curves(
        history, "accuracy", "accuracy (fraction correct)", hover=":.2%}"
    )
    figure.update_yaxes(range=accuracy_limits(history))
    return figure


def _plot_interactive_curves(
    history: pd.DataFrame, measure: str, y_title: str, *, hover: str
) -> Any:
    """Draw a measure of every mini-batch, its running mean, and the same on the test images."""
    figure = interactive.new_figure(
        f"Training {measure} and test {measure} by iteration",
        ["training iteration (one mini-batch)"],
        y_title,
    )
    figure.update_xaxes(range=[0, int(history["iteration"].iloc[-1])])

    def add(name: str, table: pd.DataFrame, column: str, **look: Any) -> None:
        figure.add_scatter(
            x=table["iteration"].tolist(),
            y=interactive.short(table[column]),
            name=name,
            hovertemplate=f"iteration %{{x:,d}}<br>{name}: %{{y{hover}<extra></extra>",
            **look,
        )

    of_batch, of_test = f"train_{measure}", f"test_{measure}"
    mean, window = running_mean(history[of_batch])
    drawn = history.assign(mean=mean).iloc[interactive.thinned(len(history))]
    pale = {"color": figures.TRAINING, "width": 0.7}
    add(f"training {measure}, each mini-batch", drawn, of_batch, mode="lines", line=pale)
    dark = {"color": figures.TRAINING_DARK, "width": 2}
    add(
        f"training {measure}, mean of {window} mini-batches", drawn, "mean", mode="lines", line=dark
    )
    red = {"color": figures.TEST, "width": 2}
    evaluated = history.dropna(subset=[of_test])
    add(f"test {measure}", evaluated, of_test, mode="lines+markers", line=red)
    return figure


def plot_confusion_matrix(predictions: pd.DataFrame, class_names: Sequence[str]) -> Figure:
    """Draw the number of test images by true and by predicted class."""
    wrong = int((predictions["label"] != predictions["predicted"]).sum())
    return figures.confusion_matrix(
        predictions["label"],
        predictions["predicted"],
        class_names,
        f"Feed-forward network: {wrong:,} mistakes in {len(predictions):,} test images",
    )


def plot_calibration(predictions: pd.DataFrame) -> Figure:
    """Draw the accuracy against the confidence, in bins of equally many test images.

    Most images have a confidence close to 1; bins of equal width would be nearly empty.
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


def plot_worst_mistakes(
    predictions: pd.DataFrame, test: LabelledImages, class_names: Sequence[str]
) -> Figure:
    """Draw the wrongly classified test images with the largest loss."""
    is_long = max(map(len, class_names)) > 2
    arrow = " →\n" if is_long else " → "
    n_columns, n_rows = 10, 4
    mistakes = predictions[predictions["label"] != predictions["predicted"]]
    worst = mistakes.nlargest(n_columns * n_rows, "loss", keep="all").head(n_columns * n_rows)
    rows = [worst.iloc[i : i + n_columns] for i in range(0, max(1, len(worst)), n_columns)]
    columns = ["label", "predicted", "confidence"]
    captions = [
        [
            f"{class_names[label]}{arrow}{class_names[predicted]}, {confidence:.2f}"
            for label, predicted, confidence in zip(
                *(row[c].tolist() for c in columns), strict=True
            )
        ]
        for row in rows
    ]
    return figures.digit_grid(
        [test.images[row["image"].to_numpy(dtype=int)] for row in rows],
        title=f"The {len(worst)} worst of {len(mistakes)} mistakes: true class → prediction, "
        "its probability",
        captions=captions,
        caption_height=0.35 if is_long else 0.2,
    )


def write_section(run_parameters: dict[str, Any], **content: Any) -> str:
    """Write the section of the report about the network, with all of `TABLES` and `FIGURES`."""
    return report.write_section("fnn", parameters=run_parameters, **content)
