"""The least value of the reference objective, with a proof."""

import numpy as np
from scipy.sparse.linalg import LinearOperator, cg

from mnist_gradients.benchmarking.reference_objective import Floats, ReferenceObjective
from mnist_gradients.maths.checking import mismatch

NEWTON_STEPS = 200
CG_STEPS = 1000
ROUNDING = 1e-13  # relative: a step may raise the objective by so much


def find_optimum(
    reference: ReferenceObjective,
    precision: float,
    start: tuple[Floats, Floats] | None = None,
) -> tuple[float, float]:
    """Return the least value of the objective and a bound on the relative error of that.

    Newton's method with conjugate gradients goes on until the bound is small enough. The bound does
    not depend on where the start comes from.

    Args:
        reference: The objective.
        precision: Largest relative gap allowed.
        start: W (d, K) and b (K,); None for zero.

    Raises:
        RuntimeError: If the bound stays larger than allowed.
    """
    d, K = reference.X.shape[1], reference.n_outputs
    W, b = start or (np.zeros((d, K)), np.zeros(K))
    b = reference.centred_intercept(W, b)
    value, best = reference.centred_value(W, b), np.inf
    for _ in range(NEWTON_STEPS):
        P = reference.probabilities(W, b)
        dW, db = reference.gradient(P, W)
        if np.sum(dW**2) / (2 * reference.l2) <= precision * value:
            b, bound = reference.prove(W, b)
            value, best = reference.centred_value(W, b), min(best, bound)
            if bound <= precision * value:
                return value, bound / value
        step = _newton_step(reference, P, np.append(dW.ravel(), db))
        slope = float(step @ np.append(dW.ravel(), db))
        moved = _shorten(reference, W, b, step, value, slope)
        if moved is None:
            break
        W, b, value = moved
    raise RuntimeError(
        str(
            mismatch(
                f"optimum at l2 {reference.l2:g}",
                f"a relative gap of at most {best / value:.1e}",
                f"at most {precision:g}",
            )
        )
    )


def _newton_step(reference: ReferenceObjective, P: Floats, gradient: Floats) -> Floats:
    """Return the solution of H step = -gradient, as far as conjugate gradients are worth it."""
    diagonal = reference.diagonal(P)
    shape, dtype = (len(gradient), len(gradient)), np.float64
    hessian = LinearOperator(shape, lambda v: reference.hessian_product(P, v), dtype=dtype)
    jacobi = LinearOperator(shape, lambda v: v / diagonal, dtype=dtype)
    size_now = np.sqrt(gradient @ (gradient / diagonal))
    step, _ = cg(hessian, -gradient, rtol=min(0.1, np.sqrt(size_now)), maxiter=CG_STEPS, M=jacobi)
    return step


def _shorten(
    reference: ReferenceObjective, W: Floats, b: Floats, step: Floats, value: float, slope: float
) -> tuple[Floats, Floats, float] | None:
    """Return the first of the points at 1, 1/2, 1/4, ... of a step that is low enough."""
    K = reference.n_outputs
    for length in 0.5 ** np.arange(40):
        new_W = W + length * step[:-K].reshape(W.shape)
        new_b = b + length * step[-K:]
        new = reference.centred_value(new_W, new_b)
        if new <= value + 1e-4 * length * slope + ROUNDING * value:
            return new_W, new_b, new
    return None
