"""Coordinates in which the Hessian of a linear model is close to the identity.

A linear map w = A u takes the solver's coordinates u to the parameter vector w. Its parts, from u
on: a factor for the curvature of each class, the scale of each feature, and its mean::

    V_k = M_k^T u_k         M_k^T M_k close to the inverse of class k's own block of the Hessian
    W   = V / scale
    b   = b' - centre^T W

The last line makes the intercept that of centred features, an exact change of variables. Three
models of the curvature are in use, by cost (see `choose_model`):

=========  =========================================================================================
classes    a factor M_k for every class: the right one where features are few, as in images
shared     one factor for all classes, scaled for each: many classes
diagonal   no factor: wide or sparse data
=========  =========================================================================================
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mnist_gradients.maths.linear_objective import Floats, LinearObjective, Vector
from mnist_gradients.maths.rows.memory import new_array
from mnist_gradients.maths.rows.threads import spread
from mnist_gradients.maths.scaled_features import ScaledFeatures
from mnist_gradients.maths.solvers.columns import Columns, are_correlated
from mnist_gradients.maths.solvers.factors import inverse_factor, inverse_root
from mnist_gradients.maths.solvers.sampling import some_rows

Model = Literal["classes", "shared", "diagonal"]

CURVATURE_ROWS = 3_000  # of the sample enter a factor, over all classes together,
LEAST_CURVATURE_ROWS = 1_500  # but so many for each class at least,
SPARSE_ROWS_PER_FEATURE = 10  # and no more than these, if a pass over sparse rows is cheap
WORTH_PASSES = 8  # a factor saves more passes over the data, and may cost as many,
WORTH_PASSES_CORRELATED = 40  # or so many, if features are correlated,
WORTH_WORK = 3e8  # or so many multiplications, which take milliseconds,
LITTLE_WORK = 3e7  # and so many at once, if features are not correlated
SPARSE_WORK = 300  # multiplications of dense rows take as long as a stored entry of sparse ones,
ROW_WORK = 600  # and as the loss of a row
FACTOR_BYTES = 2**28  # of all factors together, at the most
WEAK = 1  # sum of the curvature along features without a factor over their penalty, at the most,
WEAK_ROWS = 1_000  # as so many rows tell
PRECISE_ENTRIES = 1_000_000  # factors with no more entries are computed in float64


def choose_model(
    objective: LinearObjective, few: LinearObjective, columns: Columns, passes: int | None = None
) -> Model:
    """Choose a model of the curvature by its cost in passes over the data.

    Without a factor, correlated features take several times as many passes. A pass costs 4 E K
    multiplications (E stored entries of X) at half the speed of the products that a factor is made
    of, and many times as much where rows are sparse. There, scales alone are tried first. A factor
    of d features from n rows costs n d^2 + 2/3 d^3.

    Args:
        objective: Logistic or softmax objective.
        few: The same on a sample of its rows.
        columns: Centre and scale of its features.
        passes: Number of passes that factors may cost; None for as many as they may save.
    """
    d, K, a_pass = objective.n_features, objective.n_outputs, _cost_of_a_pass(objective)
    if passes is None and objective.rows.sparse:  # scales mostly serve them well
        a_pass = _cost_of_products(objective)
    if d**2 * 8 > FACTOR_BYTES:
        return "diagonal"
    factor = _cost_of_a_factor(objective)

    def worth(passes: int, work: float = WORTH_WORK) -> Model:
        most = max(passes * a_pass, work)
        if K * factor <= most and K * d**2 * 4 <= FACTOR_BYTES:
            return "classes"
        return "shared" if factor <= most else "diagonal"

    if passes is not None:
        return worth(passes)
    cheap, dear = worth(WORTH_PASSES, LITTLE_WORK), worth(WORTH_PASSES_CORRELATED)
    return cheap if cheap == dear or not are_correlated(few, columns) else dear


def _cost_of_a_pass(objective: LinearObjective) -> int:
    rows, K = objective.rows, objective.n_outputs
    if rows.sparse:
        return K * (SPARSE_WORK * rows.entries + ROW_WORK * rows.shape[0])
    return _cost_of_products(objective)


def _cost_of_products(objective: LinearObjective) -> int:
    return 2 * 4 * objective.rows.entries * objective.n_outputs


def _cost_of_a_factor(objective: LinearObjective) -> float:
    d = objective.n_features
    rows = min(objective.rows.shape[0], rows_per_factor(objective.n_outputs))
    return rows * d**2 + 2 / 3 * d**3


def passes_of_factors(objective: LinearObjective) -> float:
    """What a factor for every class costs, in passes over the data.

    Args:
        objective: Logistic or softmax objective.
    """
    return objective.n_outputs * _cost_of_a_factor(objective) / _cost_of_a_pass(objective)


def rows_worth_passes(objective: LinearObjective, model: Model, passes: int) -> int:
    """Number of rows of which factors take as long as so many passes over the data.

    Args:
        objective: Logistic or softmax objective.
        model: Model of the curvature, with factors.
        passes: Number of passes.
    """
    n_factors = objective.n_outputs if model == "classes" else 1
    return int(passes * _cost_of_a_pass(objective) / (n_factors * objective.n_features**2))


def rows_per_factor(K: int) -> int:
    """Number of rows of the sample that enter one factor."""
    return max(CURVATURE_ROWS // K, LEAST_CURVATURE_ROWS)


class Coordinates:
    """The linear map w = A u.

    Softmax does not change when a vector is added to the weights of all classes at once. Factors of
    single classes ignore that; so steps and gradients are freed of such shifts.

    Args:
        objective: Logistic or softmax objective.
        columns: Centre and scale of its features.
        factors: M_k, (K, m, m), or one for all, (1, m, m); None for none.
        active: Features that the factors hold, (a,); the intercept follows them.
        class_scale: Factor on M for each class, (K,).
    """

    def __init__(
        self,
        objective: LinearObjective,
        columns: Columns,
        factors: Floats | None = None,
        active: NDArray[np.integer] | None = None,
        class_scale: Vector | None = None,
    ) -> None:
        self._d, self._K = objective.n_features, objective.n_outputs
        self._columns = columns
        self._factors, self._class_scale = factors, class_scale
        self._has_intercept = objective.intercept != "none"
        self._threads = objective.threads
        if factors is not None:
            active = np.arange(self._d) if active is None else active
            intercept = [self._d] if self._has_intercept else []
            self._active = np.append(active, intercept).astype(np.intp)

    def weights(self, u: Vector) -> Vector:
        """A u, (size,)."""
        V = self._factored(u.reshape(-1, self._K), transposed=True)
        V[: self._d] /= self._columns.scale[:, None]
        if self._has_intercept:
            V[self._d] -= self._columns.centre @ V[: self._d]
        return self._shift_free(V).ravel()

    def gradient(self, g: Vector) -> Vector:
        """A^T g, (size,)."""
        G = self._shift_free(g.reshape(-1, self._K)).copy()
        if self._has_intercept:
            G[: self._d] -= np.outer(self._columns.centre, G[self._d])
        G[: self._d] /= self._columns.scale[:, None]
        return self._factored(G, transposed=False).ravel()

    def _factored(self, V: Vector, *, transposed: bool) -> Vector:
        """M_k v_k or M_k^T v_k for every class k; a copy."""
        result = V.copy()
        if self._factors is None:
            return result
        M = self._factors
        held = V[self._active].astype(M.dtype)
        if len(M) == 1:
            solved = (M[0].T if transposed else M[0]) @ held
        elif M.size <= PRECISE_ENTRIES:
            solved = ((M.transpose(0, 2, 1) if transposed else M) @ held.T[:, :, None])[:, :, 0].T
        else:

            def solve(k: int) -> Floats:
                return (M[k].T if transposed else M[k]) @ held[:, k]

            solved = np.column_stack(spread(solve, range(self._K), threads=self._threads))
        if self._class_scale is not None:
            solved = solved * self._class_scale
        result[self._active] = solved
        return result

    def _shift_free(self, V: Vector) -> Vector:
        """Subtract the mean over all classes."""
        return V if self._K == 1 else V - V.mean(axis=1, keepdims=True)


def curvature_coordinates(
    few: LinearObjective,
    w: Vector,
    columns: Columns,
    model: Model,
    generator: np.random.Generator,
    *,
    every_row: bool = False,
) -> Coordinates:
    """Return coordinates for the curvature at w, estimated on a sample of the rows.

    Most rows are classified with confidence and carry next to no curvature. Rows are therefore
    drawn with a probability in proportion to theirs and weighted by its inverse, which leaves the
    estimate unbiased.

    Source: sub-sampled Newton methods (Erdogdu and Montanari, "Convergence rates of sub-sampled
    Newton methods", NeurIPS 2015; importance sampling: Xu et al., "Sub-sampled Newton methods with
    non-uniform sampling", NeurIPS 2016). Here the estimate only sets coordinates: its error costs
    iterations, not accuracy.

    Args:
        few: The objective on a sample of the rows in memory.
        w: Parameter vector, (size,).
        columns: Centre and scale of the features.
        model: Model of the curvature.
        generator: Source of the choice of rows.
        every_row: Whether every row of the sample enters.
    """
    if model == "diagonal":
        return Coordinates(few, columns.smooth())
    curvature = few.curvature(w)
    class_scale = None
    if model == "shared":
        # Each class's own block is close to the common one times its part of the curvature.
        totals = np.maximum(curvature.sum(axis=0), 1e-3 * curvature.sum() / few.n_outputs)
        class_scale = np.sqrt(totals.mean() / totals)
        curvature = curvature.mean(axis=1, keepdims=True)
    chances = generator.random(curvature.shape)
    n_rows = rows_per_factor(curvature.shape[1])
    if few.rows.sparse:
        n_rows = max(LEAST_CURVATURE_ROWS, min(n_rows, SPARSE_ROWS_PER_FEATURE * few.n_features))
    strong, scale = _strong_columns(
        few, columns, curvature, len(curvature) if every_row else WEAK_ROWS
    )
    hidden = few.l2 / columns.scale.max() ** 2 < np.finfo(np.float32).eps
    precise = FACTOR_BYTES // 8 if hidden else PRECISE_ENTRIES
    small = curvature.shape[1] * (len(strong) + 1) ** 2 <= precise
    dtype = np.float64 if small and few.dtype == np.float64 else np.float32
    features = ScaledFeatures(
        few,
        columns=None if len(strong) == few.n_features else strong,
        centre=columns.centre[strong],
        scale=columns.scale[strong],
        dtype=dtype,
    )

    m = len(features.penalties)
    factors = new_array((curvature.shape[1], m, m), dtype)

    def factor(k: int) -> Floats:
        c = curvature[:, k]
        chosen = np.flatnonzero(c > 0)
        weights = c[chosen]
        if len(chosen) > n_rows and not every_row:
            probability = np.minimum(1, n_rows * c / c.sum())
            chosen = np.flatnonzero(chances[:, k] < probability)
            weights = c[chosen] / probability[chosen]
        H = features.hessian(chosen, weights, factors[k])
        M, smallest = inverse_factor(H)
        if dtype == np.float32 or smallest > 100 * len(H) * np.finfo(dtype).eps:
            return M
        A = features(chosen)
        H = features.hessian(chosen, weights)  # the first has been overwritten
        return inverse_root(
            H.astype(np.float64), lambda v: A.T @ (weights * (A @ v)) + features.penalties * v
        )

    def fill(k: int) -> None:
        factors[k] = factor(k)

    spread(fill, range(curvature.shape[1]), threads=few.threads)
    return Coordinates(few, replace(columns, scale=scale), factors, strong, class_scale)


def _strong_columns(
    few: LinearObjective, columns: Columns, curvature: Floats, n_rows: int
) -> tuple[NDArray[np.integer], Vector]:
    """Features that need a factor, (a,), and a scale for all of them, (d,).

    Along the others, the loss curves little against the penalty: the trace of its Hessian there,
    relative to the penalty, is at most ``WEAK``, hence so is each of its eigenvalues. A scale of
    their own is enough.

    Args:
        few: The objective on a sample of the rows in memory.
        columns: Centre and scale of the features.
        curvature: Curvature of each row, (n, K).
        n_rows: Number of rows that are looked at.
    """
    d, n = few.n_features, len(curvature)
    features = ScaledFeatures(few, centre=columns.centre, scale=columns.scale)
    some = np.arange(n)[some_rows(n, n_rows)]
    along = features.curvature_along(some, curvature[some]).max(axis=0)[:d] * (n / len(some))
    penalties = features.penalties[:d]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(along > 0, along / penalties, 0.0)
    order = np.argsort(ratio)
    weak = order[np.cumsum(ratio[order]) <= WEAK]
    scale = columns.scale.copy()
    own = columns.scale[weak] * np.sqrt(along[weak] + penalties[weak])
    scale[weak] = np.where(own > 0, own, scale[weak])
    return np.setdiff1d(np.arange(d), weak), scale
