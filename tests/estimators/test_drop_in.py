"""What users of scikit-learn's LogisticRegression rely on: weights, routing, threads, memory."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn import config_context
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_info

from mnist_gradients.estimators import GradientLogisticRegression

CLASSES = pytest.mark.parametrize("K", [2, 3])


@pytest.fixture(scope="module")
def digits():
    """240 digits of 8 x 8 pixels in [0, 1] and their labels."""
    X, y = load_digits(return_X_y=True)
    return X[:240] / 16, y[:240]


def weights(N=240, seed=0):
    return np.random.default_rng(seed).integers(0, 4, size=N)


def assert_same(model, other, atol=5e-6):
    np.testing.assert_allclose(model.coef_, other.coef_, atol=atol)
    np.testing.assert_allclose(model.intercept_, other.intercept_, atol=atol)


@CLASSES
@pytest.mark.parametrize("container", [np.array, scipy.sparse.csr_array, scipy.sparse.csc_array])
def test_an_integer_weight_is_a_number_of_repetitions(digits, K, container):
    X, y, s = digits[0], digits[1] % K, weights()
    weighted = GradientLogisticRegression().fit(container(X), y, sample_weight=s)
    repeated = GradientLogisticRegression().fit(np.repeat(X, s, axis=0), np.repeat(y, s))
    assert_same(weighted, repeated)
    assert not np.allclose(weighted.coef_, GradientLogisticRegression().fit(X, y).coef_, atol=1e-3)


@CLASSES
def test_a_row_of_weight_zero_is_absent(digits, K):
    X, y, s = digits[0].copy(), digits[1] % K, weights() > 0
    y[~s] = 9  # a class of weight zero is none
    X[~s] = 1e9
    weighted = GradientLogisticRegression().fit(X, y, sample_weight=s)
    without = GradientLogisticRegression().fit(X[s], y[s])
    np.testing.assert_array_equal(weighted.classes_, without.classes_)
    np.testing.assert_array_equal(weighted.coef_, without.coef_)


@CLASSES
def test_one_number_weighs_every_row_as_the_strength_does(digits, K):
    X, y = digits[0], digits[1] % K
    weighted = GradientLogisticRegression(C=0.1).fit(X, y, sample_weight=5.0)
    assert_same(weighted, GradientLogisticRegression(C=0.5).fit(X, y))


@pytest.mark.parametrize(
    ("sample_weight", "message"),
    [
        (
            np.full(240, -1.0),
            "^sample_weight: found a weight of -1, expected weights of at ",
        ),
        (np.zeros(240), "^sample_weight: found zero for every row, expected at least one weight"),
        (
            np.ones(3),
            r"^sample_weight: found shape \(3,\), expected \(240,\), one for each ro",
        ),
        (np.full(240, np.nan), "^Input sample_weight contains NaN"),
    ],
)
def test_bad_weights_are_named(digits, sample_weight, message):
    with pytest.raises(ValueError, match=message):
        GradientLogisticRegression().fit(*digits, sample_weight=sample_weight)


def test_the_score_is_weighted(digits):
    X, y, s = *digits, weights()
    model = GradientLogisticRegression(C=1e-3).fit(X, y)
    expected = accuracy_score(y, model.predict(X), sample_weight=s)
    assert model.score(X, y, sample_weight=s) == expected != model.score(X, y)


@CLASSES
@pytest.mark.parametrize("class_weight", ["balanced", {0: 3.0}, {0: 1, 1: 0.1, 2: 5, 7: 5}])
def test_class_weights_are_those_of_scikit_learn(digits, K, class_weight):
    X, y = digits[0], digits[1] % K
    parameters = {"C": 0.1, "class_weight": class_weight}
    theirs = LogisticRegression(**parameters, tol=1e-9, max_iter=2_000).fit(X, y, weights())
    assert_same(GradientLogisticRegression(**parameters).fit(X, y, weights()), theirs, atol=1e-4)


def test_an_unknown_class_weight_is_refused(digits):
    with pytest.raises(ValueError, match="'balanced'"):
        GradientLogisticRegression(class_weight="even").fit(*digits)


@CLASSES
def test_sparse_rows_give_what_dense_ones_give(digits, K):
    X, y = digits[0], digits[1] % K
    dense = GradientLogisticRegression().fit(X, y)
    for container in (scipy.sparse.csr_matrix, scipy.sparse.csc_array, scipy.sparse.coo_array):
        model = GradientLogisticRegression().fit(container(X), y)
        assert_same(model, dense)
        P = model.predict_proba(container(X))
        np.testing.assert_allclose(P, dense.predict_proba(X), rtol=1e-4)


def test_names_of_features_are_kept_and_checked(digits):
    frame = pd.DataFrame(digits[0]).rename(columns=lambda i: f"pixel {i}")
    model = GradientLogisticRegression().fit(frame, digits[1])
    np.testing.assert_array_equal(model.feature_names_in_, frame.columns)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[frame.columns[::-1]])


@config_context(enable_metadata_routing=True)
def test_weights_are_routed_through_a_search_over_a_pipeline(digits):
    X, y, s = digits[0], digits[1] % 2, weights()
    model = GradientLogisticRegression().set_fit_request(sample_weight=True)
    model.set_score_request(sample_weight=True)
    pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), model)
    grid = {"gradientlogisticregression__C": [1e-4, 1e-1]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y, sample_weight=s)
    direct = GradientLogisticRegression(C=search.best_params_["gradientlogisticregression__C"])
    direct.fit(StandardScaler().fit_transform(X), y, sample_weight=s)
    assert_same(search.best_estimator_[-1], direct)


def test_a_calibrated_classifier_passes_weights_on(digits):
    X, y, s = digits[0], digits[1] % 2, weights() + 1
    weighted, plain = (
        CalibratedClassifierCV(GradientLogisticRegression(C=0.01), cv=2).fit(X, y, sample_weight=w)
        for w in (s, None)
    )
    theirs = CalibratedClassifierCV(LogisticRegression(C=0.01, tol=1e-8), cv=2)
    expected = theirs.fit(X, y, sample_weight=s).predict_proba(X)
    np.testing.assert_allclose(weighted.predict_proba(X), expected, atol=1e-4)
    assert not np.allclose(plain.predict_proba(X), expected, atol=1e-3)


def threads_of(monkeypatch, n_jobs):
    """Number of threads that a fit hands on."""
    import mnist_gradients.estimators.logistic_regression as module

    seen = []

    class Watched(module.LogisticObjective):
        def __init__(self, *arguments, threads, **options):
            seen.append(threads)
            super().__init__(*arguments, threads=threads, **options)

    monkeypatch.setattr(module, "LogisticObjective", Watched)
    GradientLogisticRegression(n_jobs=n_jobs).fit([[0.0], [1.0]], [0, 1])
    return seen[0]


def test_the_number_of_threads_is_that_of_joblib(monkeypatch):
    assert threads_of(monkeypatch, None) == 1
    assert threads_of(monkeypatch, 2) == 2
    assert threads_of(monkeypatch, -1) == joblib.effective_n_jobs(-1)
    with joblib.parallel_config(backend="threading", n_jobs=3):
        assert threads_of(monkeypatch, None) == 3


@pytest.mark.parametrize("n_jobs", [2, 3])
def test_the_result_does_not_depend_on_the_number_of_threads(n_jobs):
    generator = np.random.default_rng(0)
    X = generator.normal(size=(40_000, 20)).astype(np.float32)
    y = (X[:, 0] + generator.logistic(size=40_000) > 0).astype(int)
    one, many = (GradientLogisticRegression(n_jobs=n).fit(X, y) for n in (1, n_jobs))
    np.testing.assert_array_equal(one.coef_, many.coef_)


def blas_threads():
    return [library["num_threads"] for library in threadpool_info()]


def test_fits_in_threads_give_the_same_bits_and_leave_blas_as_it_was(digits):
    """Thirty rounds of four fits at once."""
    X, y = digits[0][:120, ::4], digits[1][:120] % 3
    expected = GradientLogisticRegression(C=0.1).fit(X, y).coef_
    before = blas_threads()

    def fit(n_jobs):
        return GradientLogisticRegression(C=0.1, n_jobs=n_jobs).fit(X, y).coef_

    with joblib.parallel_config(backend="threading", n_jobs=4), joblib.Parallel() as parallel:
        for _ in range(30):
            for coef in parallel(joblib.delayed(fit)(n_jobs) for n_jobs in (1, 2, 1, 2)):
                np.testing.assert_array_equal(coef, expected)
    assert blas_threads() == before


def test_a_failing_fit_in_a_thread_leaves_blas_as_it_was(digits):
    before = blas_threads()

    def fit(C):
        return GradientLogisticRegression(C=C).fit(*digits)

    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(fit, C) for C in (1.0, -1.0, 0.1, -2.0)]
    assert [future.exception() is None for future in futures] == [True, False, True, False]
    assert blas_threads() == before


@pytest.mark.parametrize("method", ["fit", "predict"])
def test_mapped_bytes_are_never_copied_as_a_whole(tmp_path, method):
    """40,000 rows of 784 bytes are 31 MB; as float32 they would be 125 MB."""
    N, d = 40_000, 784
    rows = np.lib.format.open_memmap(tmp_path / "rows.npy", "w+", dtype=np.uint8, shape=(N, d))
    generator = np.random.default_rng(0)
    rows[:] = generator.integers(0, 2, size=(N, 1), dtype=np.uint8) * 200
    rows[:, ::7] += generator.integers(0, 50, size=(N, len(range(0, d, 7))), dtype=np.uint8)
    y = (rows[:, 1] > 100).astype(int)
    rows = np.load(tmp_path / "rows.npy", mmap_mode="r")
    model = GradientLogisticRegression(C=1e-6, tol=1e-2).fit(rows[:500], y[:500])
    tracemalloc.start()
    if method == "fit":
        model.fit(rows, y)
    else:
        assert np.mean(model.predict(rows) == y) == 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < (60e6 if method == "predict" else 120e6)
