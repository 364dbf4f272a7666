"""Labelled rows in dask arrays.

Sums over rows are computed where the rows are: on the workers of the current client of Dask
distributed, or on the threads of this process if there is none. A pass over the rows is one task
per worker, with threads inside it. Partial sums are added in the order of `maths.rows.blocks`, so
that rows in memory and rows on any number of workers give the same bits. A number for each row,
which two classes and hard problems need, comes to this process.

Arrays that are persisted stay where they are, but for chunks that are no parts of the sum: these
are cut anew once, which takes as much memory again. Arrays that are not persisted are computed anew
in each pass, a chunk at a time, and never held as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from numbers import Real
from typing import Any, Self

import dask
import dask.array as da
import numpy as np
import scipy.sparse
from dask.delayed import delayed
from numpy.typing import NDArray

from mnist_gradients.core.dask_parts import (
    Part,
    combine_on_workers,
    combine_parts,
    cut,
    reaching_scheduler,
    weigh,
)
from mnist_gradients.maths.checking import mismatch
from mnist_gradients.maths.rows.blocks import Combine, Terms, parts, rows_per_block
from mnist_gradients.maths.rows.labelled_rows import ArrayRows, LabelledRows, RowsTerm

DTYPES = (np.uint8, np.float32, np.float64)


class DaskRows(LabelledRows):
    """Rows of dask arrays, whose blocks are arrays or sparse CSR matrices.

    One pass over the rows checks them and counts the labels. A row of weight 0 counts as absent.

    Args:
        X: Features, (N, d), of uint8, float32 or float64.
        y: Labels of any type that can be sorted, (N,).
        weights: Sample weights, at least 0, (N,), or one number; None for 1.

    Attributes:
        classes: Labels in order, (K,).

    Raises:
        ValueError: If shapes, types or values do not fit.
        ConnectionError: If the scheduler is lost.
    """

    def __init__(self, X: Any, y: Any, weights: Any = None) -> None:
        weights = _check(X, y, weights)
        X = X.rechunk({1: -1})
        y = y.rechunk((X.chunks[0],))
        weights = None if weights is None else weights.rechunk((X.chunks[0],))
        chunks = self._look_at_chunks(X, y, weights)
        self.sparse = any(chunk["sparse"] for chunk in chunks)
        self.entries = sum(chunk["entries"] for chunk in chunks)
        self.dtype = X.dtype
        self.classes, numbers = np.unique(
            np.concatenate([chunk["labels"] for chunk in chunks]), return_inverse=True
        )
        kept = [int(chunk["counts"].sum()) for chunk in chunks]
        if sum(kept) == 0:
            raise mismatch("sample_weight", "zero for every row", "at least one weight above 0")
        if sum(kept) < len(y):
            X, y, weights = (_above_zero(array, weights, kept) for array in (X, y, weights))
        self._arrays = (X, y) if weights is None else (X, y, weights)
        self.shape = X.shape
        self._chunk_counts = np.zeros((len(chunks), len(self.classes)), dtype=np.int64)
        of_chunk = np.repeat(np.arange(len(chunks)), [len(chunk["labels"]) for chunk in chunks])
        self._chunk_counts[of_chunk, numbers] = np.concatenate([c["counts"] for c in chunks])
        self._chunk_counts = self._chunk_counts[np.flatnonzero(kept)]
        self.class_counts = self._chunk_counts.sum(axis=0)
        self._factors: NDArray[np.float64] | None = None
        self._parts: list[Part] = []
        self._sizes: list[int] = []
        self._set_class_weights()

    def __getstate__(self) -> dict[str, Any]:
        """What a contribution needs to know on a worker: everything but the rows."""
        return vars(self) | {"_arrays": (), "_parts": [], "_sizes": []}

    def combined(
        self, term: RowsTerm, combine: Combine, *, term_entries: int, threads: int | None
    ) -> tuple[NDArray[Any], ...]:
        """What the contributions of all blocks become; see the base class."""
        block_rows = rows_per_block(self.entries / self.shape[0])
        self._cut(block_rows, term_entries)
        function = partial(
            combine_parts, term, self.classes, self._factors, block_rows, len(self._parts), combine
        )
        return combine_on_workers(function, self._parts, combine, threads)

    def take(
        self,
        indices: NDArray[np.integer],
        weights: NDArray[np.float64] | None,
        memory: NDArray[Any] | None = None,  # noqa: ARG002  # rows come in memory of their own
    ) -> ArrayRows:
        """Copy rows into memory; see the base class."""
        with reaching_scheduler():
            X, y, *s = dask.compute(*(array[indices] for array in self._arrays))
        numbers = np.searchsorted(self.classes, y)
        s = weigh(numbers, s[0] if s else None, self._factors)
        if s is not None:
            weights = s * (1.0 if weights is None else weights)
        return ArrayRows(X, numbers, weights)

    def indices_of(self, label: int, places: NDArray[np.integer]) -> NDArray[np.integer]:
        """Row numbers of some rows of a label; see the base class."""
        y, counts = self._arrays[1], self._chunk_counts[:, label]
        starts, firsts = (np.cumsum([0, *sizes]) for sizes in (y.chunks[0], counts))
        found = []
        for i, block in enumerate(_blocks(y)):
            here = places[(places >= firsts[i]) & (places < firsts[i + 1])] - firsts[i]
            if len(here):
                found.append(delayed(_indices)(block, self.classes[label], here, starts[i]))
        with reaching_scheduler():
            return np.concatenate(dask.compute(*found))

    def weighted_by_class(self, factors: NDArray[np.float64]) -> Self:
        """The same rows with other weights; see the base class."""
        other = object.__new__(type(self))
        vars(other).update(vars(self))
        other._factors = factors
        other._set_class_weights()
        return other

    def _set_class_weights(self) -> None:
        def term(_: Any, y: NDArray[np.integer], s: NDArray[np.float64] | None) -> Terms:
            return (np.bincount(y, s, len(counts)),)

        counts = self.class_weights = self.class_counts.astype(np.float64)
        if self._factors is not None or len(self._arrays) == 3:
            self.class_weights = self.sum(term, term_entries=self.shape[1], threads=1)[0]

    def _look_at_chunks(self, X: Any, y: Any, weights: Any) -> Sequence[dict[str, Any]]:
        arrays = (array for array in (X, y, weights) if array is not None)
        blocks = zip(*map(_blocks, arrays), strict=True)
        with reaching_scheduler():
            return dask.compute(*(delayed(_look_at)(*block) for block in blocks))

    def _cut(self, block_rows: int, term_entries: int) -> None:
        """Set ``_parts``, the parts of the sum."""
        blocks = parts(self.shape[0], block_rows=block_rows, term_entries=term_entries)
        sizes = [part[-1].stop - part[0].start for part in blocks]
        if sizes != self._sizes:
            self._parts, self._sizes = cut(self._arrays, sizes), sizes


def _check(X: Any, y: Any, weights: Any) -> Any:
    """Check shapes and types, and return the weights as a dask array or None."""
    if isinstance(weights, Real) and isinstance(X, da.Array):
        weights = da.full(X.shape[0], float(weights), chunks=(X.chunks[0],))
    named = {"X": X, "y": y} | ({} if weights is None else {"sample_weight": weights})
    for name, array in named.items():
        if not isinstance(array, da.Array):
            raise mismatch(name, type(array).__name__, "a dask array, as X, y and weights all are")
        if np.isnan(array.shape).any():
            raise mismatch(
                name, "chunks of unknown size", "known ones: call compute_chunk_sizes() first"
            )
    if X.ndim != 2 or 0 in X.shape:
        raise mismatch("X", f"shape {X.shape}", "(N, d) with at least one row and column")
    if X.dtype not in DTYPES:
        raise mismatch("X", f"type {X.dtype}", "uint8, float32 or float64: call astype first")
    for name in ("y", "sample_weight"):
        if name in named and named[name].shape != (len(X),):
            raise mismatch(name, f"shape {named[name].shape}", f"({len(X)},), one per row of X")
    return None if weights is None else weights.astype(np.float64)


def _look_at(X: Any, y: NDArray, s: NDArray[np.float64] | None = None) -> dict[str, Any]:
    """Check a chunk, and describe its rows of a weight above zero."""
    sparse = scipy.sparse.issparse(X)
    if sparse and (X.format != "csr" or X.dtype == np.uint8):
        raise mismatch("X", f"{X.format} blocks of {X.dtype}", "csr blocks of float32 or float64")
    named = {"X": X.data if sparse else X, "y": y} | ({} if s is None else {"sample_weight": s})
    for name, values in named.items():
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise mismatch(name, "infinity or NaN", "finite numbers")
    if s is not None and s.min() < 0:
        raise mismatch("sample_weight", f"a weight of {s.min():g}", "weights of at least 0")
    if s is not None and not s.all():
        X, y = X[s > 0], y[s > 0]
    labels, counts = np.unique(y, return_counts=True)
    entries = X.nnz if sparse else X.size
    return {"sparse": sparse, "entries": int(entries), "labels": labels, "counts": counts}


def _above_zero(array: Any, weights: Any, kept: Sequence[int]) -> Any:
    """The rows of an array with a weight above zero, given their number in each chunk."""
    blocks = zip(_blocks(array), _blocks(weights), kept, strict=True)
    return da.concatenate(
        [
            da.from_delayed(
                delayed(lambda rows, s: rows[s > 0])(block, s), (n, *array.shape[1:]), array.dtype
            )
            for block, s, n in blocks
            if n > 0
        ]
    )


def _blocks(array: Any) -> Any:
    """The chunks of an array as delayed objects; Dask's optimisation would lose persisted ones."""
    return array.to_delayed(optimize_graph=False).ravel()


def _indices(y: NDArray, label: Any, places: NDArray[np.integer], start: int) -> NDArray:
    return start + np.flatnonzero(y == label)[places]
