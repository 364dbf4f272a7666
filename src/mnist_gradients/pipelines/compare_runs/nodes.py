"""Nodes of the comparison of runs: find them, put them in a table and in a figure."""

from collections.abc import Callable
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from mnist_gradients import report
from mnist_gradients.maths.checking import check_choice, mismatch
from mnist_gradients.pipelines.compare_runs.parameters import CompareRunsParameters
from mnist_gradients.plotting import figures
from mnist_gradients.plotting.curves import log_loss_axis, running_mean

Partitions = dict[str, Callable[[], Any]]

WITHOUT_NAME = "(no name)"


def select_runs(all_metrics: Partitions, parameters: CompareRunsParameters) -> dict[str, str]:
    """Return the partition of each run by the name of the run.

    Args:
        all_metrics: Metrics of the network of every run, by partition: the folder of the run
            relative to that of all runs.
        parameters: The names of the runs.

    Raises:
        ValueError: If a name is unknown, or if there are fewer than two runs.
    """
    found = {
        partition.strip("/").removeprefix("runs/") or WITHOUT_NAME: partition
        for partition in sorted(all_metrics)
    }
    for name in parameters.runs:
        check_choice("parameter compare_runs.runs", name, found)
    chosen = {name: found[name] for name in parameters.runs or found}
    if len(chosen) < 2:
        raise mismatch(
            "runs",
            f"{len(chosen)} ({', '.join(chosen)})",
            "at least two; kedro run --pipelines ingestion,fnn --params run_name=<name> makes one",
        )
    return chosen


def tabulate_runs(
    runs: dict[str, str], all_metrics: Partitions, all_parameters: Partitions
) -> pd.DataFrame:
    """Return a row per run, the lowest test error first.

    Returns:
        The columns run, test_error, the parameters that are not the same in all runs (by their
        dotted names), and the other metrics that are numbers.
    """
    index = pd.Index(runs, name="run")
    metrics = pd.DataFrame([all_metrics[partition]() for partition in runs.values()], index)
    parameters = pd.json_normalize([all_parameters[partition]() for partition in runs.values()])
    differ = parameters.astype(str).nunique() > 1
    table = parameters.loc[:, differ].set_axis(index).join(metrics.select_dtypes("number"))
    table.insert(0, "test_error", table.pop("test_error"))
    return table.sort_values("test_error", kind="stable").reset_index()


def plot_runs(runs: dict[str, str], all_histories: Partitions) -> Figure:
    """Draw training loss (dashed, running mean) and test loss of each run against iterations."""
    figure, axes = figures.new_figure(width=9, height=4.8)
    for i, (name, partition) in enumerate(runs.items()):
        history, colour = all_histories[partition](), figures.COLOURS[i % len(figures.COLOURS)]
        mean, _ = running_mean(history["train_loss"])
        axes.plot(history["iteration"], mean, "--", color=colour, linewidth=1.1)
        tested = history.dropna(subset=["test_loss"])
        axes.plot(tested["iteration"], tested["test_loss"], color=colour, label=name)
    axes.set(
        xlabel="training iteration (one mini-batch)",
        title="Test loss (solid) and training loss (dashed, running mean) of each run",
    )
    log_loss_axis(axes)
    figures.legend_outside(axes, title="run")
    return figure


def write_section(comparison: pd.DataFrame, loss_curves_plot: bytes) -> str:
    """Write the section of the report about the runs."""
    return report.write_section(
        "compare_runs", comparison=comparison, loss_curves_plot=loss_curves_plot
    )
