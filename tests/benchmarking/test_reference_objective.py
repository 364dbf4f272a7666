import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import approx_fprime

from mnist_gradients.benchmarking.optimum import find_optimum
from mnist_gradients.benchmarking.reference_objective import ReferenceObjective
from mnist_gradients.maths.logistic import LogisticObjective
from mnist_gradients.maths.softmax_regression import SoftmaxObjective

BINARY = pytest.mark.parametrize("binary", [True, False], ids=["binary", "ten_class"])


def point(reference, seed=0):
    rng = np.random.default_rng(seed)
    d, K = reference.X.shape[1], reference.n_outputs
    return 0.1 * rng.standard_normal((d, K)), rng.standard_normal(K)


@BINARY
def test_value_is_that_of_the_objective_in_maths(reference, binary):
    reference = reference(binary)
    kind = LogisticObjective if binary else SoftmaxObjective
    objective = kind(reference.X / 255, reference.y, reference.l2)
    W, b = point(reference)
    assert reference.value(W, b) == pytest.approx(objective(objective.pack(W, b))[0], rel=1e-13)


@BINARY
def test_derivatives_are_those_of_the_value(reference, binary):
    reference = reference(binary)
    W, b = point(reference)
    w, K = np.append(W.ravel(), b), reference.n_outputs

    def split(w):
        return w[:-K].reshape(-1, K), w[-K:]

    def gradient(w):
        dW, db = reference.gradient(reference.probabilities(*split(w)), split(w)[0])
        return np.append(dW.ravel(), db)

    numeric = approx_fprime(w, lambda w: reference.centred_value(*split(w)))
    np.testing.assert_allclose(gradient(w), numeric, atol=1e-6)
    P, v = reference.probabilities(W, b), np.random.default_rng(1).standard_normal(len(w))
    along = (gradient(w + 1e-6 * v) - gradient(w - 1e-6 * v)) / 2e-6
    np.testing.assert_allclose(reference.hessian_product(P, v), along, atol=1e-8)
    columns = [3, len(w) - 1]
    exact = [reference.hessian_product(P, np.eye(len(w))[i])[i] for i in columns]
    np.testing.assert_allclose(reference.diagonal(P)[columns], exact, rtol=1e-12)


@BINARY
def test_optimum_is_that_of_scikit_learn(reference, optimum, binary):
    from sklearn.linear_model import LogisticRegression

    reference = reference(binary)
    estimator = LogisticRegression(
        solver="newton-cholesky", C=1 / (len(reference.y) * reference.l2), tol=1e-12, max_iter=100
    ).fit(reference.X / 255, reference.y)
    value = reference.value(estimator.coef_.T, estimator.intercept_)
    assert optimum(binary=binary) == pytest.approx(value, rel=1e-10)


@BINARY
def test_bound_holds_at_any_point(reference, optimum, binary):
    reference = reference(binary)
    for seed in range(3):
        W, b = point(reference, seed)
        best, bound = reference.prove(W, reference.centred_intercept(W, b))
        value = reference.centred_value(W, best)
        assert value <= reference.value(W, b)
        assert 0 < value - optimum(binary=binary) <= bound


def test_optimum_with_a_good_start_is_the_same(reference, optimum):
    reference = reference()
    value, bound = find_optimum(reference, 1e-10, start=point(reference))
    assert value == pytest.approx(optimum(), rel=1e-10)
    assert 0 <= bound <= 1e-10


def test_unproven_optimum_is_refused(reference):
    with pytest.raises(RuntimeError, match=r"^optimum at l2 0.01: found a relative gap of at "):
        find_optimum(reference(), 1e-34)


@pytest.mark.parametrize("classes", [2, 3])
def test_offsets_of_columns_do_not_change_the_optimum(classes):
    rng = np.random.default_rng(0)
    # Multiples of 2^-20: the sum with the offset is exact.
    Z = np.round(rng.standard_normal((200, 4)) * 2**20) / 2**20
    y = np.argmax(Z @ rng.standard_normal((4, classes)) + rng.gumbel(size=(200, classes)), axis=1)
    plain, _ = find_optimum(ReferenceObjective(Z, y, 1e-4), 1e-10)
    for offset in (1e3, 1.7e9):
        shifted = ReferenceObjective(Z + offset, y, 1e-4)
        assert find_optimum(shifted, 1e-10)[0] == pytest.approx(plain, rel=1e-10)
        W, b = point(shifted)
        there = ReferenceObjective(Z, y, 1e-4).value(W, b)
        assert shifted.value(W, b - offset * W.sum(axis=0)) == pytest.approx(there, rel=1e-6)


def test_sparse_rows_have_the_objective_of_dense_ones():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((100, 20)) * (rng.random((100, 20)) < 0.1)
    y = rng.integers(0, 3, 100)
    dense, thin = (ReferenceObjective(rows, y, 1e-2) for rows in (X, sparse.csr_array(X)))
    W, b = point(dense)
    assert thin.value(W, b) == pytest.approx(dense.value(W, b), rel=1e-13)
    values = [find_optimum(objective, 1e-10)[0] for objective in (dense, thin)]
    assert values[0] == pytest.approx(values[1], rel=1e-10)
