"""The default solver: L-BFGS in coordinates in which the Hessian is close to the identity.

L-BFGS is slow where the eigenvalues of the Hessian differ by orders of magnitude, as they do on
images. Let L_k L_k^T be a Cholesky factorisation of class k's own block of the Hessian, estimated
from a few thousand rows at a point not far from the minimum. In the coordinates u with

    w_k = origin_k + L_k^{-T} u_k

plain L-BFGS needs some ten sweeps over the data instead of hundreds, and half the squared norm of
the gradient is Newton's decrement, which tells how far the objective is above its minimum.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice, repeat

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, cg

from mnist_gradients.maths.linear_objective import LinearObjective
from mnist_gradients.maths.rows.blocks import spread
from mnist_gradients.maths.rows.triangular import Matrix, cholesky, solve_lower
from mnist_gradients.maths.solvers.lbfgs import lbfgs_iterates
from mnist_gradients.maths.solvers.solution import Callback, Solution, Vector, first_iterate

WARM_START_ROWS = 6_000
WARM_START_ITERATIONS = 20
CANDIDATE_ROWS = 16_000  # whose curvature is looked at for an estimate of the Hessian
CURVATURE_ROWS = 4_000  # of which so many enter it, over all classes together,
LEAST_CURVATURE_ROWS = 1_500  # but so many for each class at least
ROUND = 20  # iterations after which the Hessian is estimated afresh
CONFIRMATION_ROWS = 3_000  # on which conjugate gradients take
CONFIRMATION_STEPS = 5  # so many steps to confirm that several classes are at their minimum
PATIENCE = 15  # iterations without progress that show the limit of rounding


def preconditioned_lbfgs(
    objective: LinearObjective,
    start: Vector | None = None,
    *,
    tolerance: float = 1e-4,
    max_iterations: int = 500,
    seed: int = 0,
    callback: Callback | None = None,
) -> Solution:
    """Minimise the objective of a linear model down to a relative gap.

    1. A few iterations of L-BFGS on a sample of the rows lead to where the curvature resembles that
       of the minimum.
    2. Each class's block of the Hessian is estimated there and factorised.
    3. L-BFGS on all rows runs in the coordinates that the factors define, until

           J - J* <= tolerance J*

       by Newton's decrement. Every ``ROUND`` iterations, step 2 is repeated.

    Neither the memory nor the time of the first two steps grows with the number of rows.

    Source: the estimate of step 2 is that of sub-sampled Newton methods (Erdogdu and Montanari,
    "Convergence rates of sub-sampled Newton methods", NeurIPS 2015; importance sampling: Xu et al.,
    "Sub-sampled Newton methods with non-uniform sampling", NeurIPS 2016). Here it only sets the
    coordinates of L-BFGS: its error costs iterations, not accuracy.

    Args:
        objective: Logistic or softmax objective.
        start: First iterate, (size,); None to find one on a sample of the rows.
        tolerance: Largest relative gap to the minimum. Blocks in float32 reach 1e-7; below that,
            give the objective ``compute_dtype=np.float64``.
        max_iterations: Largest number of iterations on all rows.
        seed: Seed of the choice of rows.
        callback: Called with (iteration, objective, gradient norm) on all rows; iteration 0 is the
            end of step 1.

    Returns:
        The last iterate; the message says to which relative gap.
    """
    generator = np.random.default_rng(seed)
    w = warm_start(objective, generator) if start is None else first_iterate(objective, start)
    best, progress_at = None, 0
    for iteration, point in enumerate(_points(objective, w, tolerance, generator)):
        if callback is not None:
            callback(iteration, point.value, point.gradient_norm)
        if point.relative_gap <= tolerance:
            message = f"relative gap at most {tolerance:g}"
            break
        if iteration == max_iterations:
            message = f"iteration limit reached at a relative gap of {point.relative_gap:.1e}"
            break
        if best is None or point.is_progress_on(best, 8 * np.finfo(objective.dtype).eps):
            best, progress_at = point, iteration
        if iteration - progress_at == PATIENCE:
            message = _limit_of_rounding(objective, point)
            break
    else:
        message = _limit_of_rounding(objective, point)
    return Solution(
        point.weights,
        point.value,
        point.gradient_norm,
        iteration,
        converged=point.relative_gap <= tolerance,
        message=message,
    )


def warm_start(objective: LinearObjective, generator: np.random.Generator) -> Vector:
    """Minimise over a sample of the rows, as long as an iteration gains a thousandth.

    Args:
        objective: Logistic or softmax objective.
        generator: Source of the choice of rows.

    Returns:
        Parameter, (size,).
    """
    N = len(objective.y)
    if N > WARM_START_ROWS:
        objective = objective.subset(_sample(N, WARM_START_ROWS, generator))
    value = np.inf
    for iterate in islice(
        lbfgs_iterates(objective, np.zeros(objective.size)), WARM_START_ITERATIONS + 1
    ):
        if iterate.value > 0.999 * value:
            break
        value = iterate.value
    return iterate.weights


def curvature_factors(
    objective: LinearObjective, w: Vector, generator: np.random.Generator
) -> list[Matrix]:
    """Estimate every class's block of the Hessian at w from a few rows and factorise it.

    ::

        H_k = 1/N sum_i c_ik x_i x_i^T + lambda I,     c_ik = p_ik (1 - p_ik)

    Most rows are classified with confidence and carry next to no curvature. Rows are therefore
    drawn with a probability in proportion to theirs and weighted by its inverse, which leaves the
    estimate unbiased.

    Args:
        objective: Logistic or softmax objective.
        w: Where to estimate it, (size,).
        generator: Source of the choice of rows.

    Returns:
        One Cholesky factor per class, lower triangular; what lies above the diagonal is void.
    """
    rows = _sample(len(objective.y), CANDIDATE_ROWS, generator)
    curvature = objective.curvature(w, rows).astype(np.float64) / len(rows)
    chances = generator.random(curvature.shape)
    n_rows = max(CURVATURE_ROWS // objective.n_outputs, LEAST_CURVATURE_ROWS)

    def factor(k: int) -> Matrix:
        c = curvature[:, k]
        probability = np.ones_like(c)
        if len(rows) > n_rows:
            probability = np.minimum(1, n_rows * c / max(c.sum(), np.finfo(np.float64).tiny))
        chosen = chances[:, k] < probability
        H = objective.class_hessian(rows[chosen], c[chosen] / probability[chosen])
        return cholesky(_regular(H))

    return spread(factor, range(objective.n_outputs), threads=objective.threads)


@dataclass
class Whitened:
    """The objective as a function of u, w_k = origin_k + L_k^{-T} u_k for each class k.

    Softmax does not change when a vector is added to the weights of all classes at once. The
    factors, class by class, do not know that; so steps and gradients are freed of such shifts.

    Attributes:
        objective: Logistic or softmax objective.
        origin: Parameter at u = 0, (size,).
        factors: L_k, lower triangular.
        weights: Parameter of the last evaluation, (size,).
        gradient_norm: Norm of the objective's own gradient there.
    """

    objective: LinearObjective
    origin: Vector
    factors: list[Matrix]

    def __post_init__(self) -> None:
        self.weights, self.gradient_norm = self.origin, np.inf

    def __call__(self, u: Vector) -> tuple[float, Vector]:
        """Value and gradient with respect to u."""
        self.weights = self.origin + self._shift_free(self._solve(u, transposed=True))
        value, gradient = self.objective(self.weights)
        self.gradient_norm = float(np.linalg.norm(gradient))
        return value, self._solve(self._shift_free(gradient), transposed=False)

    def curvature_along_newton_step(
        self, gradient: Vector, generator: np.random.Generator
    ) -> float:
        """Squared norm of the gradient relative to Newton's decrement, at the last evaluation.

        ::

            g^T g / g^T H^{-1} g

        with the Hessian of a sample of the rows, inverted by a few conjugate-gradient steps.

        Args:
            gradient: g with respect to u, (size,), not zero.
            generator: Source of the choice of rows.
        """
        rows = _sample(len(self.objective.y), CONFIRMATION_ROWS, generator)
        sample = self.objective.subset(rows)

        def hessian_vector(v: Vector) -> Vector:
            product = sample.hessian_vector(
                self.weights, self._shift_free(self._solve(v, transposed=True))
            )
            return self._solve(self._shift_free(product), transposed=False)

        operator = LinearOperator((len(gradient),) * 2, matvec=hessian_vector, dtype=np.float64)
        step, _ = cg(operator, gradient, rtol=0.1, maxiter=CONFIRMATION_STEPS)
        return float(gradient @ gradient / (gradient @ step))

    def _solve(self, v: Vector, *, transposed: bool) -> Vector:
        """L_k^{-1} v_k or L_k^{-T} v_k for every class k."""
        columns = v.reshape(-1, len(self.factors)).astype(np.float32)

        def solve(k: int) -> NDArray[np.float32]:
            return solve_lower(self.factors[k], columns[:, k], transposed=transposed)

        solved = spread(solve, range(len(self.factors)), threads=self.objective.threads)
        return np.column_stack(solved).ravel().astype(np.float64)

    def _shift_free(self, v: Vector) -> Vector:
        """Subtract what is common to all classes."""
        if len(self.factors) == 1:
            return v
        columns = v.reshape(-1, len(self.factors))
        return (columns - columns.mean(axis=1, keepdims=True)).ravel()


@dataclass(frozen=True)
class Point:
    """An iterate and how far above the minimum it may be.

    Attributes:
        weights: Parameter, (size,).
        value: Objective.
        gradient_norm: Norm of the gradient.
        gap: Bound on the objective above its minimum.
    """

    weights: Vector
    value: float
    gradient_norm: float
    gap: float

    @property
    def relative_gap(self) -> float:
        """The bound relative to the least that the minimum can be; infinite if that is zero."""
        minimum = self.value - self.gap
        return self.gap / minimum if minimum > 0 else np.inf

    def is_progress_on(self, other: Point, rounding: float) -> bool:
        """Whether the bound is half another's, or the objective lower by more than rounding."""
        return self.gap < other.gap / 2 or self.value < (1 - rounding) * other.value


def _points(
    objective: LinearObjective, w: Vector, tolerance: float, generator: np.random.Generator
) -> Iterator[Point]:
    """Iterates of L-BFGS in coordinates that are renewed every ``ROUND`` iterations.

    In perfect coordinates the gap is half the squared norm of the gradient. They are estimated, so
    the bound is twice that, and more where the curvature along a step was found below one. Nor do
    they know of what several classes share, so a bound within the tolerance is confirmed first.
    The points end when fresh coordinates offer no step that lowers the objective.
    """
    for first_round in chain([True], repeat(False)):
        whitened = Whitened(objective, w, curvature_factors(objective, w, generator))
        least_curvature = 1.0
        for iterate in islice(lbfgs_iterates(whitened, np.zeros(objective.size)), ROUND + 1):
            least_curvature = min(least_curvature, iterate.curvature)
            squared_norm = float(iterate.gradient @ iterate.gradient)
            w = whitened.weights
            point = Point(w, iterate.value, whitened.gradient_norm, squared_norm / least_curvature)
            if objective.n_outputs > 1 and squared_norm > 0 and point.relative_gap <= tolerance:
                curvature = whitened.curvature_along_newton_step(iterate.gradient, generator)
                least_curvature = min(least_curvature, curvature)
                point = replace(point, gap=squared_norm / least_curvature)
            if iterate.iteration > 0 or first_round:
                yield point
        if iterate.iteration == 0:
            return


def _limit_of_rounding(objective: LinearObjective, point: Point) -> str:
    """Say that no further step lowers the objective, and what might."""
    advice = "; compute_dtype=float64 goes further" if objective.dtype == np.float32 else ""
    return f"rounding in {objective.dtype} allows no gap below about {point.gap:.1e}{advice}"


def _regular(H: Matrix) -> Matrix:
    """Raise the diagonal, in place, of a matrix that may be singular to within rounding."""
    diagonal = np.diag(H).copy()
    rounding = len(H) * np.finfo(np.float32).eps
    missing = diagonal.mean() or 1.0
    H[np.diag_indices(len(H))] = np.where(diagonal > 0, diagonal * (1 + rounding), missing)
    return H


def _sample(N: int, n: int, generator: np.random.Generator) -> NDArray[np.integer]:
    """Indices of n of N rows, one out of each of n equal stretches; all of them if N is no more."""
    if n >= N:
        return np.arange(N)
    return ((np.arange(n) + generator.random(n)) * (N / n)).astype(np.intp)
