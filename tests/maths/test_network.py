"""The network: values by hand, gradients over random sizes, types, penalties, errors."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mnist_gradients.maths.logistic import sigmoid
from mnist_gradients.maths.network import (
    ACTIVATIONS,
    Network,
    forward,
    forward_pass,
    initialise,
    loss,
    loss_and_gradients,
)
from mnist_gradients.maths.softmax import cross_entropy, output_layer_gradients

ALL_ACTIVATIONS = pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
BOTH_TYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def random_problem(activation, sizes, n_rows, seed, dtype=np.float64):
    """A network away from its initial symmetry, examples and labels."""
    rng = np.random.default_rng(seed)
    network = initialise(sizes, activation, rng, dtype)
    shifted = [p + rng.normal(0, 0.3, p.shape).astype(dtype) for p in network.parameters]
    X = rng.normal(size=(n_rows, sizes[0])).astype(dtype)
    return network.with_parameters(shifted), X, rng.integers(0, sizes[-1], n_rows)


def directional_difference(network, X, y, l2, direction, step=1e-5):
    """Central difference of the loss along one direction of the parameter space."""
    ahead, behind = (
        loss(
            network.with_parameters(
                [p + sign * step * d for p, d in zip(network.parameters, direction, strict=True)]
            ),
            X,
            y,
            l2,
        )
        for sign in (1, -1)
    )
    return (ahead - behind) / (2 * step)


@pytest.mark.parametrize(
    ("activation", "a", "value", "slope"),
    [
        ("relu", 2.0, 2.0, 1.0),
        ("relu", -2.0, 0.0, 0.0),
        ("relu", 0.0, 0.0, 0.0),
        ("tanh", 0.5, 0.46211715726000975, 0.7864477329659274),
        ("sigmoid", 0.0, 0.5, 0.25),
        ("sigmoid", 800.0, 1.0, 0.0),
        ("gelu", 0.0, 0.0, 0.5),
        ("gelu", 1.0, 0.8413447460685429, 1.0833154705876864),
        ("gelu", -50.0, 0.0, 0.0),
        ("identity", -3.0, -3.0, 1.0),
    ],
)
def test_activation_values_and_slopes(activation, a, value, slope):
    phi = ACTIVATIONS[activation]
    assert phi.function(np.array([a]))[0] == pytest.approx(value, rel=1e-14, abs=1e-300)
    assert phi.derivative(np.array([a]))[0] == pytest.approx(slope, rel=1e-14, abs=1e-300)


@ALL_ACTIVATIONS
@BOTH_TYPES
def test_activations_are_finite_for_extreme_input_and_keep_the_type(activation, dtype):
    a = np.array([-1e4, -88.0, -1e-30, 0.0, 1e-30, 88.0, 1e4], dtype)
    for function in ACTIVATIONS[activation]:
        values = function(a)
        assert values.dtype == dtype
        assert np.isfinite(values).all()


@ALL_ACTIVATIONS
@given(a=st.floats(-30, 30).filter(lambda a: abs(a) > 1e-3))
def test_derivatives_are_slopes(activation, a):
    function, derivative = ACTIVATIONS[activation]
    ahead, behind = function(np.array([a + 1e-5, a - 1e-5]))
    assert derivative(np.array([a]))[0] == pytest.approx((ahead - behind) / 2e-5, abs=2e-9)


def test_sigmoid_slope_keeps_precision_where_one_minus_sigmoid_is_zero():
    a = np.array([40.0])
    assert 1 - sigmoid(a)[0] == 0.0
    assert ACTIVATIONS["sigmoid"].derivative(a)[0] == pytest.approx(np.exp(-40), rel=1e-15)


def test_forward_by_hand():
    network = Network(
        weights=(np.array([[1.0, -1.0]]), np.array([[1.0, 0.0], [0.0, 2.0]])),
        biases=(np.array([0.0, 0.5]), np.array([0.1, 0.2])),
        activation="relu",
    )
    # X W_1 + b_1 = [[2, -1.5], [-1, 1.5]], rectified [[2, 0], [0, 1.5]]
    X, logits = [[2.0], [-1.0]], [[2.1, 0.2], [0.1, 3.2]]
    np.testing.assert_allclose(forward(network, X), logits)
    (A_1, A_2), (H_0, H_1) = forward_pass(network, X)
    np.testing.assert_array_equal(A_1, [[2.0, -1.5], [-1.0, 1.5]])
    np.testing.assert_array_equal(H_0, X)
    np.testing.assert_array_equal(H_1, [[2.0, 0.0], [0.0, 1.5]])
    np.testing.assert_allclose(A_2, logits)


def test_one_layer_is_softmax_regression():
    rng = np.random.default_rng(1)
    W, b, x, y = rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=3), np.eye(4)[2]
    value, (dW, db) = loss_and_gradients(Network((W,), (b,), "tanh"), x[None], np.array([2]))
    assert value == pytest.approx(cross_entropy(x @ W + b, y), rel=1e-15)
    expected_dW, expected_db = output_layer_gradients(x, W, b, y)
    np.testing.assert_allclose(dW, expected_dW, rtol=1e-14)
    np.testing.assert_allclose(db, expected_db, rtol=1e-14)


@ALL_ACTIVATIONS
@settings(max_examples=25)
@given(
    sizes=st.lists(st.integers(1, 5), min_size=2, max_size=5),
    n_rows=st.integers(1, 6),
    l2=st.sampled_from([0.0, 0.3]),
    seed=st.integers(0, 2**32 - 1),
)
def test_gradients_predict_the_change_of_the_loss(activation, sizes, n_rows, l2, seed):
    network, X, y = random_problem(activation, sizes, n_rows, seed)
    rng = np.random.default_rng(seed)
    _, gradients = loss_and_gradients(network, X, y, l2)
    direction = [rng.normal(size=g.shape) / 10 for g in gradients]
    predicted = sum(np.vdot(g, d) for g, d in zip(gradients, direction, strict=True))
    # Two steps disagree where they cross a kink of relu, and such a point proves nothing.
    coarse, fine = (directional_difference(network, X, y, l2, direction, h) for h in (1e-5, 1e-6))
    assume(activation != "relu" or abs(coarse - fine) < 1e-7)
    assert predicted == pytest.approx(fine, abs=1e-7)


@ALL_ACTIVATIONS
@BOTH_TYPES
def test_nothing_is_widened_and_nothing_is_modified(activation, dtype):
    network, X, y = random_problem(activation, (3, 4, 2), 5, seed=0, dtype=dtype)
    arrays = [*network.parameters, X, y]
    before = [array.copy() for array in arrays]
    value, gradients = loss_and_gradients(network, X, y, l2=np.float64(0.1))
    assert value.dtype == dtype
    assert value == loss(network, X, y, l2=0.1)
    assert [g.dtype for g in gradients] == [dtype] * 4
    assert [g.shape for g in gradients] == [p.shape for p in network.parameters]
    for array, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_float32_and_float64_agree_to_float32_precision():
    network, X, y = random_problem("gelu", (6, 5, 3), 8, seed=2)
    narrow = network.with_parameters([p.astype(np.float32) for p in network.parameters])
    _, wide_gradients = loss_and_gradients(network, X, y)
    _, narrow_gradients = loss_and_gradients(narrow, X, y)  # a float64 X is narrowed, not the rest
    for wide, thin in zip(wide_gradients, narrow_gradients, strict=True):
        assert thin.dtype == np.float32
        np.testing.assert_allclose(thin, wide, atol=1e-6)


def test_class_numbers_and_one_hot_rows_are_the_same():
    network, X, y = random_problem("relu", (3, 4, 3), 5, seed=4)
    by_number, by_row = (loss_and_gradients(network, X, t)[1] for t in (y, np.eye(3)[y]))
    for a, b in zip(by_number, by_row, strict=True):
        np.testing.assert_array_equal(a, b)


def test_soft_targets_average_the_losses_of_their_classes():
    network, X, _ = random_problem("tanh", (3, 4, 2), 1, seed=4)
    zero, one = (loss(network, X, np.array([k])) for k in (0, 1))
    assert loss(network, X, [[0.25, 0.75]]) == pytest.approx(0.25 * zero + 0.75 * one, rel=1e-14)


def test_the_penalty_is_on_the_weights_and_not_on_the_biases():
    network, X, y = random_problem("relu", (3, 4, 2), 5, seed=5)
    plain, plain_gradients = loss_and_gradients(network, X, y)
    penalised, gradients = loss_and_gradients(network, X, y, l2=0.4)
    squares = sum((W**2).sum() for W in network.weights)
    assert penalised - plain == pytest.approx(0.2 * squares, rel=1e-12)
    for i, (p, g, g0) in enumerate(
        zip(network.parameters, gradients, plain_gradients, strict=True)
    ):
        np.testing.assert_allclose(g - g0, 0.4 * p if i % 2 == 0 else 0 * p, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_logits_leave_loss_and_gradients_finite(dtype):
    network = Network((np.eye(2, dtype=dtype) * 1e4,), (np.zeros(2, dtype),), "relu")
    value, gradients = loss_and_gradients(network, [[1.0, -1.0]], np.array([1]))
    assert value == 2e4
    np.testing.assert_array_equal(gradients[1], [1.0, -1.0])


def test_initial_weights_are_reproducible_and_the_same_in_both_types():
    wide, narrow, other = (
        initialise((4, 3, 2), "relu", np.random.default_rng(seed), dtype)
        for seed, dtype in [(7, np.float64), (7, np.float32), (8, np.float64)]
    )
    for W, w, v in zip(wide.weights, narrow.weights, other.weights, strict=True):
        np.testing.assert_array_equal(W.astype(np.float32), w)
        assert not np.array_equal(W, v)
    assert all((b == 0).all() for b in wide.biases)


@pytest.mark.parametrize(
    ("activation", "variance"),
    [("relu", 2 / 400), ("gelu", 2 / 400), ("tanh", 2 / 500), ("sigmoid", 2 / 500)],
)
def test_initial_variance_is_he_or_glorot(activation, variance):
    network = initialise((400, 100), activation, np.random.default_rng(0))
    assert network.weights[0].var() == pytest.approx(variance, rel=0.03)  # 40,000 draws: sd 0.7 %
    assert abs(network.weights[0].mean()) < 4 * np.sqrt(variance / 40_000)


def test_parameters_run_layer_by_layer_and_come_back():
    network = initialise((4, 3, 2), "relu", np.random.default_rng(0))
    assert [p.shape for p in network.parameters] == [(4, 3), (3,), (3, 2), (2,)]
    again = network.with_parameters(network.parameters)
    assert again.activation == "relu"
    for a, b in zip(again.parameters, network.parameters, strict=True):
        assert a is b


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"activation": "softsign"}, "activation: found 'softsign', expected one of .*gelu"),
        ({"biases": (np.zeros(3), np.zeros(3))}, "shapes that form a chain"),
        ({"biases": (np.zeros((3, 1)), np.zeros(2))}, "shapes that form a chain"),
        ({"biases": (np.zeros(3),)}, "shapes that form a chain"),
        ({"biases": (np.zeros(3, np.float32), np.zeros(2))}, r"arrays of \['float32', 'float64'\]"),
        (
            {"weights": (np.ones((4, 3), int), np.ones((3, 2), int)),
             "biases": (np.ones(3, int), np.ones(2, int))},
            r"arrays of \['int64'\], expected all float32 or all float64",
        ),
    ],
)  # fmt: skip
def test_a_network_that_does_not_fit_together_is_refused(changes, message):
    fitting = {
        "weights": (np.zeros((4, 3)), np.zeros((3, 2))),
        "biases": (np.zeros(3), np.zeros(2)),
        "activation": "relu",
    }
    Network(**fitting)
    with pytest.raises(ValueError, match=message):
        Network(**(fitting | changes))


@pytest.mark.parametrize("sizes", [(4,), (4, 0, 2)])
def test_sizes_that_make_no_network_are_refused(sizes):
    with pytest.raises(ValueError, match=r"sizes: found .*, expected at least two"):
        initialise(sizes, "relu", np.random.default_rng(0))


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.zeros((2, 3)), [0, 1], r"X: found shape \(2, 3\), expected \(N, 4\)"),
        (np.zeros(4), [0], r"X: found shape \(4,\), expected \(N, 4\)"),
        (np.zeros((2, 4)), [0, 1, 1], r"y: found shape \(3,\) and type int64, expected \(2,\)"),
        (np.zeros((2, 4)), [0.0, 1.0], "type float64, expected"),
        (np.zeros((2, 4)), [0, 2], "y: found classes 0 to 2, expected 0 to 1"),
        (np.zeros((2, 4)), [-1, 1], "y: found classes -1 to 1, expected 0 to 1"),
        (np.zeros((2, 4)), np.eye(3)[:2], r"Y: found shape \(2, 3\), expected .* \(2, 2\)"),
    ],
)
def test_data_that_do_not_fit_the_network_are_refused(X, y, message):
    network = initialise((4, 3, 2), "relu", np.random.default_rng(0))
    for function in (loss, loss_and_gradients):
        with pytest.raises(ValueError, match=message):
            function(network, X, y)
