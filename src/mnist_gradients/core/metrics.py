"""What is measured of every classifier, so that all models stand in one table."""

from collections.abc import Sequence

import numpy as np
import pandas as pd


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


def class_metrics(y: np.ndarray, predicted: np.ndarray, names: Sequence[str]) -> pd.DataFrame:
    """Return precision, recall and F1 of each class, and their means.

    ::

        precision = right / predicted as the class,  recall = right / images of the class,
        F1 = 2 precision recall / (precision + recall)

    Args:
        y: Integers (N,) in 0..K-1, the true classes.
        predicted: Integers (N,), the predicted classes.
        names: K names.

    Returns:
        A row per class, and a last row with the unweighted means: class (its name), images,
        precision, recall, f1 (fractions; 0 where they are undefined).
    """
    from sklearn.metrics import precision_recall_fscore_support

    precision, recall, f1, images = precision_recall_fscore_support(
        y, predicted, labels=range(len(names)), zero_division=0
    )
    table = pd.DataFrame({"precision": precision, "recall": recall, "f1": f1})
    table.loc[len(names)] = table.mean()
    table.insert(0, "class", [*names, "mean of the classes"])
    table.insert(1, "images", [*images, len(y)])
    return table


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
