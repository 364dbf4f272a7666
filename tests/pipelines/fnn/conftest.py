from collections.abc import Callable

import numpy as np
import pytest

from mnist_gradients.labelled_images import LabelledImages
from mnist_gradients.pipelines.fnn.parameters import FnnParameters


@pytest.fixture(scope="session")
def sets(mnist) -> tuple[LabelledImages, LabelledImages, LabelledImages]:
    """A few real digits for training, validation and test."""
    return tuple(
        mnist.take(np.arange(start, stop)) for start, stop in ((0, 100), (100, 150), (150, 250))
    )


@pytest.fixture(scope="session")
def parameters() -> Callable[..., FnnParameters]:
    """Makes the parameters of a small network and plain gradient descent, with changes."""

    def parameters(**changes: object) -> FnnParameters:
        options = {
            "hidden_widths": (16,),
            "activation": "relu",
            "dropout": 0.0,
            "batch_normalisation": False,
            "optimiser": "sgd",
            "learning_rate": 0.1,
            "weight_decay": 0.0,
            "schedule": "constant",
            "warmup_epochs": 0.0,
            "label_smoothing": 0.0,
            "max_shift": 0,
            "batch_size": 30,
            "epochs": 3,
            "evaluate_every": 4,
        }
        return FnnParameters(**(options | changes))

    return parameters
