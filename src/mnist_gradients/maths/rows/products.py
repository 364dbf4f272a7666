"""Products of a block of many rows with few columns, dense or sparse.

The gradient of a linear model is two products of a tall block of rows with a matrix of only K
columns. BLAS libraries rearrange their operands before they multiply, which costs more than such a
product itself. Two remedies, by processor:

- With AVX-512, OpenBLAS multiplies small enough operands where they are. Cut into tiles of that
  size, both products of softmax regression run two to three times faster.
- Without it, the kernels work on four columns at a time. K padded with zeros to a multiple of four
  runs 1.2 times faster than a remainder.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from mnist_gradients.maths.rows.threads import blas_libraries

SMALL_PRODUCT = 800_000  # multiplications; OpenBLAS draws the line at 10^6
LEAST_ROWS = 32  # thinner tiles would cost more in calls than they save
AVX512 = ("SkylakeX", "Cooperlake", "SapphireRapids")  # as OpenBLAS calls its kernels
KERNEL_COLUMNS = 4

Block = Any  # a dense array or a sparse CSR matrix, (B, d)


def product(X: Block, W: NDArray[np.floating]) -> NDArray[np.floating]:
    """X W for X (B, d) and W (d, K), stored column by column if X is dense.

    Sums over the K columns then run along contiguous memory.
    """
    if scipy.sparse.issparse(X):
        return np.asarray(X @ W)
    K = W.shape[1]
    W_transposed = _padded(np.ascontiguousarray(W.T))
    tiles, rest = _cut(X, K)
    if len(tiles) == 1:
        columns = W_transposed @ tiles[0].T
    else:
        Z = W_transposed @ tiles.transpose(0, 2, 1)  # (tiles, K, rows)
        columns = Z.transpose(1, 0, 2).reshape(len(W_transposed), -1)
    if len(rest):
        columns = np.hstack([columns, W_transposed @ rest.T])
    return columns[:K].T


def transposed_product(X: Block, R: NDArray[np.floating]) -> NDArray[np.floating]:
    """X^T R for X (B, d) and R (B, K)."""
    if scipy.sparse.issparse(X):
        return np.asarray(X.T @ R)
    K = R.shape[1]
    R_transposed = _padded(R.T)
    tiles, rest = _cut(X, K)
    n = len(X) - len(rest)
    if len(tiles) == 1:
        total = R_transposed[:, :n] @ tiles[0]
    else:
        R_tiles = R_transposed[:, :n].reshape(len(R_transposed), *tiles.shape[:2])
        total = (R_tiles.transpose(1, 0, 2) @ tiles).sum(axis=0)
    if len(rest):
        total += R_transposed[:, n:] @ rest
    return total[:K].T


def rows_per_tile(n_rows: int, d: int, K: int) -> int:
    """Number of rows whose product with a (d, K) matrix needs no rearrangement.

    Args:
        n_rows: Number of rows there are.
        d: Entries per row.
        K: Columns of the other operand. A single column needs no tiles.

    Returns:
        Rows per tile; all of them where tiles would not pay.
    """
    rows = SMALL_PRODUCT // (d * K) // LEAST_ROWS * LEAST_ROWS
    if K == 1 or rows == 0 or not multiplies_small_operands_in_place():
        return n_rows
    return min(rows, n_rows)


@cache
def multiplies_small_operands_in_place() -> bool:
    """Whether the BLAS library of this process has kernels for small products."""
    return any(library.info().get("architecture") in AVX512 for library in blas_libraries())


def _padded(columns: NDArray[np.floating]) -> NDArray[np.floating]:
    """The K rows of a matrix with rows of zeros up to a multiple of four; a single row as it is."""
    K = len(columns)
    missing = -K % KERNEL_COLUMNS
    if K == 1 or missing == 0 or multiplies_small_operands_in_place():
        return columns
    padded = np.zeros((K + missing, columns.shape[1]), columns.dtype)
    padded[:K] = columns
    return padded


def _cut(X: NDArray[np.floating], K: int) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Tiles of X, (tiles, rows, d), and the rows that are left over.

    One product of all tiles at once releases Python's lock once, not for every tile.
    """
    rows = rows_per_tile(len(X), X.shape[1], K)
    n = len(X) // rows * rows
    return X[:n].reshape(-1, rows, X.shape[1]), X[n:]
