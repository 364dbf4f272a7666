"""Softmax, cross-entropy and their gradients: values, properties over shapes and types, errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mnist_gradients.maths.softmax import (
    cross_entropy,
    cross_entropy_gradient,
    log_softmax,
    output_layer_gradients,
    softmax,
    summed_log_softmax,
    summed_log_softmax_gradients,
)

SHAPES = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=6)


@st.composite
def logits(draw, shapes=SHAPES, limit=1e4):
    """Logits of any size up to ±1e4, float32 or float64."""
    width = draw(st.sampled_from([32, 64]))
    entries = st.floats(-limit, limit, width=width)
    return draw(hnp.arrays(np.dtype(f"float{width}"), shapes, elements=entries))


@st.composite
def logits_and_targets(draw, limit=1e4):
    """Logits (N, K) beside probability rows of the same shape and type."""
    z = draw(logits(hnp.array_shapes(min_dims=2, max_dims=2, max_side=6), limit))
    raw = draw(hnp.arrays(np.float64, z.shape, elements=st.floats(0, 1))) + 1e-3
    return z, (raw / raw.sum(axis=-1, keepdims=True)).astype(z.dtype)


def precision(z):
    return 16 * np.finfo(z.dtype).eps


def test_softmax_of_logarithms_is_the_proportions():
    np.testing.assert_allclose(softmax(np.log([[1, 2, 5]])), [[0.125, 0.25, 0.625]], rtol=1e-15)


def test_log_softmax_keeps_what_softmax_rounds_to_zero():
    z = np.array([0.0, -1e4])
    assert softmax(z)[1] == 0.0
    assert log_softmax(z)[1] == -1e4


def test_integers_become_float64():
    assert softmax([1, 2]).dtype == np.float64
    assert cross_entropy([0, 0], [0.5, 0.5]) == pytest.approx(np.log(2), rel=1e-15)


def test_a_naive_softmax_does_overflow_where_ours_does_not():
    z = np.array([1e4, 0.0])
    with np.errstate(over="ignore", invalid="ignore"):
        assert np.isnan(np.exp(z) / np.exp(z).sum()).any()
    np.testing.assert_array_equal(softmax(z), [1.0, 0.0])


@given(logits())
def test_softmax_is_a_probability_vector_of_the_type_of_its_logits(z):
    before = z.copy()
    p = softmax(z)
    assert p.dtype == z.dtype
    assert p.shape == z.shape
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=-1), 1, rtol=precision(z))
    np.testing.assert_array_equal(z, before)


@given(logits())
def test_log_softmax_is_finite_and_exponentiates_to_softmax(z):
    before = z.copy()
    log_p = log_softmax(z)
    assert log_p.dtype == z.dtype
    assert np.isfinite(log_p).all()
    assert (log_p <= 0).all()
    np.testing.assert_allclose(np.exp(log_p), softmax(z), atol=precision(z))
    np.testing.assert_array_equal(z, before)


@given(logits(limit=100), st.integers(-(2**13), 2**13))
def test_softmax_is_invariant_under_a_shift(z, c):
    rounding = np.finfo(z.dtype).eps * (abs(c) + 100)  # of the shifted logits themselves
    np.testing.assert_allclose(softmax(z + z.dtype.type(c)), softmax(z), atol=4 * rounding)


@given(logits(), st.randoms(use_true_random=False))
def test_softmax_permutes_with_its_logits(z, random):
    order = random.sample(range(z.shape[-1]), z.shape[-1])
    np.testing.assert_allclose(softmax(z[..., order]), softmax(z)[..., order], atol=precision(z))


@given(logits(), st.integers(0, 5))
def test_cross_entropy_of_a_label_is_its_negative_log_probability(z, k):
    k %= z.shape[-1]
    Y = np.zeros_like(z)
    Y[..., k] = 1
    loss = cross_entropy(z, Y)
    assert loss.dtype == z.dtype
    np.testing.assert_array_equal(loss, -log_softmax(z)[..., k])


@given(logits_and_targets())
def test_cross_entropy_is_at_least_the_entropy_of_its_targets(pair):
    z, Y = pair
    before = z.copy(), Y.copy()
    entropy = -(Y * np.log(Y)).sum(axis=-1)
    assert (cross_entropy(z, Y) >= entropy - 1e3 * precision(z)).all()
    np.testing.assert_array_equal(z, before[0])
    np.testing.assert_array_equal(Y, before[1])


@given(logits_and_targets())
def test_cross_entropy_gradient_sums_to_zero_over_the_classes(pair):
    z, Y = pair
    gradient = cross_entropy_gradient(z, Y)
    assert gradient.dtype == z.dtype
    assert gradient.shape == z.shape
    np.testing.assert_allclose(gradient.sum(axis=-1), 0, atol=precision(z))


@given(logits_and_targets(limit=30))
def test_cross_entropy_gradient_is_the_complex_step_derivative(pair):
    z, Y = (array.astype(np.float64) for array in pair)
    Y /= Y.sum(axis=-1, keepdims=True)
    for k in range(z.shape[1]):
        direction = 1j * 1e-100 * np.eye(z.shape[1])[k]
        derivative = cross_entropy(z + direction, Y).imag / 1e-100
        np.testing.assert_allclose(cross_entropy_gradient(z, Y)[:, k], derivative, atol=1e-14)


def test_cross_entropy_gradient_vanishes_where_the_targets_are_met():
    z = np.array([[0.5, -1.0, 2.0]])
    np.testing.assert_array_equal(cross_entropy_gradient(z, softmax(z)), np.zeros((1, 3)))


@pytest.mark.parametrize("function", [cross_entropy, cross_entropy_gradient])
def test_targets_of_another_shape_are_refused(function):
    with pytest.raises(ValueError, match=r"Y: found shape \(2,\), expected .* \(2, 3\)"):
        function(np.zeros((2, 3)), np.array([0, 1]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("function", [cross_entropy, cross_entropy_gradient])
def test_targets_never_widen_the_type(function, dtype):
    assert function(np.zeros((2, 3), dtype), np.eye(3)[:2]).dtype == dtype


@given(hnp.array_shapes(min_dims=2, max_dims=2, max_side=5), st.integers(0, 2**32 - 1))
def test_summed_log_softmax_gradients_are_the_complex_step_derivatives(shape, seed):
    rng = np.random.default_rng(seed)
    W, x, c = rng.normal(size=shape), rng.normal(size=shape[1]), rng.normal(size=shape[0])
    dW, dc = summed_log_softmax_gradients(W, x, c)
    h = 1e-100
    for i in range(shape[0]):
        step = 1j * h * np.eye(shape[0])[i]
        assert summed_log_softmax(W, x, c + step).imag / h == pytest.approx(dc[i], abs=1e-13)
        step = np.outer(step, np.eye(shape[1])[0])
        assert summed_log_softmax(W + step, x, c).imag / h == pytest.approx(dW[i, 0], abs=1e-13)


def test_summed_log_softmax_of_equal_logits_is_its_maximum():
    W, x, c = np.zeros((4, 2)), np.ones(2), np.full(4, 7.0)
    assert summed_log_softmax(W, x, c) == pytest.approx(-4 * np.log(4), rel=1e-15)
    for gradient in summed_log_softmax_gradients(W, x, c):
        np.testing.assert_allclose(gradient, 0, atol=1e-15)


def test_the_printed_answer_of_the_assignment_is_the_gradient_of_minus_j():
    W, x, c = np.array([[1.0, -1.0], [0.5, 2.0]]), np.array([0.3, -0.7]), np.array([0.1, -0.2])
    printed = -1 + 2 * softmax(W @ x + c)
    _, dc = summed_log_softmax_gradients(W, x, c)
    np.testing.assert_allclose(printed, -dc, rtol=1e-15)
    assert np.abs(printed - dc).max() > 0.5


def test_output_layer_gradients_by_hand():
    h, y = np.array([2.0, -1.0]), np.array([0.0, 1.0])
    dW, db = output_layer_gradients(h, np.zeros((2, 2)), np.zeros(2), y)
    np.testing.assert_array_equal(db, [0.5, -0.5])
    np.testing.assert_array_equal(dW, [[1.0, -1.0], [-0.5, 0.5]])


def test_output_layer_refuses_targets_of_another_length():
    with pytest.raises(ValueError, match=r"Y: found shape \(3,\), expected .* \(2,\)"):
        output_layer_gradients(np.ones(2), np.zeros((2, 2)), np.zeros(2), np.ones(3) / 3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_keep_the_type_and_leave_their_inputs_alone(dtype):
    rng = np.random.default_rng(3)
    W, x, c = (rng.normal(size=shape).astype(dtype) for shape in [(3, 2), 2, 3])
    arrays = [W, x, c]
    before = [array.copy() for array in arrays]
    results = [
        *summed_log_softmax_gradients(W, x, c),
        *output_layer_gradients(c, W, x, np.array([0.0, 1.0])),
        summed_log_softmax(W, x, c),
    ]
    assert [result.dtype for result in results] == [dtype] * 5
    for array, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, copy)
