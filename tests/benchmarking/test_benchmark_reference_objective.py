import numpy as np
import pytest
from scipy.optimize import approx_fprime

from mnist_gradients.benchmarking.reference_objective import find_optimum
from mnist_gradients.maths.logistic import LogisticObjective
from mnist_gradients.maths.softmax_regression import SoftmaxObjective

BINARY = pytest.mark.parametrize("binary", [True, False], ids=["binary", "ten_class"])


@pytest.fixture
def points():
    """Three random points for a judge."""
    return lambda judge: np.random.default_rng(0).normal(size=(3, judge.size))


@BINARY
def test_judge_agrees_with_the_objective_that_it_judges(judge, problem, points, binary):
    judge, problem = judge(binary), problem(binary)
    kind = LogisticObjective if binary else SoftmaxObjective
    objective = kind(problem.X, problem.y, problem.l2)
    expected = [objective(w)[0] for w in points(judge)]
    np.testing.assert_allclose(judge.values(points(judge)), expected, rtol=1e-13)


@BINARY
def test_gradient_and_curvature_are_derivatives(judge, points, binary):
    judge = judge(binary)
    w, K = points(judge)[0], judge.n_outputs
    dW, db, curvature = judge.gradient(w)
    numeric = approx_fprime(w, lambda w: judge.values(w[None])[0])
    np.testing.assert_allclose(np.append(dW, db), numeric, atol=1e-5)

    def db_at(b):
        return judge.gradient(np.append(w[:-K], b))[1]

    np.testing.assert_allclose(curvature, approx_fprime(w[-K:], db_at).reshape(K, K), atol=1e-5)


@BINARY
def test_optimum_is_that_of_scikit_learn(judge, problem, binary):
    from sklearn.linear_model import LogisticRegression

    judge, problem = judge(binary), problem(binary)
    estimator = LogisticRegression(
        solver="newton-cholesky", C=1 / (len(problem.y) * problem.l2), tol=1e-12, max_iter=100
    ).fit(problem.X, problem.y)
    w = np.concatenate([estimator.coef_.T.ravel(), estimator.intercept_])
    value, bound = find_optimum(judge, "lbfgs", 1e-10)
    assert 0 <= bound <= 1e-10
    assert value == pytest.approx(judge.values(w[None])[0], rel=1e-10)


@BINARY
def test_bound_holds_wherever_it_is_taken(judge, points, binary):
    judge = judge(binary)
    optimum, _ = find_optimum(judge, "lbfgs", 1e-10)
    for w in points(judge):
        better, bound = judge.gap_bound(0.1 * w)
        value = judge.values(better[None])[0]
        assert value <= judge.values(0.1 * w[None])[0]
        assert 0 < value - optimum <= bound
        assert np.abs(judge.gradient(better)[1]).max() < 1e-12


def test_optimum_that_cannot_be_proven_is_refused(judge):
    with pytest.raises(
        RuntimeError, match=r"^optimum at l2 0.01: found a relative gap of at most "
    ):
        find_optimum(judge(), "lbfgs", 1e-34)
