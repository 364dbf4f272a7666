"""A set of grey-scale images with one label each: what ingestion hands to every model."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_gradients.maths.checking import check_array, mismatch


@dataclass(frozen=True, eq=False, repr=False)
class LabelledImages:
    """Images and their labels, row by row; checks itself when it is made.

    Attributes:
        images: Pixels, uint8 of shape (N, height, width): 0 is background, 255 full ink.
        labels: Classes, uint8 of shape (N,).

    Raises:
        ValueError: If a type or the number of dimensions is wrong, if the set is empty, or if
            there are not as many labels as images.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]

    def __post_init__(self) -> None:
        check_array("images", self.images, np.uint8, dimensions=3)
        check_array("labels", self.labels, np.uint8, dimensions=1)
        if len(self.labels) != len(self.images):
            expected = f"{len(self.images)}, one for each image"
            raise mismatch("labels", f"{len(self.labels)} labels", expected)

    def __repr__(self) -> str:
        count, height, width = self.images.shape
        n_classes = len(np.unique(self.labels))
        return f"LabelledImages({count:,} images of {height} x {width}, {n_classes} classes)"

    def __len__(self) -> int:
        return len(self.images)

    def take(self, indices: NDArray[np.integer]) -> "LabelledImages":
        """Return the images and labels at ``indices``, copied, in that order."""
        return LabelledImages(self.images[indices], self.labels[indices])
