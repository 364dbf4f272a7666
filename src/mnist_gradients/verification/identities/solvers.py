"""The formulas of the solvers, against other formulas for the same steps."""

from collections.abc import Callable, Iterator

import numpy as np

from mnist_gradients.maths.logistic import LogisticObjective
from mnist_gradients.maths.solvers import descent
from mnist_gradients.maths.solvers.lbfgs import InverseHessian
from mnist_gradients.verification.derivation import Array, Equality

L2, STEP_SIZE, N_STEPS = 0.3, 0.0625, 25


def checks(rng: np.random.Generator) -> Iterator[Equality]:
    """Every check of accelerated descent and of L-BFGS, at points drawn from `rng`."""
    theta, X, y = rng.normal(size=2), rng.normal(size=(3, 2)), np.array([1, 0, 1])
    objective = LogisticObjective(X, y, L2, intercept="none", threads=1)
    yield Equality(
        f"accelerated descent, {N_STEPS} steps",
        "estimate sequence",
        lambda: (
            descent.accelerated_descent(
                objective, theta, step_size=STEP_SIZE, max_iterations=N_STEPS, tolerance=0.0
            ).weights
        ),
        lambda: estimate_sequence(objective, theta, STEP_SIZE, N_STEPS),
    )
    steps = rng.normal(size=(3, 4))
    curvature = np.diag([1.0, 2.0, 3.0, 4.0])
    inverse_hessian = InverseHessian()
    for s in steps:
        inverse_hessian.learn(s, curvature @ s)
    gradient = rng.normal(size=4)
    yield Equality(
        "L-BFGS two-loop recursion = -H grad",
        "BFGS matrix",
        lambda: -inverse_hessian.times(gradient),
        lambda: -inverse_bfgs_matrix(steps, steps @ curvature) @ gradient,
    )


def estimate_sequence(
    objective: Callable[[Array], tuple[float, Array]], start: Array, alpha: float, n_steps: int
) -> Array:
    """Accelerated descent with gradient restart in the form of O'Donoghue and Candes.

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
