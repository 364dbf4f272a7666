"""Nodes of the feed-forward network: train it, measure it, and show what it got wrong."""

import logging
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mnist_gradients import figures
from mnist_gradients.evaluation import classification_metrics, expected_calibration_error
from mnist_gradients.labelled_images import LabelledImages
from mnist_gradients.maths.softmax import log_softmax
from mnist_gradients.training import loop
from mnist_gradients.training.augmentation import build_deformation, draw_deformations
from mnist_gradients.training.parameters import FnnParameters
from mnist_gradients.training.progress import Checkpoints, name_of_training

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
    """
    sets = _training_sets(train, validation, test, parameters)
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
    """Train further networks, each with a seed of its own, and let all of them vote.

    The committee's probabilities are the mean of its members'. A committee of one is the network.

    Returns:
        The networks by name. The histories of those after the first, evaluated iterations only,
        with a column seed. The committee's predictions (see `_predictions`) with a further column,
        wrong_members. Metrics: seeds; test_error, test_loss and test_expected_calibration_error of
        the committee; members_test_error, one for each, with mean and standard_deviation (none for
        a single one); and the same for validation unless the images were trained on.
    """
    members = {seed: first}
    histories = [pd.DataFrame(columns=[*loop.HISTORY, "seed"])]
    sets = _training_sets(train, validation, test, parameters)
    for number in range(1, parameters.networks):
        logger.info("    network %d of %d", number + 1, parameters.networks)
        result = loop.train(*sets, parameters, seed + number, checkpoints)
        members[seed + number] = result.network
        evaluated = result.history.dropna(subset=["test_loss"])
        histories.append(evaluated.assign(seed=seed + number))
    metrics: dict[str, Any] = {"seeds": list(members)}
    measured = (
        {"test": test}
        if parameters.include_validation
        else {"test": test, "validation": validation}
    )
    for name, labelled in measured.items():
        log_p = np.stack([_log_probabilities(member, labelled) for member in members.values()])
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
    sets = _training_sets(train, validation, test, parameters)
    for number in range(parameters.networks):
        checkpoints.remove(name_of_training(parameters, seed + number, sets))


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


def _training_sets(
    train: LabelledImages,
    validation: LabelledImages,
    test: LabelledImages,
    parameters: FnnParameters,
) -> tuple[LabelledImages, LabelledImages | None, LabelledImages]:
    """Return what to train on, what to measure on besides, and the test images."""
    if not parameters.include_validation:
        return train, validation, test
    both = (train, validation)
    images = np.concatenate([images.images for images in both])
    labels = np.concatenate([images.labels for images in both])
    return LabelledImages(images, labels), None, test


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
    counts = np.zeros((n_classes, n_classes), dtype=int)
    np.add.at(counts, (predictions["label"], predictions["predicted"]), 1)
    wrong = int((predictions["label"] != predictions["predicted"]).sum())
    return figures.confusion_matrix(
        counts,
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
