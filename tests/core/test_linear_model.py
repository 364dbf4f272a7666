import re
import tracemalloc

import numpy as np
import pytest
from scipy.special import expit, softmax

from mnist_gradients.core.linear_model import LinearModel


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def binary_model(rng, d=6, classes=(0, 1)):
    return LinearModel(rng.normal(size=(d, 1)), rng.normal(size=1), np.array(classes), l2=0.1)


def multinomial_model(rng, d=6, classes=(0, 1, 2)):
    n_classes = len(classes)
    return LinearModel(
        rng.normal(size=(d, n_classes)), rng.normal(size=n_classes), np.array(classes), l2=0.1
    )


@pytest.mark.parametrize("make", [binary_model, multinomial_model])
@pytest.mark.parametrize("rows", [0, 1, 2047, 2048, 2049, 5000])
def test_decision_function_is_the_formula_for_any_number_of_rows(make, rows, rng):
    model = make(rng)
    X = rng.integers(0, 256, size=(rows, 6), dtype=np.uint8)
    expected = (X / 255) @ model.weights + model.intercept
    np.testing.assert_allclose(model.decision_function(X), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_are_scaled_by_the_scale_of_the_model(dtype):
    model = LinearModel(np.ones((2, 1)), np.zeros(1), np.array([0, 1]), l2=0.0, scale=0.5)
    X = np.array([[1, 2], [3, 4]], dtype=dtype)
    np.testing.assert_array_equal(model.decision_function(X), [[1.5], [3.5]])


def test_binary_probabilities_and_predictions(rng):
    model = binary_model(rng, classes=(3, 8))
    X = rng.integers(0, 256, size=(50, 6), dtype=np.uint8)
    positive = expit((X / 255) @ model.weights[:, 0] + model.intercept)
    np.testing.assert_allclose(model.probabilities(X), np.c_[1 - positive, positive], atol=1e-12)
    np.testing.assert_array_equal(model.predict(X), np.where(positive > 0.5, 8, 3))


def test_multinomial_probabilities_and_predictions(rng):
    model = multinomial_model(rng, classes=(2, 5, 7))
    X = rng.integers(0, 256, size=(50, 6), dtype=np.uint8)
    expected = softmax((X / 255) @ model.weights + model.intercept, axis=1)
    np.testing.assert_allclose(model.probabilities(X), expected, atol=1e-12)
    np.testing.assert_array_equal(model.predict(X), np.array([2, 5, 7])[expected.argmax(axis=1)])


def test_probability_of_the_unlikely_class_does_not_cancel_to_zero():
    model = LinearModel(np.array([[100.0]]), np.zeros(1), np.array([0, 1]), l2=0.0, scale=1.0)
    np.testing.assert_allclose(model.probabilities(np.ones((1, 1)))[0, 0], np.exp(-100), rtol=1e-12)


@pytest.mark.parametrize("is_mapped", [False, True])
def test_pixels_are_never_copied_to_float_as_a_whole(is_mapped, tmp_path):
    model = LinearModel(np.ones((784, 1)), np.zeros(1), np.array([0, 1]), l2=0.0)
    X = np.ones((20_000, 784), dtype=np.uint8)  # 125 MB as float64
    if is_mapped:
        X.tofile(tmp_path / "pixels")
        X = np.memmap(tmp_path / "pixels", np.uint8, mode="r", shape=X.shape)
    tracemalloc.start()
    model.predict(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30e6


def test_inputs_stay_as_they_were(rng):
    model = multinomial_model(rng)
    X = rng.normal(size=(20, 6))
    before = [X.copy(), model.weights.copy(), model.intercept.copy()]
    model.predict(X)
    for array, copy in zip([X, model.weights, model.intercept], before, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("shape", [(5, 7), (6,), (5, 2, 3)])
def test_refuses_rows_of_another_length(shape, rng):
    words = re.escape(f"X: found shape {shape}, expected (N, 6)")
    with pytest.raises(ValueError, match=f"^{words}$"):
        binary_model(rng).predict(np.zeros(shape))


GOOD = {
    "weights": np.zeros((4, 3)),
    "intercept": np.zeros(3),
    "classes": np.arange(3),
    "l2": 0.1,
    "scale": 1.0,
}


def test_valid_model_is_accepted():
    assert LinearModel(**GOOD).predict(np.zeros((2, 4))).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weights": np.zeros(4)}, "weights: found float64 of shape (4,)"),
        ({"weights": np.zeros((4, 3), np.float32)}, "weights: found float32 of shape (4, 3)"),
        ({"weights": np.full((4, 3), np.nan)}, "weights: found NaN or infinity"),
        ({"intercept": np.zeros(2)}, "intercept: found 2 values, expected 3"),
        ({"intercept": 0.0}, "intercept: found float, expected a non-empty 1-dimensional"),
        ({"intercept": np.array([0, 0, np.inf])}, "intercept: found NaN or infinity"),
        ({"classes": np.arange(2)}, "classes: found [0, 1], expected 3 distinct integers"),
        ({"classes": np.array([0, 1, 1])}, "classes: found [0, 1, 1], expected 3 distinct"),
        ({"classes": np.arange(3.0)}, "classes: found float64 of shape (3,)"),
        (
            {"weights": np.zeros((4, 1)), "intercept": np.zeros(1), "classes": np.array([1])},
            "classes: found [1], expected 2 distinct integers",
        ),
        ({"l2": -0.1}, "l2: found -0.1, expected a finite number of at least 0"),
        ({"l2": np.nan}, "l2: found nan, expected a finite number of at least 0"),
        ({"scale": 0.0}, "scale: found 0.0, expected a finite number above 0"),
    ],
)
def test_refuses_attributes_that_do_not_fit_together(change, words):
    with pytest.raises(ValueError, match=f"^{re.escape(words)}"):
        LinearModel(**(GOOD | change))
