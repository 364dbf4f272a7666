"""Rows of a mapped file: the same values, and memory given back."""

from pathlib import Path

import numpy as np
import pytest

from mnist_gradients.maths.rows.mapped_rows import gather, release
from mnist_gradients.maths.softmax_regression import SoftmaxObjective
from mnist_gradients.maths.solvers.preconditioned_lbfgs import preconditioned_lbfgs

STATUS = Path("/proc/self/status")
needs_proc = pytest.mark.skipif(not STATUS.exists(), reason="this system has no /proc")


@pytest.fixture
def rows(tmp_path):
    """Path of a file with 16 MB of rows, float32 (40000, 100), and the rows themselves."""
    values = np.random.default_rng(0).normal(size=(40_000, 100)).astype(np.float32)
    np.save(tmp_path / "X.npy", values)
    return tmp_path / "X.npy", values


def mapped_mib():
    """Resident memory that belongs to files."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("RssFile"))
    return int(line.split()[1]) / 1024


@needs_proc
@pytest.mark.parametrize("part", [slice(None), slice(7, 39_990)])
def test_memory_is_given_back_and_the_rows_are_still_there(rows, part):
    path, values = rows
    X = np.load(path, mmap_mode="r")[part]
    before = mapped_mib()
    X.sum()
    read = mapped_mib()
    release(X)
    assert read - before > 14
    assert mapped_mib() - before < 1
    np.testing.assert_array_equal(X, values[part])


def test_only_the_rows_that_are_named_are_given_back(rows):
    path, values = rows
    X = np.load(path, mmap_mode="r")
    X.sum()
    release(X[:20_000])
    np.testing.assert_array_equal(X, values)


@pytest.mark.parametrize("mode", ["r+", "c"])
def test_changes_outlive_it(rows, mode):
    path, _ = rows
    X = np.load(path, mmap_mode=mode)
    X[3, 4] = 17
    release(X)
    release(np.asarray(X)[2:6])
    assert X[3, 4] == 17
    assert (np.load(path)[3, 4] == 17) == (mode == "r+")


def test_arrays_in_memory_are_left_alone():
    X = np.arange(12.0).reshape(4, 3)
    release(X)
    release(X[:0])
    np.testing.assert_array_equal(X, np.arange(12.0).reshape(4, 3))


@pytest.mark.parametrize("mode", [None, "r"])
def test_gathered_rows_are_the_rows(rows, mode):
    path, values = rows
    X = np.load(path, mmap_mode=mode)
    some = np.random.default_rng(1).integers(0, len(X), 1000)
    np.testing.assert_array_equal(gather(X, some), values[some])


@needs_proc
def test_a_fit_keeps_next_to_nothing_of_the_file(rows):
    path, values = rows
    X, y = np.load(path, mmap_mode="r"), (values[:, :3].argmax(axis=1))
    before = mapped_mib()
    preconditioned_lbfgs(SoftmaxObjective(X, y, 1e-3), tolerance=1e-3)
    assert mapped_mib() - before < 4
