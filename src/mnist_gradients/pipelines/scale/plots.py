"""Figure of the scale pipeline: test error and time against the number of rows."""

import pandas as pd
from matplotlib.figure import Figure

from mnist_gradients import report
from mnist_gradients.plotting import figures


def plot_fits(fits: pd.DataFrame) -> Figure:
    """Draw the test error, and the seconds of a fit by number of workers, against the rows."""
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    error_axes, time_axes = figure.subplots(1, 2)
    first = fits.drop_duplicates("rows")  # the error does not depend on the workers
    error_axes.plot(first["rows"], 100 * first["test_error"], color=figures.TEST, marker="o")
    for colour, n in zip(figures.COLOURS, fits["workers"].unique(), strict=False):
        part = fits[fits["workers"] == n]
        label = f"{n} workers" if n else "one process, rows in memory"
        time_axes.plot(part["rows"], part["seconds"], color=colour, marker="o", label=label)
    for axes, label in ((error_axes, "test error (%)"), (time_axes, "seconds of a fit")):
        figures.tidy(axes)
        axes.set(xscale="log", xlabel="rows", ylabel=label)
        axes.set_xticks(first["rows"], [f"{n:,}" for n in first["rows"]])
        axes.minorticks_off()
    time_axes.set_yscale("log")
    figures.label_1_2_5(time_axes.yaxis)
    time_axes.legend(frameon=False)
    figure.suptitle("Softmax regression on augmented images")
    return figure


def write_section(fits: pd.DataFrame, fits_plot: bytes) -> str:
    """Write the section of the report about the fits."""
    return report.write_section("scale", fits=fits, fits_plot=fits_plot)
