"""Loss curves: what all figures of them share."""

import pandas as pd
from matplotlib.axes import Axes

from mnist_gradients.plotting import figures


def running_mean(of_batch: pd.Series) -> tuple[pd.Series, int]:
    """Return the mean over the mini-batches around each one, and the number of mini-batches."""
    window = max(1, min(100, len(of_batch) // 20))
    return of_batch.rolling(window, min_periods=1, center=True).mean(), window


def log_loss_axis(axes: Axes) -> None:
    """Make the y-axis a logarithmic one of losses."""
    axes.set(ylabel="cross-entropy (nats)", yscale="log")
    figures.label_1_2_5(axes.yaxis)
