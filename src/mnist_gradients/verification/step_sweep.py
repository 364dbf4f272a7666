"""Error of difference quotients against the hand-derived gradient at each step."""

import numpy as np
import pandas as pd

from mnist_gradients.verification.checks import largest_difference
from mnist_gradients.verification.identities import softmax
from mnist_gradients.verification.oracles import numeric
from mnist_gradients.verification.parameters import StepSweepParameters

QUOTIENTS = {
    "forward": numeric.forward_difference,
    "central": numeric.central_difference,
    "complex_step": numeric.complex_step,
}


def sweep(parameters: StepSweepParameters, seed: int) -> pd.DataFrame:
    """Compare difference quotients with ``dJ/dW = h (p - y)^T`` of a softmax output layer.

    Args:
        parameters: The steps.
        seed: Seed of the layer of 10 inputs and 10 classes.

    Returns:
        One row per step: step, then the largest absolute error of each quotient: forward, central,
        complex_step.
    """
    rng = np.random.default_rng(seed)
    h, W, b, y = rng.normal(size=10), rng.normal(size=(10, 10)), rng.normal(size=10), np.eye(10)[3]
    derivation = softmax.output_layer(h, W, b, y)
    hand_derived = derivation.gradients(**derivation.point)[0]
    decades = np.log10(parameters.largest / parameters.smallest)
    n_steps = round(decades * parameters.points_per_decade) + 1
    steps = np.geomspace(parameters.largest, parameters.smallest, n_steps)
    errors = {
        name: [
            largest_difference(numeric.gradients(derivation, quotient, step)[0], hand_derived)
            for step in steps
        ]
        for name, quotient in QUOTIENTS.items()
    }
    return pd.DataFrame({"step": steps, **errors})
