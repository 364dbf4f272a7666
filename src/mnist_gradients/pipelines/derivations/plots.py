"""Figures of the derivations: error against shift and step, and the parity check."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mnist_gradients.plotting.figures import new_figure, tidy

FIGURES = ("shift_sweep_plot", "step_sweep_plot", "parity_check_plot")
FORWARD, CENTRAL, COMPLEX = "#e08214", "#2166ac", "#1b7837"
FLOAT64, FLOAT32 = "#2166ac", "#b2182b"
FLOOR = 1e-17  # where an error of exactly zero is drawn


def plot_shift_sweep(sweep: pd.DataFrame) -> Figure:
    """Draw the error of two ways to compute the softmax of shifted logits.

    Args:
        sweep: One row per shift: shift, plain, stable.

    Returns:
        The figure.
    """
    figure, axes = new_figure(8.4, 4.0)
    curves = [
        ("stable", CENTRAL, "s", r"$e^{z_i - m} / \sum_k e^{z_k - m}$ with $m = \max_k z_k$"),
        ("plain", FORWARD, "o", r"$e^{z_i} / \sum_k e^{z_k}$, undefined at the left and right end"),
    ]
    for column, colour, marker, label in curves:
        errors = sweep[column].clip(lower=FLOOR)
        axes.semilogy(
            sweep["shift"], errors, color=colour, marker=marker, markersize=4, label=label
        )
    axes.set(
        title="The softmax of ten logits plus $c$, compared with that of the logits alone",
        xlabel="shift $c$",
        ylabel="largest absolute difference",
    )
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2)
    return figure


def plot_step_sweep(sweep: pd.DataFrame) -> Figure:
    """Draw the error of each difference quotient against its step: the V of finite differences.

    Args:
        sweep: One row per step: step, forward, central, complex_step.

    Returns:
        The figure.
    """
    figure, axes = new_figure(8.4, 5.2)
    curves = [
        ("forward", FORWARD, "o", "forward difference: truncation of order $h$"),
        ("central", CENTRAL, "s", "central difference: truncation of order $h^2$"),
        ("complex_step", COMPLEX, "^", "complex step: truncation of order $h^2$, no rounding"),
    ]
    for column, colour, marker, label in curves:
        axes.loglog(
            sweep["step"],
            sweep[column].clip(lower=FLOOR),
            color=colour,
            marker=marker,
            markersize=7 if column == "central" else 4,
            markerfacecolor="none" if column == "central" else colour,
            linewidth=1.2,
            label=label,
        )
    steps = np.array([sweep["step"].min(), sweep["step"].max()])
    rounding = np.finfo(float).eps / steps
    axes.loglog(
        steps, rounding, color="0.4", linestyle=":", label="rounding of order $1/h$: $2^{-52} / h$"
    )
    axes.set(
        title="Difference quotients against the hand-derived gradient $dJ/dW = x\\,(p - y)^T$",
        xlabel="step $h$ of the difference quotient",
        ylabel="largest absolute error of the gradient",
    )
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2)
    return figure


def plot_parity_check(history: pd.DataFrame) -> Figure:
    """Draw the losses of the two networks, and below the largest difference so far.

    Ticks mark the iterations in which a hidden unit is active in one network only. Before the first
    of them the difference is rounding; there it may jump.

    Args:
        history: One row per iteration: iteration, and per type the losses numpy_* and keras_* and
            switched_units_* (see `parity_check.run_parity_check`).

    Returns:
        The figure.
    """
    figure = Figure(figsize=(8.4, 6.8), layout="constrained")
    losses, differences = figure.subplots(2, 1, sharex=True)
    iteration = history["iteration"]
    losses.plot(iteration, history["keras_float64"], color="#fdb863", linewidth=4, label="Keras")
    losses.plot(
        iteration,
        history["numpy_float64"],
        color="#2d004b",
        linewidth=0.7,
        label="NumPy (hand-derived)",
    )
    losses.set(
        title="One network trained twice: by hand-derived back-propagation and by Keras",
        ylabel="loss of the mini-batch (nats)",
    )
    losses.legend(frameon=False)
    for dtype, colour in (("float32", FLOAT32), ("float64", FLOAT64)):
        difference = (history[f"numpy_{dtype}"] - history[f"keras_{dtype}"]).abs()
        largest = difference.cummax().clip(lower=FLOOR)
        differences.semilogy(iteration, largest, color=colour, label=dtype)
        switched = history[f"switched_units_{dtype}"] > 0
        if switched.any():
            differences.plot(
                iteration[switched],
                np.full(switched.sum(), 0.95),
                transform=differences.get_xaxis_transform(),
                linestyle="none",
                marker="|",
                markersize=8,
                color=colour,
                label=f"{dtype}, a hidden unit active in one network only",
            )
    differences.set(
        xlabel="training iteration (one mini-batch each)",
        ylabel="largest difference so far (nats)",
        ylim=(FLOOR, 1),
    )
    differences.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3)
    for axes in (losses, differences):
        tidy(axes)
    return figure
