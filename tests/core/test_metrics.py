import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_gradients.core.metrics import (
    class_metrics,
    classification_metrics,
    expected_calibration_error,
)


def test_metrics_of_four_predictions_worked_out_by_hand():
    P = np.array([[0.5, 0.25, 0.25], [0.125, 0.75, 0.125], [0.5, 0.25, 0.25], [0.25, 0.25, 0.5]])
    metrics = classification_metrics(np.log(P), np.array([0, 1, 2, 2]))
    assert metrics == {
        "error": 0.25,  # the third
        "loss": pytest.approx(-np.log([0.5, 0.75, 0.25, 0.5]).mean()),
        # Confidences 0.5, 0.5, 0.5 share a bin, in which two of three are right; 0.75 stands alone.
        "expected_calibration_error": pytest.approx((abs(3 * 0.5 - 2) + abs(0.75 - 1)) / 4),
    }
    assert all(type(value) is float for value in metrics.values())  # JSON takes no NumPy numbers


def test_loss_stays_finite_where_the_probability_underflows():
    metrics = classification_metrics(np.array([[0.0, -1e4]]), np.array([1]))
    assert metrics["loss"] == 1e4
    assert metrics["expected_calibration_error"] == 1.0  # quite sure, and wrong


def test_calibration_error_is_zero_where_confidence_is_accuracy():
    confidence = np.repeat([0.6, 0.9], 10)
    correct = np.arange(20) % 10 < np.repeat([6, 9], 10)
    assert expected_calibration_error(confidence, correct) == pytest.approx(0, abs=1e-12)


def test_calibration_error_of_one_bin_is_the_overall_gap():
    rng = np.random.default_rng(0)
    confidence, correct = rng.uniform(size=50), rng.uniform(size=50) < 0.3
    gap = abs(confidence.mean() - correct.mean())
    assert expected_calibration_error(confidence, correct, n_bins=1) == pytest.approx(gap)
    assert expected_calibration_error(confidence, correct) > gap  # here bins cannot cancel out


@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50), st.integers(1, 20)
)
def test_calibration_error_is_a_fraction_independent_of_the_order(predictions, n_bins):
    confidence, correct = (np.array(column) for column in zip(*predictions, strict=True))
    error = expected_calibration_error(confidence, correct, n_bins)
    assert 0 <= error <= 1
    reversed_error = expected_calibration_error(confidence[::-1], correct[::-1], n_bins)
    assert reversed_error == pytest.approx(error)


def test_precision_recall_and_f1_worked_out_by_hand():
    y, predicted = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 0, 0])
    table = class_metrics(y, predicted, ["coat", "bag", "boot"])
    assert table["class"].tolist() == ["coat", "bag", "boot", "mean of the classes"]
    assert table["images"].tolist() == [3, 2, 1, 6]
    assert table["precision"].tolist() == pytest.approx([1 / 2, 1 / 2, 0, 1 / 3])
    assert table["recall"].tolist() == pytest.approx([2 / 3, 1 / 2, 0, 7 / 18])
    assert table["f1"].tolist() == pytest.approx([4 / 7, 1 / 2, 0, (4 / 7 + 1 / 2) / 3])
