"""What is measured of every classifier, so that all models stand in one table."""

import numpy as np


def classification_metrics(log_probabilities: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Return the error, the loss and the calibration error of a classifier.

    Args:
        log_probabilities: (N, K), natural logarithms of the predicted probabilities.
        y: Integers (N,), the true class as a column of `log_probabilities`.

    Returns:
        error: Fraction of wrong predictions, in 0..1.
        loss: Mean cross-entropy, in nats.
        expected_calibration_error: See `expected_calibration_error`.
    """
    predicted = log_probabilities.argmax(axis=1)
    confidence = np.exp(log_probabilities.max(axis=1))
    return {
        "error": float(np.mean(predicted != y)),
        "loss": float(-np.mean(log_probabilities[np.arange(len(y)), y])),
        "expected_calibration_error": expected_calibration_error(confidence, predicted == y),
    }


def expected_calibration_error(
    confidence: np.ndarray, correct: np.ndarray, n_bins: int = 15
) -> float:
    """Return the gap between how sure a classifier is and how often it is right.

    The predictions are sorted into bins of equal width by the probability of the predicted class::

        ECE = sum_b n_b / N |mean confidence in b - fraction correct in b|

    Args:
        confidence: (N,), probability of the predicted class, in 0..1.
        correct: Booleans (N,).
        n_bins: Number of bins.

    Returns:
        A fraction in 0..1; 0 is perfect calibration.

    Source: Guo et al. 2017, "On calibration of modern neural networks" (arXiv 1706.04599), with
    their 15 bins.
    """
    bins = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    gaps = np.bincount(bins, weights=confidence - correct, minlength=n_bins)
    return float(np.abs(gaps).sum() / len(confidence))
