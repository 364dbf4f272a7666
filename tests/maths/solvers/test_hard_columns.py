"""The default solver on columns, samples and minima that once misled it."""

import warnings

import numpy as np
import pytest
import scipy.sparse

from mnist_gradients.maths.logistic import LogisticObjective
from mnist_gradients.maths.softmax_regression import SoftmaxObjective
from mnist_gradients.maths.solvers import preconditioned_lbfgs
from mnist_gradients.maths.solvers.columns import are_correlated, describe_columns
from mnist_gradients.maths.solvers.conjugate_gradients import newton_decrement
from mnist_gradients.maths.solvers.coordinates import choose_model
from mnist_gradients.maths.solvers.factors import inverse_factor, inverse_root


def noisy(N, d, seed=0):
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(N, d))
    return X, (X[:, 0] + generator.logistic(size=N) > 0).astype(int)


@pytest.mark.parametrize("intercept", ["free", "none"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_columns_of_sparse_rows_are_those_of_dense_ones(intercept, dtype):
    X, y = noisy(200, 5)
    X = (np.where(np.abs(X) > 0.7, X, 0) * [1, 1e20, 1e-20, 3, 1]).astype(dtype)
    X[:, 4] += 100
    dense, sparse = (
        describe_columns(LogisticObjective(rows, y, 1e-3, intercept=intercept))
        for rows in (X, scipy.sparse.csr_array(X))
    )
    np.testing.assert_allclose(sparse.scale, dense.scale, rtol=1e-6)
    np.testing.assert_allclose(sparse.centre, dense.centre, rtol=1e-6)
    assert (np.abs(dense.centre) > 0).all() == (intercept == "free")


def test_sparse_features_of_1e20_in_float32_are_fitted():
    X, y = noisy(300, 4)
    X = np.where(np.abs(X) > 0.5, X, 0)
    expected = preconditioned_lbfgs(LogisticObjective(X, y, 0.0), tolerance=1e-9).objective
    huge = scipy.sparse.csr_array((X * 1e20).astype(np.float32))
    solution = preconditioned_lbfgs(LogisticObjective(huge, y, 0.0), tolerance=1e-6)
    assert solution.converged
    assert abs(solution.objective / expected - 1) < 1e-6


def test_the_factor_of_no_columns_is_empty(capfd):
    assert inverse_factor(np.empty((0, 0)))[0].shape == (0, 0)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("difference", [1e-12, 1e-9, 1e-4])
def test_the_root_of_a_singular_matrix_holds_differences_below_rounding(difference):
    A, noise = noisy(100, 3)[0], noisy(100, 1, seed=1)[0][:, 0]
    A[:, 1] = A[:, 0] + difference * noise
    M = inverse_root(A.T @ A, lambda v: A.T @ (A @ v))
    np.testing.assert_allclose((A @ M.T).T @ (A @ M.T), np.eye(3), atol=1e-3)


def test_the_root_leaves_out_a_repeated_column():
    A = noisy(100, 3)[0][:, [0, 1, 1]]
    M = inverse_root(A.T @ A, lambda v: A.T @ (A @ v))
    products = np.linalg.eigvalsh((A @ M.T).T @ (A @ M.T))
    np.testing.assert_allclose(products, [0, 1, 1], atol=1e-12)


def test_a_column_of_zeros_has_its_minimum_at_zero():
    objective = LogisticObjective(np.zeros((50, 1)), np.arange(50) % 2, 1e-3, intercept="none")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        solution = preconditioned_lbfgs(objective, tolerance=1e-9)
    assert solution.converged
    np.testing.assert_allclose(solution.objective, np.log(2))


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_a_loss_without_a_minimum_falls_below_rounding(scale):
    X = np.vander(np.arange(6.0), 3)[:, :2] * scale  # any labels are separable
    objective = SoftmaxObjective(X[:3], np.arange(3), 0.0)
    solution = preconditioned_lbfgs(objective, tolerance=1e-9)
    assert solution.converged
    assert solution.objective <= np.finfo(np.float64).eps
    assert solution.message == "objective within rounding of its minimum"


def test_a_gap_is_confirmed_where_the_iterations_end_before_the_tolerance():
    """Without a factor, the gap seen by L-BFGS alone is too small by orders of magnitude."""
    generator = np.random.default_rng(0)
    X = generator.normal(size=(60, 80)) @ np.diag(np.geomspace(1, 1e-3, 80))
    X = X @ np.linalg.qr(generator.normal(size=(80, 80)))[0]
    y = generator.integers(0, 2, 60)
    objective = LogisticObjective(X, y, 1e-7)
    best = preconditioned_lbfgs(objective, tolerance=1e-10, max_iterations=20_000)
    assert best.converged
    for limit in (10, 20, 40, 80):
        solution = preconditioned_lbfgs(objective, tolerance=1e-12, max_iterations=limit)
        assert solution.objective / best.objective - 1 <= solution.relative_gap


def test_a_gradient_without_any_curvature_is_no_minimum():
    gradient = np.array([1e-9, 0.0])
    assert newton_decrement(np.zeros_like, gradient, np.copy)[0] == np.inf
    assert newton_decrement(np.zeros_like, 0 * gradient, np.copy)[0] == 0


def test_subnormal_features_in_float32_are_fitted():
    X, y = noisy(50, 2)
    X = np.column_stack([X[:, 0], 1e-42 * X[:, 1]]).astype(np.float32)
    solution = preconditioned_lbfgs(LogisticObjective(X, y, 0.0), tolerance=1e-6)
    exact = LogisticObjective(X.astype(np.float64) * [1, 1e42], y, 0.0)
    assert solution.converged
    assert solution.objective <= preconditioned_lbfgs(exact, tolerance=1e-9).objective * (1 + 2e-6)


def test_rows_with_a_period_look_like_the_same_rows_in_any_order():
    generator = np.random.default_rng(0)
    y = np.arange(10_000) % 100
    X = generator.normal(size=(100, 100))[y] * 3 + generator.normal(size=(10_000, 100))
    order = generator.permutation(10_000)
    for rows in (slice(None), order):
        few = SoftmaxObjective(X[rows], y[rows], 1e-3)
        columns = describe_columns(few)
        assert not are_correlated(few, columns)
        np.testing.assert_allclose(columns.scale, X.std(axis=0), rtol=0.06)


def test_a_hundred_classes_share_a_factor():
    y = np.arange(10_000) % 100
    X = np.random.default_rng(0).normal(size=(10_000, 500))
    objective = SoftmaxObjective(X, y, 1e-3)
    assert choose_model(objective, objective, describe_columns(objective)) == "shared"
