"""The block sum: every row once, the same bits however it is executed."""

import multiprocessing
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info

from mnist_gradients.maths.rows import blocks, threads
from mnist_gradients.maths.rows.blocks import block_sum, converted, parts
from mnist_gradients.maths.rows.threads import spread


@given(st.integers(1, 300), st.integers(1, 40), st.integers(1, 3))
def test_every_row_counts_once(n_rows, block_rows, threads):
    def term(rows):
        assert 0 < rows.stop - rows.start <= block_rows
        return np.eye(1, n_rows, 0), np.bincount(np.arange(n_rows)[rows], minlength=n_rows)

    _, counts = block_sum(term, n_rows, block_rows=block_rows, threads=threads)
    np.testing.assert_array_equal(counts, np.ones(n_rows))


@pytest.mark.parametrize(
    ("n_rows", "term_entries", "n_parts", "rows"),
    [
        (60_000, 7_850, 32, 3_072),
        (60_000, 1_000_000, 8, 7_680),
        (8_100_000, 7_850, 83, 98_304),
        (200_000_000, 7_850, 1_019, 196_608),
    ],
)
def test_parts_of_images_fit_into_the_memory_of_a_worker(n_rows, term_entries, n_parts, rows):
    found = parts(n_rows, block_rows=1536, term_entries=term_entries)
    assert len(found) == n_parts
    assert max(part[-1].stop - part[0].start for part in found) == rows
    assert [block.start for part in found for block in part] == list(range(0, n_rows, 1536))


def test_one_thread_and_many_give_the_same_bits():
    values = np.random.default_rng(0).normal(size=(5000, 3)).astype(np.float32)

    def term(rows):
        return (values[rows].sum(axis=0),)

    sums = [block_sum(term, 5000, block_rows=7, threads=threads)[0] for threads in (1, 2, 3)]
    np.testing.assert_array_equal(sums[0], sums[1])
    np.testing.assert_array_equal(sums[0], sums[2])


def test_many_parts_are_added_in_groups(monkeypatch):
    values = np.random.default_rng(1).normal(size=20)
    monkeypatch.setattr(blocks, "MANY_PARTS", 19)
    monkeypatch.setattr(blocks, "GROUP_PARTS", 8)

    def term(rows):
        return (values[rows],)

    def one_by_one(first, last):
        return np.cumsum(values[first:last])[-1]

    expected = one_by_one(0, 8) + one_by_one(8, 16) + one_by_one(16, 20)
    (found,) = block_sum(term, 20, block_rows=1, threads=2)
    assert found == [expected] != [one_by_one(0, 20)]
    assert blocks.groups(19) == [range(i, i + 1) for i in range(19)]


def test_contributions_are_added_in_float64_and_left_unchanged():
    contribution = np.array([2.0**-30], dtype=np.float32)

    def term(rows):
        return np.float32([1.0]) if rows.start == 0 else contribution, 1

    total, count = block_sum(term, 1000, block_rows=1, threads=2)
    assert total.dtype == np.float64
    assert total[0] == 1 + 999 * 2.0**-30  # in float32 this would be one
    assert count == 1000
    assert contribution[0] == np.float32(2.0**-30)


def test_blas_has_one_thread_inside_and_its_own_number_again_outside():
    def blas_threads():
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    before = blas_threads()

    def term(_):
        return (np.array(max(blas_threads())),)

    assert block_sum(term, 3, block_rows=1, threads=2) == (3,)
    assert blas_threads() == before


def test_an_error_in_a_thread_reaches_the_caller():
    def term(rows):
        raise ArithmeticError(f"row {rows.start}")

    with pytest.raises(ArithmeticError, match=r"row \d"):
        block_sum(term, 10, block_rows=1, threads=2)


def test_sums_within_sums_end():
    def inner(rows):
        return (np.arange(20)[rows].sum(),)

    def outer(_):
        return block_sum(inner, 20, block_rows=3, threads=2)

    assert block_sum(outer, 10, block_rows=1, threads=2) == (10 * 190,)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_process_starts_threads_of_its_own():
    def work():
        both_at_once = threading.Barrier(2)

        def term(rows):
            both_at_once.wait(timeout=20)
            return (rows.stop,)

        assert block_sum(term, 4, block_rows=1, threads=2) == (10,)

    work()
    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join()
    assert child.exitcode == 0


@pytest.mark.parametrize("threads", [1, 2, None])
def test_results_come_in_the_order_of_the_items(threads):
    assert spread(lambda item: item**2, range(50), threads=threads) == [i**2 for i in range(50)]


class Library:
    """A BLAS library that remembers its number of threads."""

    def __init__(self, threads):
        self.threads = threads

    def get_num_threads(self):
        return self.threads

    def set_num_threads(self, threads):
        self.threads = threads


def test_blas_stays_at_one_thread_until_the_last_of_several_users_has_left(monkeypatch):
    """Two users that overlap, the first to enter being the first to leave."""
    library = Library(threads=6)
    monkeypatch.setattr(threads, "blas_libraries", lambda: [library])
    first, second = threads.single_blas_thread(), threads.single_blas_thread()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert library.threads == 1
    second.__exit__(None, None, None)
    assert library.threads == 6


def test_blas_is_restored_after_an_error(monkeypatch):
    library = Library(threads=6)
    monkeypatch.setattr(threads, "blas_libraries", lambda: [library])
    with pytest.raises(ArithmeticError), threads.single_blas_thread():
        raise ArithmeticError
    assert library.threads == 6


def test_a_converted_block_has_memory_of_its_own_thread():
    X = np.arange(6, dtype=np.uint8).reshape(2, 3)
    first = converted(X, np.float32)
    np.testing.assert_array_equal(first, X.astype(np.float32))
    assert first.dtype == np.float32
    second = converted(X[:1] + 1, np.float64)
    assert np.shares_memory(first, second)
    with ThreadPoolExecutor(1) as other:
        assert not np.shares_memory(second, other.submit(converted, X, np.float32).result())
