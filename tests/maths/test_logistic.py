"""The logistic objective against finite differences, its formula and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit

from mnist_gradients.maths.logistic import LogisticObjective, logistic_loss, sigmoid

LOGITS = {32: [-1e4, -50.0, -1.0, 0.0, 1.0, 50.0, 1e4], 64: [-1e4, -800.0, 0.5, 800.0, 1e4]}


@pytest.fixture
def data():
    generator = np.random.default_rng(1)
    X = generator.normal(size=(60, 5))
    y = (X[:, 0] + generator.normal(size=60) > 0.3).astype(int)
    return X, y


@pytest.mark.parametrize("bits", [32, 64])
def test_sigmoid_and_loss_are_finite_and_exact_for_logits_of_any_size(bits):
    t = np.array(LOGITS[bits], dtype=f"float{bits}")
    exact = np.logaddexp(0, t.astype(np.float64))
    assert sigmoid(t).dtype == t.dtype
    assert logistic_loss(t, np.ones(t.size)).dtype == t.dtype
    np.testing.assert_allclose(sigmoid(t), expit(t.astype(np.float64)), rtol=1e-6, atol=1e-37)
    np.testing.assert_allclose(logistic_loss(t, np.zeros(t.size)), exact, rtol=1e-6)
    opposite = np.logaddexp(0, -t.astype(np.float64))
    np.testing.assert_allclose(logistic_loss(t, np.ones(t.size)), opposite, rtol=1e-6, atol=1e-37)


@given(arrays(np.float64, 7, elements=st.floats(-1e4, 1e4)))
def test_sigmoid_of_the_opposite_logit_is_the_complement(t):
    np.testing.assert_allclose(sigmoid(t) + sigmoid(-t), 1, rtol=1e-15)


@given(arrays(np.float64, 7, elements=st.floats(-30, 30)), st.integers(0, 1))
def test_residual_is_the_derivative_of_the_loss(t, label):
    y, step = np.full(7, label), 1e-6
    difference = (logistic_loss(t + step, y) - logistic_loss(t - step, y)) / (2 * step)
    np.testing.assert_allclose(sigmoid(t) - y, difference, atol=1e-7)


@pytest.mark.parametrize("intercept", ["free", "penalised", "none"])
def test_value_is_the_formula(data, intercept):
    X, y = data
    objective = LogisticObjective(X, y, 0.2, intercept=intercept)
    w = np.linspace(-1, 1, objective.size)
    W, b = objective.unpack(w)
    h = expit(X @ W[:, 0] + b)
    penalised = {"free": W, "penalised": w, "none": w}[intercept]
    expected = -np.mean(y * np.log(h) + (1 - y) * np.log(1 - h)) + 0.1 * np.sum(penalised**2)
    assert objective(w)[0] == pytest.approx(expected, rel=1e-13)


def test_a_penalised_intercept_is_the_weight_of_a_constant_feature(data):
    X, y = data
    w = np.linspace(-1, 1, 6)
    value, gradient = LogisticObjective(X, y, 0.3, intercept="penalised")(w)
    ones = np.column_stack([X, np.ones(60)])
    expected_value, expected_gradient = LogisticObjective(ones, y, 0.3, intercept="none")(w)
    assert value == pytest.approx(expected_value, rel=1e-14)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-13)


def test_lipschitz_constant_is_that_of_the_formula(data):
    X, y = data
    for intercept, design in [("none", X), ("free", np.column_stack([X, np.ones(60)]))]:
        objective = LogisticObjective(X, y, 0.05, intercept=intercept)
        expected = np.linalg.norm(design, 2) ** 2 / (4 * 60) + 0.05
        assert objective.lipschitz() == pytest.approx(expected, rel=1e-5)


def test_labels_other_than_zero_and_one_are_refused(data):
    X, y = data
    with pytest.raises(ValueError, match="y: found the label 2, expected labels 0 to 1"):
        LogisticObjective(X, 2 * y, 0.1)
