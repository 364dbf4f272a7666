"""The iterates of the default solver: where they start, and the coordinates of each round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from mnist_gradients.maths.linear_objective import LinearObjective
from mnist_gradients.maths.solvers.columns import are_correlated, has_long_rows
from mnist_gradients.maths.solvers.confirmation import Confirmation, Point, Renewed, Tolerance
from mnist_gradients.maths.solvers.coordinates import (
    Coordinates,
    curvature_coordinates,
    passes_of_factors,
)
from mnist_gradients.maths.solvers.lbfgs import Iterate, lbfgs_iterates
from mnist_gradients.maths.solvers.local_objective import (
    SHORT_START_ITERATIONS,
    WARM_START_ITERATIONS,
    LocalObjective,
    plain_start,
    step_on_sample,
    warm_start,
    warm_start_rows,
)
from mnist_gradients.maths.solvers.sampling import sample
from mnist_gradients.maths.solvers.solution import Vector, first_iterate
from mnist_gradients.maths.solvers.suboptimality import FLOOR, Suboptimality
from mnist_gradients.maths.solvers.working_problem import WorkingProblem

ROUND = 20  # iterations after which the curvature is estimated anew
FRESH = 5  # iterations for which a sample drawn by curvature is good enough
FAR_ROUND = 8  # the same far from the minimum, where the curvature has changed
FAR = 0.1  # gap, relative to the objective, of a point that is far
CHANGED = 0.1  # curvature along a step, of three classes or more, that shows a change
SURPRISE = 20  # curvature along a step that the sample does not explain: a row of great length


class Search:
    """Rounds of L-BFGS, each in coordinates of its own.

    Args:
        objective: Logistic or softmax objective.
        seed: Seed of the choice of rows.
        tolerance: Relative gap at which iterations end.
        least_in_span: The minimum, if it is known from a search in the span of the rows.
        isotropic: Whether one scale serves all features; see `preconditioned_lbfgs`.

    Attributes:
        problem: The objective in the computing type, and a sample of its rows.
    """

    def __init__(
        self,
        objective: LinearObjective,
        seed: int,
        tolerance: Tolerance,
        least_in_span: float | None,
        *,
        isotropic: bool,
    ) -> None:
        self._generator, self._tolerance = np.random.default_rng(seed), tolerance
        self.problem = WorkingProblem(objective, self._generator, isotropic=isotropic)
        self._confirmation = Confirmation(self.problem, self._generator, least_in_span)
        self._in_span = least_in_span is not None
        self._draws_by_curvature = False
        self._steps, self._drawn_at, self._round_ends = 0, 0, 0
        self._last: tuple[LocalObjective, Iterate]  # of the last point

    @property
    def dtype(self) -> np.dtype:
        """Computing type."""
        return self.problem.dtype

    def points(self, start: Vector | None, *, warm_start: bool) -> Iterator[Point]:
        """Iterates of L-BFGS in coordinates that are renewed every ``ROUND`` iterations.

        A round ends early where `_point` sets its end, a confirmation has renewed the coordinates,
        or the computing type has changed. Iterates end when, in float64 and without factors, no
        step lowers the objective.
        """
        problem, confirmation = self.problem, self._confirmation
        w = self._start(start, warm_start=warm_start)
        first = True
        while True:
            dtype, steps = self.dtype, 0
            renewed = confirmation.take_renewed()
            at_w = None if renewed else self._draw_again(w)
            renewed = renewed or Renewed(self._coordinates(w), None)
            local = LocalObjective(problem.objective, w, renewed.coordinates)
            at_start = local.at_origin(*at_w) if at_w else None
            self._round_ends = self._round()
            confirmation.start_round()
            near = problem.model == "classes"  # the Hessian is near the identity
            for iterate in lbfgs_iterates(
                local, np.zeros_like(w), preconditioned=near, at_start=at_start
            ):
                self._steps += iterate.iteration - steps
                w, steps = local.weights, iterate.iteration
                if steps == 0 and renewed.newton_step is not None:
                    iterate.learn(*renewed.newton_step)
                if steps > 0 or first:
                    yield self._point(local, iterate)
                if first and at_w:
                    iterate.direction = step_on_sample(problem.few, local, iterate)
                first = False
                if steps >= self._round_ends or self.dtype != dtype:
                    break
            problem.reconsider_model(self._steps)
            stuck = steps == 0 and confirmation.renewed is None and self.dtype == dtype
            if stuck and not problem.refine():
                if problem.model == "diagonal":
                    return
                problem.give_up_factors()  # where curvature vanishes, they lead astray

    def confirmed(self, point: Point) -> Point:
        """The last point again, in the present computing type, with a gap to rely on."""
        before, iterate = self._last
        local = LocalObjective(self.problem.objective, before.weights, before.coordinates)
        value, _ = local(np.zeros(self.problem.objective.size))
        found = self._confirmation(local, iterate, np.inf, self._renew)
        return replace(point, value=value, gap=self._confirmation.gap(found, local, value))

    def _start(self, start: Vector | None, *, warm_start: bool) -> Vector:
        """The first iterate, (size,), and a sample of the rows that count there."""
        problem = self.problem
        if start is not None:
            w = problem.centred(first_iterate(problem.objective, start))
        elif warm_start:
            w = self._warm_start()
        else:
            w = np.zeros(problem.objective.size)
        problem.focus(w)
        if not problem.spans and (problem.overflows or has_long_rows(problem.few, problem.columns)):
            problem.hold_long_rows(self._generator)
        return w

    def _warm_start(self) -> Vector:
        """The minimum on a sample, or zero but for the intercept, where a sample tells too little.

        A small part of the rows tells little of independent features.
        """
        n = warm_start_rows(self.problem.objective)
        small_part = 5 * n <= self.problem.objective.rows.shape[0]
        if (
            n == 0
            or self.problem.model == "diagonal"
            or (small_part and not are_correlated(self.problem.few, self.problem.columns))
        ):
            return plain_start(self.problem.objective)
        few, columns = sample(self.problem.few, n, self._generator), self.problem.columns
        self._draws_by_curvature = self.problem.curvature_pays
        # The first step goes to the minimum on rows drawn anew, from further away as well.
        most = SHORT_START_ITERATIONS if self._draws_by_curvature else WARM_START_ITERATIONS
        w, learned = warm_start(few, columns, np.zeros(few.size), iterations=most)
        if self.problem.focus(w):
            w, _ = warm_start(self.problem.few, columns, w, learned, iterations=most)
        return w

    def _round(self) -> int:
        """Number of iterations of a round."""
        if self.problem.model != "diagonal":
            return ROUND
        if self.problem.factors_failed or self.problem.spans:
            return 10 * ROUND
        return int(np.clip(passes_of_factors(self.problem.objective), ROUND, 10 * ROUND))

    def _draw_again(self, w: Vector) -> tuple[float, Vector] | None:
        """Draw rows by their curvature at w where it is time; objective and gradient there."""
        if self._steps == 0 and self._draws_by_curvature and not self.problem.long_rows:
            return self.problem.focus_by_curvature(self._generator, w)
        if self._steps - self._drawn_at < FRESH:
            return None
        self._drawn_at = self._steps
        return self.problem.hold_curved_rows(self._generator, w, self._steps)

    def _coordinates(self, w: Vector) -> Coordinates:
        """Coordinates for the curvature at w."""
        model = self.problem.model
        if model == "classes" and not self.problem.objective.unpack(w)[0].any():
            model = "shared"  # without weights, all rows have the same probabilities
        return curvature_coordinates(
            self.problem.few,
            w,
            self.problem.columns,
            model,
            self._generator,
            every_row=self.problem.every_row,
        )

    def _renew(self, w: Vector) -> Coordinates:
        """The same, of rows drawn anew where it is time."""
        self._draw_again(w)
        return self._coordinates(w)

    def _point(self, local: LocalObjective, iterate: Iterate) -> Point:
        """The iterate with an estimate of its gap, confirmed if it is within the tolerance."""
        self._last = local, iterate
        confirmation, tolerance = self._confirmation, self._tolerance
        rough = confirmation.rough_gap(iterate)
        point = Point(local.weights, iterate.value, local.gradient, rough)
        self._end_round_in_time(iterate, tolerance.allowed(point))
        if point.value <= FLOOR:  # no minimum is below zero
            return replace(point, gap=point.value)
        if self._in_span:
            point = replace(point, gap=confirmation.gap_in_span(point.value))
            tolerance.tighten(point)
            if tolerance.is_met(point):
                return point
            rough = max(rough, point.gap)
        if rough > FAR * point.value and self._has_changed(iterate):
            self._round_ends = iterate.iteration
        if not confirmation.is_due(rough, point.value, tolerance.allowed(point), self._steps):
            return replace(point, gap=max(rough, 2 * tolerance.allowed(point)))
        found = confirmation(local, iterate, tolerance.allowed(point), self._renew)
        point = replace(point, gap=confirmation.gap(found, local, point.value))
        tolerance.tighten(point)
        if not tolerance.is_met(point):
            self._go_on(iterate, found, rough, point)
        return point

    def _end_round_in_time(self, iterate: Iterate, allowed: float) -> None:
        """Let a round last where its end is near, and end it where a long row shows."""
        if iterate.iteration >= self._round_ends and self._confirmation.takes_less_than_factors(
            allowed
        ):
            self._round_ends += 1
        surprising = SURPRISE < iterate.curvature < np.inf
        if surprising and not self.problem.long_rows and not self.problem.few_are_all:
            self.problem.hold_long_rows(self._generator)
            self._round_ends = iterate.iteration

    def _has_changed(self, iterate: Iterate) -> bool:
        """Whether the curvature is likely to be another by now than that of the factors."""
        many = self.problem.objective.n_outputs > 1
        changed = self.problem.few_are_all or (many and iterate.curvature < CHANGED)
        return changed and self.problem.model == "classes" and iterate.iteration >= FAR_ROUND

    def _go_on(self, iterate: Iterate, found: Suboptimality, rough: float, point: Point) -> None:
        """Make use of what is known where the gap turned out to be too large."""
        allowed = self._tolerance.allowed(point)
        self._confirmation.failed(found, point.gap / allowed, self._steps)
        if self._confirmation.renewed is not None:
            self._round_ends = iterate.iteration
        elif found.step @ found.image > 0:
            iterate.learn(found.step, found.image)  # so that Newton's step comes next
            self._round_ends = max(self._round_ends, iterate.iteration + 1)
        else:
            self._confirmation.wait_for_half_of(rough)
        if found.rounding > allowed / 4:
            self.problem.refine()
