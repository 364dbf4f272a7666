"""P2: the gradient, the Hessian-vector product and the curvature bound of logistic regression."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from mnist_gradients.maths import logistic
from mnist_gradients.maths.linear_objective import Intercept
from mnist_gradients.maths.logistic import LogisticObjective
from mnist_gradients.maths.scaled_features import ScaledFeatures
from mnist_gradients.verification.derivation import (
    CENTRAL,
    SVD,
    Array,
    Derivation,
    Equality,
)
from mnist_gradients.verification.identities.formulas import sigmoid, squared_norm
from mnist_gradients.verification.oracles.numeric import central_jacobian
from mnist_gradients.verification.oracles.symbolic import value_check

L2 = 0.3
COST = "J = -1/N sum_i [y_i log h_i + (1 - y_i) log(1 - h_i)]"
INTERCEPTS: dict[Intercept, str] = {"free": "", "penalised": " + lambda/2 b^2"}


def checks(rng: np.random.Generator) -> Iterator[Derivation | Equality]:
    """Every check of logistic.py, at points drawn from `rng`."""
    X, y = rng.normal(size=(3, 2)), np.array([1, 0, 1])
    theta, v, b = rng.normal(size=2), rng.normal(size=2), rng.normal(size=1)
    yield sigmoid_derivative(rng.normal(size=3))
    derivation = logistic_gradient(theta, X, y)
    yield value_check(f"P2 {COST} + lambda/2 theta^T theta", derivation)
    yield derivation
    yield logistic_hessian_vector(theta, v, X, y)
    for intercept, penalty in INTERCEPTS.items():
        derivation = logistic_intercept(intercept, theta, b, X, y)
        identity = f"P2 {intercept} intercept: {COST} + lambda/2 theta^T theta{penalty}"
        yield value_check(identity, derivation)
        yield derivation
    yield hessian_matrix(theta, b, X, y)
    yield lipschitz_constant(X, y)


def sigmoid_derivative(t: Array) -> Derivation:
    """P2: sigma (1 - sigma) is the derivative of sigma; the assignment says of the cost."""
    return Derivation(
        statements={"P2 sigma'(t) = sigma(t) (1 - sigma(t))": ["t"]},
        point={"t": t},
        objective=lambda t: logistic.sigmoid(t).sum(),
        gradients=lambda t: [logistic.sigmoid(t) * (1 - logistic.sigmoid(t))],
        symbolic_objective=lambda sp, t: sum(sigmoid(sp, t)),
        symbolic_gradients=lambda sp, t: [
            sigmoid(sp, t).multiply_elementwise(sigmoid(sp, t).applyfunc(lambda s: 1 - s))
        ],
        tensor_objective=lambda tf, t: tf.reduce_sum(tf.sigmoid(t)),
    )


def logistic_cost(sp: Any, theta: Any, X: Any, y: Any, l2: Any) -> Any:
    """J of P2 in SymPy, straight from the definition."""
    h = sigmoid(sp, X * theta)
    losses = [-y[i] * sp.log(h[i]) - (1 - y[i]) * sp.log(1 - h[i]) for i in range(X.rows)]
    return sum(losses) / X.rows + l2 / 2 * squared_norm(theta)


def tensor_logistic_cost(tf: Any, theta: Any, X: Any, y: Any, l2: Any) -> Any:
    """J of P2 in TensorFlow."""
    losses = tf.nn.sigmoid_cross_entropy_with_logits(y, tf.linalg.matvec(X, theta))
    return tf.reduce_mean(losses) + l2 / 2 * tf.reduce_sum(theta**2)


def logistic_gradient_formula(sp: Any, theta: Any, X: Any, y: Any, l2: Any) -> Any:
    """The gradient of P2 in SymPy, as derived by hand."""
    return X.T * (sigmoid(sp, X * theta) - y) / X.rows + l2 * theta


def logistic_gradient(theta: Array, X: Array, y: Array) -> Derivation:
    """P2: the gradient of J(theta)."""
    return Derivation(
        statements={"P2 grad = 1/N X^T (h - y) + lambda theta": ["theta"]},
        point={"theta": theta, "X": X, "y": y, "l2": L2},
        objective=lambda theta, X, y, l2: _logistic(X, y, l2)(theta)[0],
        gradients=lambda theta, X, y, l2: [_logistic(X, y, l2)(theta)[1]],
        symbolic_objective=logistic_cost,
        symbolic_gradients=lambda sp, **at: [logistic_gradient_formula(sp, **at)],
        tensor_objective=tensor_logistic_cost,
    )


def logistic_hessian_vector(theta: Array, v: Array, X: Array, y: Array) -> Derivation:
    """P2: Hessian times v, the gradient of the slope v^T grad of J along v."""

    def slope(sp: Any, theta: Any, v: Any, X: Any, y: Any, l2: Any) -> Any:
        return (v.T * logistic_gradient_formula(sp, theta, X, y, l2))[0]

    def formula(sp: Any, theta: Any, v: Any, X: Any, y: Any, l2: Any) -> Any:  # noqa: ARG001
        h = sigmoid(sp, X * theta)
        curvature = sp.diag(*(h_i * (1 - h_i) for h_i in h))
        return [X.T * curvature * X * v / X.rows + l2 * v]

    def tensor_slope(tf: Any, theta: Any, v: Any, X: Any, y: Any, l2: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(theta)
            J = tensor_logistic_cost(tf, theta, X, y, l2)
        return tf.tensordot(tape.gradient(J, theta), v, 1)

    return Derivation(
        statements={"P2 Hessian v = 1/N X^T diag(h (1 - h)) X v + lambda v": ["theta"]},
        point={"theta": theta, "v": v, "X": X, "y": y, "l2": L2},
        objective=lambda theta, v, X, y, l2: _logistic(X, y, l2)(theta)[1] @ v,
        gradients=lambda theta, v, X, y, l2: [_logistic(X, y, l2).hessian_vector(theta, v)],
        symbolic_objective=slope,
        symbolic_gradients=formula,
        tensor_objective=tensor_slope,
    )


def logistic_intercept(
    intercept: Intercept, theta: Array, b: Array, X: Array, y: Array
) -> Derivation:
    """P2: the derivative with respect to an intercept that is penalised, or is not."""
    factor = 1 if intercept == "penalised" else 0
    penalty = " + lambda b" if intercept == "penalised" else ""

    def objective(theta: Array, b: Array, X: Array, y: Array, l2: float) -> tuple[float, Array]:
        logistic_objective = _logistic(X, y, l2, intercept)
        return logistic_objective(logistic_objective.pack(theta, b))

    def cost(sp: Any, theta: Any, b: Any, X: Any, y: Any, l2: Any) -> Any:
        with_constant = theta.col_join(b), X.row_join(sp.ones(X.rows, 1))
        unpenalised = logistic_cost(sp, *with_constant, y, 0)
        return unpenalised + l2 / 2 * (squared_norm(theta) + factor * squared_norm(b))

    def formula(sp: Any, theta: Any, b: Any, X: Any, y: Any, l2: Any) -> Any:
        h = sigmoid(sp, X * theta + sp.ones(X.rows, 1) * b)
        return [sp.ones(1, X.rows) * (h - y) / X.rows + factor * l2 * b]

    def tensor_cost(tf: Any, theta: Any, b: Any, X: Any, y: Any, l2: Any) -> Any:
        losses = tf.nn.sigmoid_cross_entropy_with_logits(y, tf.linalg.matvec(X, theta) + b)
        penalised = tf.reduce_sum(theta**2) + factor * tf.reduce_sum(b**2)
        return tf.reduce_mean(losses) + l2 / 2 * penalised

    return Derivation(
        statements={f"P2 {intercept} intercept: dJ/db = 1/N sum_i (h - y)_i{penalty}": ["b"]},
        point={"theta": theta, "b": b, "X": X, "y": y, "l2": L2},
        objective=lambda **at: objective(**at)[0],
        gradients=lambda **at: [objective(**at)[1][-1:]],
        symbolic_objective=cost,
        symbolic_gradients=formula,
        tensor_objective=tensor_cost,
    )


def hessian_matrix(theta: Array, b: Array, X: Array, y: Array) -> Equality:
    """P2: the Hessian as a matrix, against differences of the gradient."""
    objective = _logistic(X, y, L2, "free")
    w, rows = objective.pack(theta, b), np.arange(len(X))
    return Equality(
        "P2 Hessian = 1/N X^T diag(h (1 - h)) X + lambda I",
        CENTRAL,
        lambda: ScaledFeatures(objective).hessian(rows, objective.curvature(w)[:, 0]),
        lambda: central_jacobian(lambda w: objective(w)[1], w),
        tolerance=1e-6,  # the matrix is a preconditioner and is computed in float32
    )


def lipschitz_constant(X: Array, y: Array) -> Equality:
    """P2: the constant L of the step size 1/L, against all singular values of the matrix."""
    sigma_max = np.linalg.norm(np.column_stack([X, np.ones(len(X))]), ord=2)
    return Equality(
        "P2 L = sigma_max(X)^2 / (4 N) + lambda",
        SVD,
        _logistic(X, y, L2, "free").lipschitz,
        lambda: sigma_max**2 / (4 * len(X)) + L2,
        tolerance=1e-5,  # Lanczos' method stops at six digits
    )


def _logistic(X: Array, y: Array, l2: float, intercept: Intercept = "none") -> LogisticObjective:
    return LogisticObjective(X, y, l2, intercept=intercept, threads=1)
