"""What made MNIST's images from scanned digits, for images of any kind.

MNIST holds bilevel digits scaled to fit 20 x 20 pixels with their ratio kept, grey by
anti-aliasing, and placed with their centre of mass in the centre of 28 x 28.

Conventions: an image is float64 (height, width); grey and ink lie in 0..1; sizes are in pixels.

Source of MNIST's steps: LeCun, Cortes and Burges, "The MNIST database of handwritten digits".
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from mnist_gradients.preprocessing.digits import separate_digits
from mnist_gradients.preprocessing.lines import remove_lines
from mnist_gradients.preprocessing.paper import find_ink, resize

Grey = NDArray[np.float64]

SMALLEST_DIGIT = 5  # longer side; a smaller shape is a speck
THICKEST_DIGIT = 0.5  # stroke of the longer side; 6,000 test digits have at most 0.35, a disc 0.67
SMALL = 100  # a picture with a shorter longer side is enlarged first
MOST_DIGITS = 20
# Mean width of the strokes, of the longer side of the digit.
THINNEST_STROKE, THICKEST_STROKE = 0.09, 0.19
# The most ragged of 2,000 enlarged training digits has 11.3; foliage and walls have 15 to 70.
MOST_RAGGED = 13.0


def read_digits(
    rgb: NDArray[np.uint8], digit_size: int, image_size: int
) -> list[NDArray[np.uint8]]:
    """Return the digits in a picture, from left to right, each as MNIST shows it.

    Args:
        rgb: The picture, uint8 (height, width, 3).
        digit_size: Longer side of a digit in the result.
        image_size: Side of the result.

    Returns:
        At least one image, uint8 (image_size, image_size).

    Raises:
        ValueError: If nothing in the picture stands out from its background, if too many shapes
            do, or if all are specks, filled or too ragged for strokes.
    """
    ink = remove_lines(find_ink(enlarge(rgb)))
    shapes = separate_digits(ink, MOST_DIGITS)
    shapes = [normalise_strokes(shape) for shape in shapes if _has_strokes(shape)]
    if not shapes:
        raise ValueError("found nothing but specks and filled shapes, expected a digit")
    digits = [shape for shape in shapes if raggedness(shape > 0.5) <= MOST_RAGGED]
    if not digits:
        raise ValueError("found a shape that is too ragged for strokes, expected a digit")
    return [place_by_mass(scale_to_fit(digit, digit_size), image_size) for digit in digits]


def _has_strokes(shape: Grey) -> bool:
    """Return whether a shape is no speck and no filled area."""
    side = max(shape.shape)
    return side >= SMALLEST_DIGIT and stroke_width(shape > 0.5) <= THICKEST_DIGIT * side


def enlarge(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a small picture enlarged by a whole factor, and any other as it is."""
    factor = -(-SMALL // max(rgb.shape))
    if factor == 1:
        return rgb
    height, width = (factor * side for side in rgb.shape[:2])
    return np.asarray(Image.fromarray(rgb).resize((width, height), Image.Resampling.BICUBIC))


def stroke_width(mask: NDArray[np.bool_]) -> float:
    """Return the mean width of strokes, from the mean distance of their pixels to the outside.

    The distances in a strip of w pixels are 1, 2, ..., w/2, ..., 2, 1; their mean is w/4 + 1/2.
    """
    distance = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    return max(1.0, 4 * float(distance[mask].mean()) - 2)


def raggedness(mask: NDArray[np.bool_]) -> float:
    """Return how much longer an outline is than that of a disc of the same area, squared.

    ::

        P^2 / (4 pi A),    P pixels of the outline, A of the area
    """
    padded = np.pad(mask, 1)
    outline = float(np.sum(padded & ~ndimage.binary_erosion(padded)))
    return outline**2 / (4 * np.pi * max(1.0, float(np.sum(mask))))


def normalise_strokes(digit: Grey) -> Grey:
    """Return a digit whose strokes are as wide as MNIST's, cropped to them.

    Strokes that are too thin are surrounded by more ink. Of those that are too wide only what is
    nearest to the middle of the stroke is kept, so that thin parts stay.

    Args:
        digit: Strokes at 1 in the box around them.
    """
    mask = digit > 0.5
    if not mask.any():
        return digit
    side = max(digit.shape)
    width = stroke_width(mask)
    wanted = float(np.clip(width, THINNEST_STROKE * side, THICKEST_STROKE * side))
    if wanted == width:
        return digit
    if wanted > width:
        reach = (wanted - width) / 2
        padded = np.pad(mask, int(np.ceil(reach)) + 1)
        return np.clip(reach + 0.5 - ndimage.distance_transform_edt(~padded), 0, 1)
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))
    middle = ndimage.maximum_filter(depth, round(width / 2) | 1)
    removed = np.minimum((width - wanted) / 2, np.maximum(middle - wanted / 2, 0))
    return _crop(np.clip(depth - removed, 0, 1))


def _crop(digit: Grey) -> Grey:
    rows, columns = (np.flatnonzero((digit > 0.3).any(axis=axis)) for axis in (1, 0))
    return digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def scale_to_fit(digit: Grey, size: int) -> Grey:
    """Return a digit scaled so that its longer side has a size, anti-aliased, its ratio kept.

    Both sides are whole pixels, as in MNIST: a digit that was scaled up comes back pixel by pixel,
    not a fraction of one beside its place. Strokes thinner than a pixel come out pale and are
    darkened: the darkest pixel is 1.
    """
    scale = size / max(digit.shape)
    height, width = (max(1, round(scale * side)) for side in digit.shape)
    anti_aliased, smooth = Image.Resampling.BOX, Image.Resampling.BILINEAR
    scaled = resize(digit, height, width, anti_aliased if scale <= 1 else smooth)
    return scaled / scaled.max()


def place_by_mass(digit: Grey, size: int) -> NDArray[np.uint8]:
    """Return a square image with the centre of mass of a digit at its centre, uint8.

    The digit is moved by whole pixels and never beyond the edge. The centre is pixel size / 2,
    counted from 0: in every image of MNIST the centre of mass lies within 13.5 and 14.5.

    Args:
        digit: The digit, no larger than the image; 1 is full ink.
        size: Side of the image.
    """
    image = np.zeros((size, size), dtype=np.uint8)
    corner = [
        int(np.clip(round(size / 2 - centre), 0, size - side))
        for centre, side in zip(ndimage.center_of_mass(digit), digit.shape, strict=True)
    ]
    image[_box(corner, digit.shape)] = np.round(255 * digit)
    return image


def _box(corner: list[int], shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Return the index of a box of some shape in a larger image."""
    return tuple(slice(start, start + side) for start, side in zip(corner, shape, strict=True))
