"""Labelled rows: where the rows of a linear model are, and how sums over them are taken.

An objective says what a block of rows contributes and knows nothing of where the rows are. Rows in
memory, memory-mapped or sparse are `ArrayRows`; other places implement the same operations.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from mnist_gradients.maths.checking import mismatch
from mnist_gradients.maths.rows.blocks import Combine, Terms, add, block_sum, join, rows_per_block
from mnist_gradients.maths.rows.memory import new_array
from mnist_gradients.maths.rows.threads import single_blas_thread

GATHERED_ROWS = 256  # at a time, so that copies of them stay in the cache

# Contribution of a block: its rows (B, d), its labels (B,), its sample weights (B,) or None
RowsTerm = Callable[[Any, NDArray[np.integer], NDArray[np.float64] | None], Terms]


class LabelledRows(ABC):
    """Rows of features with a label and, if they are weighted, a sample weight each.

    Attributes:
        shape: (N, d).
        dtype: Type of the features.
        sparse: Whether blocks are sparse.
        entries: Number of stored entries, N d if the rows are dense.
        class_counts: Number of rows of each label 0..K-1.
        class_weights: Sum of their sample weights; the number of rows without weights.
    """

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    sparse: bool
    entries: int
    class_counts: NDArray[np.integer]
    class_weights: NDArray[np.float64]

    @property
    def total_weight(self) -> float:
        """Sum of the sample weights; N without weights."""
        return float(self.class_weights.sum())

    @abstractmethod
    def combined(
        self, term: RowsTerm, combine: Combine, *, term_entries: int, threads: int | None
    ) -> tuple[NDArray[Any], ...]:
        """What the contributions of all blocks become, in an order that depends on the shape alone.

        Args:
            term: Contribution of a block; runs in several threads at once.
            combine: How contributions in the order of the rows become one: see `blocks`.
            term_entries: Number of entries of one contribution.
            threads: Number of threads; None for every core this process may use.
        """

    def sum(
        self, term: RowsTerm, *, term_entries: int, threads: int | None
    ) -> tuple[NDArray[np.float64], ...]:
        """Sum the contributions of all blocks; see `combined`."""
        return self.combined(term, add, term_entries=term_entries, threads=threads)

    def each(
        self, term: RowsTerm, *, term_entries: int, threads: int | None
    ) -> tuple[NDArray[Any], ...]:
        """Numbers of all rows, (N, ...), in memory: those of the blocks, (B, ...), joined."""
        return self.combined(term, join, term_entries=term_entries, threads=threads)

    @abstractmethod
    def take(
        self,
        indices: NDArray[np.integer],
        weights: NDArray[np.float64] | None,
        memory: NDArray[Any] | None = None,
    ) -> ArrayRows:
        """Copy rows, given by their indices (n,), into memory.

        Args:
            indices: Row numbers, in increasing order.
            weights: Factors on their sample weights, (n,); None for 1.
            memory: Array of this type and width that the copy of dense rows may overwrite.
        """

    @abstractmethod
    def indices_of(self, label: int, places: NDArray[np.integer]) -> NDArray[np.integer]:
        """Row numbers of some rows of a label, given by their places among all of its rows, (n,).

        Args:
            label: One of 0..K-1.
            places: Numbers below the label's count of rows, in increasing order.
        """

    @abstractmethod
    def weighted_by_class(self, factors: NDArray[np.float64]) -> Self:
        """The same rows, each sample weight times the factor of its label, (K,)."""


class ArrayRows(LabelledRows):
    """Rows of an array, in memory or memory-mapped, or of a sparse CSR matrix.

    Args:
        X: Features, (N, d): a C-contiguous array of uint8, float32 or float64, or a CSR matrix of
            float32 or float64.
        y: Labels, integers of at least 0, (N,).
        weights: Sample weights, at least 0, (N,); None for 1.

    Raises:
        ValueError: If shapes or types do not fit.
    """

    def __init__(
        self, X: Any, y: NDArray[np.integer], weights: NDArray[np.floating] | None = None
    ) -> None:
        self.sparse = scipy.sparse.issparse(X)
        _check(X, y, weights, sparse=self.sparse)
        self.X, self.y = X, y
        self.weights = None if weights is None else np.asarray(weights, dtype=np.float64)
        self.shape, self.dtype = X.shape, X.dtype
        self.entries = int(X.nnz) if self.sparse else X.size
        self.class_counts = np.bincount(y)
        self.class_weights = self._class_weights()
        self._blocks: dict[tuple[int, int], Any] = {}

    def combined(
        self, term: RowsTerm, combine: Combine, *, term_entries: int, threads: int | None
    ) -> tuple[NDArray[Any], ...]:
        """What the contributions of all blocks become; see the base class."""

        def of_slice(rows: slice) -> Terms:
            weights = None if self.weights is None else self.weights[rows]
            return term(self.block(rows), self.y[rows], weights)

        return self.combined_slices(of_slice, combine, term_entries=term_entries, threads=threads)

    def combined_slices(
        self,
        term: Callable[[slice], Terms],
        combine: Combine,
        *,
        term_entries: int,
        threads: int | None,
    ) -> tuple[NDArray[Any], ...]:
        """The same for contributions of slices of rows, which are those of `combined`."""
        block_rows = rows_per_block(self.entries / self.shape[0])
        if self.shape[0] <= block_rows:  # where starting a sum would take longer than the sum
            with single_blas_thread():
                return combine([term(slice(0, self.shape[0]))])
        return block_sum(
            term,
            self.shape[0],
            block_rows=block_rows,
            term_entries=term_entries,
            threads=threads,
            combine=combine,
        )

    def block(self, rows: slice) -> Any:
        """Consecutive rows, without a copy of their entries.

        Sparse blocks are kept for the next pass: to make one can take as long as its product.
        """
        if not self.sparse:
            return self.X[rows]
        start, stop, _ = rows.indices(self.shape[0])
        if (start, stop) not in self._blocks:
            bounds = self.X.indptr[start : stop + 1]
            entries = slice(bounds[0], bounds[-1])
            block = type(self.X)((stop - start, self.shape[1]), dtype=self.dtype)
            block.data, block.indices = self.X.data[entries], self.X.indices[entries]
            block.indptr = bounds - bounds[0]
            self._blocks[start, stop] = block
        return self._blocks[start, stop]

    def take(
        self,
        indices: NDArray[np.integer],
        weights: NDArray[np.float64] | None,
        memory: NDArray[Any] | None = None,
    ) -> ArrayRows:
        """Copy rows into memory; see the base class."""
        if self.weights is not None:
            weights = self.weights[indices] * (1.0 if weights is None else weights)
        return ArrayRows(self.gathered(indices, memory), self.y[indices], weights)

    def gathered(self, indices: NDArray[np.integer], memory: NDArray[Any] | None = None) -> Any:
        """A copy of the features of some rows.

        Args:
            indices: Row numbers, (n,).
            memory: Array of this type and width that the copy of dense rows may overwrite, used if
                it has n rows at least.
        """
        if self.sparse:
            return self.X[indices]
        if memory is None or len(memory) < len(indices):
            memory = new_array((len(indices), self.shape[1]), self.dtype)
        # Any other mode would copy to memory of its own first.
        return np.take(self.X, indices, axis=0, out=memory[: len(indices)], mode="clip")

    def indices_of(self, label: int, places: NDArray[np.integer]) -> NDArray[np.integer]:
        """Row numbers of some rows of a label; see the base class."""
        return np.flatnonzero(self.y == label)[places]

    def weighted_by_class(self, factors: NDArray[np.float64]) -> Self:
        """The same rows with other weights; see the base class."""
        weights = factors[self.y] * (1.0 if self.weights is None else self.weights)
        return type(self)(self.X, self.y, weights)

    def _class_weights(self) -> NDArray[np.float64]:
        """Sum of the sample weights of each label, in the order of every other sum over rows."""
        if self.weights is None:
            return self.class_counts.astype(np.float64)
        y, weights, K = self.y, self.weights, len(self.class_counts)
        return block_sum(
            lambda rows: (np.bincount(y[rows], weights[rows], K),),
            self.shape[0],
            block_rows=rows_per_block(self.entries / self.shape[0]),
            threads=1,
        )[0]


def _check(X: Any, y: NDArray, weights: NDArray | None, *, sparse: bool) -> None:
    """Check that shapes and types are those of rows, labels and weights."""
    types = (np.float32, np.float64) if sparse else (np.uint8, np.float32, np.float64)
    if X.ndim != 2 or X.shape[0] < 1 or X.shape[1] < 1:
        raise mismatch("X", f"shape {X.shape}", "(N, d) with at least one row and column")
    if X.dtype not in types:
        raise mismatch("X", f"type {X.dtype}", " or ".join(np.dtype(t).name for t in types))
    if sparse and X.format != "csr":
        raise mismatch("X", f"a sparse matrix of format {X.format}", "csr")
    if y.shape != (X.shape[0],):
        raise mismatch("y", f"shape {y.shape}", f"({X.shape[0]},), one label per row of X")
    if not np.issubdtype(y.dtype, np.integer):
        raise mismatch("y", f"type {y.dtype}", "integers")
    if y.min() < 0:
        raise mismatch("y", f"the label {y.min()}", "labels of at least 0")
    if weights is not None and weights.shape != y.shape:
        raise mismatch("weights", f"shape {weights.shape}", f"({X.shape[0]},), one per row of X")
