import numpy as np
import pytest
import scipy.sparse

from mnist_gradients.maths.logistic import LogisticObjective
from mnist_gradients.maths.softmax_regression import SoftmaxObjective
from mnist_gradients.maths.solvers.columns import (
    describe_columns,
    exact_scales,
    has_long_rows,
    squared_lengths,
)


def objective(X, K):
    y = np.arange(len(X)) % K
    return (LogisticObjective if K == 2 else SoftmaxObjective)(X, y, 1e-5)


@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("d", [1, 5, 60])
def test_a_long_row_is_found_whatever_its_direction(K, dtype, d):
    generator = np.random.default_rng(0)
    for _ in range(50):
        X = generator.standard_normal((1_000, d)).astype(dtype)
        few = objective(X, K)
        columns = describe_columns(few)
        assert not has_long_rows(few, columns)
        direction = generator.standard_normal(d)
        X[7] = 150 * np.sqrt(d) * direction / np.linalg.norm(direction)
        assert has_long_rows(few, columns)


@pytest.mark.parametrize("d", [60, 150])
def test_a_row_is_long_that_outweighs_all_others_along_its_own_direction(d):
    X = np.random.default_rng(0).standard_normal((1_000, d))
    few = objective(X, 2)
    columns = describe_columns(few)
    X[7] *= np.sqrt(5_000) / np.linalg.norm(X[7])  # five times as much as they do
    assert not has_long_rows(few, columns)
    X[7] *= 3
    assert np.linalg.norm(X[7]) < 30 * np.median(np.linalg.norm(X, axis=1))
    assert has_long_rows(few, columns)


def test_a_row_whose_length_overflows_is_long():
    X = np.random.default_rng(0).standard_normal((1_000, 5)).astype(np.float32)
    few = objective(X, 2)
    columns = describe_columns(few)
    X[7, 2] = 1e38
    assert has_long_rows(few, columns)
    X[7, :] = 3e38
    assert has_long_rows(few, columns)


@pytest.mark.parametrize("kind", ["dense", "sparse", "weighted", "centred", "no intercept"])
def test_scales_and_lengths_are_those_of_all_rows(kind):
    generator = np.random.default_rng(0)
    X = generator.standard_normal((20_000, 4)) * [1.0, 1e-3, 1e3, 0.0]
    X[generator.choice(20_000, 5, replace=False), 3] = 7.0  # a feature that a sample lacks
    s = generator.uniform(0.1, 2, 20_000) if kind == "weighted" else np.ones(20_000)
    if kind == "centred":
        X += 1e4
    y, intercept = np.arange(20_000) % 2, "none" if kind == "no intercept" else "free"
    rows = scipy.sparse.csr_array(X) if kind == "sparse" else X
    weights = s if kind == "weighted" else None
    objective = LogisticObjective(rows, y, 1e-6, weights=weights, intercept=intercept)
    if kind == "centred":
        objective = objective.centred(np.full(4, 1e4))
        X = X - 1e4
    sample = describe_columns(objective.subset(np.arange(0, 20_000, 10)))
    columns = exact_scales(objective, sample)
    variance = s @ (X - sample.centre) ** 2 / s.sum()
    np.testing.assert_allclose(columns.scale, np.sqrt(variance + 4e-6), rtol=1e-5)
    assert columns.scale[3] > 10 * sample.scale[3]
    expected = np.sum(((X - sample.centre) / columns.scale) ** 2, axis=1) + (intercept == "free")
    np.testing.assert_allclose(squared_lengths(objective, columns), expected, rtol=1e-3)


def test_squares_that_are_not_finite_are_refused():
    X = np.random.default_rng(0).standard_normal((1_000, 3))
    columns = describe_columns(objective(X, 2))
    X[7, 2] = 1e200
    with pytest.raises(ValueError, match=r"^X: found values whose squares are not finite"):
        exact_scales(objective(X, 2), columns)


def test_a_length_that_overflows_is_the_largest_of_float32():
    X = np.random.default_rng(0).standard_normal((1_000, 3))
    columns = describe_columns(objective(X, 2))
    X[7, 2] = 1e30
    lengths = squared_lengths(objective(X, 2), columns)
    assert lengths[7] == np.finfo(np.float32).max
    assert np.delete(lengths, 7).max() < 100
