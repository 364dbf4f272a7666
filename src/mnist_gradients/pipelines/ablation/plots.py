"""Figures of the ablation: the validation error against what was varied."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from mnist_gradients import report
from mnist_gradients.plotting import figures


def plot_sizes(sizes: pd.DataFrame) -> Figure:
    """Draw the validation error against the number of training images."""
    title = "Error by the number of training images, as many iterations for each"
    return _plot_errors(sizes, "images", "training images", title)


def plot_lengths(lengths: pd.DataFrame) -> Figure:
    """Draw the validation error against the length of training."""
    title = "Error by the length of training, each with its own schedule"
    return _plot_errors(lengths, "epochs", "epochs", title)


def write_section(variants: pd.DataFrame, sizes_plot: bytes, lengths_plot: bytes) -> str:
    """Write the section of the report about the ablation."""
    return report.write_section(
        "ablation", variants=variants, sizes_plot=sizes_plot, lengths_plot=lengths_plot
    )


def _plot_errors(table: pd.DataFrame, column: str, xlabel: str, title: str) -> Figure:
    """Draw the validation errors of a table, with their deviation, on logarithmic axes."""
    figure, axes = figures.new_figure(width=7, height=4.4)
    axes.errorbar(
        table[column],
        100 * table["validation_error"],
        yerr=100 * table["standard_deviation"].fillna(0),
        color=figures.TRAINING_DARK,
        marker="o",
        capsize=3,
    )
    axes.set(xscale="log", yscale="log", xlabel=xlabel, ylabel="validation error (%)", title=title)
    axes.set_xticks(table[column], [f"{value:,}" for value in table[column]])
    axes.minorticks_off()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    axes.yaxis.set_major_formatter("{x:g}")
    return figure
