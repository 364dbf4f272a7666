"""A trained network with the record of its training."""

from dataclasses import dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A trained network, its history and its cost.

    Attributes:
        network: Keras network from raw pixels (batch, height, width) to logits (batch, K).
        history: One row per recorded iteration: losses and accuracies.
        cost: train_seconds (wall time, recording included), recording_seconds (the part of it
            spent on evaluation), iterations, and parameters (trainable numbers).
    """

    network: Any
    history: pd.DataFrame
    cost: dict[str, float]
