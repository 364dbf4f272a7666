"""P3: the gradient, the Hessian-vector product and the curvature bound of softmax regression."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from mnist_gradients.maths.scaled_features import ScaledFeatures
from mnist_gradients.maths.softmax_regression import SoftmaxObjective
from mnist_gradients.verification.derivation import (
    CENTRAL,
    SVD,
    Array,
    Derivation,
    Equality,
)
from mnist_gradients.verification.identities.formulas import (
    mean_cross_entropy,
    row_softmax,
    squared_norm,
    tensor_mean_cross_entropy,
)
from mnist_gradients.verification.oracles.numeric import central_jacobian
from mnist_gradients.verification.oracles.symbolic import value_check

L2 = 0.3


def checks(rng: np.random.Generator) -> Iterator[Derivation | Equality]:
    """Every check of softmax_regression.py, at points drawn from `rng`."""
    X, Y = rng.normal(size=(3, 2)), np.eye(3)[[2, 0, 1]]
    W, V = rng.normal(size=(2, 3)), rng.normal(size=(2, 3))
    b, c = rng.normal(size=3), rng.normal(size=3)
    derivation = softmax_gradient(W, b, X, Y)
    yield value_check(
        "P3 softmax regression J = -1/N sum_i log P[i, y_i] + lambda/2 ||W||^2", derivation
    )
    yield derivation
    yield softmax_hessian_vector(W, b, V, c, X[:2], Y[:2])
    yield hessian_blocks(W, b, X, Y)
    yield lipschitz_constant(X, Y)


def softmax_cost(sp: Any, W: Any, b: Any, X: Any, Y: Any, l2: Any) -> Any:
    """J of softmax regression in SymPy, straight from the definition."""
    return mean_cross_entropy(sp, _logits(sp, W, b, X), Y) + l2 / 2 * squared_norm(W)


def tensor_softmax_cost(tf: Any, W: Any, b: Any, X: Any, Y: Any, l2: Any) -> Any:
    """J of softmax regression in TensorFlow."""
    return tensor_mean_cross_entropy(tf, X @ W + b, Y) + l2 / 2 * tf.reduce_sum(W**2)


def softmax_gradient_formulas(sp: Any, W: Any, b: Any, X: Any, Y: Any, l2: Any) -> Any:
    """The gradients of softmax regression in SymPy, as derived by hand."""
    R = (row_softmax(sp, _logits(sp, W, b, X)) - Y) / X.rows
    return X.T * R + l2 * W, R.T * sp.ones(X.rows, 1)


def softmax_gradient(W: Array, b: Array, X: Array, Y: Array) -> Derivation:
    """P3: the gradient of softmax regression, its intercept not penalised."""

    def objective(W: Array, b: Array, X: Array, Y: Array, l2: float) -> tuple[float, Array]:
        softmax_objective = _softmax(X, Y, l2)
        return softmax_objective(softmax_objective.pack(W, b))

    return Derivation(
        statements={
            "P3 softmax regression dJ/dW = 1/N X^T (P - Y) + lambda W": ["W"],
            "P3 softmax regression dJ/db = 1/N sum_i (P - Y)_i": ["b"],
        },
        point={"W": W, "b": b, "X": X, "Y": Y, "l2": L2},
        objective=lambda **at: objective(**at)[0],
        gradients=lambda X, Y, l2, **at: _softmax(X, Y, l2).unpack(
            objective(X=X, Y=Y, l2=l2, **at)[1]
        ),
        symbolic_objective=softmax_cost,
        symbolic_gradients=softmax_gradient_formulas,
        tensor_objective=tensor_softmax_cost,
        probabilities=["Y"],
    )


def softmax_hessian_vector(
    W: Array, b: Array, V: Array, c: Array, X: Array, Y: Array
) -> Derivation:
    """P3: Hessian of softmax regression times (V, c), the gradient of the slope along (V, c)."""

    def slope(sp: Any, W: Any, b: Any, V: Any, c: Any, X: Any, Y: Any, l2: Any) -> Any:
        dW, db = softmax_gradient_formulas(sp, W, b, X, Y, l2)
        return sum(dW.multiply_elementwise(V)) + sum(db.multiply_elementwise(c))

    def formulas(sp: Any, W: Any, b: Any, V: Any, c: Any, X: Any, Y: Any, l2: Any) -> Any:  # noqa: ARG001
        P, U = row_softmax(sp, _logits(sp, W, b, X)), _logits(sp, V, c, X)
        rows = [(sp.diag(*P[i, :]) - P[i, :].T * P[i, :]) * U[i, :].T for i in range(X.rows)]
        S = sp.Matrix.hstack(*rows).T / X.rows
        return X.T * S + l2 * V, sp.ones(1, X.rows) * S

    def tensor_slope(tf: Any, W: Any, b: Any, V: Any, c: Any, X: Any, Y: Any, l2: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch([W, b])
            J = tensor_softmax_cost(tf, W, b, X, Y, l2)
        dW, db = tape.gradient(J, [W, b])
        return tf.reduce_sum(dW * V) + tf.reduce_sum(db * c)

    def slope_and_product(
        W: Array, b: Array, V: Array, c: Array, X: Array, Y: Array, l2: float
    ) -> tuple[float, Array, Array]:
        objective = _softmax(X, Y, l2)
        w, v = objective.pack(W, b), objective.pack(V, c)
        return float(objective(w)[1] @ v), *objective.unpack(objective.hessian_vector(w, v))

    statement = (
        "P3 softmax regression Hessian (V, c): 1/N sum_i (diag(p_i) - p_i p_i^T) u_i (x_i, 1)"
    )
    return Derivation(
        statements={f"{statement} + lambda (V, 0)": ["W", "b"]},
        point={"W": W, "b": b, "V": V, "c": c, "X": X, "Y": Y, "l2": L2},
        objective=lambda **at: slope_and_product(**at)[0],
        gradients=lambda **at: slope_and_product(**at)[1:],
        symbolic_objective=slope,
        symbolic_gradients=formulas,
        tensor_objective=tensor_slope,
        probabilities=["Y"],
    )


def hessian_blocks(W: Array, b: Array, X: Array, Y: Array) -> Equality:
    """P3: every class's own block of the Hessian, against differences of its gradient."""
    objective = _softmax(X, Y, L2)
    w, rows, K = objective.pack(W, b), np.arange(len(X)), len(b)

    def blocks() -> list[Array]:
        curvature, features = objective.curvature(w), ScaledFeatures(objective)
        return [features.hessian(rows, curvature[:, k]) for k in range(K)]

    def expected() -> list[Array]:
        H = central_jacobian(lambda w: objective(w)[1], w)
        return [H[k::K, k::K] for k in range(K)]

    return Equality(
        "P3 softmax regression Hessian of class k = 1/N X^T diag(p_k (1 - p_k)) X + lambda I",
        CENTRAL,
        blocks,
        expected,
        tolerance=1e-6,  # the matrix is a preconditioner and is computed in float32
    )


def lipschitz_constant(X: Array, Y: Array) -> Equality:
    """P3: the constant L of the step size 1/L, against all singular values of the matrix."""
    sigma_max = np.linalg.norm(np.column_stack([X, np.ones(len(X))]), ord=2)
    return Equality(
        "P3 softmax regression L = sigma_max(X)^2 / (2 N) + lambda",
        SVD,
        _softmax(X, Y, L2).lipschitz,
        lambda: sigma_max**2 / (2 * len(X)) + L2,
        tolerance=1e-5,  # Lanczos' method stops at six digits
    )


def _softmax(X: Array, Y: Array, l2: float) -> SoftmaxObjective:
    return SoftmaxObjective(X, Y.argmax(axis=1), l2, n_classes=Y.shape[1], threads=1)


def _logits(sp: Any, W: Any, b: Any, X: Any) -> Any:
    return X * W + sp.ones(X.rows, 1) * b.T
