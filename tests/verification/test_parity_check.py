"""The parity check: equal in float64, equal up to rounding in float32, and able to differ."""

import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_gradients.maths.network import initialise
from mnist_gradients.pipelines.derivations import plots
from mnist_gradients.verification import parity_check as parity
from mnist_gradients.verification.parameters import ParityCheckParameters

COLUMNS = [
    "iteration",
    *("numpy_float64", "keras_float64", "switched_units_float64"),
    *("numpy_float32", "keras_float32", "switched_units_float32"),
]


def parameters(**changes: object) -> ParityCheckParameters:
    options = {
        "hidden_units": (16, 12),
        "activation": "relu",
        "batch_size": 20,
        "iterations": 40,
        "learning_rate": 0.1,
        "float64_tolerance": 1e-9,
    }
    return ParityCheckParameters(**(options | changes))


@pytest.fixture(scope="module")
def digits(mnist):
    return mnist.take(np.arange(300))


@pytest.fixture(scope="module")
def start():
    return initialise((784, 16, 10), "relu", np.random.default_rng(0))


def batches(digits, n=30):
    return parity.mini_batches(digits, np.arange(300).reshape(-1, 10)[:n], "float64")


@given(n_images=st.integers(1, 50), batch_size=st.integers(1, 60), iterations=st.integers(1, 9))
def test_every_image_is_drawn_equally_often(n_images, batch_size, iterations):
    chosen = parameters(batch_size=batch_size, iterations=iterations)
    order = parity.draw_order(n_images, chosen, np.random.default_rng(0))
    assert order.shape == (iterations, batch_size)
    counts = np.bincount(order.ravel(), minlength=n_images)
    assert len(counts) == n_images
    assert counts.max() - counts.min() <= 1


def test_mini_batches_are_scaled_pixels_and_labels(digits):
    order = np.array([[5, 0], [7, 7]])
    (X, y), (again, _) = parity.mini_batches(digits, order, "float32")
    assert X.shape == (2, 784)
    assert X.dtype == np.float32
    np.testing.assert_array_equal(np.round(X * 255), digits.images[[5, 0]].reshape(2, -1))
    np.testing.assert_array_equal(y, digits.labels[[5, 0]])
    np.testing.assert_array_equal(again[0], again[1])


def test_training_lowers_the_loss_and_leaves_the_start_alone(digits, start):
    before = [p.copy() for p in start.parameters]
    run = parity.train_reference(start, batches(digits), 0.1)
    assert run.losses[:5].mean() > 2
    assert run.losses[-5:].mean() < 1.5
    assert run.active.shape == (30, 10, 16)
    for parameter, copy in zip(start.parameters, before, strict=True):
        np.testing.assert_array_equal(parameter, copy)


@pytest.mark.tensorflow
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_both_networks_have_the_same_losses(digits, activation):
    history, summary = parity.run_parity_check(digits, parameters(activation=activation), seed=1)
    assert list(history.columns) == COLUMNS
    assert list(history["iteration"]) == list(range(1, 41))
    assert history["numpy_float64"].iloc[-1] < history["numpy_float64"].iloc[0]
    assert summary["iterations"] == 40
    assert summary["float64"]["largest_loss_difference"] < 1e-13
    assert summary["float64"]["largest_parameter_difference"] < 1e-13
    assert summary["float32"]["largest_loss_difference_before_it"] < 1e-5
    for dtype in ("float64", "float32"):
        difference = (history[f"numpy_{dtype}"] - history[f"keras_{dtype}"]).abs().max()
        assert summary[dtype]["largest_loss_difference"] == pytest.approx(difference, rel=1e-6)


def test_the_seed_determines_the_run(digits, monkeypatch):
    monkeypatch.setattr(parity, "train_keras", parity.train_reference)
    short = parameters(iterations=3)
    (first, _), (same, _), (other, _) = (
        parity.run_parity_check(digits, short, s) for s in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(first[["numpy_float64"]], same[["numpy_float64"]])
    assert (first["numpy_float64"] != other["numpy_float64"]).all()


@pytest.mark.tensorflow
def test_another_learning_rate_is_detected(digits, start):
    theirs = parity.train_keras(start, batches(digits), 0.125)
    same = parity.compare(parity.train_reference(start, batches(digits), 0.125), theirs)
    other = parity.compare(parity.train_reference(start, batches(digits), 0.1251), theirs)
    assert same["largest_loss_difference"] < 1e-13
    assert other["largest_loss_difference"] > 1e-5


def run(losses, switched_at=None, parameter=0.0):
    active = np.ones((len(losses), 2, 3), dtype=bool)
    if switched_at is not None:
        active[switched_at, 1, 2] = False
    return parity.Run(np.array(losses), active, (np.full((2, 2), parameter),))


def test_differences_before_the_first_switched_unit_are_reported_apart():
    compared = parity.compare(run([1.0, 2.0, 3.0], parameter=1.0), run([1.0, 2.25, 4.0], 1, 0.5))
    assert compared == {
        "largest_loss_difference": 1.0,
        "largest_parameter_difference": 0.5,
        "first_switched_unit": 2,
        "largest_loss_difference_before_it": 0.25,
    }


def test_without_a_switched_unit_all_iterations_are_compared():
    compared = parity.compare(run([1.0, 2.0, 3.0]), run([1.0, 2.25, 4.0]))
    assert compared["first_switched_unit"] is None
    assert compared["largest_loss_difference_before_it"] == 1.0


@pytest.mark.parametrize("switched", [[0, 0, 0], [0, 1, 4]])
def test_plot_shows_both_losses_and_their_largest_difference(switched):
    history = pd.DataFrame(
        {
            "iteration": [1, 2, 3],
            "numpy_float64": [2.0, 1.5, 1.0],
            "keras_float64": [2.0, 1.5 + 1e-12, 1.0],
            "switched_units_float64": 0,
            "numpy_float32": [2.0, 1.5, 1.0],
            "keras_float32": [2.0, 1.5, 1.001],
            "switched_units_float32": switched,
        }
    )
    figure = plots.plot_parity_check(history)
    figure.savefig(io.BytesIO(), format="png")
    losses, differences = figure.axes
    assert [line.get_label() for line in losses.lines] == ["Keras", "NumPy (hand-derived)"]
    for line, column in zip(losses.lines, ("keras_float64", "numpy_float64"), strict=True):
        np.testing.assert_array_equal(line.get_ydata(), history[column])
    float32 = differences.lines[0]
    np.testing.assert_allclose(float32.get_ydata(), [1e-17, 1e-17, 1e-3])
    assert len(differences.lines) == (3 if any(switched) else 2)
    assert differences.get_yscale() == "log"
