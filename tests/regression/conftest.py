from collections.abc import Callable

import pytest

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.regression.task import Task


@pytest.fixture(scope="session")
def digits(small_digits) -> LabelledImages:
    """300 real digits of 7 x 7 pixels."""
    return small_digits[0]


@pytest.fixture(scope="session")
def task() -> Callable[..., Task]:
    """Makes the task of odd against even digits, with changes."""

    def task(**changes: object) -> Task:
        return Task(**({"positive_classes": (1, 3, 5, 7, 9), "intercept": "free"} | changes))

    return task
