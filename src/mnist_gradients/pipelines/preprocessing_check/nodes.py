"""Nodes of the round trip: test digits as image files, prepared anew, and classified again."""

import logging
from typing import Any

import numpy as np
import pandas as pd

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.core.linear_model import LinearModel
from mnist_gradients.pipelines.preprocessing_check.parameters import RoundTripParameters
from mnist_gradients.preprocessing.decoding import decode
from mnist_gradients.preprocessing.normalisation import preprocess
from mnist_gradients.preprocessing.rendering import render

logger = logging.getLogger(__name__)

EVERY = 1000  # images, between two lines on the console


def send_digits_round(
    test: LabelledImages, parameters: RoundTripParameters, seed: int
) -> LabelledImages:
    """Turn test digits into image files, and those back into what a model sees.

    Returns:
        As many of the first test images as were asked for, with their labels. One in which no
        digit was found any more is blank.

    Raises:
        ValueError: If the images are not square, or smaller than the digits in them are to be.
    """
    height, width = test.images.shape[1:]
    if height != width or height < parameters.digit_size:
        raise ValueError(
            f"test: found images of {height} x {width} pixels, expected square ones of at least "
            f"preprocessing_check.digit_size, which is {parameters.digit_size}"
        )
    n_images = min(parameters.images, len(test))
    rng = np.random.default_rng(seed)
    returned = np.zeros_like(test.images[:n_images])
    for index, digit in enumerate(test.images[:n_images]):
        file = render(digit, parameters.smallest_factor, parameters.largest_factor, rng)
        try:
            returned[index] = preprocess(decode(file), parameters.digit_size, width)
        except ValueError as error:
            logger.warning("test image %d: %s", index, error)
        if (index + 1) % EVERY == 0:
            logger.info("    %d of %d images", index + 1, n_images)
    return LabelledImages(returned, test.labels[:n_images])


def measure_network(
    test: LabelledImages, returned: LabelledImages, network: Any
) -> dict[str, float]:
    """Return the network's accuracy before and after the trip, as fractions."""
    return _accuracies(
        lambda images: network.predict(images, 1000, verbose=0).argmax(axis=1),
        test.images[: len(returned)],
        returned.images,
        returned.labels,
    )


def measure_linear_model(
    test: LabelledImages,
    returned: LabelledImages,
    models: dict[str, LinearModel],
    parameters: RoundTripParameters,
) -> dict[str, float]:
    """Return a linear model's accuracy before and after the trip, as fractions.

    A model of two classes is asked whether the digit is one of the positive classes.

    Raises:
        ValueError: If there is no model of that solver.
    """
    if parameters.solver not in models:
        raise ValueError(
            f"parameter preprocessing_check.solver: found {parameters.solver!r}, "
            f"expected one of {', '.join(models)}"
        )
    model = models[parameters.solver]
    labels: np.ndarray = returned.labels
    if len(model.classes) == 2:
        labels = model.classes[np.isin(labels, parameters.positive_classes).astype(np.intp)]
    return _accuracies(
        lambda images: model.predict(images.reshape(len(images), -1)),
        test.images[: len(returned)],
        returned.images,
        labels,
    )


def _accuracies(
    predict: Any, before: np.ndarray, after: np.ndarray, labels: np.ndarray
) -> dict[str, float]:
    return {
        "images": len(labels),
        "accuracy_before": float(np.mean(predict(before) == labels)),
        "accuracy_after": float(np.mean(predict(after) == labels)),
    }


def compare_accuracies(
    fnn: dict[str, float],
    binary: dict[str, float],
    multinomial: dict[str, float],
    parameters: RoundTripParameters,
) -> pd.DataFrame:
    """Put the models together.

    Returns:
        One row per model: model, images, accuracy_before, accuracy_after (fractions), points_lost
        (percentage points), holds (whether that is as little as is allowed).
    """
    measured = {"fnn": fnn, "binary": binary, "multinomial": multinomial}
    table = pd.DataFrame({"model": name} | values for name, values in measured.items())
    lost = 100 * (table["accuracy_before"] - table["accuracy_after"])
    table["points_lost"] = lost.round(6)
    table["holds"] = table["points_lost"] <= parameters.allowed_loss
    for row in table.to_dict("records"):
        logger.log(
            logging.INFO if row["holds"] else logging.WARNING,
            "    %s: accuracy %.2f %% before, %.2f %% after, %.2f points lost, %s",
            row["model"],
            100 * row["accuracy_before"],
            100 * row["accuracy_after"],
            row["points_lost"],
            f"{'as' if row['holds'] else 'not as'} allowed (at most {parameters.allowed_loss:g})",
        )
    return table
