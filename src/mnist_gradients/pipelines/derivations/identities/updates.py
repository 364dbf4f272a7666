"""P2's update rule in its three writings, and the steps of every solver and optimiser."""

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_gradients.maths import descent, optimisers, quasi_newton
from mnist_gradients.maths.logistic import LogisticObjective, sigmoid
from mnist_gradients.pipelines.derivations.derivation import KERAS, Array, Derivation, Equality
from mnist_gradients.pipelines.derivations.identities import logistic
from mnist_gradients.tensorflow_import import import_tensorflow

L2, STEP_SIZE, N_STEPS = 0.3, 0.25, 25


def checks(rng: np.random.Generator) -> Iterator[Derivation | Equality]:
    """Every check of descent.py, quasi_newton.py and optimisers.py, at points drawn from `rng`."""
    theta, X, y = rng.normal(size=2), rng.normal(size=(3, 2)), np.array([1, 0, 1])
    yield derived_update(theta, X, y)
    yield renamed_update(theta, X, y)
    yield printed_update(theta, X, y)
    yield from update_iterates(theta, X, y)
    yield from solver_steps(rng, theta, X, y)
    yield from optimiser_steps(rng)


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
    """P2: the three writings of the rule after many steps, and where the literal one ends."""
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
        return quasi_newton.lbfgs(objective, theta, tolerance=1e-12).weights

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


def solver_steps(rng: np.random.Generator, theta: Array, X: Array, y: Array) -> Iterator[Equality]:
    """The solvers' own formulas, against other formulas for the same steps."""
    objective = LogisticObjective(X, y, L2, intercept="none", threads=1)
    yield Equality(
        f"accelerated descent, {N_STEPS} steps",
        "estimate sequence",
        lambda: (
            descent.accelerated_descent(
                objective, theta, step_size=STEP_SIZE / 4, max_iterations=N_STEPS, tolerance=0.0
            ).weights
        ),
        lambda: estimate_sequence(objective, theta, STEP_SIZE / 4, N_STEPS),
    )
    steps = rng.normal(size=(3, 4))
    curvature = np.diag([1.0, 2.0, 3.0, 4.0])
    pairs = deque((s, curvature @ s) for s in steps)
    gradient = rng.normal(size=4)
    yield Equality(
        "L-BFGS two-loop recursion = -H grad",
        "BFGS matrix",
        lambda: quasi_newton.quasi_newton_direction(pairs, gradient),
        lambda: -inverse_bfgs_matrix(steps, steps @ curvature) @ gradient,
    )


def estimate_sequence(
    objective: Callable[[Array], tuple[float, Array]], start: Array, alpha: float, n_steps: int
) -> Array:
    """Accelerated descent with gradient restart in the writing of O'Donoghue and Candes.

    ::

        theta' solves theta'^2 = (1 - theta') theta^2
        beta = theta (1 - theta) / (theta^2 + theta')
        x' = y - alpha grad J(y),   y' = x' + beta (x' - x)

    Their restart sets theta = 1, hence beta = 0, when grad J(y)^T (x' - x) > 0.
    """
    x = y = start
    theta = 1.0
    for _ in range(n_steps):
        gradient = objective(y)[1]
        x_next = y - alpha * gradient
        if gradient @ (x_next - x) > 0:
            theta = 1.0
        theta_next = (np.sqrt(theta**4 + 4 * theta**2) - theta**2) / 2
        beta = theta * (1 - theta) / (theta**2 + theta_next)
        y = x_next + beta * (x_next - x)
        x, theta = x_next, theta_next
    return y


def inverse_bfgs_matrix(steps: Array, changes: Array) -> Array:
    """The inverse Hessian of BFGS as a matrix, updated pair by pair (Nocedal and Wright, 6.17).

    ::

        H <- (I - rho s y^T) H (I - rho y s^T) + rho s s^T,   rho = 1 / y^T s
    """
    s, y = steps[-1], changes[-1]
    identity = np.eye(len(s))
    H = (s @ y) / (y @ y) * identity
    for s, y in zip(steps, changes, strict=True):
        rho = 1 / (y @ s)
        left = identity - rho * np.outer(s, y)
        H = left @ H @ left.T + rho * np.outer(s, s)
    return H


def optimiser_steps(rng: np.random.Generator) -> Iterator[Equality]:
    """SGD, momentum and Adam against the sums they unroll to, and against Keras's optimisers.

    The constants are sums of few powers of two, because Keras rounds its constants to float32. Its
    Adam adds epsilon elsewhere, hence the comparison without any.
    """
    start, gradients = rng.normal(size=3), rng.normal(size=(N_STEPS, 3))
    alpha, mu, beta1, beta2 = 2.0**-6, 0.875, 0.875, 1 - 2.0**-10
    sgd, momentum = optimisers.SGD(alpha), optimisers.Momentum(alpha, mu)
    names = [
        f"SGD w <- w - alpha g, {N_STEPS} steps",
        f"momentum v <- mu v - alpha g, w <- w + v, {N_STEPS} steps",
        f"Adam w <- w - alpha m_hat / (sqrt(v_hat) + epsilon), {N_STEPS} steps",
    ]
    unrolled: list[tuple[optimisers.Optimiser, Callable[[], Array]]] = [
        (sgd, lambda: start - alpha * gradients.sum(axis=0)),
        (momentum, lambda: start + unrolled_momentum(gradients, alpha, mu)),
        (
            optimisers.Adam(alpha, beta1, beta2, epsilon=0.1),
            lambda: start + unrolled_adam(gradients, alpha, beta1, beta2, epsilon=0.1),
        ),
    ]
    for name, (optimiser, total) in zip(names, unrolled, strict=True):
        yield Equality(
            name, "unrolled sums", partial(take_steps, optimiser, start, gradients), total
        )
    in_keras: list[tuple[optimisers.Optimiser, Callable[[Any], Any]]] = [
        (sgd, lambda keras: keras.optimizers.SGD(alpha)),
        (momentum, lambda keras: keras.optimizers.SGD(alpha, momentum=mu)),
        (
            optimisers.Adam(alpha, beta1, beta2, epsilon=0.0),
            lambda keras: keras.optimizers.Adam(alpha, beta1, beta2, epsilon=0.0),
        ),
    ]
    for name, (optimiser, build) in zip(names, in_keras, strict=True):
        yield Equality(
            name,
            KERAS,
            partial(take_steps, optimiser, start, gradients),
            partial(take_keras_steps, build, start, gradients),
        )


def take_steps(optimiser: optimisers.Optimiser, start: Array, gradients: Array) -> Array:
    """Where an optimiser arrives when it is given one gradient after the other."""
    parameters: tuple[Array, ...] = (start,)
    state = optimiser.start(parameters)
    for gradient in gradients:
        parameters, state = optimiser.step(parameters, (gradient,), state)
    return parameters[0]


def take_keras_steps(build: Callable[[Any], Any], start: Array, gradients: Array) -> Array:
    """Where an optimiser of Keras arrives when it is given one gradient after the other."""
    import_tensorflow()
    import keras

    optimiser, variable = build(keras), keras.Variable(start, dtype="float64")
    optimiser.build([variable])
    for gradient in gradients:
        optimiser.apply([gradient], [variable])
    return np.asarray(variable)


def unrolled_momentum(gradients: Array, alpha: float, mu: float) -> Array:
    """``-alpha sum_t sum_(s <= t) mu^(t - s) g_s``: every step's velocity, written out."""
    t = np.arange(len(gradients))
    return -alpha * _decay(mu, t[:, None] - t).sum(axis=0) @ gradients


def unrolled_adam(
    gradients: Array, alpha: float, beta1: float, beta2: float, epsilon: float
) -> Array:
    """Sum of Adam's steps, each from weighted means of the gradients so far and of their squares.

    ::

        m_hat_t = sum_(s <= t) beta1^(t - s) g_s   / sum_(s <= t) beta1^(t - s)
        v_hat_t = sum_(s <= t) beta2^(t - s) g_s^2 / sum_(s <= t) beta2^(t - s)
    """
    t = np.arange(len(gradients))
    lag = t[:, None] - t
    mean, mean_square = (
        _decay(beta, lag) @ powers / _decay(beta, lag).sum(axis=1, keepdims=True)
        for beta, powers in ((beta1, gradients), (beta2, gradients**2))
    )
    return -alpha * (mean / (np.sqrt(mean_square) + epsilon)).sum(axis=0)


def _decay(beta: float, lag: NDArray[np.integer]) -> Array:
    """``beta^lag`` for the past (lag >= 0), and 0 for the future."""
    return np.where(lag >= 0, beta ** np.maximum(lag, 0), 0.0)
