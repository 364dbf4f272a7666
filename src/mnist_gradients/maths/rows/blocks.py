"""The block sum: the one place that knows how rows are cut into blocks and who computes them.

Every quantity of an objective is a sum over rows: the loss, the gradient, a Hessian-vector product.
Its caller says what one block of rows contributes, and this module adds the contributions up. A
block is small enough to stay in a core's cache while it is used, whatever the number of rows, so
that data larger than memory costs no more memory than data that fits.

The sum does not depend on how it is executed. Blocks form at most ``PARTS`` parts of consecutive
rows; each part is summed in the order of its blocks, and the parts are summed in order. Threads
only decide who computes a part, hence one thread and two give the same bits.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import LibController, ThreadpoolController

BLOCK_ENTRIES = 1536 * 784  # in float32 4.8 MB: read once from memory, used twice from the cache
MOST_ROWS = 16_384  # for narrow rows, whose margins take more space than they do themselves
PARTS = 32  # enough for an even load on many cores, few enough that the partial sums cost nothing

Term = Callable[[slice], tuple[NDArray[np.floating], ...]]
Item = TypeVar("Item")
Result = TypeVar("Result")


def rows_per_block(row_entries: int) -> int:
    """Number of rows with so many entries each that make up a block."""
    return max(1, min(BLOCK_ENTRIES // row_entries, MOST_ROWS))


def block_sum(
    term: Term, n_rows: int, *, block_rows: int, threads: int | None = None
) -> tuple[NDArray[np.float64], ...]:
    """Sum what blocks of rows contribute, in float64 and in a fixed order.

    ::

        sum_b term(rows of block b)

    Args:
        term: Contribution of the rows of one slice: a tuple of arrays, the same shapes for every
            slice. It runs in several threads at once and must change nothing outside itself.
        n_rows: Number of rows to sum over, at least 1.
        block_rows: Rows per block.
        threads: Number of threads; None for every core this process may use.

    Returns:
        The sums, as float64 arrays of the shapes that ``term`` returns.
    """
    blocks = [slice(i, min(i + block_rows, n_rows)) for i in range(0, n_rows, block_rows)]
    bounds = np.linspace(0, len(blocks), min(PARTS, len(blocks)) + 1).astype(int)
    parts = [blocks[i:j] for i, j in pairwise(bounds)]
    return _sum(spread(lambda part: _sum(map(term, part)), parts, threads=threads))


def spread(
    function: Callable[[Item], Result], items: Sequence[Item], *, threads: int | None = None
) -> list[Result]:
    """Apply a function to every item, spread over threads.

    BLAS is held to one thread meanwhile, because the items themselves keep the cores busy.

    Args:
        function: Runs in several threads at once and must change nothing outside itself.
        items: What to apply it to.
        threads: Number of threads; None for every core this process may use.

    Returns:
        The results in the order of the items.
    """
    workers = min(threads or available_cores(), len(items))
    with _one_blas_thread():
        if workers == 1:
            return [function(item) for item in items]
        remaining = iter(range(len(items)))  # shared: each number goes to one thread
        results: dict[int, Result] = {}

        def work() -> None:
            for i in remaining:
                results[i] = function(items[i])

        others = [_pool(workers - 1).submit(work) for _ in range(workers - 1)]
        try:
            work()  # the calling thread takes part: waiting, it would keep interrupting the others
        finally:
            for other in others:
                if not other.cancel():  # whoever has not begun by now comes too late
                    other.result()
        return [results[i] for i in range(len(items))]


def available_cores() -> int:
    """Number of cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def _pool(workers: int) -> ThreadPoolExecutor:
    """Threads that stay: to start them anew would take as long as a third of a small sum."""
    return ThreadPoolExecutor(workers, thread_name_prefix="block_sum")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # a forked process inherits no threads


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread; `ThreadpoolController.limit` would take longer than a small sum."""
    before = [(library, library.get_num_threads()) for library in _blas_libraries()]
    for library, _ in before:
        library.set_num_threads(1)
    try:
        yield
    finally:
        for library, threads in before:
            library.set_num_threads(threads)


@cache
def _blas_libraries() -> list[LibController]:
    """The BLAS libraries of this process; finding them costs a millisecond, so it is done once."""
    return ThreadpoolController().select(user_api="blas").lib_controllers


def _sum(terms: Iterable[tuple[NDArray[np.floating], ...]]) -> tuple[NDArray[np.float64], ...]:
    """Sum tuples of arrays entry by entry in float64, in the order given."""
    iterator = iter(terms)
    total = tuple(np.array(entry, dtype=np.float64) for entry in next(iterator))
    for term in iterator:
        for entry, addend in zip(total, term, strict=True):
            entry += addend
    return total
