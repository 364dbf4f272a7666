"""Softmax, log-softmax, cross-entropy and their hand-derived gradients.

Everything is computed in log space after subtracting the largest logit, which changes nothing
(softmax is invariant under a common shift) and keeps every exponent at or below zero: logits of
±1e4 are harmless in float32 as in float64. Every function computes in the type of its logits
(integers become float64), and none of them changes its arguments.

Conventions:
    z: logits, (..., K), any number of leading axes.
    Y: probability vectors, one-hot or not, (..., K); each sums to one.
    p: softmax(z), (..., K).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnist_gradients.maths.checking import mismatch


def softmax(z: ArrayLike) -> NDArray[np.floating]:
    """Turn logits into probabilities over the last axis.

    ::

        softmax(z)_i = exp(z_i) / sum_k exp(z_k) = exp(z_i - m) / sum_k exp(z_k - m),  m = max_k z_k

    Args:
        z: Logits, (..., K).

    Returns:
        Probabilities, (..., K), in the type of ``z``.
    """
    p = np.exp(_shifted(z))
    p /= p.sum(axis=-1, keepdims=True)
    return p


def log_softmax(z: ArrayLike) -> NDArray[np.floating]:
    """Logarithm of the softmax over the last axis, finite where the softmax itself rounds to zero.

    ::

        log_softmax(z) = z - logsumexp(z) = (z - m) - log sum_k exp(z_k - m),   m = max_k z_k

    Args:
        z: Logits, (..., K).

    Returns:
        Log-probabilities, (..., K), in the type of ``z``.
    """
    shifted = _shifted(z)
    shifted -= np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return shifted


def cross_entropy(z: ArrayLike, Y: ArrayLike) -> NDArray[np.floating]:
    """Cross-entropy of each row of probabilities against the softmax of its logits, in nats.

    ::

        J(z) = - sum_k y_k log softmax(z)_k

    Args:
        z: Logits, (..., K).
        Y: Probability vectors, (..., K), taken in the type of ``z``.

    Returns:
        One loss per row, (...,).

    Raises:
        ValueError: If the two shapes differ.
    """
    log_p = log_softmax(z)
    return -(_targets(Y, log_p) * log_p).sum(axis=-1)


def cross_entropy_gradient(z: ArrayLike, Y: ArrayLike) -> NDArray[np.floating]:
    """Gradient of :func:`cross_entropy` with respect to the logits (uses ``sum_k y_k = 1``).

    ::

        dJ/dz = p - y

    Args:
        z: Logits, (..., K).
        Y: Probability vectors, (..., K), taken in the type of ``z``.

    Returns:
        One gradient per row, (..., K).

    Raises:
        ValueError: If the two shapes differ.
    """
    p = softmax(z)
    return p - _targets(Y, p)


def summed_log_softmax(
    W: NDArray[np.floating], x: NDArray[np.floating], c: NDArray[np.floating]
) -> np.floating:
    """Sum of the log-probabilities of an affine map (problem P1.2).

    ::

        z = W x + c,   J = sum_i log softmax(z)_i = sum_i z_i - K logsumexp(z)

    Args:
        W: Weights, (K, d).
        x: Input, (d,).
        c: Bias, (K,).

    Returns:
        J, a scalar at most ``-K log K``.
    """
    return log_softmax(W @ x + c).sum()


def summed_log_softmax_gradients(
    W: NDArray[np.floating], x: NDArray[np.floating], c: NDArray[np.floating]
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Gradients of :func:`summed_log_softmax` with respect to its weights and its bias.

    ::

        dJ/dz = 1 - K p,   dJ/dW = (1 - K p) x^T,   dJ/dc = 1 - K p

    The answer printed in the source assignment, ``-1 + K p``, is the gradient of ``-J``.

    Args:
        W: Weights, (K, d).
        x: Input, (d,).
        c: Bias, (K,).

    Returns:
        dJ/dW, (K, d), and dJ/dc, (K,).
    """
    p = softmax(W @ x + c)
    dz = 1 - len(p) * p
    return np.outer(dz, x), dz


def output_layer_gradients(
    h: NDArray[np.floating],
    W: NDArray[np.floating],
    b: NDArray[np.floating],
    y: NDArray[np.floating],
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Gradients of the cross-entropy of one example through a softmax output layer (problem P3).

    ::

        z = W^T h + b,   dJ/dW = h (p - y)^T,   dJ/db = p - y

    Args:
        h: Input of the layer, (m,).
        W: Weights, (m, K).
        b: Bias, (K,).
        y: Probability vector, (K,).

    Returns:
        dJ/dW, (m, K), and dJ/db, (K,).

    Raises:
        ValueError: If ``y`` has not K entries.
    """
    dz = cross_entropy_gradient(h @ W + b, y)
    return np.outer(h, dz), dz


def _shifted(z: ArrayLike) -> NDArray[np.floating]:
    """Logits minus the largest of their row, as a new array of floating-point type."""
    z = np.asarray(z)
    if not np.issubdtype(z.dtype, np.inexact):
        z = z.astype(np.float64)
    return z - z.max(axis=-1, keepdims=True)


def _targets(Y: ArrayLike, like: NDArray[np.floating]) -> NDArray[np.floating]:
    """Targets in the type of the logits, checked to have their shape."""
    Y = np.asarray(Y)
    if Y.shape != like.shape:
        raise mismatch("Y", f"shape {Y.shape}", f"the shape of the logits, {like.shape}")
    return Y.astype(like.dtype, copy=False)
