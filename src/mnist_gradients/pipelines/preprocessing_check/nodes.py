"""Nodes of the preprocessing check: render digits as pictures, read them back, and classify."""

import logging
import zlib
from typing import Any

import numpy as np
import pandas as pd

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.core.linear_model import LinearModel
from mnist_gradients.maths.checking import check_choice, mismatch
from mnist_gradients.pipelines.preprocessing_check.parameters import PreprocessingCheckParameters
from mnist_gradients.preprocessing.decoding import decode
from mnist_gradients.preprocessing.normalisation import read_digits
from mnist_gradients.preprocessing.rendering import KINDS, Renderer

logger = logging.getLogger(__name__)

ORIGINAL = "original"


def render_digits(
    test: LabelledImages, parameters: PreprocessingCheckParameters, seed: int
) -> LabelledImages:
    """Turn test digits into image files of every kind, and those back into the input of a model.

    Returns:
        The first test images as they are, then once of each kind, in the order of ``KINDS``. An
        image is blank if not exactly one digit was found in its file.

    Raises:
        ValueError: If the images are not square, or smaller than the digits in them are to be.
    """
    height, width = test.images.shape[1:]
    if height != width or height < parameters.digit_size:
        raise mismatch(
            "test",
            f"images of {height} x {width} pixels",
            "square ones of at least preprocessing_check.digit_size, "
            f"which is {parameters.digit_size}",
        )
    kept = test.take(np.arange(min(parameters.images, len(test))))
    images = [kept.images]
    for kind, renderer in KINDS.items():
        rng = np.random.default_rng([seed, zlib.crc32(kind.encode())])
        read = [_read_back(digit, renderer, parameters.digit_size, rng) for digit in kept.images]
        images.append(np.stack(read))
        logger.info("    %s: a digit found in %d of %d", kind, _n_found(images[-1]), len(kept))
    return LabelledImages(np.concatenate(images), np.tile(kept.labels, len(images)))


def _read_back(
    digit: np.ndarray, renderer: Renderer, digit_size: int, rng: np.random.Generator
) -> np.ndarray:
    """Return a digit after rendering and preprocessing, blank if none or several are found."""
    try:
        (found,) = read_digits(decode(renderer(digit, rng)), digit_size, len(digit))
    except ValueError:
        return np.zeros_like(digit)
    return found


def _n_found(images: np.ndarray) -> int:
    return int(images.any(axis=(1, 2)).sum())


def measure_network(digits: LabelledImages, network: Any) -> dict[str, float]:
    """Return the network's accuracy by kind, as fractions."""
    predicted = network.predict(digits.images, 1000, verbose=0).argmax(axis=1)
    return _accuracies(predicted == digits.labels, digits.images)


def measure_linear_model(
    digits: LabelledImages,
    models: dict[str, LinearModel],
    parameters: PreprocessingCheckParameters,
) -> dict[str, float]:
    """Return a linear model's accuracy by kind, as fractions.

    A model of two classes decides whether the digit is one of the positive classes.

    Raises:
        ValueError: If there is no model of that solver.
    """
    check_choice("parameter preprocessing_check.solver", parameters.solver, models)
    model = models[parameters.solver]
    labels: np.ndarray = digits.labels
    if len(model.classes) == 2:
        labels = model.classes[np.isin(labels, parameters.positive_classes).astype(np.intp)]
    predicted = model.predict(digits.images.reshape(len(digits), -1))
    return _accuracies(predicted == labels, digits.images)


def _accuracies(is_right: np.ndarray, images: np.ndarray) -> dict[str, float]:
    """Return the fraction of right answers by kind; one on a blank image is wrong."""
    is_right = is_right & images.any(axis=(1, 2))
    kinds = (ORIGINAL, *KINDS)
    means = is_right.reshape(len(kinds), -1).mean(axis=1)
    return dict(zip(kinds, means.tolist(), strict=True))


def compare_accuracies(
    fnn: dict[str, float],
    binary: dict[str, float],
    multinomial: dict[str, float],
    parameters: PreprocessingCheckParameters,
) -> pd.DataFrame:
    """Put the accuracies of the models together.

    Returns:
        One row per kind of picture, the best read first: kind, description, fnn, binary,
        multinomial (fractions), extreme (whether it may fall below the floor), holds.
    """
    descriptions = {ORIGINAL: "The test image itself."} | {
        kind: " ".join((renderer.__doc__ or "").split()) for kind, renderer in KINDS.items()
    }
    table = pd.DataFrame({"fnn": fnn, "binary": binary, "multinomial": multinomial})
    table.insert(0, "description", pd.Series(descriptions))
    table = table.rename_axis("kind").reset_index()
    table["extreme"] = table["kind"].isin(parameters.extreme)
    table["holds"] = table["extreme"] | (table["fnn"] >= parameters.least_accuracy)
    for row in table[~table["holds"]].to_dict("records"):
        logger.warning(
            "    %s: found an accuracy of %.1f %%, expected at least %.1f %%",
            row["kind"],
            100 * row["fnn"],
            100 * parameters.least_accuracy,
        )
    return table.sort_values("fnn", ascending=False, kind="stable", ignore_index=True)
