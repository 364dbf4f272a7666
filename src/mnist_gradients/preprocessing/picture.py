"""One image file on its way to a model: read, its digits separated, or the reason why not."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_gradients.preprocessing.decoding import decode
from mnist_gradients.preprocessing.normalisation import read_digits

PHOTO_SIDE = 200


@dataclass(frozen=True, eq=False)
class Picture:
    """An image file, the digits in it, or the problem.

    Attributes:
        file: Name of the file, printable.
        photo: The image as it is, small, uint8 (height, width, 3); None if it cannot be read or is
            not wanted.
        digits: The digits from left to right, each uint8 (side, side) as in MNIST.
        problem: What was found and what expected where there are no digits, otherwise empty.
    """

    file: str
    photo: NDArray[np.uint8] | None = None
    digits: tuple[NDArray[np.uint8], ...] = ()
    problem: str = ""


def prepare_picture(
    file: str,
    read: Callable[[], bytes],
    *,
    digit_size: int,
    image_size: int,
    most_megapixels: float,
    keep_photo: bool,
) -> Picture:
    """Read one file and turn its digits into the input of a model.

    Args:
        file: Name of the file.
        read: Returns its content.
        digit_size: Longer side of a digit in the result.
        image_size: Side of the result.
        most_megapixels: Limit of the size of the image.
        keep_photo: Whether a small copy is wanted.
    """
    name, photo = printable(file), None
    try:
        colours = decode(read(), most_megapixels)
        photo = _thumbnail(colours) if keep_photo else None
        return Picture(name, photo, tuple(read_digits(colours, digit_size, image_size)))
    except (OSError, ValueError) as error:
        return Picture(name, photo, problem=printable(str(error)))


def printable(text: str) -> str:
    """Return a text with its control characters written as escapes."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


def _thumbnail(colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    small = Image.fromarray(colours)
    small.thumbnail((PHOTO_SIDE, PHOTO_SIDE))
    return np.asarray(small)
