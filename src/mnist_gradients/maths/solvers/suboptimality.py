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

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_gradients.maths.linear_objective import Floats, LinearObjective, Vector, spread_of
from mnist_gradients.maths.solvers.coordinates import Coordinates
from mnist_gradients.maths.solvers.sampling import sample

STEPS = 100  # of conjugate gradients at the most
SOLVED = 1e-6  # of the first residual, squared in the preconditioner's norm, is no residual;
EXACTLY_SOLVED = 1e-20  # so much, if a long row may be most of the first
PLATEAU = 50  # steps that a bound on what is missing may ask for
TAIL = 2  # of them at the least, whose gain tells how much is missing
FAST = 0.1  # of the gain of a step is that of the next
PRECISE = 0.01  # part of a decrement that may be missing where its step goes far
SAFETY = 1.3  # for a Hessian of a sample,
SURE = 5  # and standard errors by which its curvature along the step may be too large
FLOOR = np.finfo(np.float64).eps  # nats: a gap below the rounding of a loss of 1
NEAR = 0.7  # change of a logit by which a loss still resembles its quadratic model
ROUNDING_ENTRIES = 200_000  # of rows are looked at for rounding errors,
LEAST_ROUNDING_ROWS = 200  # but so many rows at least

Map = Callable[[Vector], Vector]


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

    def most_left(residual: Vector) -> float:
        return _most_decrement(few, coordinates, precondition, residual)

    rounding = _rounding(few, coordinates, precondition, w)
    hessian, precision, error = few.hessian(w), 2 * precision, 0.0
    rounded = max(EXACTLY_SOLVED, 100 * float(np.finfo(few.dtype).eps) ** 2)
    for precise in (False, True):
        decrement, step, image, steps = newton_decrement(
            hessian,
            gradient,
            precondition,
            2 * enough / SAFETY,
            precision,
            least_steps,
            coordinates=coordinates,
            most_left=most_left if bounded and few.l2 > 0 else None,
            rounded=rounded,
        )
        gap = SAFETY * (np.sqrt(decrement) + np.sqrt(rounding)) ** 2 / 2
        if gap > enough or gap == 0:
            break
        far, lower, left, less, error = _along_step(
            few, w, coordinates.weights(step), sampled=sampled
        )
        if precise or far == 0:
            lower += _most_decrement(few, coordinates, precondition, left) / 2
            gap = gap * less + SAFETY * lower
            break
        precision = min(precision, PRECISE * decrement)
    found = Suboptimality(gap, rounding / 2, step, image, steps, error)
    sure = found.sure_curvature
    return replace(found, gap=gap / sure if sure > 0 else np.inf)


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


def newton_decrement(
    hessian_vector: Map,
    gradient: Vector,
    precondition: Map,
    enough: float = np.inf,
    precision: float = np.inf,
    least_steps: int = 0,
    *,
    coordinates: Coordinates | None = None,
    most_left: Callable[[Vector], float] | None = None,
    rounded: float = EXACTLY_SOLVED,
) -> tuple[float, Vector, Vector, int]:
    """g^T H^-1 g and Newton's step H^-1 g by preconditioned conjugate gradients.

    Every step adds to the sum. It ends when so little is likely to be missing that twice as much
    can be added: a tenth of the sum, or what still leaves it at half of what is enough; and less
    than the precision if the sum is not above that.

    What is likely is an extrapolation. Where a few directions hold most of the gradient, and many
    others most of the decrement, the first steps see nothing of the latter. A sum that is enough
    therefore takes more steps, up to ``PLATEAU``, until the most that the residual r can leave,
    r^T H^-1 r, says the same; or fewer, where it says so early. So does a larger sum, until that
    most is half of what is enough, or a tenth of the sum: Newton's step then leaves so little that
    its own gap takes few steps to confirm.

    Args:
        hessian_vector: The Hessian times a vector.
        gradient: g, (size,).
        precondition: An estimate of the inverse Hessian in the coordinates times a vector.
        enough: A sum above this need not be precise.
        precision: Of a smaller sum.
        least_steps: Number of steps that it takes at the least.
        coordinates: The coordinates; None for those of the gradient.
        most_left: The most that r^T H^-1 r can be, given r, (size,), as far as the penalty tells;
            None for none.
        rounded: Residuals whose square in the preconditioner's norm is so small, relative to that
            of the first, are rounding errors.

    Returns:
        The decrement, infinite if the steps do not suffice; the step v in the coordinates, (size,);
        H v there, (size,); and the number of steps after which the sum was known.
    """
    weights = coordinates.weights if coordinates else np.copy
    local = coordinates.gradient if coordinates else np.copy
    first = local(gradient)
    step, residual = np.zeros_like(gradient), gradient
    z = precondition(first)
    direction, product = z, float(first @ z)
    solved = SOLVED if np.isinf(precision) else EXACTLY_SOLVED
    solved, rounded = solved * product, rounded * product
    is_solved, total, known_after = False, 0.0, 0
    gains: list[float] = []
    bounds = _Bounds(most_left, enough)
    for _ in range(STEPS):
        v = weights(direction)
        image = hessian_vector(v)
        curvature = float(v @ image)
        if product <= 0 or curvature <= 0:
            # Where no curvature is seen, only a gradient of zero belongs to a minimum.
            ended = is_solved or (product <= 1e-3 * gains[0] if gains else not gradient.any())
            total = total if ended else np.inf
            break
        alpha = product / curvature
        step = step + alpha * direction
        residual = residual - alpha * image
        total += alpha * product
        gains.append(alpha * product)
        missing, most, least = sum(gains[-TAIL:]), 0.1 * total, TAIL + 1
        if total <= enough:
            missing, least = _missing(gains), max(least, least_steps)
            left = (enough / 2 - total) / 2 if np.isfinite(enough) else 0.0
            most = min(max(most, left), precision)
        bounds.look_at(residual)
        if bounds.confirm(total) and np.isinf(precision):
            total += bounds.last
            break
        more = bounds.ask_for_more(total, most)
        if len(gains) >= least and missing <= most:
            known_after = known_after or len(gains)
            if not more:
                total += min(2 * missing, bounds.last)
                break
        r = local(residual)
        z = precondition(r)
        product, before = float(r @ z), product
        is_solved |= 0 <= product <= solved
        if is_solved and (not more or product <= rounded):
            break
        direction = z + (product / before) * direction
    else:
        total = total if is_solved else np.inf
    return total, step, first - local(residual), known_after or len(gains)


class _Bounds:
    """What further steps of conjugate gradients can gain at the most, as far as the penalty tells.

    Args:
        most_left: The most that is left of a decrement, given the residual, (size,); None for no
            bound.
        enough: The largest sum that need be precise.
    """

    def __init__(self, most_left: Callable[[Vector], float] | None, enough: float) -> None:
        self._most_left, self._enough = most_left, enough
        self._all: list[float] = []
        self.last = np.inf

    def look_at(self, residual: Vector) -> None:
        """Take the bound after one more step, up to ``PLATEAU`` of them."""
        if self._most_left and len(self._all) < PLATEAU - 1:
            self.last = self._most_left(residual)
            self._all.append(self.last)
        else:
            self._most_left, self.last = None, np.inf

    def confirm(self, total: float) -> bool:
        """Whether a sum is enough whatever is missing."""
        return total + self.last <= self._enough < np.inf

    def ask_for_more(self, total: float, most: float) -> bool:
        """Whether more steps are to lower the bound.

        Args:
            total: The sum so far.
            most: What may be missing.
        """
        if self._most_left is None:
            return False
        if np.isinf(self._enough):
            return self.last > most
        if total <= self._enough:
            return not self.confirm(total)
        return self._falls_to(max(most, self._enough / 2))

    def _falls_to(self, small: float) -> bool:
        """Whether so low a bound is ahead, and likely to come before ``STEPS`` steps.

        It will fall faster than before: conjugate gradients gain speed.
        """
        k, n = len(self._all), max(1, len(self._all) // 2)
        rate = (self.last / self._all[-1 - n]) ** (1 / n) if k > 1 else 1.0
        return self.last * rate ** (STEPS - k) <= small < self.last


def _missing(gains: list[float]) -> float:
    """What further steps of conjugate gradients may gain: as much as the last few, or more.

    If the gains of n steps fall by a factor q to those of the next n, and go on so, q / (1 - q)
    times the last are missing. The largest q of several n counts, since gains are uneven; the first
    step, which may gain most by far, does not.
    """
    k, last = len(gains), sum(gains[-TAIL:])
    if k < 2 * TAIL + 1:
        return last if all(b <= FAST * a for a, b in pairwise(gains)) else np.inf
    missing = last
    for n in range(TAIL, (k - 1) // 2 + 1):
        now, before = sum(gains[-n:]), sum(gains[-2 * n : -n])
        missing = max(missing, now * now / (before - now) if now < before else np.inf)
    return missing


def _rounding(
    few: LinearObjective, coordinates: Coordinates, precondition: Map, w: Vector
) -> float:
    """Decrement of the rounding errors of the gradient, seen where it is computed both ways.

    The preconditioner knows nothing of directions in which features differ by less than the
    rounding of float32. There, only the penalty limits what an error hides: H >= lambda I.
    """
    if few.dtype == np.float64:
        return 0.0
    n = max(LEAST_ROUNDING_ROWS, ROUNDING_ENTRIES // few.n_features)
    few = sample(few, n, np.random.default_rng(0))
    error = few(w)[1] - few.computed_in(np.float64)(w)[1]
    return _most_decrement(few, coordinates, precondition, error)


def _most_decrement(
    few: LinearObjective, coordinates: Coordinates, precondition: Map, gradient: Vector
) -> float:
    """g^T H^-1 g, or more, where the preconditioner may know nothing of the Hessian but lambda."""
    G, _ = few.unpack(gradient)
    if not gradient.any():
        return 0.0
    if few.l2 == 0:
        return np.inf
    local = coordinates.gradient(gradient)
    return max(float(np.sum(G**2)) / few.l2, float(local @ precondition(local)))
