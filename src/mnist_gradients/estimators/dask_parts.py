"""Parts of a sum over rows of dask arrays, and the workers that compute them.

Rows of a part come from one or more chunks of the arrays. Arrays that are persisted are cut into
chunks that are parts; other arrays stay in the chunks they have, and a part takes slices of them.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain, pairwise
from typing import Any, NamedTuple

import dask
import numpy as np
import scipy.sparse
from dask.core import flatten
from distributed import Client, default_client, futures_of, get_worker
from distributed.client import FutureCancelledError
from distributed.comm import CommClosedError
from numpy.typing import NDArray

from mnist_gradients.maths.rows.blocks import Terms, add
from mnist_gradients.maths.rows.labelled_rows import RowsTerm
from mnist_gradients.maths.rows.threads import spread


class Piece(NamedTuple):
    """Consecutive rows of a chunk.

    Attributes:
        number: Number of the chunk.
        chunk: Features, labels and weights if there are any: arrays, or functions that compute
            them.
        rows: Rows of the chunk.
    """

    number: int
    chunk: tuple[Any, ...]
    rows: slice


Part = list[Piece]


def cut(arrays: Sequence[Any], sizes: Sequence[int]) -> list[Part]:
    """Cut arrays with the same chunks into parts of so many rows."""
    if futures_of(arrays):
        held = zip(*(_held(array.rechunk({0: tuple(sizes)})) for array in arrays), strict=True)
        return [[Piece(i, chunk, slice(None))] for i, chunk in enumerate(held)]
    chunks = list(zip(*map(_lazy, arrays), strict=True))
    starts = np.cumsum([0, *arrays[0].chunks[0]])
    part_starts = np.cumsum([0, *sizes])
    found: list[Part] = [[] for _ in sizes]
    for start, stop in pairwise(np.union1d(starts, part_starts).tolist()):
        i = int(np.searchsorted(starts, start, side="right")) - 1
        part = found[np.searchsorted(part_starts, start, side="right") - 1]
        part.append(Piece(i, chunks[i], slice(start - int(starts[i]), stop - int(starts[i]))))
    return found


def _held(array: Any) -> list[Any]:
    """The chunks of an array: futures if it is persisted, functions that compute them if not."""
    keys = list(flatten(array.__dask_keys__()))
    futures = {future.key: future for future in futures_of(array)}
    if not futures:
        return _lazy(array)
    if not futures.keys() >= set(keys):
        array = default_client().persist(array)
        futures = {future.key: future for future in futures_of(array)}
    return [futures[key] for key in keys]


def _lazy(array: Any) -> list[Callable[[], Any]]:
    """The chunks of an array as functions that compute them, quick to send to a worker."""
    blocks = [dask.optimize(block)[0] for block in array.to_delayed().ravel()]
    return [partial(dask.get, dict(block.__dask_graph__()), block.key) for block in blocks]


def sum_parts(
    term: RowsTerm,
    classes: NDArray,
    factors: NDArray[np.float64] | None,
    block_rows: int,
    part_list: Sequence[Part],
    threads: int | None,
) -> list[Terms]:
    """Sum of the contributions of each part, on the machine that has them."""
    kept = threading.local()

    def computed(piece: Piece) -> list[Any]:
        """The rows of a piece; each thread keeps the chunk of its last one."""
        if getattr(kept, "number", None) != piece.number:
            kept.chunk = None  # first, so that memory holds one chunk
            kept.chunk = [array() if callable(array) else array for array in piece.chunk]
            kept.number = piece.number
        return [array[piece.rows] for array in kept.chunk]

    def of_block(block: Sequence[Any]) -> Terms:
        X, y, *s = block
        numbers = np.searchsorted(classes, y)
        X = X if scipy.sparse.issparse(X) else np.ascontiguousarray(X)
        return term(X, numbers, weigh(numbers, s[0] if s else None, factors))

    def of_part(part: Part) -> Terms:
        return add(map(of_block, _blocks(map(computed, part), block_rows)))

    return spread(of_part, part_list, threads=threads or get_worker().state.nthreads)


def _blocks(pieces: Iterator[list[Any]], block_rows: int) -> Iterator[Sequence[Any]]:
    """Blocks of so many rows, the last one with the rest; joined where they lie in two pieces."""
    begun: list[list[Any]] = []  # pieces of a block that is not full
    missing = block_rows
    for arrays in pieces:
        n_rows, start = arrays[0].shape[0], 0
        while start < n_rows:
            stop = min(start + missing, n_rows)
            begun.append([array[start:stop] for array in arrays])
            missing -= stop - start
            start = stop
            if missing == 0:
                yield _joined(begun)
                begun, missing = [], block_rows
    if begun:
        yield _joined(begun)


def _joined(pieces: list[list[Any]]) -> Sequence[Any]:
    if len(pieces) == 1:
        return pieces[0]
    X, *others = zip(*pieces, strict=True)
    join = partial(scipy.sparse.vstack, format="csr") if scipy.sparse.issparse(X[0]) else np.vstack
    return [join(X), *map(np.concatenate, others)]


def weigh(
    numbers: NDArray[np.integer], s: NDArray | None, factors: NDArray[np.float64] | None
) -> NDArray[np.float64] | None:
    """Sample weights times the factors of their classes."""
    return s if factors is None else factors[numbers] * (1.0 if s is None else s)


def on_workers(
    function: Callable[..., list[Terms]], part_list: Sequence[Part], threads: int | None
) -> list[Terms]:
    """Apply a function to lists of parts, one for each worker; the results part by part."""
    client = _client()
    if client is None:
        return function(part_list, threads)
    with reaching_scheduler():
        shares = _shares(part_list, client)
        futures = [
            client.submit(
                function,
                [part_list[i] for i in share],
                None,
                pure=False,
                workers=worker,
                allow_other_workers=worker is not None,
            )
            for worker, share in shares.items()
        ]
        results = client.gather(futures)
    found = dict(zip(chain(*shares.values()), chain(*results), strict=True))
    return [found[i] for i in range(len(part_list))]


def _shares(part_list: Sequence[Part], client: Client) -> dict[str | None, list[int]]:
    """Numbers of the parts for each worker: those it holds, or a consecutive run of all."""
    workers = sorted(client.nthreads())
    firsts = [part[0].chunk[0] for part in part_list]
    held = [first for first in firsts if not callable(first)]
    shares: dict[str | None, list[int]] = defaultdict(list)
    if not workers:  # until one joins, which takes all
        shares[None] = list(range(len(part_list)))
    elif held:
        holders = client.who_has(held)
        for i, future in enumerate(held):
            at = holders.get(future.key) or workers
            shares[min(at, key=lambda worker: len(shares[worker]))].append(i)
    else:
        bounds = np.linspace(0, len(part_list), len(workers) + 1).astype(int).tolist()
        for worker, run in zip(workers, pairwise(bounds), strict=True):
            shares[worker] = list(range(*run))
    return {worker: share for worker, share in shares.items() if share}


def _client() -> Client | None:
    """The current client of Dask distributed, if there is one."""
    try:
        return default_client()
    except ValueError:
        return None


@contextmanager
def reaching_scheduler() -> Iterator[None]:
    """Say in one line that the scheduler is lost."""
    client = _client()
    try:
        yield
    except (CommClosedError, FutureCancelledError, OSError) as error:
        lost = isinstance(error, (CommClosedError, FutureCancelledError))
        if client is None or (client.status == "running" and not lost):
            raise  # an error of what reads the rows
        raise ConnectionError(
            f"dask: found no scheduler any more ({error}), expected one"
        ) from None
