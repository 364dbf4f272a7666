"""Nodes of the inference pipeline: prepare the images as MNIST was, and classify them."""

import logging
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mnist_gradients.core.linear_model import LinearModel
from mnist_gradients.maths.checking import check_choice, mismatch
from mnist_gradients.maths.softmax import log_softmax
from mnist_gradients.pipelines.inference.parameters import InferenceParameters
from mnist_gradients.preprocessing.picture import Picture, prepare_picture

logger = logging.getLogger(__name__)

MOST_PHOTOS = 60  # on the sheet; of further files only the digits are kept
MOST_LINES = 20
COLUMNS = [
    "file",
    "position",
    "digit",
    "probability",
    "runner_up",
    "runner_up_probability",
    "problem",
]


def prepare_digits(
    own_digits: dict[str, Callable[[], bytes]], parameters: InferenceParameters
) -> list[Picture]:
    """Read every file and turn its digits into the input of a model.

    One file is in memory at a time. A file without an image or a digit is logged, and the others
    are read all the same.

    Args:
        own_digits: Functions that return the content of a file, by its name.
        parameters: Limits of the files, and size of the digits.

    Raises:
        ValueError: If no file holds a digit.
    """
    prepared = [
        prepare_picture(
            file,
            read,
            digit_size=parameters.digit_size,
            image_size=parameters.image_size,
            most_megapixels=parameters.most_megapixels,
            keep_photo=index < MOST_PHOTOS,
        )
        for index, (file, read) in enumerate(own_digits.items())
    ]
    for picture in prepared:
        if picture.problem:
            logger.warning("%s: %s", picture.file, picture.problem)
    if not any(picture.digits for picture in prepared):
        first = prepared[0]
        raise mismatch(
            "parameter inference.folder",
            f"no digit in any of the {len(prepared)} files of {parameters.folder}",
            f"at least one; {first.file}: {first.problem}",
        )
    return prepared


def classify_digits(
    prepared: list[Picture],
    classifier: Any,
    class_names: Sequence[str],
    parameters: InferenceParameters,
) -> pd.DataFrame:
    """Classify the digits.

    Args:
        prepared: The pictures, at least one of them with a digit.
        classifier: The trained model: a Keras network, or linear models by solver.
        class_names: Names of the classes of the data set; without any they are numbered.
        parameters: Name of the model, of the solver of a linear one, and the least probability.

    Returns:
        One row per digit, and one per file without: file, position (from the left, counted from 1),
        digit (the name of its class), probability, runner_up,
        runner_up_probability, problem. Where there is a problem, the columns between position and
        it are empty. A file name that a spreadsheet would take for a formula has a ' before it.

    Raises:
        ValueError: If the model was trained on images of another size, on another number of
            classes, or not with that solver.
    """
    images = np.stack([digit for picture in prepared for digit in picture.digits])
    if parameters.model == "fnn":
        log_probabilities = _network_answers(classifier, images)
    else:
        log_probabilities = _linear_answers(classifier, images, parameters)
    n_classes = log_probabilities.shape[1]
    names = parameters.binary_classes if parameters.model == "binary" else class_names
    names = names or [str(number) for number in range(n_classes)]
    if len(names) != n_classes:
        raise mismatch("class_names", f"{len(names)} names", f"{n_classes}")
    answers = iter(_answers(log_probabilities, names, parameters.least_probability))
    rows = []
    for picture in prepared:
        file = {"file": without_formula(picture.file)}
        rows += [
            file | {"position": position, **next(answers)}
            for position, _ in enumerate(picture.digits, start=1)
        ]
        if not picture.digits:
            rows.append(file | {"problem": picture.problem})
    predictions = pd.DataFrame(rows, columns=COLUMNS).astype({"position": "Int64"})
    _log(predictions)
    return predictions


def _answers(
    log_probabilities: np.ndarray, classes: Sequence[str], least_probability: float
) -> list[dict[str, Any]]:
    """Return the row of each digit: the two most probable classes, or why it is rejected."""
    ranked = np.argsort(-log_probabilities, axis=1)[:, :2]
    probabilities = np.exp(np.take_along_axis(log_probabilities, ranked, axis=1))
    return [
        {
            "digit": classes[first],
            "probability": likely,
            "runner_up": classes[second],
            "runner_up_probability": less_likely,
            "problem": "",
        }
        if likely >= least_probability
        else {
            "problem": f"found no clear digit (most like {classes[first]}, {100 * likely:.0f} %), "
            f"expected one that is read with at least {100 * least_probability:.0f} %"
        }
        for (first, second), (likely, less_likely) in zip(ranked, probabilities, strict=True)
    ]


def without_formula(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def _network_answers(network: Any, images: np.ndarray) -> np.ndarray:
    """Return log-probabilities (N, K) of a Keras network."""
    _check_size(images, network.input_shape[1] * network.input_shape[2])
    return log_softmax(np.float64(network.predict(images, verbose=0)))


def _linear_answers(
    models: dict[str, LinearModel], images: np.ndarray, parameters: InferenceParameters
) -> np.ndarray:
    """Return log-probabilities (N, K) of a linear model."""
    check_choice("parameter inference.solver", parameters.solver, models)
    model = models[parameters.solver]
    _check_size(images, model.weights.shape[0])
    return model.log_probabilities(images.reshape(len(images), -1))


def _check_size(images: np.ndarray, n_pixels: int) -> None:
    """Refuse images of another size than those that a model was trained on."""
    found = images[0].size
    if found != n_pixels:
        raise mismatch(
            "parameter inference.image_size",
            f"{images.shape[1]} ({found} pixels an image)",
            f"the size of the images that the model was trained on ({n_pixels} pixels)",
        )


def _log(predictions: pd.DataFrame) -> None:
    """Log the answers, a line per file of the first ones, and a line for each rejected shape."""
    has_shape = predictions["position"].notna()
    is_read = predictions["problem"] == ""
    for file, rows in list(predictions[has_shape].groupby("file", sort=False))[:MOST_LINES]:
        logger.info("    %s: %s", file, _summary(rows.to_dict("records")))
    for row in predictions[has_shape & ~is_read].to_dict("records"):
        logger.warning("%s, shape %d: %s", row["file"], row["position"], row["problem"])
    n_files = predictions["file"].nunique()
    n_read = predictions.loc[is_read, "file"].nunique()
    logger.info("    %d digits read in %d of %d files", is_read.sum(), n_read, n_files)


def _summary(rows: Sequence[Mapping[Hashable, Any]]) -> str:
    """Return the answers for a file in a few words; ? is a rejected shape."""
    if len(rows) == 1 and not rows[0]["problem"]:
        row = rows[0]
        first, second = (100 * row[name] for name in ("probability", "runner_up_probability"))
        return f"{row['digit']} ({first:.1f} %), else {row['runner_up']} ({second:.1f} %)"
    return " ".join(
        "?" if row["problem"] else f"{row['digit']} ({100 * row['probability']:.1f} %)"
        for row in rows
    )
