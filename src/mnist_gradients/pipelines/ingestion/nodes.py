"""Nodes of the ingestion pipeline: check the raw arrays, split them, and show their content."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mnist_gradients import report
from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.maths.checking import mismatch
from mnist_gradients.pipelines.ingestion.parameters import IngestionParameters
from mnist_gradients.plotting import figures


def label_images(
    train_images: np.ndarray,
    train_labels: np.ndarray,
    test_images: np.ndarray,
    test_labels: np.ndarray,
    parameters: IngestionParameters,
) -> tuple[LabelledImages, LabelledImages]:
    """Join images and labels, after checking that the four raw files belong together.

    The sizes of the splits are checked here as well: a mistake shows before anything is written.

    Args:
        train_images: uint8 (N, height, width).
        train_labels: uint8 (N,).
        test_images: uint8 (M, height, width).
        test_labels: uint8 (M,).
        parameters: The number of classes, and the sizes of the splits.

    Returns:
        Training and test images with their labels.

    Raises:
        ValueError: If there are not as many labels as images, a label is out of range, a class
            has no image in either set, training and test images differ in shape, or a split is
            too large or too small for the images there are.
    """
    train = _pair(train_images, train_labels, "training")
    test = _pair(test_images, test_labels, "test")
    if train.images.shape[1:] != test.images.shape[1:]:
        expected = f"{train.images.shape[1:]} like the training images"
        raise mismatch("test images", f"shape {test.images.shape[1:]}", expected)
    for name, labelled in (("training", train), ("test", test)):
        highest = int(labelled.labels.max())
        if highest >= parameters.n_classes:
            raise mismatch(
                f"{name} labels",
                f"label {highest}",
                f"0 to {parameters.n_classes - 1} "
                f"(parameter ingestion.n_classes is {parameters.n_classes})",
            )
        counts = np.bincount(labelled.labels, minlength=parameters.n_classes)
        if not counts.all():
            raise mismatch(
                f"{name} labels",
                f"no image of class {int(counts.argmin())}",
                f"every class from 0 to {parameters.n_classes - 1} (parameter "
                "ingestion.n_classes; the pipeline import_data numbers other labels)",
            )
    n_kept = _n_kept(train, parameters.train_limit, "ingestion.train_limit")
    _n_kept(test, parameters.test_limit, "ingestion.test_limit")
    _n_taken(parameters.validation_size, n_kept, parameters.n_classes, "ingestion.validation_size")
    return train, test


def _pair(images: np.ndarray, labels: np.ndarray, name: str) -> LabelledImages:
    """Join images and labels; an error message begins with the name of the set."""
    try:
        return LabelledImages(images, labels)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} set: {error}") from error


def split_images(
    labelled_train: LabelledImages,
    labelled_test: LabelledImages,
    parameters: IngestionParameters,
    seed: int,
) -> tuple[LabelledImages, LabelledImages, LabelledImages]:
    """Take a stratified validation split off the training images, and subsets where asked for.

    Args:
        labelled_train: All training images.
        labelled_test: All test images.
        parameters: Sizes of the validation split and of the subsets.
        seed: Seed of the split.

    Returns:
        Training, validation and test images. The order of the files is kept within each.

    Raises:
        ValueError: If a size is too small or too large for every class to stand on both sides of
            the split, or a class has a single image.
    """
    kept = _subset(labelled_train, parameters.train_limit, "ingestion.train_limit", seed)
    test = _subset(labelled_test, parameters.test_limit, "ingestion.test_limit", seed)
    train_rows, validation_rows = _stratified_rows(
        kept.labels, parameters.validation_size, "ingestion.validation_size", seed
    )
    return kept.take(train_rows), kept.take(validation_rows), test


def _subset(
    labelled: LabelledImages, limit: int | None, parameter: str, seed: int
) -> LabelledImages:
    """Return a stratified subset of at most `limit` images."""
    n_kept = _n_kept(labelled, limit, parameter)
    if n_kept == len(labelled):
        return labelled
    return labelled.take(_stratified_rows(labelled.labels, n_kept, parameter, seed)[1])


def _n_kept(labelled: LabelledImages, limit: int | None, parameter: str) -> int:
    """Return how many images a limit keeps."""
    if limit is None or limit >= len(labelled):
        return len(labelled)
    return _n_taken(limit, len(labelled), len(np.unique(labelled.labels)), parameter)


def _n_taken(size: int | float, n_images: int, n_classes: int, parameter: str) -> int:
    """Return how many of the images a size, a number or a fraction, takes off."""
    n_taken = size if isinstance(size, int) else round(size * n_images)
    if not n_classes <= n_taken <= n_images - n_classes:
        raise mismatch(
            f"parameter {parameter}",
            f"{size} ({n_taken} of {n_images} images)",
            f"between {n_classes} and {n_images - n_classes} images, so that each of the "
            f"{n_classes} classes can stand on both sides of the split",
        )
    return n_taken


def _stratified_rows(
    labels: np.ndarray, size: int | float, parameter: str, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that remain and the rows taken off: `size` of them, in file order."""
    from sklearn.model_selection import train_test_split

    classes, counts = np.unique(labels, return_counts=True)
    if counts.min() < 2:
        raise mismatch(
            f"parameter {parameter}",
            f"{size}, but class {classes[counts.argmin()]} has a single image",
            "at least 2 of each class to split",
        )
    rest, taken = train_test_split(
        np.arange(len(labels)),
        test_size=_n_taken(size, len(labels), len(classes), parameter),
        stratify=labels,
        random_state=seed,
    )
    return np.sort(rest), np.sort(taken)


def name_classes(raw_class_names: Sequence[str], parameters: IngestionParameters) -> list[str]:
    """Return the name of each class: that of the raw data, or else its number.

    Raises:
        ValueError: If there are names, but not as many as classes.
    """
    numbers = [str(number) for number in range(parameters.n_classes)]
    if raw_class_names and len(raw_class_names) != len(numbers):
        expected = f"{len(numbers)} (parameter ingestion.n_classes)"
        raise mismatch("raw_class_names", f"{len(raw_class_names)} names", expected)
    return list(raw_class_names) or numbers


def count_classes(
    train: LabelledImages,
    validation: LabelledImages,
    test: LabelledImages,
    class_names: Sequence[str],
) -> pd.DataFrame:
    """Count the images of each class in each of the three sets.

    Returns:
        Columns class, name, train, validation, test; one row per class.
    """
    counts = {
        part: np.bincount(images.labels, minlength=len(class_names))
        for part, images in (("train", train), ("validation", validation), ("test", test))
    }
    return pd.DataFrame({"class": np.arange(len(class_names)), "name": class_names, **counts})


def plot_class_counts(class_counts: pd.DataFrame) -> Figure:
    """Draw the number of images per class, a bar for each set."""
    figure, axes = figures.new_figure(width=8, height=4)
    width = 0.27
    for i, name in enumerate(("train", "validation", "test")):
        left = class_counts["class"] + (i - 1) * width
        axes.bar(left, class_counts[name], label=name, width=width, color=figures.COLOURS[i])
    axes.set(
        xlabel="class",
        ylabel="images",
        title="Images per class in the training, validation and test set",
        xticks=class_counts["class"],
    )
    figures.name_ticks(axes, class_counts["name"].tolist())
    figures.legend_outside(axes)
    return figure


def plot_sample_digits(
    train: LabelledImages, class_names: Sequence[str], per_class: int = 12
) -> Figure:
    """Draw the first training images of every class, one class per row."""
    classes = range(len(class_names))
    rows = [np.flatnonzero(train.labels == label)[:per_class] for label in classes]
    return figures.digit_grid(
        [train.images[row] for row in rows],
        row_labels=class_names,
        title="The first training images of each class",
    )


def write_section(
    class_counts: pd.DataFrame,
    class_counts_plot: bytes,
    sample_digits_plot: bytes,
    parameters: IngestionParameters,
    seed: int,
) -> str:
    """Write the section of the report about the data."""
    return report.write_section(
        "ingestion",
        parameters={"seed": seed, "ingestion": parameters},
        class_counts=class_counts,
        class_counts_plot=class_counts_plot,
        sample_digits_plot=sample_digits_plot,
    )
