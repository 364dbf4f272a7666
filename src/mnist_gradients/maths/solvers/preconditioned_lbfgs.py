"""The default solver: L-BFGS in coordinates in which the Hessian is close to the identity.

L-BFGS is slow where the eigenvalues of the Hessian differ by orders of magnitude, as they do on
images. In the coordinates of `coordinates`, which are set by the curvature of a few thousand rows,
plain L-BFGS needs some ten passes over the data instead of hundreds, and half the squared norm of
the gradient is close to Newton's decrement, which tells how far the objective is above its minimum.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from mnist_gradients.maths.linear_objective import LinearObjective
from mnist_gradients.maths.rows.threads import single_blas_thread
from mnist_gradients.maths.solvers.confirmation import Point, Tolerance
from mnist_gradients.maths.solvers.newton import newton, newton_pays
from mnist_gradients.maths.solvers.search import Search
from mnist_gradients.maths.solvers.solution import Callback, Solution, Vector, reached
from mnist_gradients.maths.solvers.span import minimum_in_span, span_pays

WORTH_CONFIRMING = 0.1  # a relative gap below this is confirmed where the solver gives up
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

       by an estimate of Newton's decrement that includes rounding. Every 20 iterations, step 3 is
       repeated with rows that are drawn anew, by their curvature. Without factors, Newton's steps
       take over near the minimum. Where rounding in float32 is too large, it goes on in float64.

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
        callback: Called with (iteration, objective, gradient norm) on all rows, first at the start
            or the end of step 2. A search in the span of the rows counts as one call, at its end.
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
        goal = Tolerance(tolerance, least_tolerance)  # the search tightens it
        search = Search(objective, seed, goal, least, isotropic=isotropic)
        best, progress_at, iteration, ended = None, 0, 0, False
        dtype = search.dtype
        points = search.points(start, warm_start=max_iterations > 0)
        for steps, point in enumerate(points):
            iteration = steps + before
            if callback is not None and (steps > 0 or before == 0):
                callback(iteration, point.value, search.problem.gradient_norm(point.gradient))
            ended = iteration >= max_iterations
            if goal.is_met(point) or ended:
                break
            if best is None or point.is_progress_on(best, 8 * np.finfo(search.dtype).eps):
                best, progress_at = point, iteration
            if iteration - progress_at >= PATIENCE and not search.problem.refine():
                break
            if search.dtype != dtype:  # the best is known to the rounding of float32 alone
                best, dtype = None, search.dtype
        converged = goal.is_met(point)
        if goal.met_by is not None:
            point, converged = point.no_worse_than(goal.met_by), True
        elif not converged and point.relative_gap < WORTH_CONFIRMING:
            point = search.confirmed(point)
            converged = goal.is_met(point)
    return Solution(
        search.problem.uncentred(point.weights),
        point.value,
        search.problem.gradient_norm(point.gradient),
        iteration,
        converged=converged,
        message=_message(point, tolerance, converged=converged, ended=ended, dtype=search.dtype),
        relative_gap=float(point.relative_gap),
    )


def _message(
    point: Point, tolerance: float, *, converged: bool, ended: bool, dtype: np.dtype
) -> str:
    """Why the solver stopped, in words."""
    if converged:
        return reached(point.relative_gap, tolerance)
    if ended:
        return f"iteration limit reached at a relative gap of {point.relative_gap:.1e}"
    if np.isinf(point.relative_gap):
        return f"rounding in {dtype} hides how far {point.value:.1e} is above the minimum"
    return f"rounding in {dtype} allows no relative gap below about {point.relative_gap:.1e}"
