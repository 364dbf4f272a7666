"""The objective as the default solver computes it: on a sample first, centred, in float32."""

from __future__ import annotations

import numpy as np

from mnist_gradients.maths.linear_objective import (
    KEPT_ENTRIES,
    LinearObjective,
    Vector,
    in_memory,
)
from mnist_gradients.maths.rows.labelled_rows import ArrayRows
from mnist_gradients.maths.rows.memory import new_array
from mnist_gradients.maths.solvers.columns import (
    Columns,
    describe_columns,
    exact_means,
    exact_scales,
    squared_lengths,
)
from mnist_gradients.maths.solvers.coordinates import (
    WORTH_PASSES_CORRELATED,
    Model,
    choose_model,
    rows_worth_passes,
)
from mnist_gradients.maths.solvers.sampling import (
    Candidates,
    candidate_rows,
    sample,
    sample_by_pull,
)
from mnist_gradients.maths.solvers.span import span_pays

SAMPLE_ROWS = 4_000, 16_000  # least and most whose columns and curvature are looked at
EVEN = 0.2  # part of the rows that are drawn without regard to their curvature
MOST_NUMBERS = 4_000_000  # of rows whose curvature may be kept at once
CURVED = 2  # times as many rows are drawn for their curvature, if factors of them are worth it
LARGEST_OFFSET = {np.dtype(np.float32): 100.0, np.dtype(np.float64): 1e5}
LEAST_SCALE = 1e-30  # of a feature; with less, its weight may overflow in float32


class WorkingProblem:
    """An objective, a sample of its rows, and what the sample tells.

    Where features have large means, rows are centred: an exact change of variables, in which only
    the intercept differs.

    Args:
        objective: Logistic or softmax objective.
        generator: Source of the choice of rows.
        isotropic: Whether one scale serves all features; see `preconditioned_lbfgs`.

    Attributes:
        objective: The objective in the computing type, centred if need be.
        few: The same on a sample of its rows in memory.
        columns: Centre and scale of the features.
        model: Model of the curvature; see `coordinates`.
        every_row: Whether every row of the sample is to enter a factor.
        long_rows: Whether rows are known that are much longer than most.
        overflows: Whether a value is known that float32 cannot hold.
        factors_failed: Whether factors offered no step that lowers the objective.
        spans: Whether the rows are so few and wide that their span is searched first; see `span`.
    """

    def __init__(
        self,
        objective: LinearObjective,
        generator: np.random.Generator,
        *,
        isotropic: bool = False,
    ) -> None:
        least, most = SAMPLE_ROWS
        enough = 5 * objective.n_features + 400 * objective.n_outputs
        n = min(most, max(least, enough))
        self.objective, self._n, self._candidates = objective, n, None
        self._memory = None
        if candidate_rows(objective, n):
            if not objective.rows.sparse:  # of one sample after the other
                shape = n + int(4 * n**0.5), objective.n_features
                self._memory = new_array(shape, objective.rows.dtype)
            self._candidates = Candidates(objective, n, generator, self._memory)
            self.few = self._candidates.pilot
        else:
            self.few = sample(objective, n, generator)
        self.columns, self._isotropic = describe_columns(self.few), isotropic
        if isotropic:
            self.columns = self.columns.isotropic()
        self.spans = self.few_are_all and span_pays(objective)
        self.model: Model = "diagonal"
        if not self.spans:
            self.model = choose_model(objective, self.few, self.columns)
        if self.model == "diagonal":
            if self._candidates:
                self._candidates = self._memory = None
                self.few = sample(objective, n, generator)
            self.columns = exact_means(self.few, self.columns)
        self.every_row = self.long_rows = self.overflows = self.factors_failed = False
        self._squared_lengths: Vector | None = None
        self._shift = np.zeros(objective.n_features)  # in units of the features
        if self._needs_centring():
            self._centre()
        self._precise = self.objective
        self._convert()

    @property
    def dtype(self) -> np.dtype:
        """Computing type."""
        return self.objective.dtype

    @property
    def few_are_all(self) -> bool:
        """Whether the sample holds all rows."""
        return self.few.rows.shape == self.objective.rows.shape

    @property
    def curvature_pays(self) -> bool:
        """Whether rows are to be drawn by their curvature once a few have been fitted.

        Those few underrate the curvature, since they are fitted better than others. With more than
        two classes, what factors class by class leave out limits the steps anyway.
        """
        many = candidate_rows(self.objective, self._n) > 0
        room = self.objective.rows.shape[0] <= MOST_NUMBERS
        return self.objective.n_outputs == 1 and self.model != "diagonal" and many and room

    def focus(self, w: Vector) -> bool:
        """Take a larger sample, of rows that say most close to w, (size,), once.

        Returns:
            Whether one was taken.
        """
        candidates, self._candidates = self._candidates, None
        if candidates:
            self.few = candidates.informative(self._precise.computed_in(self.dtype), w)
        return candidates is not None

    def focus_by_curvature(self, generator: np.random.Generator, w: Vector) -> tuple[float, Vector]:
        """Take rows with much curvature at the minimum w, (size,), on few of many.

        One pass over all rows tells that of each, together with the gradient.

        Args:
            generator: Source of the choice.
            w: Where the curvature counts, (size,).

        Returns:
            Objective and gradient at w, (size,).
        """
        n, memory, self._memory = self._n, self._memory, None
        value, gradient, curvature = self.objective.with_curvature(w)
        evenly = int(EVEN * n)
        objective = self._precise.computed_in(self.dtype)
        pulls = [(curvature, n - evenly)]
        self.few = sample_by_pull(objective, evenly, pulls, generator, memory)
        return value, gradient

    def hold_long_rows(self, generator: np.random.Generator) -> None:
        """Take the scales of all rows, and from now on samples that hold the rows of great length.

        Such are the rows of features that are zero in most others, and those of heavy tails.
        """
        self.long_rows = True
        columns = exact_scales(self._precise.computed_in(self.dtype), self.columns)
        self.columns = columns.isotropic() if self._isotropic else columns
        if self.model != "diagonal" and not self.few_are_all:
            self._draw_anew(generator, WORTH_PASSES_CORRELATED, None)

    def hold_curved_rows(
        self, generator: np.random.Generator, w: Vector, passes: int
    ) -> tuple[float, Vector] | None:
        """Take a sample that holds the rows with much curvature: few, far into a hard problem.

        Args:
            generator: Source of the choice.
            w: Where the curvature counts, (size,).
            passes: Number of passes over the data so far, to which factors may add as many.

        Returns:
            Objective and gradient at w, (size,); None if no sample is taken.
        """
        if self.model == "diagonal" or self.few_are_all:
            return None
        if self.long_rows:
            passes = max(passes, WORTH_PASSES_CORRELATED)
        value, gradient, curvature = self.objective.with_curvature(w)
        self._draw_anew(generator, passes, curvature)
        return value, gradient

    def _draw_anew(
        self, generator: np.random.Generator, passes: int, curvature: Vector | None
    ) -> None:
        objective, n = self._precise.computed_in(self.dtype), self._n
        most = rows_worth_passes(objective, self.model, passes)
        room = KEPT_ENTRIES // objective.n_features
        self.every_row, pulls = most >= n, []
        if self.long_rows and self._squared_lengths is None:
            self._squared_lengths = squared_lengths(objective, self.columns)
        lengths = self._squared_lengths
        if curvature is not None:
            pull = curvature if lengths is None else curvature * lengths
            pulls += [(pull, min(max(n, min(CURVED * n, most - 2 * n)), room))]
        if lengths is not None:
            pulls += [(lengths, min(n, room))]
        self.few = sample_by_pull(objective, n, pulls, generator)

    def reconsider_model(self, passes: int) -> None:
        """Take more factors, if they cost no more than so many passes, spent in vain."""
        if self.model != "classes" and not self.spans and not self.factors_failed:
            affordable = choose_model(self.objective, self.few, self.columns, passes)
            if affordable != "diagonal":
                self.model = affordable

    def give_up_factors(self) -> None:
        """Do without, for good."""
        self.model, self.factors_failed = "diagonal", True

    def refine(self) -> bool:
        """Go on in float64; whether that is possible."""
        if self.dtype == np.float64:
            return False
        self.objective = self._precise.computed_in(np.float64)
        self.few = self.few.computed_in(np.float64)
        return True

    def centred(self, w: Vector) -> Vector:
        """The parameter vector for centred rows, given that for rows as they are; (size,).

        It has no part that is common to all classes, as no step will have: the loss does not
        depend on it, and the penalty does.
        """
        W, b = self.objective.unpack(w)
        if self.objective.n_outputs > 1:
            W, b = W - W.mean(axis=1, keepdims=True), b - b.mean()
        return self.objective.pack(W, b + self._shift @ W)

    def uncentred(self, w: Vector) -> Vector:
        """The parameter vector for rows as they are, given that for centred rows; (size,)."""
        W, b = self.objective.unpack(w)
        return self.objective.pack(W, b - self._shift @ W)

    def gradient_norm(self, gradient: Vector) -> float:
        """Norm of the gradient with respect to the parameters of rows as they are."""
        G, g = self.objective.unpack(gradient)
        return float(np.linalg.norm(self.objective.pack(G + np.outer(self._shift, g), g)))

    def _needs_centring(self) -> bool:
        return self.columns.largest_offset > LARGEST_OFFSET[self.dtype]

    def _centre(self) -> None:
        """Centre the rows, which are exact where offsets are large."""
        self._shift = self.columns.centre
        centre = self._shift / self.objective.scale
        if self.objective.rows.sparse:  # by a correction, for which float32 is too coarse
            self.objective = self.objective.computed_in(np.float64)
            self.few = self.few.computed_in(np.float64)
        self.objective, self.few = self.objective.centred(centre), self.few.centred(centre)
        self.columns = Columns(np.zeros_like(centre), self.columns.scale)

    def _convert(self) -> None:
        """Choose the computing type, and convert or centre rows once where that saves time.

        Otherwise blocks of rows are converted in each pass.
        """
        if self.spans or self.columns.scale.min() < LEAST_SCALE:
            self.refine()
        rows = self.objective.rows
        changed = rows.dtype == np.float64 and self.dtype == np.float32
        changed |= self.objective.centre is not None and not rows.sparse
        small_enough = isinstance(rows, ArrayRows) and rows.entries <= KEPT_ENTRIES
        if changed and small_enough and not self.spans:
            with np.errstate(over="ignore", invalid="ignore"):
                copy = self.objective.copied()
                finite = np.isfinite(in_memory(copy.rows).X.sum())
            if finite:
                self.objective = copy
            else:  # float32 is too short for a value
                self.overflows = self.refine()
