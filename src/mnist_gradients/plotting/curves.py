"""Loss curves: what all figures of them share."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter


def running_mean(of_batch: pd.Series) -> tuple[pd.Series, int]:
    """Return the mean over the mini-batches around each one, and the number of mini-batches."""
    window = max(1, min(100, len(of_batch) // 20))
    return of_batch.rolling(window, min_periods=1, center=True).mean(), window


def log_loss_axis(axes: Axes) -> None:
    """Make the y-axis logarithmic, with ticks at 1, 2 and 5 of each decade."""
    axes.set(ylabel="cross-entropy (nats)", yscale="log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
