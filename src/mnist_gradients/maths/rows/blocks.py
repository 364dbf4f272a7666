"""The block sum: how rows are cut into blocks, and in which order the blocks are added.

Every quantity of an objective is a sum over rows: the loss, the gradient, a Hessian-vector product.
The caller says what one block of rows contributes. A block is small enough to stay in a core's
cache while it is used, so that data larger than memory costs no more memory than data that fits.

The sum does not depend on how it is executed. Blocks form parts of consecutive rows; each part is
summed in the order of its blocks, and the parts are summed in order, many of them group by group.
Threads, and machines, only decide where a part is computed, hence one and two give the same bits.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from mnist_gradients.maths.rows.memory import new_array
from mnist_gradients.maths.rows.threads import spread

BLOCK_ENTRIES = 1536 * 784  # in float32 4.8 MB: read once from memory, used twice from the cache
MOST_ROWS = 16_384  # for narrow rows, whose logits take more space than they do themselves
PARTS = 32  # enough for an even load on many cores, few enough that the partial sums cost nothing
PART_BLOCKS = 64  # of longer data: a part of images takes 77 MB, and any worker's memory holds it
MANY_PARTS = 300  # more are added in groups, so that a machine sends one sum for each group
GROUP_PARTS = 16
PARTIAL_ENTRIES = 8_000_000  # of all partial sums together, 64 MB

Terms = tuple[NDArray[np.floating | np.integer], ...]
Term = Callable[[slice], Terms]
Combine = Callable[[Iterable[Terms]], tuple[NDArray[Any], ...]]  # of terms in order


def rows_per_block(row_entries: float) -> int:
    """Number of rows with so many entries each that make up a block."""
    return max(1, min(int(BLOCK_ENTRIES / max(row_entries, 1)), MOST_ROWS))


def parts(n_rows: int, *, block_rows: int, term_entries: int = 1) -> list[list[slice]]:
    """Cut rows into blocks, and group consecutive blocks into parts.

    Args:
        n_rows: Number of rows, at least 1.
        block_rows: Rows per block.
        term_entries: Number of entries of one contribution; large ones make fewer parts.

    Returns:
        The blocks of each part.
    """
    blocks = [slice(i, min(i + block_rows, n_rows)) for i in range(0, n_rows, block_rows)]
    most = max(2, PARTIAL_ENTRIES // term_entries)
    n_long = -(-len(blocks) // PART_BLOCKS)
    if PARTS < n_long <= most:
        return [blocks[i : i + PART_BLOCKS] for i in range(0, len(blocks), PART_BLOCKS)]
    n_parts = min(max(PARTS, n_long), len(blocks), most)
    bounds = np.linspace(0, len(blocks), n_parts + 1).astype(int)
    return [blocks[i:j] for i, j in pairwise(bounds) if i < j]


def groups(n_parts: int) -> list[range]:
    """Consecutive parts whose sums are added first; each part by itself if they are not many."""
    size = 1 if n_parts <= MANY_PARTS else GROUP_PARTS
    return [range(i, min(i + size, n_parts)) for i in range(0, n_parts, size)]


def add(terms: Iterable[Terms]) -> tuple[NDArray[np.float64], ...]:
    """Add tuples of arrays entry by entry in float64, in the order given."""
    iterator = iter(terms)
    total = tuple(np.array(entry, dtype=np.float64) for entry in next(iterator))
    for term in iterator:
        for entry, addend in zip(total, term, strict=True):
            entry += addend
    return total


def join(terms: Iterable[Terms]) -> Terms:
    """Join tuples of arrays along the first axis, in the order given."""
    return tuple(np.concatenate(arrays) for arrays in zip(*terms, strict=True))


def join_first(terms: Iterable[Terms]) -> Terms:
    """Join the first arrays of tuples, and add the others."""
    first, others = [], []
    for term in terms:
        first.append(term[:1])
        others.append(term[1:])
    return *join(first), *add(others)


def block_sum(
    term: Term,
    n_rows: int,
    *,
    block_rows: int,
    term_entries: int = 1,
    threads: int | None = None,
    combine: Combine = add,
) -> tuple[NDArray[Any], ...]:
    """Sum the contributions of blocks of rows, in float64 and in a fixed order.

    ::

        sum_b term(rows of block b)

    Args:
        term: Contribution of the rows of one slice: a tuple of arrays, the same shapes for every
            slice. It runs in several threads at once and must change nothing outside itself.
        n_rows: Number of rows to sum over, at least 1.
        block_rows: Rows per block.
        term_entries: Number of entries of one contribution.
        threads: Number of threads; None for every core this process may use.
        combine: What contributions in the order of the rows become: they are added or joined.

    Returns:
        What ``combine`` makes of them: the sums, as float64 arrays of the shapes that ``term``
        returns, if it adds.
    """
    cut = parts(n_rows, block_rows=block_rows, term_entries=term_entries)
    sums = spread(lambda part: combine(map(term, part)), cut, threads=threads)
    return combine(combine(sums[i] for i in group) for group in groups(len(sums)))


def converted(X: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    """A dense block in another type, in memory that belongs to this thread's next block, too.

    Some allocators give the memory of a block back to the system at once, as in Dask's workers. To
    get it anew for each block makes a pass over images up to 1.5 times as expensive.
    """
    memory = getattr(_MEMORY, "bytes", None)
    n_bytes = X.size * np.dtype(dtype).itemsize
    if memory is None or memory.size < n_bytes:
        memory = _MEMORY.bytes = new_array((n_bytes,), np.uint8)
    block = memory[:n_bytes].view(dtype).reshape(X.shape)
    block[...] = X
    return block


_MEMORY = threading.local()
