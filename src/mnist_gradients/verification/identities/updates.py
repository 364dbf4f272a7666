"""The update rule of P2 in three forms: derived, renamed, and as printed in the assignment."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from mnist_gradients.maths.logistic import LogisticObjective, sigmoid
from mnist_gradients.maths.solvers import descent
from mnist_gradients.maths.solvers.lbfgs import lbfgs
from mnist_gradients.verification.derivation import Array, Derivation, Equality
from mnist_gradients.verification.identities import logistic

L2, STEP_SIZE, N_STEPS = 0.3, 0.25, 25


def checks(rng: np.random.Generator) -> Iterator[Derivation | Equality]:
    """Every check of the update rule, at points drawn from `rng`."""
    theta, X, y = rng.normal(size=2), rng.normal(size=(3, 2)), np.array([1, 0, 1])
    yield derived_update(theta, X, y)
    yield renamed_update(theta, X, y)
    yield printed_update(theta, X, y)
    yield from update_iterates(theta, X, y)


def printed_rule(theta: Array, X: Array, y: Array, alpha: float, l2: float) -> Array:
    """The last line of the assignment: ``theta (1 - lambda/N) - alpha sum_i (h_i - y_i) x_i``."""
    return theta * (1 - l2 / len(X)) - alpha * X.T @ (sigmoid(X @ theta) - y)


def derived_update(theta: Array, X: Array, y: Array) -> Derivation:
    """P2: one step of the solver, divided by alpha, is minus the gradient of J."""

    def step(theta: Array, X: Array, y: Array, l2: float, alpha: float) -> list[Array]:
        objective = LogisticObjective(X, y, l2, intercept="none", threads=1)
        solution = descent.gradient_descent(
            objective, theta, step_size=alpha, max_iterations=1, tolerance=0.0
        )
        return [(theta - solution.weights) / alpha]

    def formula(sp: Any, theta: Any, X: Any, y: Any, l2: Any, alpha: Any) -> Any:
        h = logistic.sigmoid(sp, X * theta)
        updated = (1 - alpha * l2) * theta - alpha / X.rows * X.T * (h - y)
        return [(theta - updated) / alpha]

    return _update(
        "P2 update theta <- (1 - alpha lambda) theta - alpha/N X^T (h - y): step/alpha = -grad J",
        {"theta": theta, "X": X, "y": y, "l2": L2, "alpha": STEP_SIZE},
        step,
        formula,
    )


def renamed_update(theta: Array, X: Array, y: Array) -> Derivation:
    """P2: the printed rule with alpha' = alpha/N and lambda' = alpha lambda N is the same step."""

    def step(theta: Array, X: Array, y: Array, l2: float, alpha: float) -> list[Array]:
        N = len(X)
        return [(theta - printed_rule(theta, X, y, alpha / N, alpha * l2 * N)) / alpha]

    def formula(sp: Any, theta: Any, X: Any, y: Any, l2: Any, alpha: Any) -> Any:
        N = X.rows
        updated = symbolic_printed_rule(sp, theta, X, y, alpha / N, alpha * l2 * N)
        return [(theta - updated) / alpha]

    return _update(
        "P2 printed update, alpha' = alpha/N and lambda' = alpha lambda N: step/alpha = -grad J",
        {"theta": theta, "X": X, "y": y, "l2": L2, "alpha": STEP_SIZE},
        step,
        formula,
    )


def printed_update(theta: Array, X: Array, y: Array) -> Derivation:
    """P2: read literally, it descends J at lambda / (alpha N^2), in steps of alpha N."""

    def step(theta: Array, X: Array, y: Array, l2: float, alpha: float) -> list[Array]:
        return [(theta - printed_rule(theta, X, y, alpha, l2)) / (alpha * len(X))]

    def formula(sp: Any, theta: Any, X: Any, y: Any, l2: Any, alpha: Any) -> Any:
        updated = symbolic_printed_rule(sp, theta, X, y, alpha, l2)
        return [(theta - updated) / (alpha * X.rows)]

    return _update(
        "P2 printed update, read literally: step/(alpha N) = -grad J at lambda / (alpha N^2)",
        {"theta": theta, "X": X, "y": y, "l2": L2, "alpha": STEP_SIZE},
        step,
        formula,
        l2_of_objective=lambda l2, alpha: l2 / (alpha * len(X) ** 2),
    )


def symbolic_printed_rule(sp: Any, theta: Any, X: Any, y: Any, alpha: Any, l2: Any) -> Any:
    """The last line of the assignment in SymPy."""
    return theta * (1 - l2 / X.rows) - alpha * X.T * (logistic.sigmoid(sp, X * theta) - y)


def _update(
    identity: str,
    point: dict[str, Any],
    step: Callable[..., list[Array]],
    formula: Callable[..., Any],
    l2_of_objective: Callable[[Any, Any], Any] = lambda l2, alpha: l2,  # noqa: ARG005
) -> Derivation:
    """An update rule as a derivation: its step must be minus a multiple of a gradient."""

    def objective(theta: Array, X: Array, y: Array, l2: float, alpha: float) -> float:
        l2 = l2_of_objective(l2, alpha)
        return LogisticObjective(X, y, l2, intercept="none", threads=1)(theta)[0]

    def symbolic_objective(sp: Any, theta: Any, X: Any, y: Any, l2: Any, alpha: Any) -> Any:
        return logistic.logistic_cost(sp, theta, X, y, l2_of_objective(l2, alpha))

    def tensor_objective(tf: Any, theta: Any, X: Any, y: Any, l2: Any, alpha: Any) -> Any:
        return logistic.tensor_logistic_cost(tf, theta, X, y, l2_of_objective(l2, alpha))

    return Derivation(
        statements={identity: ["theta"]},
        point=point,
        objective=objective,
        gradients=step,
        symbolic_objective=symbolic_objective,
        symbolic_gradients=formula,
        tensor_objective=tensor_objective,
    )


def update_iterates(theta: Array, X: Array, y: Array) -> Iterator[Equality]:
    """P2: the three forms of the rule after many steps, and the limit of the literal one."""
    N = len(X)

    def solver(l2: float, alpha: float, n_steps: int = N_STEPS) -> Array:
        objective = LogisticObjective(X, y, l2, intercept="none", threads=1)
        return descent.gradient_descent(
            objective, theta, step_size=alpha, max_iterations=n_steps, tolerance=0.0
        ).weights

    def rule(l2: float, alpha: float, n_steps: int = N_STEPS) -> Array:
        w = theta
        for _ in range(n_steps):
            w = printed_rule(w, X, y, alpha, l2)
        return w

    def minimiser(l2: float) -> Array:
        objective = LogisticObjective(X, y, l2, intercept="none", threads=1)
        return lbfgs(objective, theta, tolerance=1e-12).weights

    yield Equality(
        f"P2 {N_STEPS} derived updates = {N_STEPS} printed ones with the constants renamed",
        "printed rule, renamed",
        lambda: solver(L2, STEP_SIZE),
        lambda: rule(STEP_SIZE * L2 * N, STEP_SIZE / N),
    )
    literal_l2 = L2 / (STEP_SIZE * N**2)
    yield Equality(
        f"P2 {N_STEPS} printed updates = {N_STEPS} derived ones at lambda / (alpha N^2), alpha N",
        "printed rule, literal",
        lambda: solver(literal_l2, STEP_SIZE * N),
        lambda: rule(L2, STEP_SIZE),
    )
    yield Equality(
        "P2 printed updates, read literally, end at the minimiser for lambda / (alpha N^2)",
        "printed rule, literal",
        lambda: minimiser(literal_l2),
        lambda: rule(L2, STEP_SIZE, n_steps=500),
        tolerance=1e-9,
    )
