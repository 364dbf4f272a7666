import numpy as np
import pytest

from mnist_gradients.maths.logistic import LogisticObjective
from mnist_gradients.maths.softmax_regression import SoftmaxObjective
from mnist_gradients.maths.solvers.columns import describe_columns, has_long_rows


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


def test_a_row_whose_length_overflows_is_long():
    X = np.random.default_rng(0).standard_normal((1_000, 5)).astype(np.float32)
    few = objective(X, 2)
    columns = describe_columns(few)
    X[7, 2] = 1e38
    assert has_long_rows(few, columns)
    X[7, :] = 3e38
    assert has_long_rows(few, columns)
