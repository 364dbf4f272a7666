"""Pictures that kedro-viz shows beside a dataset."""

import base64
import io
from typing import TYPE_CHECKING

import numpy as np
from kedro_datasets._typing import ImagePreview

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS = 10


def image_sheet(images: np.ndarray, labels: np.ndarray | None = None) -> ImagePreview:
    """Draw images (N, height, width) in rows of ten, each with its label if there are labels."""
    from matplotlib.figure import Figure

    rows = -(-len(images) // _COLUMNS)
    figure = Figure(figsize=(8, 0.9 * rows), layout="tight")
    for position, axes in enumerate(figure.subplots(rows, _COLUMNS, squeeze=False).flat):
        axes.axis("off")
        if position < len(images):
            axes.imshow(images[position], cmap="gray_r", vmin=0, vmax=255)
            if labels is not None:
                axes.set_title(str(labels[position]), fontsize=9)
    return _png(figure)


def count_bars(labels: np.ndarray) -> ImagePreview:
    """Draw how often each label appears."""
    from matplotlib.figure import Figure

    values, counts = np.unique(labels, return_counts=True)
    figure = Figure(figsize=(6, 3), layout="tight")
    axes = figure.subplots()
    bars = axes.bar([str(value) for value in values], counts)
    axes.bar_label(bars, fontsize=8)
    axes.set(xlabel="label", ylabel="count", title=f"{len(labels)} labels")
    return _png(figure)


def _png(figure: "Figure") -> ImagePreview:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return ImagePreview(base64.b64encode(buffer.getvalue()).decode("ascii"))
