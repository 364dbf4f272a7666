"""Threads: work spread over cores, and BLAS held to one thread meanwhile."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

import scipy.linalg  # noqa: F401 - loads SciPy's own BLAS, so that it is found below
from threadpoolctl import LibController, ThreadpoolController

Item = TypeVar("Item")
Result = TypeVar("Result")


def available_cores() -> int:
    """Number of cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def spread(
    function: Callable[[Item], Result], items: Sequence[Item], *, threads: int | None = None
) -> list[Result]:
    """Apply a function to every item, spread over threads, with BLAS at one thread.

    Args:
        function: Runs in several threads at once and must change nothing outside itself.
        items: Arguments of the calls.
        threads: Number of threads; None for every core this process may use.

    Returns:
        The results in the order of the items.
    """
    workers = min(threads or available_cores(), len(items))
    with single_blas_thread():
        if workers == 1:
            return [function(item) for item in items]
        remaining = iter(range(len(items)))  # shared: each number goes to one thread
        results: dict[int, Result] = {}

        def work() -> None:
            for i in remaining:
                results[i] = function(items[i])

        others = [_pool(workers - 1).submit(work) for _ in range(workers - 1)]
        try:
            work()  # on the calling thread, too: if it waited, it would interrupt the others
        finally:
            for other in others:
                if not other.cancel():  # a thread that has not begun by now comes too late
                    other.result()
        return [results[i] for i in range(len(items))]


@contextmanager
def single_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread; nests, and may be entered by several threads at once.

    The number of BLAS threads belongs to the whole process. The first to enter remembers it, the
    last to leave restores it.
    """
    _BLAS_LIMIT.acquire()
    try:
        yield
    finally:
        _BLAS_LIMIT.release()


class _BlasLimit:
    """Counts who needs BLAS at one thread.

    `ThreadpoolController.limit` neither counts nor is fast enough: it takes longer than a small
    sum.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._before: list[tuple[LibController, int]] = []

    def acquire(self) -> None:
        with self._lock:
            if self._users == 0:
                self._before = [
                    (library, library.get_num_threads()) for library in blas_libraries()
                ]
                for library, _ in self._before:
                    _set_threads(library, 1)
            self._users += 1

    def release(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._restore()

    def reset(self) -> None:
        """Forget the users of the parent process, whose threads a forked process does not have."""
        self._lock = threading.Lock()
        if self._users:
            self._restore()
        self._users = 0

    def _restore(self) -> None:
        for library, threads in self._before:
            _set_threads(library, threads)


def _set_threads(library: LibController, threads: int) -> None:
    """Set the number of BLAS threads, from whichever thread of this process."""
    if hasattr(library, "clear_controlling_thread"):  # threadpoolctl 3.8 obeys only the first
        library.clear_controlling_thread(force=True)
    library.set_num_threads(threads)


@cache
def blas_libraries() -> list[LibController]:
    """The BLAS libraries of this process; finding them costs milliseconds, so it is done once."""
    return ThreadpoolController().select(user_api="blas").lib_controllers


@cache
def _pool(workers: int) -> ThreadPoolExecutor:
    """Threads that stay: to start them anew would take as long as a third of a small sum."""
    return ThreadPoolExecutor(workers, thread_name_prefix="rows")


_BLAS_LIMIT = _BlasLimit()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # a forked process inherits no threads
    os.register_at_fork(after_in_child=_BLAS_LIMIT.reset)
