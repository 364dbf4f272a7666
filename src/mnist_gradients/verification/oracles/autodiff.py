"""Autodiff oracle: TensorFlow's GradientTape on the same objective, in float64."""

import numpy as np

from mnist_gradients.core.tensorflow_import import import_tensorflow
from mnist_gradients.verification.derivation import Array, Derivation


def tape_gradients(derivation: Derivation) -> list[Array]:
    """Gradient of the TensorFlow objective with respect to every argument."""
    tf = import_tensorflow()

    tensors = {n: tf.constant(v, dtype=tf.float64) for n, v in derivation.point.items()}
    arguments = [tensors[name] for name in derivation.arguments]
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        J = derivation.tensor_objective(tf, **tensors)
    return [np.asarray(gradient) for gradient in tape.gradient(J, arguments)]
