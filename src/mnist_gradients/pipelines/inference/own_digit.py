"""One image that somebody brings along, on its way through the pipeline."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class OwnDigit:
    """An image file, what became of it, or why nothing did.

    Attributes:
        file: Name of the file.
        photo: The image as it is, small, uint8 (height, width, 3); None if it cannot be read.
        image: What a model sees, uint8 (side, side) as in MNIST; None if no digit was found.
        problem: What was found and what expected where `image` is None, otherwise empty.
    """

    file: str
    photo: NDArray[np.uint8] | None = None
    image: NDArray[np.uint8] | None = None
    problem: str = ""
