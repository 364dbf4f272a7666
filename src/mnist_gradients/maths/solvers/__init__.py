"""Solvers: each minimises an objective that returns its value and its gradient together.

Pipelines and estimators pick a solver by its name in ``SOLVERS``.
"""

from collections.abc import Callable

from mnist_gradients.maths.solvers.descent import accelerated_descent, gradient_descent
from mnist_gradients.maths.solvers.lbfgs import lbfgs
from mnist_gradients.maths.solvers.preconditioned_lbfgs import preconditioned_lbfgs
from mnist_gradients.maths.solvers.solution import Solution

SOLVERS: dict[str, Callable[..., Solution]] = {
    "gradient_descent": gradient_descent,
    "accelerated_descent": accelerated_descent,
    "lbfgs": lbfgs,
    "preconditioned_lbfgs": preconditioned_lbfgs,
}
DEFAULT_SOLVER = "preconditioned_lbfgs"

__all__ = ["DEFAULT_SOLVER", "SOLVERS", "Solution"]
