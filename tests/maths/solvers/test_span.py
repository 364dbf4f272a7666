"""Wide data: the objective in the span of its rows is the objective."""

import numpy as np
import pytest
from sklearn.datasets import make_classification

from mnist_gradients.maths.logistic import LogisticObjective
from mnist_gradients.maths.softmax_regression import SoftmaxObjective
from mnist_gradients.maths.solvers import preconditioned_lbfgs
from mnist_gradients.maths.solvers.span import Span, span_pays

N, D = 30, 200


def wide(K=3, dtype=np.float64, **options):
    """An objective on correlated rows; two are equal, and one is a thousand times as long."""
    generator = np.random.default_rng(0)
    X = generator.normal(size=(N, 5)) @ generator.normal(size=(5, D))
    X += 0.1 * generator.normal(size=(N, D))
    X[3], X[4] = X[5], X[4] * 1e3
    y = np.arange(N) % K
    if dtype == np.uint8:
        X = np.clip(128 + 30 * X, 0, 255)
    kind = LogisticObjective if K == 2 else SoftmaxObjective
    return kind(X.astype(dtype), y, 1e-2, **options)


OBJECTIVES = {
    "two classes": lambda: wide(K=2),
    "three classes": wide,
    "float32": lambda: wide(dtype=np.float32, compute_dtype=np.float64),
    "bytes": lambda: wide(dtype=np.uint8, compute_dtype=np.float64),
    "without an intercept": lambda: wide(intercept="none"),
    "a penalised intercept": lambda: wide(intercept="penalised"),
    "weights": lambda: wide(weights=np.arange(N) + 0.5),
    "centred rows": lambda: wide().centred(np.linspace(-1, 1, D)),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_minimum_in_the_span_is_that_of_the_objective(name):
    objective = OBJECTIVES[name]()
    span = Span(objective)
    assert span.objective.rows.shape == (N, N + 1)
    found = preconditioned_lbfgs(span.objective, tolerance=1e-13)
    value, gradient = objective(span.weights(found.weights))
    np.testing.assert_allclose(value, found.objective, rtol=1e-9)
    assert found.converged
    G, g = objective.unpack(gradient)
    assert np.sum(G**2) / (2 * objective.l2) < 1e-7 * value  # a bound on the gap, but for g
    assert np.abs(g).max() < 1e-6


@pytest.mark.parametrize("intercept", ["free", "none"])
@pytest.mark.parametrize("offset", [1e3, 1e7])
def test_rows_that_depend_on_each_other_have_a_factor(intercept, offset):
    for seed in range(150):
        generator = np.random.default_rng(seed)
        X = generator.normal(size=(6, 1)) @ generator.normal(size=(1, 500)) + offset
        span = Span(LogisticObjective(X, np.arange(6) % 2, 1e-3, intercept=intercept))
        assert np.isfinite(span.weights(np.ones(span.objective.size))).all()


def test_separable_rows_with_a_weak_penalty_take_few_iterations():
    X, y = make_classification(
        800, 1_700, n_informative=850, n_redundant=0, n_classes=10, random_state=0
    )
    objective = SoftmaxObjective(X, y.astype(np.int64), 1e-4)
    assert span_pays(objective)
    found = preconditioned_lbfgs(objective, tolerance=1e-4, max_iterations=100)
    assert found.converged  # a scale for each column of the factor takes more than 1,000
    G, g = objective.unpack(objective(found.weights)[1])
    assert (
        np.sum(G**2) / (2 * objective.l2) < 1e-4 * found.objective
    )  # a bound on the gap, but for g
    assert np.abs(g).max() < 1e-6


def test_only_few_dense_rows_with_a_penalty_are_searched_in_their_span():
    X = np.random.default_rng(3).normal(size=(N, D))
    y = np.arange(N) % 2
    assert span_pays(LogisticObjective(X, y, 1e-2))
    assert not span_pays(LogisticObjective(X, y, 0.0))
    assert not span_pays(LogisticObjective(X[:, : 2 * N - 1], y, 1e-2))
    many = np.zeros((700, 3_000), dtype=np.float32)
    assert not span_pays(LogisticObjective(many, np.arange(700) % 2, 1e-2))
    assert span_pays(SoftmaxObjective(many, np.arange(700) % 10, 1e-2))
