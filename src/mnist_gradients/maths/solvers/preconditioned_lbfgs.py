"""The default solver: L-BFGS in coordinates in which the Hessian is close to the identity.

L-BFGS is slow where the eigenvalues of the Hessian differ by orders of magnitude, as they do on
images. In the coordinates of `coordinates`, which are set by the curvature of a few thousand rows,
plain L-BFGS needs some ten passes over the data instead of hundreds, and half the squared norm of
the gradient is close to Newton's decrement, which tells how far the objective is above its minimum.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from mnist_gradients.maths.linear_objective import LinearObjective
from mnist_gradients.maths.rows.threads import single_blas_thread
from mnist_gradients.maths.solvers.columns import are_correlated, has_long_rows
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
from mnist_gradients.maths.solvers.newton import newton, newton_pays
from mnist_gradients.maths.solvers.sampling import sample
from mnist_gradients.maths.solvers.solution import (
    Callback,
    Solution,
    Vector,
    first_iterate,
    reached,
)
from mnist_gradients.maths.solvers.span import minimum_in_span, span_pays
from mnist_gradients.maths.solvers.suboptimality import (
    FLOOR,
    SAFETY,
    Suboptimality,
    estimate_suboptimality,
)
from mnist_gradients.maths.solvers.working_problem import WorkingProblem

ROUND = 20  # iterations after which the curvature is estimated anew
FRESH = 5  # iterations for which a sample drawn by curvature is good enough
FAR_ROUND = 8  # the same far from the minimum, if all rows enter the estimate, or
CHANGED = 0.1  # the curvature along a step is so much less, with many classes
FAR = 0.1  # gap, relative to the objective
CONFIRMATION_ROWS = 3_000  # whose Hessian confirms a small gap, if there are few features
EARLY = 1.5  # times the tolerance: an estimate that is worth confirming already,
FEW = 10  # if the rows that confirm it are so many times fewer than all,
LATE = 0.5  # or not yet, if one factor serves all classes: a gap close to it takes many steps
CLOSE = 3  # times the tolerance: a gap that one more step closes, with no more rows
LATER = 10  # iterations until a gap that no steps of conjugate gradients told is looked at again
WORTH_CONFIRMING = 0.1  # a relative gap below this is confirmed where the solver gives up
SURPRISE = 20  # curvature along a step that the sample does not explain: a row of great length
ONE_ROW = 0.01  # nats, small for the loss of a row
PATIENCE = 15  # iterations without progress that show the limit of rounding


def preconditioned_lbfgs(
    objective: LinearObjective,
    start: Vector | None = None,
    *,
    tolerance: float = 1e-4,
    polish_tolerance: float = np.inf,
    max_iterations: int = 500,
    seed: int = 0,
    callback: Callback | None = None,
    isotropic: bool = False,
) -> Solution:
    """Minimise the objective of a linear model down to a relative suboptimality gap.

    Small problems are left to Newton's method (see `newton`), and few rows with many features are
    searched in their span first (see `span`). Where that does not suffice, and for all others:

    1. Means and scales of the features come from a sample of the rows. Where the means are large,
       rows are centred block by block.
    2. A few iterations of L-BFGS on a sample lead to where the curvature resembles that of the
       minimum; where they would not, a rare class sets the intercept. Where rows are many, a larger
       sample is then drawn of those with large residuals, and L-BFGS goes on there.
    3. The curvature is estimated there: a factor for each class, one for all, or none, by cost. For
       two classes, it is that of rows which are drawn by their curvature in a first pass over all
       of them, and the first step goes to the minimum on these rows.
    4. L-BFGS on all rows runs in the coordinates that the factors define, until

           J - J* <= tolerance J*

       by an estimate of Newton's decrement that includes rounding. Every ``ROUND`` iterations, step
       3 is repeated with rows that are drawn anew, by their curvature. Where rounding in float32 is
       too large, it goes on in float64.

    Rows of great length, which may decide alone about a direction, join the sample of step 3. Where
    factors cost too much at first, they are made once as many passes have been spent as they cost.

    The time of the first three steps does not grow with the number of rows, but for the pass whose
    gradient L-BFGS needs anyway, and for two passes more if some rows are long. Nor does the memory
    but for a few numbers for each row, if some are long, or if there are two classes and at most
    four million rows. An objective below the rounding of a loss of 1 counts as minimised: separable
    data without a penalty has no minimum.

    Args:
        objective: Logistic or softmax objective.
        start: First iterate, (size,); None to find one on a sample of the rows.
        tolerance: Largest relative gap to the minimum.
        polish_tolerance: A smaller one, at which iterations end where rounding allows it; what is
            reached on the way to it counts as converged.
        max_iterations: Largest number of iterations, of all methods together.
        seed: Seed of the choice of rows.
        callback: Called with (iteration, objective, gradient norm) on all rows, first at the end of
            step 2.
        isotropic: Whether the features are the coordinates of a space in which no direction is
            preferred. One scale for all of them then keeps the penalty the same in each direction,
            which is all the curvature there is where separable rows have been learned.

    Returns:
        The last iterate, with the estimate of its relative gap.
    """
    least_tolerance = min(tolerance, polish_tolerance)
    with single_blas_thread():
        before, least = 0, None
        if newton_pays(objective) and max_iterations > 0:
            found = newton(
                objective,
                start,
                tolerance=least_tolerance,
                max_iterations=max_iterations,
                callback=callback,
            )
            if found.converged:
                return replace(found, message=reached(found.relative_gap, least_tolerance))
            start, before = found.weights, found.iterations
        elif start is None and span_pays(objective) and max_iterations > 0:
            minimise = partial(
                preconditioned_lbfgs, isotropic=True, polish_tolerance=least_tolerance / 2
            )
            found, least = minimum_in_span(objective, tolerance, max_iterations, minimise)
            if callback is not None:
                callback(found.iterations, found.objective, found.gradient_norm)
            if found.message:
                return found
            start, before = found.weights, found.iterations
        search = _Search(objective, seed, tolerance, least_tolerance, least, isotropic=isotropic)
        best, progress_at, iteration, ended = None, 0, 0, False
        dtype = search.dtype
        points = search.points(start, warm_start=max_iterations > 0)
        for steps, point in enumerate(points):
            iteration = steps + before
            if callback is not None and (steps > 0 or before == 0):
                callback(iteration, point.value, search.problem.gradient_norm(point.gradient))
            ended = iteration >= max_iterations
            if point.gap <= search.allowed(point) or ended or search.is_at_rounding(point):
                break
            if best is None or point.is_progress_on(best, 8 * np.finfo(search.dtype).eps):
                best, progress_at = point, iteration
            if iteration - progress_at >= PATIENCE and not search.refine():
                break
            if search.dtype != dtype:  # the best is known to the rounding of float32 alone
                best, dtype = None, search.dtype
        converged = bool(point.gap <= search.allowed(point))
        if search.close:
            point, converged = point.no_worse_than(search.close), True
        elif not converged and point.relative_gap < WORTH_CONFIRMING:
            point = search.confirmed(point)
            converged = bool(point.gap <= search.allowed(point))
    return Solution(
        search.problem.uncentred(point.weights),
        point.value,
        search.problem.gradient_norm(point.gradient),
        iteration,
        converged=converged,
        message=_message(point, tolerance, converged=converged, ended=ended, search=search),
        relative_gap=float(point.relative_gap),
    )


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
        """This point, if it is lower than an earlier one, whose gap then tells about this, too."""
        if self.value > other.value:
            return other
        return replace(self, gap=min(self.gap, other.gap - (other.value - self.value)))

    def is_progress_on(self, other: Point, rounding: float) -> bool:
        """Whether the gap is half another's, or the objective lower by more than rounding."""
        return self.gap < other.gap / 2 or self.value < (1 - rounding) * other.value


class _Search:
    """The iterates of the default solver."""

    def __init__(
        self,
        objective: LinearObjective,
        seed: int,
        tolerance: float,
        least_tolerance: float,
        least_in_span: float | None,
        *,
        isotropic: bool,
    ) -> None:
        self.generator = np.random.default_rng(seed)
        self.tolerance, self.least_tolerance = tolerance, least_tolerance
        self.close: Point | None = None
        self.problem = WorkingProblem(objective, self.generator, isotropic=isotropic)
        self.least_in_span = least_in_span
        self.factors_failed = self.draws_by_curvature = False
        self.steps, self.drawn_at = 0, 0
        self.renewed: tuple[Coordinates, tuple[Vector, Vector] | None] | None = None
        self.least_curvature = 1.0
        self.estimates: list[float] = []
        self.confirm_below, self.confirm_from = np.inf, 0
        self.least_steps = 0
        self.confirmation_rows = max(CONFIRMATION_ROWS, 4 * objective.n_features)

    @property
    def dtype(self) -> np.dtype:
        """Computing type."""
        return self.problem.dtype

    def refine(self) -> bool:
        """Go on in float64; whether that is possible."""
        return self.problem.refine()

    def allowed(self, point: Point) -> float:
        """Largest gap that meets the tolerance."""
        return max(self.tolerance * (point.value - point.gap), FLOOR)

    def is_at_rounding(self, point: Point) -> bool:
        """Whether a point within the tolerance is so close that no estimate of its gap is left."""
        return self.close is not None and bool(np.isinf(point.gap))

    def _go_on_from(self, point: Point) -> None:
        """Look for the least tolerance once the tolerance is reached."""
        if self.close is None and point.gap <= self.allowed(point):
            self.close, self.tolerance = point, self.least_tolerance

    def points(self, start: Vector | None, *, warm_start: bool) -> Iterator[Point]:
        """Iterates of L-BFGS in coordinates that are renewed every ``ROUND`` iterations.

        They end when coordinates without factors offer no step that lowers it, in float64.
        """
        if start is not None:
            w = self.problem.centred(first_iterate(self.problem.objective, start))
        elif warm_start:
            w = self._warm_start()
        else:
            w = np.zeros(self.problem.objective.size)
        self.problem.focus(w)
        if not self.problem.spans and (
            self.problem.overflows or has_long_rows(self.problem.few, self.problem.columns)
        ):
            self.problem.hold_long_rows(self.generator)
        first = True
        while True:
            dtype, steps = self.dtype, 0
            at_w = None if self.renewed else self._draw_again(w)
            coordinates, newton_step = self.renewed or (self._coordinates(w), None)
            self.renewed = None
            local = LocalObjective(self.problem.objective, w, coordinates)
            at_start = local.at_origin(*at_w) if at_w else None
            self.round_ends, self.least_curvature = self._round(), 1.0
            self.estimates = []
            near = self.problem.model == "classes"  # the Hessian is near the identity
            for iterate in lbfgs_iterates(
                local, np.zeros_like(w), preconditioned=near, at_start=at_start
            ):
                self.steps += iterate.iteration - steps
                w, steps = local.weights, iterate.iteration
                if steps == 0 and newton_step is not None:
                    iterate.learn(*newton_step)
                if steps > 0 or first:
                    yield self._point(local, iterate)
                if first and at_w:
                    iterate.direction = step_on_sample(self.problem.few, local, iterate)
                first = False
                if steps >= self.round_ends or self.dtype != dtype:
                    break
            if not self.factors_failed:
                self.problem.reconsider_model(self.steps)
            stuck = steps == 0 and self.renewed is None and self.dtype == dtype
            if stuck and not self.refine():
                if self.problem.model == "diagonal":
                    return
                self.problem.model = "diagonal"  # where curvature vanishes, factors lead astray
                self.factors_failed = True
            self.confirm_below = np.inf

    def _round(self) -> int:
        if self.problem.model != "diagonal":
            return ROUND
        if self.factors_failed or self.problem.spans:
            return 10 * ROUND
        return int(np.clip(passes_of_factors(self.problem.objective), ROUND, 10 * ROUND))

    def _draw_again(self, w: Vector) -> tuple[float, Vector] | None:
        """Draw rows by their curvature at w where it is time; objective and gradient there."""
        if self.steps == 0 and self.draws_by_curvature and not self.problem.long_rows:
            return self.problem.focus_by_curvature(self.generator, w)
        if self.steps - self.drawn_at < FRESH:
            return None
        self.drawn_at = self.steps
        return self.problem.hold_curved_rows(self.generator, w, self.steps)

    def _coordinates(self, w: Vector) -> Coordinates:
        model = self.problem.model
        if model == "classes" and not self.problem.objective.unpack(w)[0].any():
            model = "shared"  # without weights, all rows have the same probabilities
        return curvature_coordinates(
            self.problem.few,
            w,
            self.problem.columns,
            model,
            self.generator,
            every_row=self.problem.every_row,
        )

    def _point(self, local: LocalObjective, iterate: Iterate) -> Point:
        """The iterate with an estimate of its gap, confirmed if it is within the tolerance.

        In perfect coordinates the gap is half the squared norm of the gradient. They are estimated,
        so the estimate is twice that, and more where the curvature along a step was below one.
        Without factors it is what L-BFGS has learned of the Hessian.
        """
        self._last = local, iterate
        if not iterate.foreseen:
            self.least_curvature = min(self.least_curvature, iterate.curvature)
        if self.problem.model == "diagonal":
            gap = SAFETY * iterate.decrement / 2
        else:
            squared_norm = float(iterate.gradient @ iterate.gradient)
            gap = max(iterate.decrement, squared_norm / self.least_curvature)
        self.estimates.append(gap)
        point = Point(local.weights, iterate.value, local.gradient, gap)
        if iterate.iteration >= self.round_ends and self._ends_soon(self.allowed(point)):
            self.round_ends += 1
        surprising = SURPRISE < iterate.curvature < np.inf
        if surprising and not self.problem.long_rows and not self.problem.few_are_all:
            self.problem.hold_long_rows(self.generator)
            self.round_ends = iterate.iteration
        if point.value <= FLOOR:  # no minimum is below zero
            return replace(point, gap=point.value)
        if self.least_in_span is not None:
            point = replace(point, gap=abs(point.value - self.least_in_span))
            self._go_on_from(point)
            if point.gap <= self.allowed(point):
                return point
            gap = max(gap, point.gap)
        far = gap > FAR * point.value and iterate.iteration >= FAR_ROUND
        many = self.problem.objective.n_outputs > 1
        changed = self.problem.few_are_all or (many and iterate.curvature < CHANGED)
        if far and changed and self.problem.model == "classes":
            self.round_ends = iterate.iteration
        most = min(self.allowed(point) * self._earliness(), self.confirm_below)
        if gap > most or self.steps < self.confirm_from:
            return replace(point, gap=max(gap, 2 * self.allowed(point)))
        found = self._confirm(local, iterate, self.allowed(point))
        point = replace(point, gap=self._gap(found, local.gradient, point.value))
        self._go_on_from(point)
        if point.gap > self.allowed(point):
            if point.gap > CLOSE * self.allowed(point):
                self.confirmation_rows *= 4
            if np.isfinite(found.gap):  # the step, once learned, hides how slow the next are
                self.least_steps = found.steps
            else:  # that took all steps in vain
                self.confirm_from = self.steps + LATER
            if self.renewed is not None:
                self.round_ends = iterate.iteration
            elif found.step @ found.image > 0:
                iterate.learn(found.step, found.image)  # so that Newton's step comes next
                self.round_ends = max(self.round_ends, iterate.iteration + 1)
            else:
                self.confirm_below = gap / 2
            if found.rounding > self.allowed(point) / 4:
                self.refine()
        return point

    def _ends_soon(self, allowed: float) -> bool:
        """Whether the iterations that are likely to remain take less time than new factors."""
        now, n = self.estimates[-1], len(self.estimates) // 2
        rate = min(1.0, now / self.estimates[-1 - n]) ** (1 / n)
        return now * rate ** passes_of_factors(self.problem.objective) <= allowed

    def _earliness(self) -> float:
        """The multiple of the tolerance at which an estimate of the gap is worth confirming."""
        if self.problem.model == "shared":
            return LATE
        every_row = self.problem.model == "diagonal" or self.problem.long_rows
        N = self.problem.objective.rows.shape[0]
        return EARLY if FEW * self.confirmation_rows <= N and not every_row else 1.0

    def confirmed(self, point: Point) -> Point:
        """The last point, in today's computing type, with an estimate of its gap to rely on."""
        before, iterate = self._last
        local = LocalObjective(self.problem.objective, before.weights, before.coordinates)
        value, gradient = local(np.zeros(self.problem.objective.size))
        found = self._confirm(local, replace(iterate, gradient=gradient), np.inf)
        return replace(point, value=value, gap=self._gap(found, local.gradient, value))

    def _gap(self, found: Suboptimality, gradient: Vector, value: float) -> float:
        """The gap that was found, and no less than that to the span, where the minimum is known.

        Where factors have failed, conjugate gradients do, too. There, only the penalty counts:
        J(w) - J* <= ||dJ/dW||^2 / (2 lambda).
        """
        gap = found.gap
        if self.least_in_span is not None:
            gap = max(gap, abs(value - self.least_in_span))
        if self.factors_failed:
            G, l2 = self.problem.objective.unpack(gradient)[0], self.problem.objective.l2
            gap = max(gap, float(np.sum(G**2)) / (2 * l2) if l2 > 0 else np.inf)
        return min(gap, value)

    def _confirm(self, local: LocalObjective, iterate: Iterate, enough: float) -> Suboptimality:
        objective, few = self.problem.objective, self.problem.few
        if self.problem.model == "diagonal" or self.problem.long_rows:
            few = objective  # of which a sample may hold a part only
        elif self.problem.few_are_all:
            few = sample(few, self.confirmation_rows, self.generator)
        elif not self.problem.every_row:  # the rows of a sample have no period
            few = few.every(few.rows.shape[0] // self.confirmation_rows)
        learned = iterate.inverse_hessian.times if iterate.iteration > 0 else np.copy
        precision = ONE_ROW / objective.rows.shape[0] if self.problem.long_rows else np.inf
        if not self.problem.long_rows or self.problem.model == "diagonal":
            state = local.coordinates, learned, local.weights, local.gradient
            limits = enough, precision, self.least_steps
            sampled = few.rows.shape[0] < objective.rows.shape[0]
            bounded = self.problem.model == "diagonal"
            found = estimate_suboptimality(few, *state, *limits, sampled=sampled, bounded=bounded)
            if not found.sure_curvature > 0:
                found = estimate_suboptimality(objective, *state, *limits)
            return found
        # The curvature of a long row vanishes as soon as it is classified with confidence.
        self._draw_again(local.weights)
        coordinates = self._coordinates(local.weights)
        state = coordinates, np.copy, local.weights, local.gradient
        found = estimate_suboptimality(few, *state, enough, precision)
        known = found.step @ found.image > 0
        self.renewed = coordinates, (found.step, found.image) if known else None
        return found

    def _warm_start(self) -> Vector:
        """The minimum on a sample, or without features if the sample tells no more.

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
        few, columns = sample(self.problem.few, n, self.generator), self.problem.columns
        self.draws_by_curvature = self.problem.curvature_pays
        # The first step goes to the minimum on rows drawn anew, from further away as well.
        most = SHORT_START_ITERATIONS if self.draws_by_curvature else WARM_START_ITERATIONS
        w, learned = warm_start(few, columns, np.zeros(few.size), iterations=most)
        if self.problem.focus(w):
            w, _ = warm_start(self.problem.few, columns, w, learned, iterations=most)
        return w


def _message(
    point: Point, tolerance: float, *, converged: bool, ended: bool, search: _Search
) -> str:
    """Why the solver stopped, in words."""
    if converged:
        return reached(point.relative_gap, tolerance)
    if ended:
        return f"iteration limit reached at a relative gap of {point.relative_gap:.1e}"
    if np.isinf(point.relative_gap):
        return f"rounding in {search.dtype} hides how far {point.value:.1e} is above the minimum"
    return f"rounding in {search.dtype} allows no relative gap below about {point.relative_gap:.1e}"
