"""Fits on dask arrays have the bits of fits on arrays, on any number of workers."""

import pickle
import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from importlib import import_module

import dask
import dask.array as da
import numpy as np
import pytest
import scipy.sparse
from dask.delayed import delayed
from distributed import Client, LocalCluster

from mnist_gradients.core import dask_parts
from mnist_gradients.core.dask_parts import reaching_scheduler
from mnist_gradients.core.dask_rows import DaskRows
from mnist_gradients.estimators import GradientLogisticRegression
from mnist_gradients.maths.rows import blocks
from mnist_gradients.maths.rows.labelled_rows import ArrayRows
from mnist_gradients.maths.solvers import (
    DEFAULT_SOLVER,
    SOLVERS,
    coordinates,
    sampling,
    search,
    working_problem,
)

SOLVER = import_module("mnist_gradients.maths.solvers.preconditioned_lbfgs")


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Six blocks, so that their order counts. Workers in this process have them, too."""
    monkeypatch.setattr(blocks, "MOST_ROWS", 100)


@pytest.fixture(scope="module")
def digits(small_digits):
    """600 images of 49 pixels."""
    images, labels = (
        np.concatenate([getattr(part, name) for part in small_digits])
        for name in ("images", "labels")
    )
    return images.reshape(600, -1), labels.astype(np.int64)


@contextmanager
def workers(n):
    """A client of n workers in this process."""
    options = {"threads_per_worker": 1, "processes": False, "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(n_workers=n, **options) as cluster, Client(cluster) as client:
        yield client


@pytest.fixture(scope="module")
def two_workers():
    with workers(2) as client:
        yield client


def fitted(X, y, sample_weight=None, **parameters):
    return GradientLogisticRegression(**({"C": 1e-4, "tol": 1e-3} | parameters)).fit(
        X, y, sample_weight
    )


def assert_same_bits(first, second):
    np.testing.assert_array_equal(first.coef_, second.coef_)
    np.testing.assert_array_equal(first.intercept_, second.intercept_)
    np.testing.assert_array_equal(first.classes_, second.classes_)
    assert first.n_iter_ == second.n_iter_
    assert first.n_features_in_ == second.n_features_in_


@pytest.mark.parametrize("n", [0, 3])
def test_any_number_of_workers_gives_the_bits_of_a_fit_on_arrays(digits, n):
    X, y = digits
    dX, dy = da.from_array(X, chunks=(170, 20)), da.from_array(y, chunks=250)
    with workers(n) if n else nullcontext():
        assert_same_bits(fitted(dX, dy), fitted(X, y))


@pytest.mark.parametrize("n", [0, 1, 3])
def test_many_parts_are_added_in_groups_with_the_bits_of_arrays(digits, n, monkeypatch):
    X, y = digits
    dX, dy = da.from_array(X, chunks=170), da.from_array(y, chunks=170)

    def summed(rows):
        term = lambda X, *_: (np.sin(X, dtype=float).sum(axis=0),)  # noqa: E731
        (found,) = rows.sum(term, term_entries=49, threads=1)
        return found

    one_by_one = summed(ArrayRows(X, y))
    monkeypatch.setattr(blocks, "MANY_PARTS", 5)
    monkeypatch.setattr(blocks, "GROUP_PARTS", 4)  # of six parts, on three workers two each
    with workers(n) if n else nullcontext():
        found = summed(DaskRows(dX, dy))
    np.testing.assert_array_equal(found, summed(ArrayRows(X, y)))
    assert not np.array_equal(found, one_by_one)


@pytest.mark.parametrize("chunk", [30, 170])
def test_each_chunk_is_computed_once_in_a_pass(digits, chunk):
    X, y = digits
    starts, read = range(0, 600, chunk), []

    def rows_from(start):
        read.append(start)
        return X[start : start + chunk]

    shapes = [(len(X[start : start + chunk]), X.shape[1]) for start in starts]
    lazy = [delayed(rows_from)(start) for start in starts]
    dX = da.concatenate(
        [da.from_delayed(c, shape, X.dtype) for c, shape in zip(lazy, shapes, strict=True)]
    )
    rows = DaskRows(dX, da.from_array(y, chunks=chunk))
    read.clear()
    (found,) = rows.sum(lambda X, *_: (X.sum(axis=0, dtype=int),), term_entries=49, threads=1)
    assert read == list(starts)
    np.testing.assert_array_equal(found, X.sum(axis=0))


@pytest.mark.usefixtures("two_workers")
@pytest.mark.filterwarnings("ignore:.* did not reach tol")
@pytest.mark.parametrize(
    ("solver", "K"), [*((solver, 10) for solver in SOLVERS), (DEFAULT_SOLVER, 2)]
)
def test_every_solver_gives_the_bits_of_a_fit_on_arrays(digits, solver, K):
    X, y = digits[0], np.array(["even", "odd"])[digits[1] % 2] if K == 2 else digits[1]
    steps = {} if solver == DEFAULT_SOLVER else {"max_iter": 1}
    dX, dy = da.from_array(X, chunks=170), da.from_array(y, chunks=250)
    assert_same_bits(fitted(dX, dy, solver=solver, **steps), fitted(X, y, solver=solver, **steps))


@pytest.mark.usefixtures("two_workers")
def test_persisted_rows_and_weights_give_the_bits_of_a_fit_on_arrays(digits):
    X, y = digits
    s = np.random.default_rng(0).integers(0, 3, len(y)) * 0.7
    dX, dy, ds = (da.from_array(array, chunks=170) for array in (X, y, s))
    dX, dy = dX.persist(), dy.persist()
    assert_same_bits(fitted(dX, dy), fitted(X, y))
    balanced = {"class_weight": "balanced"}
    assert_same_bits(fitted(dX, dy, ds, **balanced), fitted(X, y, s, **balanced))


def as_csr_blocks(X, rows):
    chunks = [X[i : i + rows] for i in range(0, X.shape[0], rows)]
    return da.concatenate(
        [da.from_delayed(delayed(scipy.sparse.csr_matrix)(c), c.shape, c.dtype) for c in chunks]
    )


@pytest.mark.usefixtures("two_workers")
def test_sparse_blocks_give_the_bits_of_a_fit_on_a_sparse_matrix(digits):
    X, y = scipy.sparse.csr_matrix(digits[0].astype(np.float32)), digits[1]
    assert_same_bits(fitted(as_csr_blocks(X, 170), da.from_array(y, chunks=250)), fitted(X, y))


@pytest.mark.parametrize("shape", [(60, 4_000), (9_000, 25)])
@pytest.mark.parametrize("offset", [0, 1e4])
def test_rows_in_float64_give_the_bits_of_a_fit_on_arrays(shape, offset, two_workers):  # noqa: ARG001
    generator = np.random.default_rng(0)
    X = generator.normal(size=shape)
    y = (X[:, 0] + generator.logistic(size=len(X)) > 0).astype(int)
    X += offset
    dX, dy = (da.from_array(array, chunks=len(X) // 3) for array in (X, y))
    assert_same_bits(fitted(dX, dy, C=1.0), fitted(X, y, C=1.0))


def test_rows_with_large_offsets_are_centred(digits):
    X, y = digits[0].astype(np.float32) + 30_000, digits[1]
    assert_same_bits(fitted(da.from_array(X, chunks=170), da.from_array(y)), fitted(X, y))


def test_rare_classes_enter_the_sample_as_from_arrays(monkeypatch):
    monkeypatch.undo()  # blocks of the usual size
    generator = np.random.default_rng(0)
    X = generator.normal(size=(18_000, 5)).astype(np.float32)
    y = np.where(np.arange(18_000) % 2000 == 7, 2, X[:, 0] > 0)
    dX, dy = da.from_array(X, chunks=(9_000, 5)), da.from_array(y, chunks=9_000)
    assert_same_bits(fitted(dX, dy, C=1.0), fitted(X, y, C=1.0))


@pytest.mark.parametrize("weighted", [False, True])
def test_rows_that_say_most_are_the_same_as_of_arrays(weighted, monkeypatch):
    monkeypatch.setattr(working_problem, "SAMPLE_ROWS", (150, 300))
    generator = np.random.default_rng(0)
    X = generator.standard_normal((2_000, 30)) @ generator.standard_normal((30, 30)) + 1e3
    y = (X[:, 0] + X[:, 1] + 3 * generator.standard_normal(2_000) > 2_003).astype(np.int64)
    s = generator.uniform(0.5, 2, 2_000) if weighted else None
    drawn, informative = [], sampling.Candidates.informative
    drawn_again, by_pull = [], working_problem.sample_by_pull

    def counted(self, objective, w):
        few = informative(self, objective, w)
        drawn.append((few.rows.X.copy(), few.rows.weights))  # other rows will take this memory
        return few

    def counted_again(*arguments):
        few = by_pull(*arguments)
        drawn_again.append((few.rows.X.copy(), few.rows.weights))
        return few

    monkeypatch.setattr(sampling.Candidates, "informative", counted)
    monkeypatch.setattr(working_problem, "sample_by_pull", counted_again)
    monkeypatch.setattr(SOLVER, "newton_pays", lambda _: False)
    monkeypatch.setattr(search, "warm_start_rows", lambda _: 200)
    monkeypatch.setattr(search, "are_correlated", lambda *_: True)
    monkeypatch.setattr(coordinates, "WORTH_WORK", 1e12)
    dX, dy = da.from_array(X, chunks=(170, 20)), da.from_array(y, chunks=250)
    ds = None if s is None else da.from_array(s, chunks=300)
    assert_same_bits(fitted(dX, dy, ds, C=1.0), fitted(X, y, s, C=1.0))
    for samples in (drawn, drawn_again):
        first, second = samples
        np.testing.assert_array_equal(first[0], second[0])
        np.testing.assert_array_equal(first[1], second[1])
        assert first[1].max() > 3 * first[1].min()


@pytest.mark.parametrize("n", [0, 2])
@pytest.mark.parametrize("weighted", [False, True])
def test_rows_that_count_for_a_direction_are_the_same_as_of_arrays(n, weighted, monkeypatch):
    monkeypatch.setattr(working_problem, "SAMPLE_ROWS", (150, 300))
    monkeypatch.setattr(SOLVER, "newton_pays", lambda _: False)
    monkeypatch.setattr(search, "ROUND", 3)
    generator = np.random.default_rng(0)
    X = generator.standard_normal((2_000, 30))
    y = (3 * X[:, 0] + generator.logistic(size=2_000) > 0).astype(np.int64)
    X[generator.choice(2_000, 20, replace=False)] *= 1e3
    s = generator.uniform(0.5, 2, 2_000) if weighted else None
    samples, drawn = [], working_problem.sample_by_pull

    def counted(*arguments):
        samples.append(few := drawn(*arguments))
        return few

    monkeypatch.setattr(working_problem, "sample_by_pull", counted)
    dX, dy = da.from_array(X, chunks=(170, 20)), da.from_array(y, chunks=250)
    ds = None if s is None else da.from_array(s, chunks=300)
    with workers(n) if n else nullcontext():
        assert_same_bits(fitted(dX, dy, ds, C=10.0, tol=1e-6), fitted(X, y, s, C=10.0, tol=1e-6))
    n_samples = len(samples) // 2
    assert n_samples >= 2
    for first, second in zip(samples[:n_samples], samples[n_samples:], strict=True):
        np.testing.assert_array_equal(first.rows.X, second.rows.X)
        np.testing.assert_array_equal(first.rows.weights, second.rows.weights)


def test_predictions_are_lazy_and_equal_those_of_arrays(digits):
    X, y = digits
    model = fitted(da.from_array(X, chunks=170), da.from_array(y, chunks=170))
    unread = da.from_delayed(delayed(pytest.fail)("rows were read"), X.shape, X.dtype)
    read = da.from_array(X, chunks=(250, 30))
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        lazy, expected = getattr(model, method)(read), getattr(model, method)(X)
        assert getattr(model, method)(unread).shape == lazy.shape == expected.shape
        assert lazy.dtype == lazy.compute().dtype == expected.dtype
        np.testing.assert_allclose(lazy.compute(), expected, rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match="X has 48 features"):
        model.predict(unread[:, 1:])


def test_the_estimator_holds_no_rows(digits):
    X, y = digits
    model = fitted(da.from_array(X, chunks=170), da.from_array(y, chunks=170))
    assert len(pickle.dumps(model)) < X.nbytes / 2
    assert_same_bits(pickle.loads(pickle.dumps(model)), model)  # noqa: S301


def bad(**changes):
    X, y = da.ones((8, 2), chunks=(4, 2)), da.from_array(np.arange(8) % 2, chunks=4)
    return {"X": X, "y": y, "sample_weight": None} | changes


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (bad(y=np.arange(8)), r"^y: found ndarray, expected a dask array"),
        (bad(y=da.arange(7, chunks=4)), r"^y: found shape \(7,\), expected \(8,\)"),
        (
            bad(X=da.ones((8, 2))[da.ones(8) > 0]),
            "^X: found chunks of unknown size, expected known",
        ),
        (bad(X=da.ones((8, 2), dtype=int)), r"^X: found type int64, expected uint8, float32 or"),
        (bad(X=da.ones(8)), r"^X: found shape \(8,\), expected \(N, d\)"),
        (bad(X=da.full((8, 2), np.nan)), r"^X: found infinity or NaN, expected finite"),
        (bad(y=da.ones(8, dtype=int)), r"^y: found one class, 1, expected at least two classes"),
        (bad(sample_weight=da.ones(9)), r"^sample_weight: found shape \(9,\), expected \(8,\)"),
        (bad(sample_weight=-da.ones(8)), r"^sample_weight: found a weight of -1, expected weights"),
        (bad(sample_weight=da.zeros(8)), r"^sample_weight: found zero for every row, expected at"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_arrays_that_do_not_fit_are_named(data, message):
    with pytest.raises(ValueError, match=message):
        GradientLogisticRegression().fit(**data)


def test_an_error_in_reading_the_rows_stays_as_it_is():
    X = da.from_delayed(delayed(np.load)("no such file"), (4, 2), float)
    with pytest.raises(FileNotFoundError, match="no such file"):
        fitted(X, da.from_array(np.arange(4) % 2))


class LostClient:
    """A client that has lost its scheduler and waits for ever by itself."""

    def __init__(self):
        self.status, self.closed = "running", threading.Event()

    def nthreads(self):
        raise OSError("Timed out trying to connect")

    def close(self):
        self.status = "closed"
        self.closed.set()

    def gather(self):
        assert self.closed.wait(10)
        raise CancelledError


def test_what_waits_for_a_closed_scheduler_ends(monkeypatch):
    monkeypatch.setattr(dask_parts, "CHECK_SECONDS", 0.01)
    client = LostClient()
    monkeypatch.setattr(dask_parts, "_client", lambda: client)
    message = r"^dask: found no scheduler any more, expected one$"
    with pytest.raises(ConnectionError, match=message), reaching_scheduler():
        client.gather()


def test_a_lost_scheduler_is_named(digits, monkeypatch):
    monkeypatch.setattr(dask_parts, "CHECK_SECONDS", 0.1)
    X, y = digits
    impatient = dask.config.set({"distributed.comm.timeouts.connect": "1s"})
    with impatient, workers(1) as client:
        cluster = client.cluster
        fitting = ThreadPoolExecutor(1).submit(
            fitted, da.from_array(X, chunks=170), da.from_array(y, chunks=170)
        )
        cluster.sync(cluster.scheduler.close)
        with pytest.raises(ConnectionError, match=r"^dask: found no scheduler .*, expected one$"):
            fitting.result()


def test_many_labels_are_no_regression_unless_they_are_most_rows():
    X = np.random.default_rng(0).normal(size=(90, 3))
    fit = GradientLogisticRegression(max_iter=0, tol=1e9).fit
    fit(da.from_array(X, chunks=30), da.from_array(np.arange(90) % 30, chunks=30))
    with pytest.warns(UserWarning, match="could represent a regression problem"):
        fit(da.from_array(X, chunks=30), da.from_array(np.arange(90) % 60, chunks=30))
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        fit(da.from_array(X, chunks=30), da.from_array(X[:, 0], chunks=30))
