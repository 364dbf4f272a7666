"""The softmax objective against its formula and scikit-learn."""

import numpy as np
import pytest
from scipy.special import log_softmax

from mnist_gradients.maths.logistic import LogisticObjective
from mnist_gradients.maths.softmax_regression import SoftmaxObjective


@pytest.fixture
def data():
    generator = np.random.default_rng(2)
    X = generator.normal(size=(90, 4))
    return X, generator.integers(0, 3, size=90)


@pytest.mark.parametrize("intercept", ["free", "penalised", "none"])
def test_value_is_the_formula(data, intercept):
    X, y = data
    objective = SoftmaxObjective(X, y, 0.2, intercept=intercept)
    w = np.linspace(-1, 1, objective.size)
    W, b = objective.unpack(w)
    log_P = log_softmax(X @ W + b, axis=1)
    penalised = {"free": W, "penalised": w, "none": w}[intercept]
    expected = -np.mean(log_P[np.arange(90), y]) + 0.1 * np.sum(penalised**2)
    assert objective(w)[0] == pytest.approx(expected, rel=1e-13)


def test_two_classes_are_logistic_regression_on_the_difference_of_the_weights(data):
    X, y = data
    y = (y > 0).astype(int)
    theta = np.linspace(-1, 1, 5)
    binary = LogisticObjective(X, y, 0.0)
    softmax = SoftmaxObjective(X, y, 0.0)
    W, b = binary.unpack(theta)
    value, gradient = softmax(softmax.pack(np.hstack([-W / 2, W / 2]), np.append(-b / 2, b / 2)))
    expected_value, expected_gradient = binary(theta)
    dW, db = softmax.unpack(gradient)
    assert value == pytest.approx(expected_value, rel=1e-13)
    np.testing.assert_allclose(np.append(dW[:, 1], db[1]), expected_gradient, rtol=1e-12)
    np.testing.assert_allclose(dW[:, 0], -dW[:, 1], rtol=1e-12)


def test_a_shift_common_to_all_classes_changes_nothing_but_the_penalty(data):
    X, y = data
    objective = SoftmaxObjective(X, y, 0.0)
    w = np.linspace(-1, 1, objective.size)
    shift = objective.pack(np.repeat([[3.0], [-2.0], [0.5], [7.0]], 3, axis=1), np.full(3, 4.0))
    value, gradient = objective(w)
    shifted_value, shifted_gradient = objective(w + shift)
    assert shifted_value == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(shifted_gradient, gradient, atol=1e-13)
    np.testing.assert_allclose(objective.hessian_vector(w, shift), 0, atol=1e-13)


def test_classes_that_do_not_occur_are_allowed_for(data):
    X, y = data
    assert SoftmaxObjective(X, y, 0.1, n_classes=5).unpack(np.zeros(25))[0].shape == (4, 5)


def test_lipschitz_constant_is_that_of_the_formula(data):
    X, y = data
    design = np.column_stack([X, np.ones(90)])
    expected = np.linalg.norm(design, 2) ** 2 / (2 * 90) + 0.05
    assert SoftmaxObjective(X, y, 0.05).lipschitz() == pytest.approx(expected, rel=1e-5)


def test_labels_that_are_no_class_are_refused(data):
    X, y = data
    with pytest.raises(ValueError, match="y: found the label 2, expected labels 0 to 1"):
        SoftmaxObjective(X, y, 0.1, n_classes=2)
    with pytest.raises(ValueError, match="y: found the label -1, expected labels of at least 0"):
        SoftmaxObjective(X, y - 1, 0.1)
    with pytest.raises(ValueError, match="n_classes: found 1, expected an integer of at least 2"):
        SoftmaxObjective(X, 0 * y, 0.1)


def test_logits_too_large_for_exp_give_the_loss_and_its_derivative():
    objective = SoftmaxObjective(np.ones((2, 1)), np.array([0, 1]), 0.0, n_classes=2)
    Z = np.array([[1000.0, 0.0], [1000.0, 0.0]])
    loss, R = objective.loss_and_residual(Z, np.array([0, 1]))
    np.testing.assert_array_equal(loss, [0, 1000])
    np.testing.assert_array_equal(R, [[0, 0], [1, -1]])


def test_the_summed_hessian_of_the_logits_keeps_its_digits_where_a_probability_is_near_one():
    objective = SoftmaxObjective(np.zeros((2, 1)), np.arange(2), 0.0, n_classes=3)
    Z = np.array([[40.0, 0.0, 0.0], [0.0, 1.0, 2.0]])
    confident = objective.summed_logit_hessian(Z[:1], np.array([2.0]))
    assert confident[0, 0] == pytest.approx(2 * 2 * np.exp(-40), rel=1e-12)
    s = np.array([2.0, 3.0])
    each = objective.logit_hessian(Z) @ s
    np.testing.assert_allclose(objective.summed_logit_hessian(Z, s), each, rtol=1e-12)
