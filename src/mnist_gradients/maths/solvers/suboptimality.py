"""How far an iterate is above the minimum: Newton's decrement, estimated with care.

::

    J(w) - J*  ~  1/2 g^T H^-1 g

The estimate includes what the coordinates of a solver do not know of the Hessian, the change of the
curvature along Newton's step, and the rounding errors of the gradient.

Rows whose logits the step changes by much are left out of Newton's model: the loss of a row that is
classified with confidence falls by a factor e for each unit, so that Newton's method walks along it
in steps of one, with a tiny decrement and far from the minimum. What their losses can fall to is
bounded from below by tangents instead.

A sample of the rows may have too much curvature along a direction that few of them tell of. Its
error along the step follows from the parts of its rows, as for any sum over a sample; the estimate
grows by what five standard errors may hide.

Sources: generalised self-concordance of the logistic loss (Bach, "Self-concordant analysis for
logistic regression", Electronic Journal of Statistics 4, 2010); tangents and convex conjugates
(Boyd and Vandenberghe, "Convex Optimization", 2004, sections 3.3 and 5.1).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_gradients.maths.linear_objective import Floats, LinearObjective, Vector, spread_of
from mnist_gradients.maths.solvers.conjugate_gradients import (
    EXACTLY_SOLVED,
    Demand,
    Limit,
    Map,
    newton_decrement,
)
from mnist_gradients.maths.solvers.coordinates import Coordinates
from mnist_gradients.maths.solvers.sampling import sample

PRECISE = 0.01  # part of a decrement that may be missing where its step goes far
SAFETY = 1.3  # every estimate is multiplied by this
SURE = 5  # standard errors by which the curvature of a sample along the step may be too large
FLOOR = np.finfo(np.float64).eps  # nats: a gap below the rounding of a loss of 1
NEAR = 0.7  # change of a logit by which a loss still resembles its quadratic model
ROUNDING_ENTRIES = 200_000  # of rows are looked at for rounding errors,
LEAST_ROUNDING_ROWS = 200  # but so many rows at least


@dataclass(frozen=True)
class Suboptimality:
    """An estimate of the objective above its minimum.

    Attributes:
        gap: The estimate, rounding included; infinite if it could not be found, or a few rows of a
            sample make up most of the curvature along the step.
        rounding: The part of it that rounding errors of the gradient make up.
        step: Newton's step H^-1 g, to be subtracted, with respect to u, (size,).
        image: H times the step, (size,).
        steps: Number of steps of conjugate gradients after which it was known.
        sampling_error: Standard error of the curvature along the step, relative to it, where rows
            were drawn one by one.
    """

    gap: float
    rounding: float
    step: Vector
    image: Vector
    steps: int
    sampling_error: float

    @property
    def sure_curvature(self) -> float:
        """Part of the curvature along the step that is there for sure; none unless above 0."""
        return 1 - SURE * self.sampling_error


def estimate_suboptimality(
    few: LinearObjective,
    coordinates: Coordinates,
    precondition: Map,
    w: Vector,
    gradient: Vector,
    enough: float,
    precision: float = np.inf,
    least_steps: int = 0,
    *,
    sampled: bool = False,
    bounded: bool = False,
) -> Suboptimality:
    """Estimate how far the objective at w is above its minimum.

    Args:
        few: The objective on all rows, or on a sample that is large enough for its Hessian.
        coordinates: The solver's coordinates u.
        precondition: An estimate of the inverse Hessian in these coordinates, times a vector.
        w: Parameter vector, (size,).
        gradient: Gradient of the objective on all rows at w, (size,).
        enough: A gap above this need not be known exactly.
        precision: What may be missing in a smaller one: less than the loss of one row, if a row may
            be far from its minimum.
        least_steps: Number of steps that a small gap takes at the least.
        sampled: Whether the objective is that on a sample.
        bounded: Whether a bound is to confirm a small gap: the preconditioner may have directions
            that it hides for some steps.
    """
    limit = PenaltyLimit(few, w) if bounded and few.l2 > 0 else None

    def most(gradient: Vector) -> float:
        if limit is None:
            return _most_decrement(few, coordinates, precondition, gradient)
        return limit(gradient)

    rounding, hessian, error = most(_rounding_error(few, w)), few.hessian(w), 0.0
    demand = Demand(2 * enough / SAFETY, 2 * precision, least_steps)
    rounded = max(EXACTLY_SOLVED, 100 * float(np.finfo(few.dtype).eps) ** 2)
    for precise in (False, True):  # once more where the step moves rows far
        decrement, step, image, steps = newton_decrement(
            hessian,
            gradient,
            precondition,
            demand,
            coordinates=coordinates,
            limit=limit,
            rounded=rounded,
        )
        gap = SAFETY * (np.sqrt(decrement) + np.sqrt(rounding)) ** 2 / 2
        if gap > enough or gap == 0:
            break
        far, lower, left, less, error = _along_step(
            few, w, coordinates.weights(step), sampled=sampled
        )
        if precise or far == 0:
            gap = gap * less + SAFETY * (lower + most(left) / 2)
            break
        demand = replace(demand, precision=min(demand.precision, PRECISE * decrement))
    found = Suboptimality(gap, rounding / 2, step, image, steps, error)
    sure = found.sure_curvature
    return replace(found, gap=gap / sure if sure > 0 else np.inf)


class PenaltyLimit(Limit):
    """The most that a gradient g leaves of g^T H^-1 g, where only the penalty is known of H.

    ::

        g^T H^-1 g  =  g_b^T B^-1 g_b + r^T S^-1 r,    S >= lambda I,    r = g_W - H_Wb B^-1 g_b

    An intercept without a penalty has the curvature B, its own block of the Hessian, and is
    eliminated. Where g_b is zero, r is g_W, and the sum is known to be at most |g_W|^2 / lambda.

    Source: block elimination (Boyd and Vandenberghe, "Convex Optimization", 2004, appendix C.4).

    Args:
        few: The objective, with a penalty.
        w: Parameter vector, (size,).
    """

    def __init__(self, few: LinearObjective, w: Vector) -> None:
        self._few, self._free = few, few.intercept == "free"
        if self._free:
            block = few.intercept_hessian(w)
            # The same change of all classes has no curvature, and no gradient: any will do.
            shift = block.trace() / len(block) if len(block) > 1 else 0.0
            self._curvatures, self._vectors = np.linalg.eigh(block + shift)

    def __call__(self, gradient: Vector) -> float:
        """The limit, or, where the intercept has a part of the gradient, close to it."""
        G, g = self._few.unpack(gradient)
        of_penalised = float(np.sum(G**2)) + (0.0 if self._free else float(g @ g))
        of_free = float(g @ self._solved(g)) if self._free and g.any() else 0.0
        return of_penalised / self._few.l2 + of_free

    def settling_step(self, gradient: Vector) -> Vector | None:
        """The step, to be subtracted, after which an intercept without a penalty has no gradient.

        Returns:
            The step, (size,); None if there is no such intercept.
        """
        W, g = self._few.unpack(gradient)
        return self._few.pack(np.zeros_like(W), self._solved(g)) if self._free else None

    def _solved(self, g: Vector) -> Vector:
        """B^-1 g, (K,); infinite where there is no curvature."""
        parts = self._vectors.T @ g
        if not (self._curvatures > 0).all():
            return np.full_like(g, np.inf)
        return self._vectors @ (parts / self._curvatures)


def _along_step(
    few: LinearObjective, w: Vector, v: Vector, *, sampled: bool = False
) -> tuple[float, float, Vector, float, float]:
    """What Newton's model, of second order, leaves out along a step from w to w - v.

    Of rows whose logits change little, the curvature may fall, so that the minimum is lower than
    the model says. Of the others, whose changes are u, the model is of no use. But no loss is below
    its tangents, which are all those with a residual r for a slope::

        loss(z - u)  >=  r (z - u) - conjugate(r)

    With the residual of the model at w - v, which is linear in v, they leave its minimum where it
    is. That may be no residual, where a probability would be negative; the closest that is leaves a
    gradient.

    Args:
        few: The objective.
        w: Parameter vector, (size,).
        v: Newton's step, (size,).
        sampled: Whether the objective is that on a sample.

    Returns:
        The number of rows that change much; by how much the tangents are below the model at w - v;
        the gradient that they leave there, (size,); by which factor the curvature along v, of the
        other rows, is less there; and `Suboptimality.sampling_error`.
    """

    def terms(y: NDArray[np.integer], Z: Floats, U: Floats) -> tuple[NDArray[Any], ...]:
        change = few.curvature_product(Z, U)
        now = np.sum(change * U, axis=1)
        there = np.sum(few.curvature_product(Z - U, U) * U, axis=1)
        of_each = (now.copy(),) if sampled else ()
        far = spread_of(U) > NEAR
        lower, left = np.zeros(len(Z), Z.dtype), np.zeros_like(Z)
        if far.any():
            Z, U, y, change = Z[far], U[far], y[far], change[far]
            loss, R = few.loss_and_residual(Z, y)
            slope = few.feasible(R - change, y)
            model = loss - np.sum(R * U, axis=1) + now[far] / 2
            lower[far] = model - np.sum(slope * (Z - U), axis=1) + few.conjugate(slope, y)
            left[far] = slope - (R - change)
            now[far] = there[far] = 0
        return *of_each, far, now, there, lower, left

    *of_each, far, now, there, lower, gradient = few.sum_rows(terms, w, v, first_of_each=sampled)
    S = few.rows.total_weight
    penalty = few.l2 * float(v @ few.penalised(v))
    error = 0.0
    if sampled:
        whole = of_each[0].sum(dtype=np.float64) + S * penalty
        error = float(np.linalg.norm(of_each[0]) / whole) if whole > 0 else 0.0
    now, there = now / S + penalty, there / S + penalty
    less = max(1.0, now / there) if there > 0 else np.inf
    return far, max(lower, 0.0) / S, gradient / S, less, error


def _rounding_error(few: LinearObjective, w: Vector) -> Vector:
    """The rounding error of the gradient, (size,), seen where it is computed both ways."""
    if few.dtype == np.float64:
        return np.zeros_like(w)
    n = max(LEAST_ROUNDING_ROWS, ROUNDING_ENTRIES // few.n_features)
    few = sample(few, n, np.random.default_rng(0))
    return few(w)[1] - few.computed_in(np.float64)(w)[1]


def _most_decrement(
    few: LinearObjective, coordinates: Coordinates, precondition: Map, gradient: Vector
) -> float:
    """g^T H^-1 g with a preconditioner that may know nothing of weak directions of the weights.

    It knows nothing of those in which features differ by less than the rounding of float32, say.
    There, only the penalty counts: H >= lambda I.
    """
    G, _ = few.unpack(gradient)
    if not gradient.any():
        return 0.0
    if few.l2 == 0:
        return np.inf
    local = coordinates.gradient(gradient)
    return max(float(np.sum(G**2)) / few.l2, float(local @ precondition(local)))
