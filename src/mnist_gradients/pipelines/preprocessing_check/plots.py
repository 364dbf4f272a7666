"""Figure of the preprocessing check: accuracy by kind of picture."""

import pandas as pd
from matplotlib.figure import Figure

from mnist_gradients.pipelines.preprocessing_check.parameters import PreprocessingCheckParameters
from mnist_gradients.plotting import figures


def draw_accuracy(accuracy: pd.DataFrame, parameters: PreprocessingCheckParameters) -> Figure:
    """Draw the accuracy of the network on every kind of picture, with the floor."""
    figure, axes = figures.new_figure(width=8, height=0.27 * len(accuracy) + 1.2)
    rows = accuracy.iloc[::-1]
    colours = [figures.TRAINING_DARK if holds else figures.TEST for holds in rows["holds"]]
    axes.barh(rows["kind"].str.replace("_", " "), 100 * rows["fnn"], color=colours, height=0.7)
    axes.axvline(100 * parameters.least_accuracy, color="0.3", linestyle="--", linewidth=1)
    for position, fraction in enumerate(rows["fnn"]):
        axes.annotate(
            f"{100 * fraction:.1f}",
            (100 * fraction, position),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    axes.set(
        xlabel="digits read right by the network, in per cent",
        title=f"{parameters.images} test digits of each kind of picture; dashed: the floor",
        xlim=(min(80, 100 * rows["fnn"].min() - 5), 102),
    )
    axes.margins(y=0.01)
    axes.locator_params(axis="x", steps=[1, 5, 10])
    axes.grid(visible=False, axis="y")
    return figure
