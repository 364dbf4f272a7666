"""Kedro dataset for matplotlib figures: saved as PNG, read back as the bytes of the file."""

import base64
from typing import TYPE_CHECKING, Any

from kedro.io import Version
from kedro_datasets._typing import ImagePreview

from mnist_gradients.datasets.file import FileDataset

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class FigureDataset(FileDataset):
    """Saves a figure as a PNG file and loads the bytes of that file.

    kedro-datasets' ``MatplotlibDataset`` only saves; a report must also load the figures of other
    pipelines. Equal figures give equal bytes.

    Args:
        filepath: Path of the PNG file, local or with any protocol that fsspec knows.
        dpi: Pixels per inch of the figure.
        version: Load and save version, given by Kedro if the catalog entry is ``versioned``.
        metadata: Anything; Kedro ignores it, kedro-viz reads the layer from it.

    Example in YAML::

        fnn.loss_curves:
          type: mnist_gradients.datasets.FigureDataset
          filepath: data/08_reporting/fnn/loss_curves.png

    Example in Python::

        >>> dataset = FigureDataset(filepath="empty.png")
        >>> dataset.save(Figure())
        >>> dataset.load()[1:4]
        b'PNG'
    """

    def __init__(
        self,
        *,
        filepath: str,
        dpi: int = 120,
        version: Version | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(filepath=filepath, version=version, metadata=metadata)
        self._dpi = dpi

    def load(self) -> bytes:
        """Return the bytes of the PNG file."""
        with self._reading() as file:
            return file.read()

    def save(self, data: "Figure") -> None:
        """Draw a figure into the file."""
        with self._writing() as file:
            # The version of matplotlib would otherwise stand in the file.
            data.savefig(file, format="png", dpi=self._dpi, metadata={"Software": None})

    def preview(self) -> ImagePreview:
        """Return the picture for kedro-viz."""
        return ImagePreview(base64.b64encode(self.load()).decode("ascii"))
