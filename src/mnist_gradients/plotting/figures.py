"""Figures that several pipelines draw, and the style of all figures.

Figures are made with `matplotlib.figure.Figure`, never with pyplot, so that drawing leaves no
global state behind.
"""

from collections.abc import Sequence
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import ArrayLike

TRAINING, TRAINING_DARK, TEST = "#9db7d5", "#2166ac", "#b2182b"
# Okabe and Ito's, which colour-blind readers can tell apart
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
LONGEST_NAME = 10  # letters of a name of a class in one line


def new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure of `width` by `height` inches with one pair of axes and a light grid."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    tidy(axes)
    return figure, axes


def tidy(axes: Axes) -> None:
    """Draw a light grid behind the data and hide the upper and right side of the frame."""
    axes.grid(visible=True, color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def label_1_2_5(axis: Axis) -> None:
    """Label a logarithmic axis at 1, 2 and 5 of each decade."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def name_ticks(axes: Axes, class_names: Sequence[str]) -> None:
    """Label the ticks of the x-axis with names of classes, at an angle where many are long."""
    names = [fill(name, LONGEST_NAME) for name in class_names]
    if len(names) > 4 and max(map(len, names)) > 4:
        axes.set_xticklabels(names, rotation=45, ha="right", rotation_mode="anchor")
    else:
        axes.set_xticklabels(names)


def legend_outside(axes: Axes, **options: Any) -> None:
    """Put the legend to the right of the axes, where it covers no data."""
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, **options)


def digit_grid(
    rows: Sequence[np.ndarray],
    *,
    title: str,
    row_labels: Sequence[str] | None = None,
    captions: Sequence[Sequence[str]] | None = None,
    caption_height: float = 0.0,
) -> Figure:
    """Draw rows of images without interpolation, dark on light.

    Args:
        rows: One array (n, height, width) per row of the figure; n may differ and may be 0.
        title: Title of the figure.
        row_labels: One label per row, at its left.
        captions: Per row, one caption per image, below it.
        caption_height: Height of a caption in inches.

    Returns:
        The figure.
    """
    n_rows, n_columns = len(rows), max(1, *(len(row) for row in rows))
    cell, gap = 0.72, 0.06  # inches
    width, height = cell * n_columns, (cell + caption_height) * n_rows
    figure = Figure(figsize=(max(6.0, width + 0.5), height + 0.7), layout="constrained")
    # One pair of axes for all images is drawn several times faster than one for each.
    axes = figure.add_subplot()
    for i, row in enumerate(rows):
        top = i * (cell + caption_height)
        for j, image in enumerate(row):
            h, w = (cell - gap) * np.array(image.shape) / max(image.shape)
            extent = (j * cell, j * cell + w, top + h, top)
            axes.imshow(
                image, cmap="gray_r", vmin=0, vmax=255, interpolation="nearest", extent=extent
            )
            if captions is not None:
                middle, below = j * cell + w / 2, top + h + 0.03
                axes.text(middle, below, captions[i][j], fontsize=7.5, ha="center", va="top")
        if row_labels is not None:
            middle = top + (cell - gap) / 2
            axes.text(
                -gap, middle, row_labels[i], fontsize=11, ha="right", va="center", parse_math=False
            )
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    figure.suptitle(title, fontsize=11)
    return figure


def confusion_matrix(
    labels: ArrayLike, predicted: ArrayLike, class_names: Sequence[str], title: str
) -> Figure:
    """Draw a confusion matrix. Only mistakes are coloured; the diagonal is white.

    Args:
        labels: Integers (N,) in 0..K-1, the true classes.
        predicted: Integers (N,), the predicted classes.
        class_names: K names.
        title: Title of the figure: model and images.

    Returns:
        The figure; row = true class, column = predicted class.
    """
    from sklearn.metrics import confusion_matrix as count

    n_classes = len(class_names)
    counts = count(labels, predicted, labels=range(n_classes))
    side = max(4.6, 0.56 * n_classes + 1.6)
    figure = Figure(figsize=(side + 0.6, side), layout="constrained")
    axes = figure.add_subplot()
    mistakes = np.where(np.eye(n_classes, dtype=bool), 0, counts)
    image = axes.imshow(mistakes, cmap="Reds", vmin=0, vmax=max(1, mistakes.max()))
    for i in range(n_classes):
        for j in range(n_classes):
            dark = mistakes[i, j] > 0.6 * mistakes.max()
            axes.text(
                j,
                i,
                f"{counts[i, j]:,}",
                ha="center",
                va="center",
                fontsize=8.5,
                fontweight="bold" if i == j else "normal",
                color="white" if dark else "0.35" if counts[i, j] == 0 else "black",
            )
    axes.set(
        xlabel="predicted class",
        ylabel="true class",
        title=title,
        xticks=range(n_classes),
        yticks=range(n_classes),
    )
    axes.set_yticklabels([fill(name, LONGEST_NAME) for name in class_names])
    name_ticks(axes, class_names)
    figure.colorbar(image, ax=axes, label="mistakes (images)", shrink=0.8)
    return figure
