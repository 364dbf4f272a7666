"""P3: every activation's derivative, and back-propagation through three layers."""

import math
from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np

from mnist_gradients.maths import network
from mnist_gradients.verification.derivation import PROOF, Array, Derivation, Equality
from mnist_gradients.verification.identities.formulas import (
    mean_cross_entropy,
    row_softmax,
    squared_norm,
    tensor_mean_cross_entropy,
)
from mnist_gradients.verification.oracles.symbolic import (
    DIGITS,
    unproven_residuals,
    value_check,
)

L2 = 0.3
LAYERS = ("1", "2", "3")
WEIGHTS, BIASES = [f"W_{layer}" for layer in LAYERS], [f"b_{layer}" for layer in LAYERS]
ARGUMENTS = list(chain.from_iterable(zip(WEIGHTS, BIASES, strict=True)))

DERIVATIVES = {
    "relu": "1 if a > 0 else 0",
    "tanh": "1 - tanh(a)^2",
    "sigmoid": "sigma(a) sigma(-a)",
    "gelu": "Phi(a) + a exp(-a^2 / 2) / sqrt(2 pi)",
    "identity": "1",
}


def checks(rng: np.random.Generator) -> Iterator[Derivation | Equality]:
    """Every check of network.py, at points drawn from `rng`."""
    for name in network.ACTIVATIONS:
        yield activation_derivative(name, rng.normal(size=5))
    yield back_propagation_through_any_activation()
    parameters = {name: rng.normal(size=(2, 2)) for name in WEIGHTS}
    parameters |= {name: rng.normal(size=2) for name in BIASES}
    X, Y = rng.normal(size=(2, 2)), rng.dirichlet(np.ones(2), size=2)
    for name in network.ACTIVATIONS:
        derivation = back_propagation(name, {**parameters, "X": X, "Y": Y, "l2": L2})
        yield value_check(
            f"P3 {name} network, 3 layers: J = mean cross-entropy + lambda/2 sum_l ||W_l||^2",
            derivation,
        )
        yield derivation


def symbolic_activation(sp: Any, name: str, a: Any) -> Any:
    """phi(a) in SymPy, straight from its definition."""
    return {
        "relu": lambda: sp.Piecewise((a, a > 0), (0, True)),
        "tanh": lambda: sp.tanh(a),
        "sigmoid": lambda: 1 / (1 + sp.exp(-a)),
        "gelu": lambda: a * normal_cdf(sp, a),
        "identity": lambda: a,
    }[name]()


def symbolic_activation_derivative(sp: Any, name: str, a: Any) -> Any:
    """phi'(a) in SymPy, as derived by hand."""
    return {
        "relu": lambda: sp.Piecewise((1, a > 0), (0, True)),
        "tanh": lambda: 1 - sp.tanh(a) ** 2,
        "sigmoid": lambda: 1 / (1 + sp.exp(-a)) / (1 + sp.exp(a)),
        "gelu": lambda: normal_cdf(sp, a) + a * sp.exp(-(a**2) / 2) / sp.sqrt(2 * sp.pi),
        "identity": lambda: sp.Integer(1),
    }[name]()


def normal_cdf(sp: Any, a: Any) -> Any:
    """Phi(a) in SymPy; evaluated if a is a number, which keeps the expressions small."""
    Phi = (1 + sp.erf(a / sp.sqrt(2))) / 2
    return sp.N(Phi, DIGITS) if a.is_number else Phi


def tensor_activation(tf: Any, name: str, a: Any) -> Any:
    """phi(a) in TensorFlow."""
    if name == "gelu":  # tf.nn.gelu uses a root of two of eight digits only
        return a * (1 + tf.math.erf(a / math.sqrt(2))) / 2
    return tf.identity(a) if name == "identity" else getattr(tf.nn, name)(a)


def activation_derivative(name: str, a: Array) -> Derivation:
    """P3: phi' for one activation."""
    phi = network.ACTIVATIONS[name]
    return Derivation(
        statements={f"P3 {name}'(a) = {DERIVATIVES[name]}": ["a"]},
        point={"a": a},
        objective=lambda a: phi.function(a).sum(),
        gradients=lambda a: [phi.derivative(a)],
        symbolic_objective=lambda sp, a: sum(symbolic_activation(sp, name, e) for e in a),
        symbolic_gradients=lambda sp, a: [
            a.applyfunc(lambda e: symbolic_activation_derivative(sp, name, e))
        ],
        tensor_objective=lambda tf, a: tf.reduce_sum(tensor_activation(tf, name, a)),
    )


def back_propagation(name: str, point: dict[str, Any]) -> Derivation:
    """P3: the gradients of a three-layer network with one activation, at a point."""

    def our_network(at: dict[str, Array]) -> network.Network:
        weights, biases = ([at[n] for n in names] for names in (WEIGHTS, BIASES))
        return network.Network(tuple(weights), tuple(biases), name)

    def symbolic_objective(sp: Any, **at: Any) -> Any:
        logits = forward_pass(sp, at, lambda a: symbolic_activation(sp, name, a))[0][-1]
        return mean_cross_entropy(sp, logits, at["Y"]) + symbolic_penalty(at)

    def tensor_objective(tf: Any, **at: Any) -> Any:
        H = at["X"]
        for layer in LAYERS:
            A = H @ at[f"W_{layer}"] + at[f"b_{layer}"]
            H = tensor_activation(tf, name, A)
        penalty = at["l2"] / 2 * sum(tf.reduce_sum(at[W] ** 2) for W in WEIGHTS)
        return tensor_mean_cross_entropy(tf, A, at["Y"]) + penalty

    return Derivation(
        statements={
            f"P3 {name} network, 3 layers: dJ/dW_l = H_(l-1)^T delta_l + lambda W_l": WEIGHTS,
            f"P3 {name} network, 3 layers: dJ/db_l = column sums of delta_l": BIASES,
        },
        point=point,
        objective=lambda **at: network.loss(our_network(at), at["X"], at["Y"], at["l2"]),
        gradients=lambda **at: _weights_first(
            network.loss_and_gradients(our_network(at), at["X"], at["Y"], at["l2"])[1]
        ),
        symbolic_objective=symbolic_objective,
        tensor_objective=tensor_objective,
    )


def back_propagation_through_any_activation() -> Equality:
    """P3: the recursion of back-propagation is the gradient for every differentiable activation.

    The activation is an undefined function phi with the derivative dphi.
    """

    def residuals(sp: Any, **at: Any) -> list[Any]:
        dphi = sp.Function("dphi")
        phi = type("phi", (sp.Function,), {"fdiff": lambda self, _=1: dphi(self.args[0])})
        A, H = forward_pass(sp, at, phi)
        J = mean_cross_entropy(sp, A[-1], at["Y"]) + symbolic_penalty(at)
        delta = (row_softmax(sp, A[-1]) - at["Y"]) / at["X"].rows
        found: list[Any] = []
        for layer in reversed(range(len(LAYERS))):
            W, b = at[WEIGHTS[layer]], at[BIASES[layer]]
            formulas = H[layer].T * delta + at["l2"] * W, sp.ones(1, delta.rows) * delta
            for argument, formula in zip((W, b), formulas, strict=True):
                found += [sp.diff(J, w) - f for w, f in zip(argument, formula, strict=True)]
            if layer > 0:
                delta = (delta * W.T).multiply_elementwise(A[layer - 1].applyfunc(dphi))
        return found

    shapes: dict[str, Any] = {name: np.zeros((2, 2)) for name in [*WEIGHTS, "X", "Y"]}
    shapes |= {name: np.zeros(2) for name in BIASES} | {"l2": 0.0}
    return Equality(
        "P3 network of any phi, 3 layers: delta_(l-1) = (delta_l W_l^T) * phi'(A_(l-1))",
        PROOF,
        lambda: unproven_residuals(residuals, shapes, probabilities=["Y"]),
        lambda: 0.0,
        tolerance=0.0,
    )


def forward_pass(sp: Any, at: dict[str, Any], phi: Any) -> tuple[list[Any], list[Any]]:
    """Pre-activations A_1 .. A_3 and inputs H_0 .. H_2 of the layers, in SymPy."""
    A: list[Any] = []
    H = [at["X"]]
    for W, b in zip(WEIGHTS, BIASES, strict=True):
        if A:
            H.append(A[-1].applyfunc(phi))
        A.append(H[-1] * at[W] + sp.ones(at["X"].rows, 1) * at[b].T)
    return A, H


def symbolic_penalty(at: dict[str, Any]) -> Any:
    """``lambda/2 sum_l ||W_l||^2`` in SymPy."""
    return at["l2"] / 2 * sum(squared_norm(at[W]) for W in WEIGHTS)


def _weights_first(gradients: tuple[Array, ...]) -> tuple[Array, ...]:
    return gradients[::2] + gradients[1::2]
