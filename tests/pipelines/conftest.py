"""What the tests of several pipelines share."""

import numpy as np
import pytest

from mnist_gradients.core.linear_model import LinearModel
from mnist_gradients.maths.softmax_regression import SoftmaxObjective
from mnist_gradients.maths.solvers import DEFAULT_SOLVER, SOLVERS


@pytest.fixture(scope="session")
def softmax_regression(mnist) -> LinearModel:
    """A model of the first 6,000 real digits."""
    rows = mnist.images[:6000].reshape(6000, -1)
    objective = SoftmaxObjective(rows, mnist.labels[:6000], 1e-2, intercept="free", scale=1 / 255)
    W, b = objective.unpack(SOLVERS[DEFAULT_SOLVER](objective, tolerance=1e-4).weights)
    return LinearModel(W, b, classes=np.arange(10), l2=1e-2)
