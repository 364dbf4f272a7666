from collections.abc import Callable

import pytest

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.pipelines.logistic_regression.parameters import TaskParameters


@pytest.fixture(scope="session")
def sets(small_digits) -> tuple[LabelledImages, LabelledImages, LabelledImages]:
    """Training, validation and test set of few real digits."""
    return small_digits


@pytest.fixture(scope="session")
def task() -> Callable[..., TaskParameters]:
    """Makes the parameters of odd against even digits, with changes."""

    def task(**changes: object) -> TaskParameters:
        options = {
            "positive_classes": (1, 3, 5, 7, 9),
            "l2_values": (0.01,),
            "intercept": "free",
            "solvers": {"lbfgs": {"max_iterations": 100, "tolerance": 1e-6}},
            "reference": {
                "solver": "newton-cg",
                "max_iterations": 100,
                "tolerance": 1e-6,
                "precision": "float64",
            },
        }
        return TaskParameters(**(options | changes))

    return task
