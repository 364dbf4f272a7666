"""Nodes of the import_data pipeline: number the classes, split, and scale the pixels."""

import logging
from collections.abc import Mapping

import numpy as np

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.maths.checking import check_array, mismatch
from mnist_gradients.pipelines.import_data.parameters import ImportParameters

logger = logging.getLogger(__name__)

MOST_CLASSES = 256


def convert_images(
    source: Mapping[str, tuple[np.ndarray, np.ndarray]], parameters: ImportParameters, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """Turn published images into arrays for IDX files, with classes numbered from 0.

    Numbers are ordered by value, and names by alphabet.

    Args:
        source: Images (N, height, width) and labels (N,) of any type: ``train`` and perhaps
            ``test``, which is otherwise a stratified part of ``train``.
        parameters: The meaning of the pixels, and the number of test images.
        seed: Seed of the split.

    Returns:
        Training images uint8 (N, height, width) and labels uint8 (N,), the same for the test, and
        the label in the source of each class.

    Raises:
        ValueError: If images and labels do not fit together, there are fewer than 2 or more than
            256 classes, or a pixel is out of range.
    """
    sets = {part: _checked(part, *arrays) for part, arrays in source.items()}
    names = _class_names(np.concatenate([labels for _, labels in sets.values()]))
    numbers = {name: number for number, name in enumerate(names)}
    full_ink = parameters.full_ink or _full_ink([images for images, _ in sets.values()])
    labelled = {
        part: LabelledImages(
            _pixels(images, full_ink, parameters),
            np.array([numbers[label] for label in labels.tolist()], np.uint8),
        )
        for part, (images, labels) in sets.items()
    }
    train, test = _split(labelled, parameters.test_size, seed)
    logger.info("    %d training images, %d test images", len(train), len(test))
    logger.info("    ingestion.n_classes=%d: %s", len(names), ", ".join(names))
    return train.images, train.labels, test.images, test.labels, names


def _checked(part: str, images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return images and labels, the labels as text, if they fit together."""
    check_array(f"{part} images", images, np.number, dimensions=3)
    if labels.shape != (len(images),):
        raise mismatch(f"{part} labels", f"shape {labels.shape}", f"({len(images)},)")
    if np.issubdtype(labels.dtype, np.floating) and np.array_equal(labels, labels.astype(int)):
        labels = labels.astype(int)
    return images, labels.astype(str)


def _class_names(labels: np.ndarray) -> list[str]:
    """Return the classes, ordered by value if all are integers."""
    names = np.unique(labels).tolist()
    if not 2 <= len(names) <= MOST_CLASSES:
        raise mismatch("labels", f"{len(names)} classes", f"2 to {MOST_CLASSES}")
    are_numbers = all(name.removeprefix("-").isdecimal() for name in names)
    return sorted(names, key=int) if are_numbers else names


def _full_ink(images: list[np.ndarray]) -> float:
    return 1 if max(array.max() for array in images) <= 1 else 255


def _pixels(images: np.ndarray, full_ink: float, parameters: ImportParameters) -> np.ndarray:
    """Return images uint8 with 0 as background and 255 as full ink."""
    lowest, highest = images.min(), images.max()
    if not (lowest >= 0 and highest <= full_ink):
        expected = f"0 to {full_ink:g} (parameter import_data.full_ink)"
        raise mismatch("pixels", f"{lowest} to {highest}", expected)
    if parameters.transpose:
        images = images.transpose(0, 2, 1)
    if full_ink != 255:
        images = np.rint(images * (255 / full_ink))
    pixels = images.astype(np.uint8)
    return 255 - pixels if parameters.invert else pixels


def _split(
    labelled: Mapping[str, LabelledImages], test_size: int | float, seed: int
) -> tuple[LabelledImages, LabelledImages]:
    """Return training and test images; those of a source without test images are split."""
    from sklearn.model_selection import train_test_split

    if "test" in labelled:
        return labelled["train"], labelled["test"]
    images = labelled["train"]
    try:
        rest, taken = train_test_split(
            np.arange(len(images)), test_size=test_size, stratify=images.labels, random_state=seed
        )
    except ValueError as error:
        raise mismatch("parameter import_data.test_size", test_size, f"another: {error}") from error
    return images.take(np.sort(rest)), images.take(np.sort(taken))
