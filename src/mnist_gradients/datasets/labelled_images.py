"""Kedro dataset for labelled images."""

from collections.abc import Sequence
from typing import Any

from kedro.io import Version
from kedro_datasets._typing import ImagePreview

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.core.npz import read_npz, write_npz
from mnist_gradients.datasets.file import MOST_BYTES, FileDataset
from mnist_gradients.datasets.previews import image_sheet


class LabelledImagesDataset(FileDataset[LabelledImages]):
    """Loads and saves ``LabelledImages`` as an npz file; equal data gives equal bytes.

    Args:
        filepath: Path of the file, local or with any protocol that fsspec knows.
        compressed: Whether to compress on save: a fifth of the size, many times slower.
        most_bytes: Limit of the content, decompressed; beyond it nothing is read.
        version: Load and save version, given by Kedro if the catalog entry is ``versioned``.
        metadata: Anything; Kedro ignores it, kedro-viz reads layer and preview arguments from it.

    Example in YAML::

        train:
          type: mnist_gradients.datasets.LabelledImagesDataset
          filepath: data/05_model_input/train.npz

    Example in Python::

        >>> dataset = LabelledImagesDataset(filepath="train.npz")
        >>> images, labels = np.zeros((2, 28, 28), np.uint8), np.array([3, 7], np.uint8)
        >>> dataset.save(LabelledImages(images, labels))
        >>> dataset.load().labels
        array([3, 7], dtype=uint8)
    """

    def __init__(
        self,
        *,
        filepath: str,
        compressed: bool = False,
        most_bytes: int = MOST_BYTES,
        version: Version | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(
            filepath=filepath, version=version, metadata=metadata, most_bytes=most_bytes
        )
        self._compressed = compressed

    def load(self) -> LabelledImages:
        """Read the images and labels.

        Raises:
            DatasetError: If the file is missing or does not hold labelled images.
        """
        with self._reading() as file:
            return LabelledImages(
                **read_npz(file, most_bytes=self._most_bytes, check_names=_check_names)
            )

    def save(self, data: LabelledImages) -> None:
        """Write the images and labels."""
        arrays = {"images": data.images, "labels": data.labels}
        with self._writing() as file:
            write_npz(arrays, file, compressed=self._compressed)

    def preview(self, n_images: int = 50) -> ImagePreview:
        """Draw the first images, each with its label."""
        data = self.load()
        return image_sheet(data.images[:n_images], data.labels[:n_images])


def _check_names(found: Sequence[str]) -> None:
    if set(found) != {"images", "labels"}:
        raise ValueError(f"found arrays {sorted(found)}, expected ['images', 'labels']")
