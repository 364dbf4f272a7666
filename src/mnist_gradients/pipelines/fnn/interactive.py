"""Nodes that draw the two curves once more, to be zoomed and asked for numbers."""

from typing import Any

import pandas as pd

from mnist_gradients.pipelines.fnn.plots import accuracy_limits, running_mean
from mnist_gradients.plotting import figures, interactive


def plot_interactive_loss_curves(history: pd.DataFrame) -> Any:
    """Draw training loss and test loss against training iterations, as a plotly figure."""
    figure = _plot_curves(history, "loss", "cross-entropy (nats)", hover=":.4g} nats")
    figure.update_yaxes(interactive.log_ticks(history["train_loss"]))
    return figure


def plot_interactive_accuracy_curves(history: pd.DataFrame) -> Any:
    """Draw training accuracy and test accuracy against training iterations, as a plotly figure."""
    figure = _plot_curves(history, "accuracy", "accuracy (fraction correct)", hover=":.2%}")
    figure.update_yaxes(range=accuracy_limits(history))
    return figure


def _plot_curves(history: pd.DataFrame, measure: str, y_title: str, *, hover: str) -> Any:
    """Draw a measure of every mini-batch, its running mean, and the same on the test images."""
    figure = interactive.new_figure(
        f"Training {measure} and test {measure} by iteration",
        ["training iteration (one mini-batch)"],
        y_title,
    )
    figure.update_xaxes(range=[0, int(history["iteration"].iloc[-1])])

    def add(name: str, table: pd.DataFrame, column: str, **look: Any) -> None:
        figure.add_scatter(
            x=table["iteration"].tolist(),
            y=interactive.short(table[column]),
            name=name,
            hovertemplate=f"iteration %{{x:,d}}<br>{name}: %{{y{hover}<extra></extra>",
            **look,
        )

    of_batch, of_test = f"train_{measure}", f"test_{measure}"
    mean, window = running_mean(history[of_batch])
    drawn = history.assign(mean=mean).iloc[interactive.thinned(len(history))]
    pale = {"color": figures.TRAINING, "width": 0.7}
    add(f"training {measure}, each mini-batch", drawn, of_batch, mode="lines", line=pale)
    dark = {"color": figures.TRAINING_DARK, "width": 2}
    add(
        f"training {measure}, mean of {window} mini-batches", drawn, "mean", mode="lines", line=dark
    )
    red = {"color": figures.TEST, "width": 2}
    evaluated = history.dropna(subset=[of_test])
    add(f"test {measure}", evaluated, of_test, mode="lines+markers", line=red)
    return figure
