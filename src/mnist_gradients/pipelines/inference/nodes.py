"""Nodes of the inference pipeline: prepare the images as MNIST was, and classify them."""

import logging
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from mnist_gradients.core.linear_model import LinearModel
from mnist_gradients.maths.softmax import log_softmax
from mnist_gradients.pipelines.inference.own_digit import OwnDigit
from mnist_gradients.pipelines.inference.parameters import InferenceParameters
from mnist_gradients.preprocessing.decoding import decode
from mnist_gradients.preprocessing.normalisation import preprocess

logger = logging.getLogger(__name__)

PHOTO_SIDE = 200
MOST_LINES = 20


def prepare_digits(own_digits: dict[str, bytes], parameters: InferenceParameters) -> list[OwnDigit]:
    """Read every file and turn the digit in it into what a model sees.

    A file without an image or a digit is told of, and the others go on.

    Args:
        own_digits: File name to content.
        parameters: Size of the digit and of the image.

    Raises:
        ValueError: If no file holds a digit.
    """
    prepared = [_prepare(file, content, parameters) for file, content in own_digits.items()]
    for digit in prepared:
        if digit.problem:
            logger.warning("%s: %s", digit.file, digit.problem)
    if all(digit.problem for digit in prepared):
        raise ValueError(
            f"parameter inference.folder: found no digit in any of the {len(prepared)} files of "
            f"{parameters.folder}, expected at least one; {prepared[0].file}: "
            f"{prepared[0].problem}"
        )
    return prepared


def _prepare(file: str, content: bytes, parameters: InferenceParameters) -> OwnDigit:
    try:
        colours = decode(content)
    except ValueError as error:
        return OwnDigit(file, problem=str(error))
    small = Image.fromarray(colours)
    small.thumbnail((PHOTO_SIDE, PHOTO_SIDE))
    photo = np.asarray(small)
    try:
        image = preprocess(colours, parameters.digit_size, parameters.image_size)
    except ValueError as error:
        return OwnDigit(file, photo, problem=str(error))
    return OwnDigit(file, photo, image)


def classify_digits(
    prepared: list[OwnDigit], classifier: Any, parameters: InferenceParameters
) -> pd.DataFrame:
    """Let a model say what the digits are.

    Args:
        prepared: The images, at least one of them with a digit.
        classifier: The trained model: a Keras network, or linear models by solver.
        parameters: Names the model and, of linear ones, the solver.

    Returns:
        One row per file: file, digit (or the name of a class of the binary task), probability,
        runner_up, runner_up_probability, problem. Where there is a problem the other columns
        are empty; where there is none, it is.

    Raises:
        ValueError: If the model was trained on images of another size, or not with that solver.
    """
    images = np.stack([digit.image for digit in prepared if digit.image is not None])
    if parameters.model == "fnn":
        log_probabilities, classes = _ask_network(classifier, images)
    else:
        log_probabilities, classes = _ask_linear_model(classifier, images, parameters)
    ranked = np.argsort(-log_probabilities, axis=1)[:, :2]
    probabilities = np.exp(np.take_along_axis(log_probabilities, ranked, axis=1))
    answers = iter(zip(ranked, probabilities, strict=True))
    rows = []
    for digit in prepared:
        row: dict[str, Any] = {"file": digit.file, "problem": digit.problem}
        if digit.image is not None:
            (first, second), (likely, less_likely) = next(answers)
            row |= {"digit": classes[first], "probability": likely}
            row |= {"runner_up": classes[second], "runner_up_probability": less_likely}
        rows.append(row)
    columns = ["file", "digit", "probability", "runner_up", "runner_up_probability", "problem"]
    predictions = pd.DataFrame(rows, columns=columns)
    _log(predictions)
    return predictions


def _ask_network(network: Any, images: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Return log-probabilities (N, K) of a Keras network, and the names of its classes."""
    _check_size(images, network.input_shape[1] * network.input_shape[2])
    log_probabilities = log_softmax(np.float64(network.predict(images, verbose=0)))
    return log_probabilities, [str(number) for number in range(log_probabilities.shape[1])]


def _ask_linear_model(
    models: dict[str, LinearModel], images: np.ndarray, parameters: InferenceParameters
) -> tuple[np.ndarray, list[str]]:
    """Return log-probabilities (N, K) of a linear model, and the names of its classes."""
    if parameters.solver not in models:
        raise ValueError(
            f"parameter inference.solver: found {parameters.solver!r}, "
            f"expected one of {', '.join(models)}"
        )
    model = models[parameters.solver]
    _check_size(images, model.weights.shape[0])
    is_binary = parameters.model == "binary"
    classes = parameters.binary_classes if is_binary else map(str, model.classes)
    return model.log_probabilities(images.reshape(len(images), -1)), list(classes)


def _check_size(images: np.ndarray, n_pixels: int) -> None:
    """Refuse images of another size than those that a model was trained on."""
    found = images[0].size
    if found != n_pixels:
        raise ValueError(
            f"parameter inference.image_size: found {images.shape[1]} ({found} pixels an image), "
            f"expected the size of the images that the model was trained on ({n_pixels} pixels)"
        )


def _log(predictions: pd.DataFrame) -> None:
    """Say what was found, a line per image of the first ones."""
    found = predictions[predictions["problem"] == ""]
    for row in found.head(MOST_LINES).to_dict("records"):
        logger.info(
            "    %s: %s (%.1f %%), else %s (%.1f %%)",
            row["file"],
            row["digit"],
            100 * row["probability"],
            row["runner_up"],
            100 * row["runner_up_probability"],
        )
    logger.info("    %d of %d files hold a digit", len(found), len(predictions))
