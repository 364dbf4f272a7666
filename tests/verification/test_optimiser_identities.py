"""The unrolled sums of the optimisers, computed by hand, and the steps of Keras."""

import numpy as np
import pytest

from mnist_gradients.maths.optimisers import SGD, Adam
from mnist_gradients.verification.identities import optimisers


def test_unrolled_sums_equal_hand_computed_values():
    gradients = np.array([[1.0], [3.0]])
    # velocities -1 and -1/2 - 3
    assert optimisers.unrolled_momentum(gradients, 1.0, 0.5).item() == pytest.approx(-4.5)
    # m_hat: 1, then (1/2 + 3) / (1/2 + 1); v_hat: 1, then (1/2 + 9) / (1/2 + 1)
    expected = -1 / (1 + 1) - (7 / 3) / (np.sqrt(19 / 3) + 1)
    assert optimisers.unrolled_adam(gradients, 1.0, 0.5, 0.5, 1.0).item() == pytest.approx(expected)


@pytest.mark.tensorflow
def test_keras_takes_the_same_steps_as_sgd_and_not_those_of_adam():
    rng = np.random.default_rng(5)
    start, gradients = rng.normal(size=3), rng.normal(size=(10, 3))
    theirs = optimisers.take_keras_steps(lambda keras: keras.optimizers.SGD(0.25), start, gradients)
    ours = optimisers.take_steps(SGD(0.25), start, gradients)
    np.testing.assert_allclose(ours, theirs, atol=1e-15)
    assert np.abs(optimisers.take_steps(Adam(0.25), start, gradients) - theirs).max() > 0.1
