"""The default solver: L-BFGS in coordinates in which the Hessian is close to the identity.

L-BFGS is slow where the eigenvalues of the Hessian differ by orders of magnitude, as they do on
images. In the coordinates of `coordinates`, which are set by the curvature of a few thousand rows,
plain L-BFGS needs some ten passes over the data instead of hundreds, and half the squared norm of
the gradient is close to Newton's decrement, which tells how far the objective is above its minimum.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from mnist_gradients.maths.linear_objective import LinearObjective
from mnist_gradients.maths.rows.threads import single_blas_thread
from mnist_gradients.maths.solvers.columns import Columns, are_correlated, describe_columns
from mnist_gradients.maths.solvers.coordinates import (
    Coordinates,
    choose_model,
    curvature_coordinates,
    is_small,
)
from mnist_gradients.maths.solvers.lbfgs import Iterate, lbfgs_iterates
from mnist_gradients.maths.solvers.local_objective import (
    LocalObjective,
    plain_start,
    warm_start,
    warm_start_rows,
)
from mnist_gradients.maths.solvers.sampling import sample
from mnist_gradients.maths.solvers.solution import Callback, Solution, Vector, first_iterate
from mnist_gradients.maths.solvers.suboptimality import (
    SAFETY,
    Suboptimality,
    estimate_suboptimality,
)

SAMPLE_ROWS = 4_000, 16_000  # least and most whose columns and curvature are looked at
ROUND = 20  # iterations after which the curvature is estimated anew
FAR_ROUND = 8  # the same far from the minimum of a few rows, all of which enter the estimate
FAR = 0.1  # gap, relative to the objective
FULL_ROUND = 3  # the same where that takes as long as a few iterations
CONFIRMATION_ROWS = 3_000  # whose Hessian confirms a small gap, if there are few features
WORTH_CONFIRMING = 0.1  # a relative gap below this is confirmed where the solver gives up
PATIENCE = 15  # iterations without progress that show the limit of rounding
LARGEST_OFFSET = {np.dtype(np.float32): 100.0, np.dtype(np.float64): 1e5}
LEAST_SCALE = 1e-30  # of a feature; with less, its weight may overflow in float32
FLOOR = np.finfo(np.float64).eps  # nats: a gap below the rounding of a loss of 1


def preconditioned_lbfgs(
    objective: LinearObjective,
    start: Vector | None = None,
    *,
    tolerance: float = 1e-4,
    max_iterations: int = 500,
    seed: int = 0,
    callback: Callback | None = None,
) -> Solution:
    """Minimise the objective of a linear model down to a relative suboptimality gap.

    1. Means and scales of the features come from a sample of the rows. Where the means are large,
       rows are centred block by block.
    2. A few iterations of L-BFGS on a sample lead to where the curvature resembles that of the
       minimum; where they would not, a rare class sets the intercept.
    3. The curvature is estimated there: the whole Hessian of a small problem, a factor for each
       class, one for all, or none, by cost.
    4. L-BFGS on all rows runs in the coordinates that the factors define, until

           J - J* <= tolerance J*

       by an estimate of Newton's decrement that includes rounding. Every ``ROUND`` iterations, step
       3 is repeated. Where rounding in float32 is too large, it goes on in float64.

    Neither the memory nor the time of the first three steps grows with the number of rows. An
    objective below the rounding of a loss of 1 counts as minimised: separable data without a
    penalty has no minimum.

    Args:
        objective: Logistic or softmax objective.
        start: First iterate, (size,); None to find one on a sample of the rows.
        tolerance: Largest relative gap to the minimum.
        max_iterations: Largest number of iterations on all rows.
        seed: Seed of the choice of rows.
        callback: Called with (iteration, objective, gradient norm) on all rows; iteration 0 is the
            end of step 2.

    Returns:
        The last iterate, with the estimate of its relative gap.
    """
    with single_blas_thread():
        search = _Search(objective, seed, tolerance)
        best, progress_at, iteration = None, 0, 0
        points = search.points(start, warm_start=max_iterations > 0)
        for iteration, point in enumerate(points):
            if callback is not None:
                callback(iteration, point.value, point.gradient_norm)
            if point.gap <= search.allowed(point) or iteration == max_iterations:
                break
            if best is None or point.is_progress_on(best, 8 * np.finfo(search.dtype).eps):
                best, progress_at = point, iteration
            if iteration - progress_at >= PATIENCE and not search.refine():
                break
        converged = bool(point.gap <= search.allowed(point))
        if not converged and point.relative_gap < WORTH_CONFIRMING:
            point = search.confirmed(point)
            converged = bool(point.gap <= search.allowed(point))
    return Solution(
        point.weights,
        point.value,
        point.gradient_norm,
        iteration,
        converged=converged,
        message=_message(point, iteration, tolerance, max_iterations, converged, search),
        relative_gap=float(point.relative_gap),
    )


@dataclass(frozen=True)
class Point:
    """An iterate and an estimate of how far above the minimum it is.

    Attributes:
        weights: Parameter vector, (size,).
        value: Objective.
        gradient_norm: Norm of the gradient.
        gap: Estimate of the objective above its minimum.
    """

    weights: Vector
    value: float
    gradient_norm: float
    gap: float

    @property
    def relative_gap(self) -> float:
        """The gap relative to the least that the minimum can be; infinite if that is zero."""
        minimum = self.value - self.gap
        return self.gap / minimum if minimum > 0 else np.inf

    def is_progress_on(self, other: Point, rounding: float) -> bool:
        """Whether the gap is half another's, or the objective lower by more than rounding."""
        return self.gap < other.gap / 2 or self.value < (1 - rounding) * other.value


class _Search:
    """The iterates of the default solver."""

    def __init__(self, objective: LinearObjective, seed: int, tolerance: float) -> None:
        self.generator = np.random.default_rng(seed)
        self.tolerance = tolerance
        least, most = SAMPLE_ROWS
        enough = 6 * objective.n_features + 300 * objective.n_outputs
        n = most if is_small(objective) else min(most, max(least, enough))
        self.few = sample(objective, n, self.generator)
        self.columns = describe_columns(self.few)
        self.model = choose_model(objective, self.few, self.columns)
        if self.model == "diagonal":
            self.columns = describe_columns(self.few, exact_means=True)
        self.shift = np.zeros(objective.n_features)  # in units of the features
        if self._needs_centring(objective):
            objective = self._centre(objective)
        self.objective = objective
        if self.columns.scale.min() < LEAST_SCALE or self.model == "full":
            self.refine()
        if self.model == "full" and not self.few.rows.sparse:
            self.objective = self.few = self.few.copied()
        self.least_curvature = 1.0
        self.confirm_below = np.inf
        self.known: tuple[Vector, Coordinates] | None = None
        self.confirmation_rows = max(CONFIRMATION_ROWS, 4 * objective.n_features)

    @property
    def dtype(self) -> np.dtype:
        """Computing type."""
        return self.objective.dtype

    def allowed(self, point: Point) -> float:
        """Largest gap that meets the tolerance."""
        return max(self.tolerance * (point.value - point.gap), FLOOR)

    @property
    def _few_are_all(self) -> bool:
        """Whether the curvature is estimated on all rows."""
        return self.model != "diagonal" and self.few.rows.shape == self.objective.rows.shape

    def refine(self) -> bool:
        """Go on in float64; whether that is possible."""
        if self.dtype == np.float64:
            return False
        self.objective = self.objective.computed_in(np.float64)
        self.few = self.few.computed_in(np.float64)
        return True

    def points(self, start: Vector | None, *, warm_start: bool) -> Iterator[Point]:
        """Iterates of L-BFGS in coordinates that are renewed every ``ROUND`` iterations.

        They end when coordinates without factors offer no step that lowers it, in float64.
        """
        if start is not None:
            w = self._to_centred(first_iterate(self.objective, start))
        elif warm_start:
            w = self._warm_start()
        else:
            w = np.zeros(self.objective.size)
        first = True
        while True:
            dtype, steps = self.dtype, 0
            local = LocalObjective(self.objective, w, self._coordinates(w))
            self.round_ends = self._round()
            for iterate in lbfgs_iterates(local, np.zeros(self.objective.size)):
                w, steps = local.weights, iterate.iteration
                if steps > 0 or first:
                    yield self._point(local, iterate)
                first = False
                if steps >= self.round_ends or self.dtype != dtype:
                    break
            if steps == 0 and self.dtype == dtype and not self.refine():
                if self.model == "diagonal":
                    return
                self.model = "diagonal"  # where curvature vanishes, factors lead astray
            self.confirm_below = np.inf

    def _round(self) -> int:
        return {"full": FULL_ROUND, "diagonal": 10 * ROUND}.get(self.model, ROUND)

    def _coordinates(self, w: Vector) -> Coordinates:
        self.least_curvature = 1.0
        if self.model == "full" and self.known is not None and self.known[0] is w:
            return self.known[1]
        found = curvature_coordinates(self.few, w, self.columns, self.model, self.generator)
        self.known = w, found
        return found

    def _point(self, local: LocalObjective, iterate: Iterate) -> Point:
        """The iterate with an estimate of its gap, confirmed if it is within the tolerance.

        In perfect coordinates the gap is half the squared norm of the gradient. They are estimated,
        so the estimate is twice that, and more where the curvature along a step was below one.
        Without factors it is what L-BFGS has learned of the Hessian.
        """
        self._last = local, iterate
        self.least_curvature = min(self.least_curvature, iterate.curvature)
        if self.model == "diagonal":
            gap = SAFETY * iterate.decrement / 2
        else:
            squared_norm = float(iterate.gradient @ iterate.gradient)
            gap = max(iterate.decrement, squared_norm / self.least_curvature)
        point = Point(
            self._from_centred(local.weights),
            iterate.value,
            self._gradient_norm(local.gradient),
            gap,
        )
        if point.value <= FLOOR:  # no minimum is below zero
            return replace(point, gap=point.value)
        far = gap > FAR * point.value and iterate.iteration >= FAR_ROUND
        if far and self.model == "classes" and self._few_are_all:
            self.round_ends = iterate.iteration
        if gap > min(self.allowed(point), self.confirm_below):
            return replace(point, gap=max(gap, 2 * self.allowed(point)))
        found = self._confirm(local, iterate, self.allowed(point))
        point = replace(point, gap=min(found.gap, point.value))
        if found.gap > self.allowed(point):
            self.confirmation_rows *= 4
            if self.model == "full":  # Newton's step comes next in coordinates that are known now
                self.round_ends = max(1, iterate.iteration)
            elif found.step @ found.image > 0:
                iterate.learn(found.step, found.image)  # so that Newton's step comes next
                self.round_ends = max(self.round_ends, iterate.iteration + 1)
            else:
                self.confirm_below = gap / 2
            if found.rounding > self.allowed(point) / 4:
                self.refine()
        return point

    def confirmed(self, point: Point) -> Point:
        """The last point, in today's computing type, with an estimate of its gap to rely on."""
        before, iterate = self._last
        local = LocalObjective(self.objective, before.weights, before.coordinates)
        value, gradient = local(np.zeros(self.objective.size))
        found = self._confirm(local, replace(iterate, gradient=gradient), np.inf)
        return replace(point, value=value, gap=min(found.gap, value))

    def _confirm(self, local: LocalObjective, iterate: Iterate, enough: float) -> Suboptimality:
        objective, few = self.objective, self.few
        if self.model == "full":
            exact = self._coordinates(local.weights)
            gradient = exact.gradient(local.gradient)
            return estimate_suboptimality(few, exact, np.copy, local.weights, gradient, enough)
        if self.model == "diagonal" and objective.rows.shape[0] > few.rows.shape[0]:
            few = objective
        elif self._few_are_all:
            few = sample(few, self.confirmation_rows, self.generator)
        elif self.model != "diagonal":  # the rows of a sample have no period
            few = few.every(few.rows.shape[0] // self.confirmation_rows)
        learned = iterate.inverse_hessian.times if iterate.iteration > 0 else np.copy
        return estimate_suboptimality(
            few, local.coordinates, learned, local.weights, iterate.gradient, enough
        )

    def _warm_start(self) -> Vector:
        """The minimum on a sample, or without features if the sample tells no more.

        A small part of the rows tells little of independent features.
        """
        n = warm_start_rows(self.objective)
        small_part = 5 * n <= self.objective.rows.shape[0]
        if (
            n == 0
            or self.model == "diagonal"
            or (small_part and not are_correlated(self.few, self.columns))
        ):
            return plain_start(self.objective)
        return warm_start(sample(self.few, n, self.generator), self.columns)

    def _needs_centring(self, objective: LinearObjective) -> bool:
        if self.model == "full" and objective.intercept == "free":
            return not objective.rows.sparse
        return self.columns.largest_offset > LARGEST_OFFSET[objective.dtype]

    def _centre(self, objective: LinearObjective) -> LinearObjective:
        """The objective of centred rows, which are exact where offsets are large."""
        self.shift = self.columns.centre
        centre = self.shift / objective.scale
        if objective.rows.sparse:  # centred by a correction, for which float32 is too coarse
            objective, self.few = (each.computed_in(np.float64) for each in (objective, self.few))
        self.few = self.few.centred(centre)
        self.columns = Columns(np.zeros_like(centre), self.columns.scale)
        return objective.centred(centre)

    def _to_centred(self, w: Vector) -> Vector:
        W, b = self.objective.unpack(w)
        return self.objective.pack(W, b + self.shift @ W)

    def _from_centred(self, w: Vector) -> Vector:
        W, b = self.objective.unpack(w)
        return self.objective.pack(W, b - self.shift @ W)

    def _gradient_norm(self, gradient: Vector) -> float:
        """Norm of the gradient with respect to the parameters of rows that are not centred."""
        G, g = self.objective.unpack(gradient)
        return float(np.linalg.norm(self.objective.pack(G + np.outer(self.shift, g), g)))


def _message(
    point: Point,
    iteration: int,
    tolerance: float,
    max_iterations: int,
    converged: bool,
    search: _Search,
) -> str:
    """Why the solver stopped, in words."""
    if converged and point.relative_gap <= tolerance:
        return f"relative gap at most {tolerance:g}"
    if converged:
        return "objective within rounding of its minimum"
    if iteration >= max_iterations:
        return f"iteration limit reached at a relative gap of {point.relative_gap:.1e}"
    if np.isinf(point.relative_gap):
        return f"rounding in {search.dtype} hides how far {point.value:.1e} is above the minimum"
    return f"rounding in {search.dtype} allows no relative gap below about {point.relative_gap:.1e}"
