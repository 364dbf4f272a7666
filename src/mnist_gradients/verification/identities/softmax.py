"""P1 and the output of P3: softmax, summed log-softmax, cross-entropy, output layer."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from mnist_gradients.maths import softmax
from mnist_gradients.verification.derivation import (
    PROOF,
    VALUE,
    Array,
    Derivation,
    Equality,
)
from mnist_gradients.verification.identities.formulas import (
    mean_cross_entropy,
    row_log_softmax,
    row_softmax,
    tensor_mean_cross_entropy,
)
from mnist_gradients.verification.oracles.symbolic import (
    exact_values,
    unproven_residuals,
    value_check,
)

EXTREME_LOGITS = np.array([[1e4, -1e4, 0.0], [-1e4, -1e4 + 1, -1e4], [1.0, 1e4, 1e4 - 2]])


def checks(rng: np.random.Generator) -> Iterator[Derivation | Equality]:
    """Every check of softmax.py, at points drawn from `rng`."""
    yield from shift_invariance(rng)
    yield from extreme_logits()
    W, x, c = rng.normal(size=(3, 3)), rng.normal(size=3), rng.normal(size=3)
    derivation = summed_log_softmax(W, x, c)
    yield value_check("P1.2 J = sum_i log softmax(W x + c)_i", derivation)
    yield derivation
    yield printed_summed_log_softmax(W, x, c)
    h, b, y = rng.normal(size=3), rng.normal(size=3), rng.dirichlet(np.ones(3))
    derivation = cross_entropy(c, y)
    yield value_check("P3 J = -sum_k y_k log softmax(z)_k", derivation)
    yield derivation
    yield output_layer(h, W, b, y)


def shift_invariance(rng: np.random.Generator) -> Iterator[Equality]:
    """P1.1 for every shift in symbols, and for shifts up to ±8,192 in the code."""
    identity = "P1.1 softmax(x + c 1) = softmax(x)"
    yield Equality(
        identity,
        PROOF,
        lambda: unproven_residuals(
            lambda sp, x, c: row_softmax(sp, x + c * sp.ones(1, 4)) - row_softmax(sp, x),
            {"x": np.zeros((1, 4)), "c": 0.0},
        ),
        lambda: 0.0,
        tolerance=0.0,
    )
    x = rng.integers(-(2**12), 2**12, size=4) / 2**10  # so few bits that x + c is exact
    c = np.outer([-1, 1], 2.0 ** np.arange(14)).reshape(-1, 1)
    yield Equality(
        identity, "no shift", lambda: softmax.softmax(x + c) - softmax.softmax(x), lambda: 0.0
    )


def extreme_logits() -> Iterator[Equality]:
    """Softmax and log-softmax of logits of ±1e4."""
    yield Equality(
        "P1.1 softmax(z) = exp(z) / sum_k exp(z_k) at logits of ±1e4",
        VALUE,
        lambda: softmax.softmax(EXTREME_LOGITS),
        lambda: exact_values(row_softmax, {"Z": EXTREME_LOGITS}).reshape(EXTREME_LOGITS.shape),
    )
    yield Equality(
        "P1.1 log softmax(z) = z - logsumexp(z) at logits of ±1e4",
        VALUE,
        lambda: softmax.log_softmax(EXTREME_LOGITS),
        lambda: exact_values(row_log_softmax, {"Z": EXTREME_LOGITS}).reshape(EXTREME_LOGITS.shape),
        tolerance=1e-11,  # values of 2e4 are rounded to 4e-12
    )


def summed_log_softmax(W: Array, x: Array, c: Array) -> Derivation:
    """P1.2: the gradient of J = sum_i log softmax(W x + c)_i."""

    def formulas(sp: Any, W: Any, x: Any, c: Any) -> Any:
        dz = sp.ones(W.rows, 1) - W.rows * row_softmax(sp, (W * x + c).T).T
        return dz * x.T, dz

    return Derivation(
        statements={"P1.2 dJ/dW = (1 - K p) x^T": ["W"], "P1.2 dJ/dc = 1 - K p": ["c"]},
        point={"W": W, "x": x, "c": c},
        objective=softmax.summed_log_softmax,
        gradients=softmax.summed_log_softmax_gradients,
        symbolic_objective=lambda sp, W, x, c: sum(row_log_softmax(sp, (W * x + c).T)),
        symbolic_gradients=formulas,
        tensor_objective=lambda tf, W, x, c: tf.reduce_sum(
            tf.nn.log_softmax(tf.linalg.matvec(W, x) + c)
        ),
        analytic=True,
    )


def printed_summed_log_softmax(W: Array, x: Array, c: Array) -> Derivation:
    """P1.2: the formula that the assignment prints as the gradient of J is the gradient of -J."""

    def printed(W: Array, x: Array, c: Array) -> tuple[Array, Array]:
        dz = -1 + len(c) * softmax.softmax(W @ x + c)
        return np.outer(dz, x), dz

    def formulas(sp: Any, W: Any, x: Any, c: Any) -> Any:
        dz = -sp.ones(W.rows, 1) + W.rows * row_softmax(sp, (W * x + c).T).T
        return dz * x.T, dz

    return Derivation(
        statements={
            "P1.2 printed (-1 + K p) x^T = d(-J)/dW": ["W"],
            "P1.2 printed -1 + K p = d(-J)/dc": ["c"],
        },
        point={"W": W, "x": x, "c": c},
        objective=lambda W, x, c: -softmax.summed_log_softmax(W, x, c),
        gradients=printed,
        symbolic_objective=lambda sp, W, x, c: -sum(row_log_softmax(sp, (W * x + c).T)),
        symbolic_gradients=formulas,
        tensor_objective=lambda tf, W, x, c: (
            -tf.reduce_sum(tf.nn.log_softmax(tf.linalg.matvec(W, x) + c))
        ),
        analytic=True,
    )


def cross_entropy(z: Array, y: Array) -> Derivation:
    """P3: the gradient of the cross-entropy with respect to the logits."""
    return Derivation(
        statements={"P3 dJ/dz = p - y": ["z"]},
        point={"z": z, "y": y},
        objective=lambda z, y: softmax.cross_entropy(z, y),
        gradients=lambda z, y: [softmax.cross_entropy_gradient(z, y)],
        symbolic_objective=lambda sp, z, y: mean_cross_entropy(sp, z.T, y.T),
        symbolic_gradients=lambda sp, z, y: [row_softmax(sp, z.T).T - y],
        tensor_objective=lambda tf, z, y: tensor_mean_cross_entropy(tf, z, y),
        probabilities=["y"],
        analytic=True,
    )


def output_layer(h: Array, W: Array, b: Array, y: Array) -> Derivation:
    """P3: the gradients of the cross-entropy with respect to the output layer z = W^T h + b."""

    def formulas(sp: Any, h: Any, W: Any, b: Any, y: Any) -> Any:
        dz = row_softmax(sp, (W.T * h + b).T).T - y
        return h * dz.T, dz

    return Derivation(
        statements={"P3 dJ/dW = h (p - y)^T": ["W"], "P3 dJ/db = p - y": ["b"]},
        point={"h": h, "W": W, "b": b, "y": y},
        objective=lambda h, W, b, y: softmax.cross_entropy(h @ W + b, y),
        gradients=softmax.output_layer_gradients,
        symbolic_objective=lambda sp, h, W, b, y: mean_cross_entropy(sp, (W.T * h + b).T, y.T),
        symbolic_gradients=formulas,
        tensor_objective=lambda tf, h, W, b, y: tensor_mean_cross_entropy(
            tf, tf.linalg.matvec(W, h, transpose_a=True) + b, y
        ),
        probabilities=["y"],
        analytic=True,
    )
