"""Evaluate a trained network on labelled images."""

from typing import Any

import numpy as np
import pandas as pd

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.core.metrics import classification_metrics
from mnist_gradients.maths.softmax import log_softmax

BATCH_SIZE = 1000


def log_probabilities(network: Any, labelled: LabelledImages) -> np.ndarray:
    """Return the logarithms of a network's probabilities, float64 (N, K)."""
    # Called directly: `predict` would compile a function for each network.
    starts = range(0, len(labelled), BATCH_SIZE)
    logits = [np.float64(network(labelled.images[i : i + BATCH_SIZE])) for i in starts]
    return log_softmax(np.concatenate(logits))


def named_metrics(name: str, log_p: np.ndarray, labelled: LabelledImages) -> dict[str, float]:
    """Return the metrics of predictions: {name}_error, {name}_loss and so on."""
    metrics = classification_metrics(log_p, labelled.labels)
    return {f"{name}_{metric}": value for metric, value in metrics.items()}


def tabulate_predictions(log_p: np.ndarray, labelled: LabelledImages) -> pd.DataFrame:
    """Return a row per image: image, label, predicted, confidence (probability), loss (nats)."""
    rows = np.arange(len(labelled))
    return pd.DataFrame(
        {
            "image": rows,
            "label": labelled.labels,
            "predicted": log_p.argmax(axis=1),
            "confidence": np.exp(log_p.max(axis=1)),
            "loss": -log_p[rows, labelled.labels],
        }
    )
