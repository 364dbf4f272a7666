"""From labelled images to the arrays of a classification task, and from weights to a model."""

import numpy as np

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.core.linear_model import LinearModel
from mnist_gradients.core.metrics import classification_metrics
from mnist_gradients.maths.linear_objective import LinearObjective
from mnist_gradients.maths.logistic import LogisticObjective
from mnist_gradients.maths.softmax_regression import SoftmaxObjective
from mnist_gradients.pipelines.logistic_regression.parameters import TaskParameters

PIXEL_SCALE = 1 / 255


def design_matrix(images: LabelledImages) -> np.ndarray:
    """Return the raw pixels, one image per row: uint8 (N, height * width), a view."""
    return images.images.reshape(len(images), -1)


def targets(images: LabelledImages, parameters: TaskParameters) -> np.ndarray:
    """Return the labels of the task: 0 or 1 in a binary task, the class otherwise.

    Raises:
        ValueError: If the positive classes are all classes of the images, or none of them.
    """
    if parameters.positive_classes is None:
        return images.labels.astype(np.int64)
    y = np.isin(images.labels, parameters.positive_classes)
    if y.all() or not y.any():
        raise ValueError(
            f"parameter positive_classes: found {list(parameters.positive_classes)}, which holds "
            f"{'all' if y.all() else 'none'} of the classes {np.unique(images.labels).tolist()}; "
            "expected some of them, not all"
        )
    return y.astype(np.int64)


def class_names(images: LabelledImages, parameters: TaskParameters) -> list[str]:
    """Return a name for each class of the task."""
    classes = [str(label) for label in np.unique(images.labels)]
    if parameters.positive_classes is None:
        return classes
    positive = {str(label) for label in parameters.positive_classes}
    return [
        " ".join(name for name in classes if (name in positive) == side) for side in (False, True)
    ]


def make_objective(
    images: LabelledImages, l2: float, parameters: TaskParameters, threads: int | None = None
) -> LinearObjective:
    """Return the objective of the task, computed in float64 so that gaps of 1e-12 can be told.

    Args:
        images: Where the loss is summed.
        l2: Strength of the penalty.
        parameters: Names the task and the kind of intercept.
        threads: Number of threads; None for every core.
    """
    kind = SoftmaxObjective if parameters.positive_classes is None else LogisticObjective
    return kind(
        design_matrix(images),
        targets(images, parameters),
        l2,
        intercept=parameters.intercept,
        scale=PIXEL_SCALE,
        threads=threads,
        compute_dtype=np.float64,
    )


def make_model(objective: LinearObjective, w: np.ndarray) -> LinearModel:
    """Return the packed parameter of an objective as a model."""
    W, b = objective.unpack(w)
    return LinearModel(
        weights=W,
        intercept=b,
        classes=np.arange(2 if W.shape[1] == 1 else W.shape[1]),
        l2=objective.l2,
        scale=PIXEL_SCALE,
    )


def evaluate(
    model: LinearModel, images: LabelledImages, parameters: TaskParameters
) -> dict[str, float]:
    """Return error (fraction), loss (nats) and calibration error of a model on labelled images."""
    log_probabilities = model.log_probabilities(design_matrix(images))
    return classification_metrics(log_probabilities, targets(images, parameters))
