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
    """Draw uint8 images (N, height, width) in rows of ten, dark on light, labels above them."""
    from matplotlib.figure import Figure

    count, height, width = images.shape
    rows = -(-count // _COLUMNS)
    gap = max(2, height // 3)
    sheet = np.zeros((rows, height + gap, _COLUMNS, width + gap), dtype=np.uint8)
    for index, image in enumerate(images):
        sheet[index // _COLUMNS, gap:, index % _COLUMNS, :width] = image
    sheet = sheet.reshape(rows * (height + gap), _COLUMNS * (width + gap))

    inches = 8 / sheet.shape[1]
    figure = Figure(figsize=(8, inches * sheet.shape[0]))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    axes.imshow(sheet, cmap="gray_r", vmin=0, vmax=255)
    for index, label in enumerate([] if labels is None else labels):
        row, column = divmod(index, _COLUMNS)
        x, y = column * (width + gap) + width / 2, row * (height + gap) + gap / 2
        axes.text(x, y, str(label), ha="center", va="center", fontsize=9)
    return _png(figure)


def count_bars(labels: np.ndarray) -> ImagePreview:
    """Draw how often each label appears among labels (N,)."""
    from matplotlib.figure import Figure

    values, counts = np.unique(labels, return_counts=True)
    figure = Figure(figsize=(8, 4), layout="tight")
    axes = figure.subplots()
    bars = axes.bar([str(value) for value in values], counts)
    axes.bar_label(bars, fontsize=8)
    axes.set(xlabel="label", ylabel="count", title=f"{len(labels)} labels")
    return _png(figure)


def _png(figure: "Figure") -> ImagePreview:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return ImagePreview(base64.b64encode(buffer.getvalue()).decode("ascii"))
