"""Logistic and softmax regression as one scikit-learn classifier."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import scipy.sparse
from joblib import effective_n_jobs
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import assert_all_finite, check_array
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.validation import check_is_fitted, validate_data

from mnist_gradients.estimators.classifier import (
    SoftmaxClassifier,
    is_dask,
    lazy_on_dask,
    source_of_chance,
)
from mnist_gradients.maths.checking import (
    check_choice,
    check_count,
    check_flag,
    check_number,
    mismatch,
)
from mnist_gradients.maths.linear_objective import KEPT_ENTRIES, LinearObjective
from mnist_gradients.maths.logistic import LogisticObjective
from mnist_gradients.maths.rows.labelled_rows import ArrayRows, LabelledRows
from mnist_gradients.maths.softmax_regression import SoftmaxObjective
from mnist_gradients.maths.solvers import DEFAULT_SOLVER, SOLVERS, Solution
from mnist_gradients.maths.solvers.sampling import sample

BLOCK_ENTRIES = 2048 * 784  # of X that are converted at a time
PROBE_ENTRIES = 100_000  # of X
# Where a pass takes well under a millisecond, two or three more give weights to some five digits.
SMALL = 100_000  # entries of X times outputs
SPARSE_COST = 4  # of a stored entry of sparse rows, in entries of dense ones
SMALL_TOLERANCE = 1e-12
FLOOR = float(np.finfo(np.float32).eps) ** 2
# An elastic net with an L1 part of zero is L2, and so is scikit-learn's default since version 1.8.
PENALTIES = ("l2", "elasticnet", "deprecated", None)
REFUSED = {  # scikit-learn's parameters that have one value here
    "l1_ratio": ((0, None), "0: the penalty is L2; use scikit-learn's saga for L1 or elastic net"),
    "dual": ((False,), "False: the primal problem is solved"),
    "intercept_scaling": ((1,), "1: the intercept is not penalised"),
}


class GradientLogisticRegression(SoftmaxClassifier):
    """Logistic regression of two classes, softmax regression of more, by hand-derived gradients.

    ::

        minimise  C sum_i s_i loss_i + 1/2 ||W||_F^2  =  S C J,     S = sum_i s_i,  l2 = 1 / (S C)

    with J the objective of ``LogisticObjective`` or ``SoftmaxObjective`` and s the sample weights:
    what scikit-learn's ``LogisticRegression`` minimises. The intercept is not penalised. Parameters
    have scikit-learn's names and order.

    X may be dense (uint8, float32, float64, memory-mapped) or sparse, and is converted block by
    block, not copied as a whole; but rows in float64, or with large offsets, of up to 25 million
    entries are copied once. Pixels are not rescaled. Dense and sparse rows are computed in float32,
    and in float64 from where rounding errors are too large for ``tol`` or where the data is small.

    X, y and the sample weights may also be dask arrays in chunks of rows, dense or CSR. Sums over
    rows are then computed by the workers of the current Dask client, or by threads without one; the
    fit has the same bits as one of arrays, and predictions are lazy dask arrays. See
    docs/scale.md.

    Args:
        penalty: "l2", or None for no penalty (as ``C=numpy.inf``). "elasticnet" with an
            ``l1_ratio`` of 0 is "l2".
        C: Inverse strength of the penalty, above 0; infinity for no penalty.
        l1_ratio: Only 0.
        dual: Only False.
        tol: When to stop, at least 0. For the default solver, the largest relative suboptimality
            gap (J - min J) / min J, which small data undercuts; for the others the largest norm of
            the gradient of J.
        fit_intercept: Whether to fit an intercept.
        intercept_scaling: Only 1.
        class_weight: Weight of each class by its label, "balanced" for N / (K N_k), or None for 1.
        random_state: Seed of the sample of rows that sets the solver's coordinates; None for the
            same one in every fit. Where the minimum is does not depend on it.
        solver: A key of ``maths.solvers.SOLVERS``.
        max_iter: Largest number of iterations.
        verbose: Print every so many iterations; 0 for silence.
        warm_start: Whether to start where the last fit ended, as along a path of penalties.
        n_jobs: Number of threads; None is 1 unless a joblib context says otherwise, -1 is all
            cores. The result does not depend on it.

    Attributes:
        classes_: Labels in order, (K,).
        coef_: Weights, (1, d) for two classes and (K, d) for more. float32 for X in float32 unless
            rounding would move a logit noticeably, as with large offsets; float64 otherwise.
        intercept_: Intercept, (1,) or (K,); zero without one.
        n_iter_: Iterations taken, (1,).
        relative_gap_: The solver's estimate of (J - min J) / min J; NaN from solvers without one.
        n_features_in_: d.
    """

    dtypes = (np.float64, np.float32, np.uint8)
    coef_: Any
    intercept_: NDArray[np.floating]

    def __init__(
        self,
        penalty: str | None = "l2",
        *,
        C: float = 1.0,
        l1_ratio: float | None = 0.0,
        dual: bool = False,
        tol: float = 1e-6,
        fit_intercept: bool = True,
        intercept_scaling: float = 1,
        class_weight: dict[Any, float] | str | None = None,
        random_state: int | np.random.RandomState | None = None,
        solver: str = DEFAULT_SOLVER,
        max_iter: int = 1_000,
        verbose: int = 0,
        warm_start: bool = False,
        n_jobs: int | None = None,
    ) -> None:
        self.penalty = penalty
        self.C = C
        self.l1_ratio = l1_ratio
        self.dual = dual
        self.tol = tol
        self.fit_intercept = fit_intercept
        self.intercept_scaling = intercept_scaling
        self.class_weight = class_weight
        self.random_state = random_state
        self.solver = solver
        self.max_iter = max_iter
        self.verbose = verbose
        self.warm_start = warm_start
        self.n_jobs = n_jobs

    def __sklearn_tags__(self) -> Any:
        """Tags: sparse rows are accepted."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Minimise the objective on the rows of X, (N, d), and their labels y, (N,).

        Args:
            X: Features, dense or sparse.
            y: Labels of any type that can be sorted.
            sample_weight: Weights of at least 0, (N,), or one number; None for 1. A weight of 0
                equals the absence of the row; the other rows are then copied.

        Returns:
            The estimator itself.

        Warns:
            ConvergenceWarning: If the solver stopped before it reached ``tol``; it names the gap.
            UserWarning: If ``C`` is set but has no effect, as ``penalty`` is None.

        Raises:
            ValueError: If a parameter is out of its range, X and y do not fit together or hold
                missing values, or y holds fewer than two classes.
        """
        self._check_parameters()
        previous = self._parameters_to_start_from()
        objective = self._objective(X, y, sample_weight)
        start = None
        if previous is not None:
            start = objective.pack(*previous)
            if start.shape != (objective.size,):
                start = None  # other classes or features than in the last fit
        options: dict[str, Any] = {"max_iterations": self.max_iter, "tolerance": self.tol}
        if self.solver == DEFAULT_SOLVER:
            if self._is_small(objective):
                options["polish_tolerance"] = SMALL_TOLERANCE
                objective = objective.computed_in(np.float64)  # where that tolerance leads anyway
            seed = self.random_state
            if not isinstance(seed, (int, np.integer, type(None))):
                seed = source_of_chance(seed).randint(2**31)
            options["seed"] = 0 if seed is None else int(seed)
        if self.verbose:
            options["callback"] = self._print_progress
        solve = SOLVERS[self.solver]
        try:
            solution = solve(objective, start, **options)
        except ValueError:
            self._check_finite(objective)
            if objective.dtype == np.float64:
                raise
            objective = objective.computed_in(np.float64)  # for values that float32 cannot hold
            solution = solve(objective, start, **options)
        if not solution.converged:
            self._check_finite(objective)
        if not solution.converged:
            warnings.warn(
                f"{self.solver} did not reach tol = {self.tol:g} in {solution.iterations} "
                f"iterations: {solution.message}; raise max_iter or tol, or scale the features",
                ConvergenceWarning,
                stacklevel=2,
            )
        self._keep(objective, solution)
        return self

    @lazy_on_dask
    def decision_function(self, X: ArrayLike) -> NDArray[np.floating]:
        """Logits of the rows: (N,) for two classes, positive for the second; (N, K) for more."""
        rows = self._rows(X)
        Z = np.empty((rows.shape[0], len(self.intercept_)), self._dtype_of_logits(rows))
        step = max(1, BLOCK_ENTRIES // rows.shape[1])
        for i in range(0, len(Z), step):
            block = rows[i : i + step]
            if not scipy.sparse.issparse(block):
                block = block.astype(Z.dtype, copy=False)
            Z[i : i + step] = safe_sparse_dot(block, self.coef_.T, dense_output=True)
        Z += self.intercept_
        return Z[:, 0] if Z.shape[1] == 1 else Z

    def logits(self, X: ArrayLike) -> NDArray[np.floating]:
        """Logits of every class, (N, K); of two classes, the first has the logit zero."""
        Z = self.decision_function(X)
        return Z if Z.ndim == 2 else np.column_stack([np.zeros_like(Z), Z])

    def sparsify(self) -> Self:
        """Store ``coef_`` as a sparse matrix; predictions are the same."""
        check_is_fitted(self)
        self.coef_ = scipy.sparse.csr_matrix(self.coef_)
        return self

    def densify(self) -> Self:
        """Store ``coef_`` as an array, as after ``fit``."""
        check_is_fitted(self)
        if scipy.sparse.issparse(self.coef_):
            self.coef_ = self.coef_.toarray()
        return self

    def _check_parameters(self) -> None:
        if self.penalty not in PENALTIES:
            hint = "'l2' or None; use scikit-learn's saga or liblinear for L1 or elastic net"
            raise mismatch("penalty", repr(self.penalty), hint)
        for name in ("dual", "fit_intercept", "warm_start"):
            check_flag(name, getattr(self, name))
        for name, (allowed, hint) in REFUSED.items():
            if getattr(self, name) not in allowed:
                raise mismatch(name, repr(getattr(self, name)), hint)
        if self.penalty == "elasticnet" and self.l1_ratio is None:
            raise mismatch("l1_ratio", "None", REFUSED["l1_ratio"][1])
        check_number("C", self.C, infinity=True)
        if self.penalty is None and self.C not in (1.0, np.inf):
            warnings.warn("Setting penalty=None will ignore the C parameter", stacklevel=3)
        check_number("tol", self.tol, zero=True)
        check_choice("solver", self.solver, SOLVERS)
        check_count("max_iter", self.max_iter, least=0)
        if not isinstance(self.verbose, bool):
            check_count("verbose", self.verbose, least=0)
        if not isinstance(self.n_jobs, (Integral, type(None))) or self.n_jobs == 0:
            raise mismatch("n_jobs", repr(self.n_jobs), "None or an integer other than 0")
        source_of_chance(self.random_state)

    def _objective(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None
    ) -> LinearObjective:
        """Objective J on the data of a fit; sets ``classes_``."""
        read = self._dask_rows if is_dask(X) else self._array_rows
        rows = read(X, y, sample_weight)
        if self.class_weight is not None:
            rows = rows.weighted_by_class(self._class_factors(rows.class_weights))
        kind = LogisticObjective if len(self.classes_) == 2 else SoftmaxObjective
        return kind(
            rows,
            None,
            0.0 if self.penalty is None else 1 / (rows.total_weight * self.C),
            intercept="free" if self.fit_intercept else "none",
            scale=1.0,
            threads=effective_n_jobs(self.n_jobs),
            compute_dtype=self._computing_type(rows),
        )

    def _class_factors(self, class_weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Factor on the sample weights of each class, (K,), given their sums, (K,)."""
        factors = compute_class_weight(
            self.class_weight,
            classes=self.classes_,
            y=self.classes_,
            sample_weight=class_weights,
        )
        for label, factor in zip(self.classes_.tolist(), factors, strict=True):
            if not 0 <= factor < np.inf:
                expected = "finite numbers of at least 0"
                raise mismatch("class_weight", f"{factor:g} for the class {label!r}", expected)
        if not factors.any():
            raise mismatch("class_weight", "zero for every class", "at least one weight above 0")
        return factors

    def _array_rows(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None
    ) -> LabelledRows:
        """Rows in memory or memory-mapped; sets ``classes_``."""
        # The default solver does not converge on rows that are not finite. To look for them
        # beforehand would take as long as half a pass over the data.
        later = self.solver == DEFAULT_SOLVER
        rows, labels = self._rows_and_labels(X, y, check_finite=not later)
        weights = _check_weights(sample_weight, rows.shape[0])
        if weights is not None and not weights.all():
            kept = np.flatnonzero(weights)
            rows, labels, weights = rows[kept], labels[kept], weights[kept]
        if later and (scipy.sparse.issparse(rows) or rows.size <= SMALL):
            self._assert_finite(rows)
        return ArrayRows(rows, self._class_numbers(labels), weights)

    def _dask_rows(self, X: Any, y: Any, sample_weight: Any) -> LabelledRows:
        """Rows of dask arrays; sets ``classes_``."""
        from mnist_gradients.core.dask_rows import DaskRows

        rows = DaskRows(X, y, sample_weight)
        validate_data(self, X, skip_check_array=True)  # sets the number of features
        self._set_classes(rows.classes, rows.shape[0])
        return rows

    def _computing_type(self, rows: Any) -> type[np.floating]:
        """float32 where it is faster and the solver looks after rounding; float64 otherwise.

        Two products per pass with K columns are faster in float32, even if float64 rows must be
        converted first. With one column, reading the rows takes the time: float32 pays if they are
        few enough to be converted once.
        """
        if rows.dtype != np.float64:
            return np.float32
        pays = len(self.classes_) > 2 or rows.entries <= KEPT_ENTRIES
        return np.float32 if pays and self.solver == DEFAULT_SOLVER else np.float64

    def _check_finite(self, objective: LinearObjective) -> None:
        """Raise scikit-learn's error if rows in memory hold values that are not finite."""
        if isinstance(objective.rows, ArrayRows):
            self._assert_finite(objective.rows.X)

    def _assert_finite(self, X: Any) -> None:
        assert_all_finite(X, estimator_name=type(self).__name__, input_name="X")

    def _is_small(self, objective: LinearObjective) -> bool:
        """Whether a pass takes well under a millisecond."""
        entries = objective.rows.entries * (SPARSE_COST if objective.rows.sparse else 1)
        return entries * objective.n_outputs <= SMALL

    def _keep(self, objective: LinearObjective, solution: Solution) -> None:
        """Set the attributes of the fit."""
        W, b = objective.unpack(solution.weights)
        coef = np.ascontiguousarray(W.T)
        single, self.relative_gap_ = False, solution.relative_gap
        if objective.rows.dtype == np.float32:
            rounding = _cost_of_rounding(objective, coef, b)
            single = rounding <= max(0.1 * self.tol * solution.objective, FLOOR)
            if single and solution.objective > 0:
                self.relative_gap_ += rounding / solution.objective
        dtype = np.float32 if single else np.float64
        self.coef_, self.intercept_ = coef.astype(dtype), b.astype(dtype)
        self.n_iter_ = np.array([solution.iterations], dtype=np.int32)

    def _parameters_to_start_from(self) -> tuple[NDArray, NDArray] | None:
        """Weights (d, K) and intercept (K,) of the last fit, if this one starts there."""
        if not (self.warm_start and hasattr(self, "coef_")):
            return None
        self.densify()
        return self.coef_.T, self.intercept_

    def _dtype_of_logits(self, rows: Any) -> np.dtype:
        return np.result_type(self.coef_.dtype, rows.dtype)

    def _print_progress(self, iteration: int, value: float, gradient_norm: float) -> None:
        """Print a line every ``verbose`` iterations."""
        if iteration % int(self.verbose) == 0:
            print(  # noqa: T201 - asked for by ``verbose``
                f"iteration {iteration}: objective {value:.9g}, gradient norm {gradient_norm:.3g}"
            )


def _check_weights(sample_weight: ArrayLike | None, N: int) -> NDArray[np.float64] | None:
    """Sample weights as an array (N,); None for none.

    Raises:
        ValueError: If they are not N finite numbers of at least 0, one of them above.
    """
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Real):
        sample_weight = np.full(N, float(sample_weight))
    weights = check_array(
        sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight"
    )
    if weights.shape != (N,):
        raise mismatch("sample_weight", f"shape {weights.shape}", f"({N},), one for each row of X")
    if weights.min() < 0:
        raise mismatch("sample_weight", f"a weight of {weights.min():g}", "weights of at least 0")
    if weights.max() == 0:
        raise mismatch("sample_weight", "zero for every row", "at least one weight above 0")
    return weights


def _cost_of_rounding(
    objective: LinearObjective, coef: NDArray[np.float64], intercept: NDArray[np.float64]
) -> float:
    """By how much the objective rises at the most where its parameters are rounded to float32.

    A change of a logit by e costs at most ``curvature_bound / 2 e^2`` at the minimum. Some rows are
    looked at.
    """
    n = max(100, PROBE_ENTRIES // objective.n_features)
    few = sample(objective, n, np.random.default_rng(0))
    X = few.rows.X  # type: ignore[attr-defined]  # a subset is in memory
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        rounding = (coef.astype(np.float32) - coef).astype(np.float32)
        of_intercept = intercept.astype(np.float32) - intercept
        change = float(np.abs(X @ rounding.T + of_intercept).max())
    return float(objective.curvature_bound / 2 * change**2)
