"""A feed-forward network of dense layers with hand-derived back-propagation (problem P3).

::

    H_0 = X,   A_l = H_{l-1} W_l + b_l,   H_l = phi(A_l),   P = softmax(A_L)
    J   = -1/N sum_i sum_k Y[i, k] log P[i, k] + lambda/2 sum_l ||W_l||_F^2

    delta_L   = (P - Y) / N
    dJ/dW_l   = H_{l-1}^T delta_l + lambda W_l
    dJ/db_l   = column sums of delta_l
    delta_l-1 = (delta_l W_l^T) * phi'(A_{l-1})

Conventions:
    X: one example per row, (N, n_0).
    y: class numbers, (N,) integers, or Y: probability rows, (N, n_L).
    W_l, b_l: weights (n_{l-1}, n_l) and bias (n_l,) of layer l = 1..L. The penalty leaves out b_l.
    phi: one activation for every layer but the last, which is linear in front of the softmax.

Everything is computed in the type of the network's arrays, float32 or float64: X and y are
brought to it, so that nothing is widened on the way. No function changes its arguments.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from scipy.special import ndtr

from mnist_gradients.maths.checking import mismatch
from mnist_gradients.maths.logistic import sigmoid
from mnist_gradients.maths.softmax import cross_entropy, cross_entropy_gradient

Array = NDArray[np.floating]


class Activation(NamedTuple):
    """A function phi applied to every entry, and its derivative, both of the pre-activation a."""

    function: Callable[[Array], Array]
    derivative: Callable[[Array], Array]


def relu(a: Array) -> Array:
    """Rectifier, ``max(a, 0)``."""
    return np.maximum(a, 0)


def relu_derivative(a: Array) -> Array:
    """``1 if a > 0 else 0``: at zero, where there is no derivative, the value zero is taken."""
    return (a > 0).astype(a.dtype)


def tanh_derivative(a: Array) -> Array:
    """``1 - tanh(a)^2``."""
    return 1 - np.tanh(a) ** 2


def sigmoid_derivative(a: Array) -> Array:
    """``sigma(a) (1 - sigma(a))``, the second factor as ``sigma(-a)``, which does not cancel."""
    return sigmoid(a) * sigmoid(-a)


def gelu(a: Array) -> Array:
    """Gaussian error linear unit, exact: ``a Phi(a)`` with ``Phi(a) = (1 + erf(a / sqrt 2)) / 2``.

    Hendrycks and Gimpel 2016 (arXiv 1606.08415).
    """
    return a * ndtr(a)


def gelu_derivative(a: Array) -> Array:
    """``Phi(a) + a Phi'(a)`` with ``Phi'(a) = exp(-a^2 / 2) / sqrt(2 pi)``."""
    return ndtr(a) + a * np.exp(-(a**2) / 2) / math.sqrt(2 * math.pi)


ACTIVATIONS = {
    "relu": Activation(relu, relu_derivative),
    "tanh": Activation(np.tanh, tanh_derivative),
    "sigmoid": Activation(sigmoid, sigmoid_derivative),
    "gelu": Activation(gelu, gelu_derivative),
    "identity": Activation(np.copy, np.ones_like),
}


@dataclass(frozen=True, eq=False)
class Network:
    """Parameters of a feed-forward network.

    Attributes:
        weights: W_1 .. W_L; W_l has shape (n_{l-1}, n_l).
        biases: b_1 .. b_L; b_l has shape (n_l,).
        activation: Name of phi, a key of ``ACTIVATIONS``.

    Raises:
        ValueError: If the activation is unknown, the shapes do not chain, or the arrays are not
            all float32 or all float64.
    """

    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    activation: str

    def __post_init__(self) -> None:
        if self.activation not in ACTIVATIONS:
            names = f"one of {', '.join(sorted(ACTIVATIONS))}"
            raise mismatch("activation", repr(self.activation), names)
        dtypes = sorted({str(array.dtype) for array in (*self.weights, *self.biases)})
        if dtypes not in (["float32"], ["float64"]):
            raise mismatch("network", f"arrays of {dtypes}", "all float32 or all float64")
        shapes = [array.shape for array in (*self.weights, *self.biases)]
        sizes = [self.weights[0].shape[0], *(b.size for b in self.biases)]
        if shapes != [*pairwise(sizes), *((n,) for n in sizes[1:])]:
            raise mismatch("weights and biases", f"shapes {shapes}", "shapes that form a chain")

    @property
    def parameters(self) -> tuple[Array, ...]:
        """W_1, b_1, .. W_L, b_L: the order of gradients and of Keras's ``get_weights``."""
        return tuple(p for layer in zip(self.weights, self.biases, strict=True) for p in layer)

    @property
    def dtype(self) -> np.dtype:
        """Type of every array: float32 or float64."""
        return self.weights[0].dtype

    def with_parameters(self, parameters: Sequence[Array]) -> "Network":
        """The same architecture with other values, given in the order of `parameters`."""
        return Network(tuple(parameters[::2]), tuple(parameters[1::2]), self.activation)


def initialise(
    sizes: Sequence[int],
    activation: str,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float64,
) -> Network:
    """Draw initial weights that keep the scale of the signal from layer to layer; biases are zero.

    ::

        relu, gelu     W_l ~ Normal(0, 2 / n_{l-1})             He et al. 2015
        tanh, sigmoid  W_l ~ Normal(0, 2 / (n_{l-1} + n_l))     Glorot and Bengio 2010

    Args:
        sizes: n_0 .. n_L: inputs, hidden units, classes; at least two positive numbers.
        activation: Name of phi.
        rng: Source of randomness; float64 draws, rounded afterwards, so that a float32 network
            starts at the same point as a float64 one.
        dtype: float32 or float64.

    Returns:
        The network.

    Raises:
        ValueError: If the sizes are too few or not positive, or the activation is unknown.
    """
    if len(sizes) < 2 or min(sizes) < 1:
        raise mismatch("sizes", list(sizes), "at least two positive numbers")
    weights = []
    for m, n in pairwise(sizes):
        variance = 2 / m if activation in ("relu", "gelu") else 2 / (m + n)
        weights.append(rng.normal(0, math.sqrt(variance), size=(m, n)).astype(dtype))
    biases = [np.zeros(n, dtype) for n in sizes[1:]]
    return Network(tuple(weights), tuple(biases), activation)


def forward(network: Network, X: ArrayLike) -> Array:
    """Logits of every example, (N, n_L); their softmax are the probabilities.

    Args:
        network: The network.
        X: Examples, (N, n_0).

    Returns:
        Logits A_L, in the network's type.

    Raises:
        ValueError: If X has not n_0 columns.
    """
    return forward_pass(network, X)[0][-1]


def forward_pass(network: Network, X: ArrayLike) -> tuple[list[Array], list[Array]]:
    """Every layer's pre-activation and input.

    Args:
        network: The network.
        X: Examples, (N, n_0).

    Returns:
        A_1 .. A_L, (N, n_l) each, and H_0 .. H_{L-1}, (N, n_{l-1}) each, in the network's type.

    Raises:
        ValueError: If X has not n_0 columns.
    """
    X = np.asarray(X, dtype=network.dtype)
    n_inputs = len(network.weights[0])
    if X.ndim != 2 or X.shape[1] != n_inputs:
        raise mismatch("X", f"shape {X.shape}", f"(N, {n_inputs})")
    phi = ACTIVATIONS[network.activation].function
    A: list[Array] = []
    H = [X]
    for W, b in zip(network.weights, network.biases, strict=True):
        if A:
            H.append(phi(A[-1]))
        A.append(H[-1] @ W + b)
    return A, H


def loss(network: Network, X: ArrayLike, y: ArrayLike, l2: float = 0.0) -> np.floating:
    """Objective J of the module's docstring, in nats per example.

    Args:
        network: The network.
        X: Examples, (N, n_0).
        y: Class numbers, (N,) integers, or probability rows, (N, n_L).
        l2: Strength lambda of the penalty on the weights, not on the biases.

    Returns:
        J, in the network's type.

    Raises:
        ValueError: If X or y does not fit the network.
    """
    logits = forward(network, X)
    return _objective(network, logits, _probability_rows(y, logits), l2)


def loss_and_gradients(
    network: Network, X: ArrayLike, y: ArrayLike, l2: float = 0.0
) -> tuple[np.floating, tuple[Array, ...]]:
    """Objective and, by back-propagation, its gradients: the formulas of the module's docstring.

    Args:
        network: The network.
        X: Examples, (N, n_0).
        y: Class numbers, (N,) integers, or probability rows, (N, n_L).
        l2: Strength lambda of the penalty on the weights, not on the biases.

    Returns:
        J, and dJ/dW_1, dJ/db_1, .. dJ/dW_L, dJ/db_L in the order of ``network.parameters``.

    Raises:
        ValueError: If X or y does not fit the network.
    """
    A, H = forward_pass(network, X)
    Y = _probability_rows(y, A[-1])
    derivative = ACTIVATIONS[network.activation].derivative
    delta = cross_entropy_gradient(A[-1], Y) / len(Y)
    gradients: list[Array] = []
    for layer in reversed(range(len(A))):
        W = network.weights[layer]
        gradients = [H[layer].T @ delta + float(l2) * W, delta.sum(axis=0), *gradients]
        if layer > 0:
            delta = (delta @ W.T) * derivative(A[layer - 1])
    return _objective(network, A[-1], Y, l2), tuple(gradients)


def _objective(network: Network, logits: Array, Y: Array, l2: float) -> np.floating:
    """Mean cross-entropy plus the penalty."""
    penalty = sum(np.vdot(W, W) for W in network.weights)
    return cross_entropy(logits, Y).mean() + float(l2) / 2 * penalty


def _probability_rows(y: ArrayLike, logits: Array) -> Array:
    """Class numbers as one-hot rows, probability rows as they are; checked against the logits."""
    y = np.asarray(y)
    n_rows, n_classes = logits.shape
    if y.ndim == 2:
        return y.astype(logits.dtype, copy=False)
    if y.shape != (n_rows,) or not np.issubdtype(y.dtype, np.integer):
        expected = f"({n_rows},) integers or ({n_rows}, {n_classes}) probabilities"
        raise mismatch("y", f"shape {y.shape} and type {y.dtype}", expected)
    if y.min() < 0 or y.max() >= n_classes:
        raise mismatch("y", f"classes {y.min()} to {y.max()}", f"0 to {n_classes - 1}")
    return np.eye(n_classes, dtype=logits.dtype)[y]
