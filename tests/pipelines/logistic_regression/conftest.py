from collections.abc import Callable

import numpy as np
import pytest

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.pipelines.logistic_regression.parameters import TaskParameters


@pytest.fixture(scope="session")
def sets(mnist) -> tuple[LabelledImages, LabelledImages, LabelledImages]:
    """A few real digits for training, validation and test, 7 x 7: each pixel is the mean of 16.

    So few pixels let gradient descent converge in a moment.
    """
    small = mnist.images[:600].reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4)).astype(np.uint8)
    digits = LabelledImages(small, mnist.labels[:600])
    return tuple(
        digits.take(np.arange(start, stop)) for start, stop in ((0, 300), (300, 450), (450, 600))
    )


@pytest.fixture(scope="session")
def task() -> Callable[..., TaskParameters]:
    """Makes the parameters of odd against even digits, with changes."""

    def task(**changes: object) -> TaskParameters:
        options = {
            "positive_classes": (1, 3, 5, 7, 9),
            "l2_values": (0.01,),
            "intercept": "free",
            "solvers": {"lbfgs": {"max_iterations": 100, "tolerance": 1e-6}},
            "reference": {"solver": "lbfgs", "max_iterations": 5000, "tolerance": 1e-8},
        }
        return TaskParameters(**(options | changes))

    return task
