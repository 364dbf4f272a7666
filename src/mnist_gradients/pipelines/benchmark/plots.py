"""Nodes that draw the figures of the benchmark pipeline."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mnist_gradients.benchmarking.solvers import SCIKIT_LEARN, SOLVERS
from mnist_gradients.pipelines.benchmark.parameters import BenchmarkParameters
from mnist_gradients.plotting import figures
from mnist_gradients.plotting.solver_styles import SOLVER_STYLES

MARKERS = {"float32": "o", "float64": "s", "uint8": "^"}  # by the type of the input


def plot_convergence(fits: pd.DataFrame, parameters: BenchmarkParameters) -> Figure:
    """Draw the gap of each whole fit against its time, a panel per task, at the fewest threads."""
    panels = [(task.name, l2) for task in parameters.tasks for l2 in task.l2_values]
    threads = fits["threads"].min()
    first = fits[(fits["repeat"] == 0) & (fits["threads"] == threads)]
    n_columns = min(2, len(panels))
    n_rows = -(-len(panels) // n_columns)
    figure = Figure(figsize=(5.2 * n_columns + 3.2, 4.2 * n_rows + 0.6), layout="constrained")
    grid = figure.subplots(n_rows, n_columns, squeeze=False, sharey=True)
    for axes in grid.ravel()[len(panels) :]:
        axes.set_axis_off()
    handles: dict[str, Line2D] = {}
    for axes, (task, l2) in zip(grid.ravel(), panels, strict=False):
        figures.tidy(axes)
        shown = first[(first["task"] == task) & (first["l2"] == l2)]
        handles |= _draw_fits(axes, shown.dropna(subset=["gap"]))
        for gap in parameters.gaps:
            axes.axhline(gap, color="0.75", linewidth=0.8, zorder=0)
        axes.set(
            xscale="log",
            yscale="log",
            ylim=(min(parameters.gaps) / 5, 3),
            xlabel="seconds of the whole fit",
            ylabel="suboptimality gap, (J − J*) / J*",
            title=f"{task}, λ = {l2:g}",
        )
    names = sorted(handles, key=lambda name: list(SOLVERS).index(name.split(", ")[0]))
    figure.legend(
        [handles[name] for name in names], names, loc="outside right upper", frameon=False
    )
    figure.suptitle(f"Whole fits with ever tighter tolerances, data in memory, threads: {threads}")
    return figure


def _draw_fits(axes: Axes, fits: pd.DataFrame) -> dict[str, Line2D]:
    """Draw a line per solver and input type, and return the lines by their names."""
    handles = {}
    for (solver, input_type), part in _by_name(fits):
        style = SOLVER_STYLES[solver]
        (line,) = axes.plot(
            part["seconds"],
            part["gap"].clip(lower=1e-12),
            marker=MARKERS[input_type],
            markersize=4,
            linestyle=style.line_style,
            linewidth=1.6,
            color=style.colour,
        )
        handles[f"{solver}, {input_type}"] = line
    return handles


def plot_scaling(scaling: pd.DataFrame) -> Figure:
    """Draw time and memory against the number of rows."""
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    time_axes, memory_axes = figure.subplots(1, 2)
    memory = "private_memory_mib"
    if scaling[memory].isna().all():  # measured on Linux only
        memory = "peak_memory_mib"
    for (solver, input_type), part in _by_name(scaling):
        ours = not solver.startswith(SCIKIT_LEARN)
        colour = figures.TEST if ours else figures.TRAINING_DARK
        place = "in a file" if part["memory_mapped"].all() else "in memory"
        label = f"{solver}, {input_type} {place}"
        for axes, column in ((time_axes, "seconds"), (memory_axes, memory)):
            axes.plot(part["rows"], part[column], color=colour, marker="o", label=label)
    for axes, label in (
        (time_axes, f"seconds to a gap of {scaling['gap'].iloc[0]:g}"),
        (memory_axes, "peak memory of the process (MiB)"),
    ):
        figures.tidy(axes)
        axes.set(xlabel="rows", ylabel=label)
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_formatter("{x:,.0f}")
    time_axes.legend(frameon=False)
    task, l2 = scaling[["task", "l2"]].iloc[0]
    note = "" if memory == "peak_memory_mib" else "; pages of the mapped file not counted"
    figure.suptitle(f"Cost as the work grows: {task}, λ = {l2:g}{note}")
    return figure


def _by_name(table: pd.DataFrame) -> list[tuple[tuple[str, str], pd.DataFrame]]:
    """Return the rows of each solver and type of input."""
    groups = table.groupby(["solver", "input"], sort=False)
    return [((str(solver), str(input_type)), part) for (solver, input_type), part in groups]
