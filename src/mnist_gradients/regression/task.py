"""From labelled images to the arrays of a classification task, and from weights to a model."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field, NonNegativeInt

from mnist_gradients.core.class_weights import ClassWeights, weights_by_class
from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.core.linear_model import LinearModel
from mnist_gradients.core.metrics import classification_metrics
from mnist_gradients.core.parameters import Parameters
from mnist_gradients.maths.checking import mismatch
from mnist_gradients.maths.linear_objective import LinearObjective
from mnist_gradients.maths.logistic import LogisticObjective
from mnist_gradients.maths.softmax_regression import SoftmaxObjective

PIXEL_SCALE = 1 / 255


class Task(Parameters):
    """A classification task.

    Attributes:
        positive_classes: The classes that count as 1 in a binary task; None keeps all classes
            apart (softmax regression).
        intercept: "free" is not penalised, as in scikit-learn; "penalised" treats it as the
            weight of a constant feature; "none" leaves it out.
        class_weights: Weights of the classes of the task in the loss, as in `weights_by_class`; a
            binary task has two, the positive class last.
    """

    positive_classes: tuple[NonNegativeInt, ...] | None = Field(default=None, min_length=1)
    intercept: Literal["free", "penalised", "none"]
    class_weights: ClassWeights = None


def design_matrix(images: LabelledImages) -> np.ndarray:
    """Return the raw pixels, one image per row: uint8 (N, height * width), a view."""
    return images.images.reshape(len(images), -1)


def targets(images: LabelledImages, task: Task) -> np.ndarray:
    """Return the labels of the task, int64 (N,): 0 or 1 in a binary task, the class otherwise.

    Raises:
        ValueError: If the positive classes are all classes of the images, or none of them.
    """
    if task.positive_classes is None:
        return images.labels.astype(np.int64)
    y = np.isin(images.labels, task.positive_classes)
    if y.all() or not y.any():
        raise mismatch(
            "parameter positive_classes",
            f"{list(task.positive_classes)}",
            f"some but not all of the classes {np.unique(images.labels).tolist()}",
        )
    return y.astype(np.int64)


def image_weights(images: LabelledImages, task: Task) -> np.ndarray | None:
    """Return the weight of each image in the loss, float64 (N,), or None where all are 1."""
    y = targets(images, task)
    weights = weights_by_class(task.class_weights, y)
    return None if weights is None else weights[y]


def name_classes(class_names: Sequence[str], task: Task) -> list[str]:
    """Return a name for each class of the task, given those of the classes of the images."""
    if task.positive_classes is None:
        return list(class_names)
    groups: tuple[list[str], list[str]] = ([], [])
    for label, name in enumerate(class_names):
        groups[label in task.positive_classes].append(name)
    return [" ".join(group) for group in groups]


def make_objective(
    images: LabelledImages, l2: float, task: Task, threads: int | None = None
) -> LinearObjective:
    """Return the objective of the task, computed in float64, which resolves gaps of 1e-12.

    Args:
        images: Where the loss is summed.
        l2: Strength of the penalty.
        task: The classes and the kind of intercept.
        threads: Number of threads; None for every core.
    """
    kind = SoftmaxObjective if task.positive_classes is None else LogisticObjective
    return kind(
        design_matrix(images),
        targets(images, task),
        l2,
        intercept=task.intercept,
        scale=PIXEL_SCALE,
        weights=image_weights(images, task),
        threads=threads,
        compute_dtype=np.float64,
    )


def make_model(objective: LinearObjective, w: np.ndarray) -> LinearModel:
    """Return the parameter vector of an objective as a model."""
    W, b = objective.unpack(w)
    return LinearModel(
        weights=W,
        intercept=b,
        classes=np.arange(2 if W.shape[1] == 1 else W.shape[1]),
        l2=objective.l2,
        scale=PIXEL_SCALE,
    )


def evaluate(model: LinearModel, images: LabelledImages, task: Task) -> dict[str, float]:
    """Return error (fraction), loss (nats) and calibration error of a model on labelled images."""
    log_probabilities = model.log_probabilities(design_matrix(images))
    return classification_metrics(log_probabilities, targets(images, task))
