"""Parts of a sum over rows of dask arrays, and the workers that compute them.

Rows of a part come from one or more chunks of the arrays. Arrays that are persisted are cut into
chunks that are parts; other arrays stay in the chunks they have, and a part takes slices of them.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import chain, pairwise
from typing import Any, NamedTuple

import dask
import numpy as np
import scipy.sparse
from dask.core import flatten
from distributed import Client, default_client, futures_of, get_worker
from distributed.comm import CommClosedError
from numpy.typing import NDArray

from mnist_gradients.maths.rows.blocks import Combine, Terms, groups
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
CHECK_SECONDS = 10  # between two questions whether the scheduler is there


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


Combined = dict[range, Terms]  # by the numbers of the parts


def combine_parts(
    term: RowsTerm,
    classes: NDArray,
    factors: NDArray[np.float64] | None,
    block_rows: int,
    n_parts: int,
    combine: Combine,
    share: Mapping[int, Part],
    threads: int | None,
) -> Combined:
    """What becomes of the contributions of some of the parts, on the machine that has them.

    Args:
        term: Contribution of a block.
        classes: Labels in order.
        factors: Factor on the sample weights of each class; None for 1.
        block_rows: Rows per block.
        n_parts: Number of all parts.
        combine: How contributions in the order of the rows become one: added or joined.
        share: Parts by their numbers.
        threads: Number of threads; None for those of the worker.

    Returns:
        That of each group of parts of which the share has all, and those of its other parts.
    """
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
        return combine(map(of_block, _blocks(map(computed, part), block_rows)))

    threads = threads or get_worker().state.nthreads
    sums = dict(zip(share, spread(of_part, list(share.values()), threads=threads), strict=True))
    complete = [group for group in groups(n_parts) if sums.keys() >= set(group)]
    found: Combined = {group: combine(sums.pop(i) for i in group) for group in complete}
    return found | {range(i, i + 1): part_sum for i, part_sum in sums.items()}


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


def combine_on_workers(
    function: Callable[[Mapping[int, Part], int | None], Combined],
    part_list: Sequence[Part],
    combine: Combine,
    threads: int | None,
) -> tuple[NDArray[Any], ...]:
    """Apply `combine_parts` to some parts on each worker, and combine the results in order."""
    client = _client()
    if client is None:
        found = function(dict(enumerate(part_list)), threads)
    else:
        with reaching_scheduler():
            # Without `workers=`: a task that prefers a worker would never run once all were lost.
            futures = [
                client.submit(function, {i: part_list[i] for i in share}, None, pure=False)
                for share in _shares(part_list, client)
            ]
            found = dict(chain.from_iterable(sums.items() for sums in client.gather(futures)))

    def of_group(group: range) -> Terms:
        if group in found:
            return found[group]
        return combine(found[range(i, i + 1)] for i in group)

    return combine(map(of_group, groups(len(part_list))))


def _shares(part_list: Sequence[Part], client: Client) -> list[list[int]]:
    """Numbers of the parts for each worker: those it holds, or a consecutive run of all."""
    workers = sorted(client.nthreads())
    firsts = [part[0].chunk[0] for part in part_list]
    held = [first for first in firsts if not callable(first)]
    if not held or not workers:  # without workers, the first one to join takes all
        n_shares = min(max(len(workers), 1), len(part_list))
        bounds = np.linspace(0, len(part_list), n_shares + 1).astype(int).tolist()
        return [list(range(*run)) for run in pairwise(bounds)]
    shares: dict[str, list[int]] = defaultdict(list)
    holders = client.who_has(held)
    for i, future in enumerate(held):
        at = holders.get(future.key) or workers
        shares[min(at, key=lambda worker: len(shares[worker]))].append(i)
    return [share for share in shares.values() if share]


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
        with nullcontext() if client is None else _watched(client):
            yield
    except Exception as error:  # Dask has several for a client that has lost it
        lost = isinstance(error, (CommClosedError, CancelledError))
        if client is None or (client.status == "running" and not lost):
            raise  # an error of what reads the rows
        raise ConnectionError("dask: found no scheduler any more, expected one") from None


@contextmanager
def _watched(client: Client) -> Iterator[None]:
    """Close the client if its scheduler does not answer, which ends whatever waits for results.

    A client mostly sees that itself. Once, after a scheduler was closed early, it waited on.
    """
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(CHECK_SECONDS):
            try:
                client.nthreads()
            except OSError:
                client.close()
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
