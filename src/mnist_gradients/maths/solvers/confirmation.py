"""Whether an iterate of the default solver is within the tolerance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from mnist_gradients.maths.solvers.coordinates import Coordinates, passes_of_factors
from mnist_gradients.maths.solvers.lbfgs import Iterate
from mnist_gradients.maths.solvers.local_objective import LocalObjective
from mnist_gradients.maths.solvers.sampling import sample
from mnist_gradients.maths.solvers.solution import Vector
from mnist_gradients.maths.solvers.suboptimality import (
    FLOOR,
    SAFETY,
    PenaltyLimit,
    Suboptimality,
    estimate_suboptimality,
)
from mnist_gradients.maths.solvers.working_problem import WorkingProblem

CONFIRMATION_ROWS = 3_000  # whose Hessian confirms a small gap, if there are few features
EARLY = 1.5  # times the tolerance: a rough gap is confirmed from there on, where that is cheap
FEW = 10  # it is, where it takes so many times fewer rows than there are
LATE = 0.5  # the same where one factor serves all classes: a gap close to it takes many steps
NEWTON = 1e-4  # of the objective: from there on, Newton's steps serve as well as L-BFGS, or better
CLOSE = 3  # times the tolerance: a gap that one more step closes, with no more rows
LATER = 10  # iterations until the next estimate, after one that was infinite
ONE_ROW = 0.01  # nats, small for the loss of a row

Renew = Callable[[Vector], Coordinates]


@dataclass(frozen=True)
class Renewed:
    """Coordinates that were made for a confirmation.

    Attributes:
        coordinates: The coordinates.
        newton_step: Newton's step in them, to be subtracted, and its image, if they are known.
    """

    coordinates: Coordinates
    newton_step: tuple[Vector, Vector] | None


@dataclass(frozen=True)
class Point:
    """An iterate and an estimate of how far above the minimum it is.

    Attributes:
        weights: Parameter vector for centred rows, (size,).
        value: Objective.
        gradient: Gradient with respect to it, (size,).
        gap: Estimate of the objective above its minimum.
    """

    weights: Vector
    value: float
    gradient: Vector
    gap: float

    @property
    def relative_gap(self) -> float:
        """The gap relative to the least that the minimum can be; infinite if that is zero."""
        minimum = self.value - self.gap
        return self.gap / minimum if minimum > 0 else np.inf

    def no_worse_than(self, other: Point) -> Point:
        """This point if it is the lower one, with a gap that follows from the other's; or that."""
        if self.value > other.value:
            return other
        follows = other.gap - (other.value - self.value)  # but for rounding in the other's value
        return replace(self, gap=min(self.gap, follows if follows > 0 else other.gap))

    def is_progress_on(self, other: Point, rounding: float) -> bool:
        """Whether the gap is half another's, or the objective lower by more than rounding."""
        return self.gap < other.gap / 2 or self.value < (1 - rounding) * other.value


class Tolerance:
    """The largest relative gap at which iterations end; less once that is reached.

    Args:
        largest: Relative gap that counts as converged.
        least: A smaller one to aim for from there on, as far as rounding allows.

    Attributes:
        met_by: The first point that was within the larger one.
    """

    def __init__(self, largest: float, least: float) -> None:
        self._now, self._least = largest, least
        self.met_by: Point | None = None

    def allowed(self, point: Point) -> float:
        """Largest gap of a point that is within the tolerance."""
        return max(self._now * (point.value - point.gap), FLOOR)

    def is_met(self, point: Point) -> bool:
        """Whether a point is within it."""
        return bool(point.gap <= self.allowed(point))

    def tighten(self, point: Point) -> None:
        """Ask for the least one once a point is within the other."""
        if self.met_by is None and self.is_met(point):
            self.met_by, self._now = point, self._least


class Confirmation:
    """A rough estimate of the gap of each iterate, and one to rely on where that is small.

    Args:
        problem: The problem that is being solved.
        generator: Source of the choice of rows.
        least_in_span: The minimum, if it is known from a search in the span of the rows.

    Attributes:
        renewed: New coordinates that a confirmation took, for the next round; see `take_renewed`.
    """

    def __init__(
        self,
        problem: WorkingProblem,
        generator: np.random.Generator,
        least_in_span: float | None,
    ) -> None:
        self.renewed: Renewed | None = None
        self._problem, self._generator = problem, generator
        self._least_in_span = least_in_span
        self._rows = max(CONFIRMATION_ROWS, 4 * problem.objective.n_features)
        self._not_before, self._least_steps = 0, 0
        self.start_round()

    def start_round(self) -> None:
        """Begin with other coordinates."""
        self._least_curvature, self._below = 1.0, np.inf
        self._rough: list[float] = []

    def take_renewed(self) -> Renewed | None:
        """The renewed coordinates, once."""
        renewed, self.renewed = self.renewed, None
        return renewed

    def rough_gap(self, iterate: Iterate) -> float:
        """An estimate of the gap that costs nothing.

        In perfect coordinates the gap is half the squared norm of the gradient. They are estimated,
        so the estimate is twice that, and more where the curvature along a step was below one.
        Without factors it is what L-BFGS has learned of the Hessian.
        """
        if not iterate.foreseen:
            self._least_curvature = min(self._least_curvature, iterate.curvature)
        if self._problem.model == "diagonal":
            gap = SAFETY * iterate.decrement / 2
        else:
            squared_norm = float(iterate.gradient @ iterate.gradient)
            gap = max(iterate.decrement, squared_norm / self._least_curvature)
        self._rough.append(gap)
        return gap

    def takes_less_than_factors(self, allowed: float) -> bool:
        """Whether the iterations that are likely to remain take less time than new factors."""
        now, n = self._rough[-1], max(1, len(self._rough) // 2)
        if len(self._rough) == 1:
            return now <= allowed
        rate = min(1.0, now / self._rough[-1 - n]) ** (1 / n)
        return now * rate ** passes_of_factors(self._problem.objective) <= allowed

    def is_due(self, rough_gap: float, value: float, allowed: float, steps: int) -> bool:
        """Whether a gap is worth confirming, or its conjugate gradients are worth their step.

        Args:
            rough_gap: Rough estimate of it.
            value: Objective.
            allowed: The largest gap that is within the tolerance.
            steps: Number of steps so far.
        """
        most = allowed * self._earliness()
        if self._problem.model == "diagonal" and self._problem.objective.l2 > 0:
            most = max(most, NEWTON * value)
        return rough_gap <= min(most, self._below) and steps >= self._not_before

    def _earliness(self) -> float:
        """The multiple of the tolerance at which a rough estimate is worth confirming."""
        if self._problem.model == "shared":
            return LATE
        every_row = self._problem.model == "diagonal" or self._problem.long_rows
        N = self._problem.objective.rows.shape[0]
        return EARLY if FEW * self._rows <= N and not every_row else 1.0

    def __call__(
        self, local: LocalObjective, iterate: Iterate, enough: float, renew: Renew
    ) -> Suboptimality:
        """Estimate the gap of an iterate with care.

        Args:
            local: The objective in the solver's coordinates, last seen at the iterate.
            iterate: The iterate.
            enough: A gap above this need not be known exactly.
            renew: Draws rows anew for a parameter vector, (size,), where it is time; returns
                coordinates for the curvature there.
        """
        problem, objective, few = self._problem, self._problem.objective, self._problem.few
        diagonal = problem.model == "diagonal"
        precision = ONE_ROW / objective.rows.shape[0] if problem.long_rows else np.inf
        if problem.long_rows and not diagonal:
            return self._with_long_rows(local, renew(local.weights), enough, precision)
        if diagonal:
            few = objective  # of which a sample may hold a part only
        elif problem.few_are_all:
            few = sample(few, self._rows, self._generator)
        elif not problem.every_row:  # the rows of a sample have no period
            few = few.every(few.rows.shape[0] // self._rows)
        learned = iterate.inverse_hessian.times if iterate.iteration > 0 else np.copy
        state = local.coordinates, learned, local.weights, local.gradient
        limits = enough, precision, self._least_steps
        sampled = few.rows.shape[0] < objective.rows.shape[0]
        found = estimate_suboptimality(few, *state, *limits, sampled=sampled, bounded=diagonal)
        if not found.sure_curvature > 0:
            found = estimate_suboptimality(objective, *state, *limits)
        return found

    def _with_long_rows(
        self, local: LocalObjective, coordinates: Coordinates, enough: float, precision: float
    ) -> Suboptimality:
        """The same in new coordinates, on all rows.

        The curvature of a long row vanishes as soon as it is classified with confidence.
        """
        state = coordinates, np.copy, local.weights, local.gradient
        found = estimate_suboptimality(self._problem.objective, *state, enough, precision)
        known = found.step @ found.image > 0
        self.renewed = Renewed(coordinates, (found.step, found.image) if known else None)
        return found

    def gap(self, found: Suboptimality, local: LocalObjective, value: float) -> float:
        """The gap that was found, and no less than that to the span, where the minimum is known.

        Where factors have failed, conjugate gradients do, too. There, only the penalty counts.
        """
        gap = max(found.gap, self.gap_in_span(value))
        if self._problem.factors_failed:
            objective = self._problem.objective
            limited = objective.l2 > 0
            limit = PenaltyLimit(objective, local.weights)(local.gradient) if limited else np.inf
            gap = max(gap, limit / 2)
        return min(gap, value)

    def gap_in_span(self, value: float) -> float:
        """How far an objective is from the minimum in the span of the rows; 0 if none is known."""
        return 0.0 if self._least_in_span is None else abs(value - self._least_in_span)

    def failed(self, found: Suboptimality, times_allowed: float, steps: int) -> None:
        """Learn from a gap that was not small enough.

        Args:
            found: The estimate.
            times_allowed: The gap as a multiple of the largest that is.
            steps: Number of steps so far.
        """
        if times_allowed > CLOSE:
            self._rows *= 4
        if np.isfinite(found.gap):  # the step, once learned, hides how slow the next are
            self._least_steps = found.steps
        else:  # that took all steps in vain
            self._not_before = steps + LATER

    def wait_for_half_of(self, rough_gap: float) -> None:
        """Confirm no rough estimate of this round until it has halved."""
        self._below = rough_gap / 2
