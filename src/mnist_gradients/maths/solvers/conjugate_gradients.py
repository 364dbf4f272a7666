"""Newton's decrement by conjugate gradients: as precise as it needs to be, and no more."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mnist_gradients.maths.solvers.coordinates import Coordinates
from mnist_gradients.maths.solvers.solution import Vector

STEPS = 100  # at the most
LIMITED_STEPS = 50  # that a limit may ask for
SOLVED = 1e-6  # of the first residual, squared in the preconditioner's norm, is no residual;
EXACTLY_SOLVED = 1e-20  # so much, if a long row may be most of the first
TAIL = 2  # last steps, at the least, whose gain tells how much is missing
FAST = 0.1  # of the gain of a step is that of the next

Map = Callable[[Vector], Vector]


@dataclass(frozen=True)
class Demand:
    """How precise a decrement is to be.

    Attributes:
        enough: A larger one need not be precise.
        precision: What may be missing in a smaller one.
        least_steps: Number of steps that a smaller one takes at the least.
    """

    enough: float = np.inf
    precision: float = np.inf
    least_steps: int = 0


class Limit(ABC):
    """The most that a residual r leaves of a decrement, r^T H^-1 r."""

    @abstractmethod
    def __call__(self, residual: Vector) -> float:
        """The limit for a residual, (size,), or, before it is settled, close to it."""

    @abstractmethod
    def settling_step(self, residual: Vector) -> Vector | None:
        """The step, (size,), after which the limit is strict; None if it is so already."""


def newton_decrement(
    hessian_vector: Map,
    gradient: Vector,
    precondition: Map,
    demand: Demand | None = None,
    *,
    coordinates: Coordinates | None = None,
    limit: Limit | None = None,
    rounded: float = EXACTLY_SOLVED,
) -> tuple[float, Vector, Vector, int]:
    """g^T H^-1 g and Newton's step H^-1 g by preconditioned conjugate gradients.

    Every step adds to the sum. It ends when so little is likely to be missing that twice as much
    can be added: a tenth of the sum, or what still leaves it at half of what is enough; and less
    than the precision if the sum is not above that.

    What is likely is an extrapolation. Where a few directions hold most of the gradient, and many
    others most of the decrement, the first steps see nothing of the latter. A sum that is enough
    therefore takes more steps, up to ``LIMITED_STEPS``, until it is so together with the most that
    the residual can leave; or fewer, where it is so early. A larger sum takes more steps, too, if
    that most is likely to fall to half of what is enough, or a tenth of the sum: Newton's step then
    leaves so little that its own gap takes few steps to confirm.

    Args:
        hessian_vector: The Hessian times a vector.
        gradient: g, (size,).
        precondition: An estimate of the inverse Hessian in the coordinates times a vector.
        demand: How precise the decrement is to be; None for a tenth.
        coordinates: The coordinates; None for those of the gradient. In those that a limit is used
            with, the intercept is itself.
        limit: The most that a residual can leave; None for none.
        rounded: Residuals whose square in the preconditioner's norm is so small, relative to that
            of the first, are rounding errors.

    Returns:
        The decrement, infinite if the steps do not suffice; the step v in the coordinates, (size,);
        H v there, (size,); and the number of steps after which the sum was known.
    """
    demand = demand or Demand()
    enough, precision = demand.enough, demand.precision
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
    limits = _Limits(limit, enough)
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
            missing, least = _missing(gains), max(least, demand.least_steps)
            left = (enough / 2 - total) / 2 if np.isfinite(enough) else 0.0
            most = min(max(most, left), precision)
        limits.look_at(residual)
        settled = None
        if limit and limits.confirm(total, precision):
            settled = limit.settling_step(residual)
            if settled is not None:
                v = weights(settled)
                total += float(v @ residual)
                step, residual = step + settled, residual - hessian_vector(v)
                limits.look_again_at(residual)
            if limits.confirm(total, precision):
                total += limits.last
                break
        more = limits.ask_for_more(total, most)
        if len(gains) >= least and missing <= most:
            known_after = known_after or len(gains)
            if not more:
                total += 2 * missing
                break
        r = local(residual)
        z = precondition(r)
        product, before = float(r @ z), product
        is_solved |= 0 <= product <= solved
        if is_solved and (not more or product <= rounded):
            break
        direction = z if settled is not None else z + (product / before) * direction
    else:
        total = total if is_solved else np.inf
    return total, step, first - local(residual), known_after or len(gains)


class _Limits:
    """The limit after each step, and what it asks for.

    Args:
        limit: The most that is left of a decrement, given the residual; None for none.
        enough: The largest sum that need be precise.
    """

    def __init__(self, limit: Limit | None, enough: float) -> None:
        self._limit, self._enough = limit, enough
        self._all: list[float] = []
        self.last = np.inf

    def look_at(self, residual: Vector) -> None:
        """Take the limit after one more step; none after ``LIMITED_STEPS``, where they end."""
        if self._limit and len(self._all) < LIMITED_STEPS - 1:
            self.last = self._limit(residual)
            self._all.append(self.last)
        else:
            self._limit, self.last = None, np.inf

    def look_again_at(self, residual: Vector) -> None:
        """Take the limit anew after the same step."""
        if self._limit:
            self.last = self._all[-1] = self._limit(residual)

    def confirm(self, total: float, precision: float = np.inf) -> bool:
        """Whether a sum is enough whatever is missing, and no more than the precision is."""
        return total + self.last <= self._enough < np.inf and self.last <= precision

    def ask_for_more(self, total: float, most: float) -> bool:
        """Whether more steps are to lower the limit.

        Args:
            total: The sum so far.
            most: What may be missing.
        """
        if self._limit is None:
            return False
        if np.isinf(self._enough):
            return self.last > most
        if total <= self._enough:
            return not self.confirm(total)
        return self._falls_to(max(most, self._enough / 2))

    def _falls_to(self, small: float) -> bool:
        """Whether so low a limit is ahead, and likely to come before ``STEPS`` steps.

        It will fall faster than before: conjugate gradients gain speed.
        """
        k = len(self._all)
        n = k // 2
        before = self._all[-1 - n]
        if not small < self.last < before:
            return False
        return self.last * (self.last / before) ** ((STEPS - k) / n) <= small


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
