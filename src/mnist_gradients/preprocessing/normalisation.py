"""What made MNIST's images from scanned digits, for images of any kind.

MNIST holds bilevel digits scaled to fit 20 x 20 pixels with their ratio kept, grey by
anti-aliasing, and placed with their centre of mass in the centre of 28 x 28. Here a digit is
first found: on paper or a board, dark on light or light on dark, in light that may be uneven.

Conventions: an image is float64 (height, width); grey and ink lie in 0..1; sizes are in pixels.

Source of MNIST's steps: LeCun, Cortes and Burges, "The MNIST database of handwritten digits".
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Grey = NDArray[np.float64]

# Luminance, then red, green and blue alone.
CHANNELS = np.array([[0.299, 0.587, 0.114], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
PAPER = (0.25, 0.75)  # quantiles of the border: the rest may be ink that touches it
CLEARLY_BETTER = 1.25  # than luminance, for one colour to be taken in its place
OVERVIEW = 128  # longer side on which paper and light are judged
# Of the longer side of the image: what is dark and wider is a shadow. In even light there is none.
WIDEST_STROKE, WIDEST_IN_EVEN_LIGHT = 0.25, 0.5
EVEN = 0.1  # light that differs by less along the border, but for a tenth at either end
DARKEST_PAPER = 0.05  # nothing is divided by less
LEAST_INK = 0.1  # what is fainter is the grain of the paper
FAINT, FIRM = 0.3, 0.5  # of the ink of the strokes
SPECK = 0.03  # of the largest part of the digit
INNER_PART = 0.5  # of the largest part of all


def preprocess(rgb: NDArray[np.uint8], digit_size: int, image_size: int) -> NDArray[np.uint8]:
    """Return the digit in an image as MNIST shows it, uint8 (image_size, image_size).

    Args:
        rgb: The image, uint8 (height, width, 3).
        digit_size: Longer side of the digit in the result.
        image_size: Side of the result.

    Raises:
        ValueError: If nothing in the image stands out from its background.
    """
    digit = crop_to_digit(find_ink(dark_on_light(rgb)))
    return place_by_mass(scale_to_fit(digit, digit_size), image_size)


def dark_on_light(rgb: NDArray[np.uint8]) -> Grey:
    """Return an image in grey, inverted if need be, so that the ink is dark and the paper light.

    Paper is what the border shows, lit or in a shadow that covers a part of it. Grey is the
    luminance, or the colour in which the ink stands out much better, such as red for blue ink.
    """
    small = Image.fromarray(rgb).resize(_overview_size(rgb.shape), Image.Resampling.BOX)
    overview = np.asarray(small) / 255 @ CHANNELS.T
    dimmest, brightest = np.quantile(_border(overview), PAPER, axis=0)
    darker = dimmest - overview.min(axis=(0, 1))
    lighter = overview.max(axis=(0, 1)) - brightest
    contrast = np.maximum(darker, lighter)
    channel = int(contrast.argmax())
    if contrast[channel] < CLEARLY_BETTER * contrast[0]:
        channel = 0
    grey = rgb @ (CHANNELS[channel] / 255)
    return grey if darker[channel] >= lighter[channel] else 1 - grey


def find_ink(grey: Grey) -> Grey:
    """Return the share of the paper's light that is missing at each pixel.

    ::

        ink = 1 - grey / paper

    The paper's light is the grey closing of the image: it fills whatever is dark and narrower than
    its window. Shadows are wider, light that falls off has no other side, and both remain. The
    window is large, for the fattest of digits, where the border of the image is evenly lit.

    Args:
        grey: Dark ink on light paper.
    """
    width, height = _overview_size(grey.shape)
    overview = _resize(grey, height, width, Image.Resampling.BOX)
    dimmest, brightest = np.quantile(_border(overview), (0.1, 0.9))
    is_even = brightest - dimmest < EVEN * brightest
    widest = WIDEST_IN_EVEN_LIGHT if is_even else WIDEST_STROKE
    reach = max(1, round(widest / 2 * max(height, width)))
    # The border is drawn out, lest the closing sees a slope of the light end there.
    wider = np.pad(overview, reach, mode="edge")
    closed = ndimage.grey_closing(wider, size=2 * reach + 1)[reach:-reach, reach:-reach]
    paper = _resize(closed, grey.shape[0], grey.shape[1], Image.Resampling.BILINEAR)
    return np.clip(1 - grey / np.maximum(paper, DARKEST_PAPER), 0, 1)


def crop_to_digit(ink: Grey) -> Grey:
    """Return the digit alone, in the box around it, its strokes at 1 and everything else at 0.

    Left out are specks, and whatever touches the border where there is something inside as well:
    a shadow, or the edge of the paper.

    Raises:
        ValueError: If there is no ink.
    """
    smooth = ndimage.gaussian_filter(ink, max(ink.shape) / 500)
    strokes = float(np.median(smooth[smooth >= FIRM * smooth.max()]))
    if strokes < LEAST_INK:
        raise ValueError("found nothing but background, expected a digit")
    parts, n_parts = ndimage.label(smooth > FAINT * strokes, structure=np.ones((3, 3)))
    firm = ndimage.sum_labels(smooth > FIRM * strokes, parts, np.arange(n_parts + 1))
    inner = firm.copy()
    inner[np.unique(_border(parts, width=1))] = 0
    if inner.max() >= INNER_PART * firm.max():
        firm = inner
    is_digit = (firm >= SPECK * firm.max())[parts]
    rows, columns = (np.flatnonzero(is_digit.any(axis=axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return np.where(is_digit[box], np.minimum(ink[box] / strokes, 1), 0)


def scale_to_fit(digit: Grey, size: int) -> Grey:
    """Return a digit scaled so that its longer side has a size, anti-aliased, its ratio kept.

    Both sides are whole pixels, as in MNIST: a digit that was scaled up comes back pixel by pixel,
    not a fraction of one beside its place. Strokes thinner than a pixel come out pale and are
    darkened: the darkest pixel is 1.
    """
    scale = size / max(digit.shape)
    height, width = (max(1, round(scale * side)) for side in digit.shape)
    anti_aliased, smooth = Image.Resampling.BOX, Image.Resampling.BILINEAR
    scaled = _resize(digit, height, width, anti_aliased if scale <= 1 else smooth)
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


def _overview_size(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return width and height of the image on which paper and light are judged."""
    scale = min(1, OVERVIEW / max(shape[:2]))
    return max(1, round(scale * shape[1])), max(1, round(scale * shape[0]))


def _border(image: NDArray, width: int | None = None) -> NDArray:
    """Return the pixels of a frame, by default a twentieth of the shorter side wide, (n, ...)."""
    width = width or max(1, min(image.shape[:2]) // 20)
    is_border = np.ones(image.shape[:2], dtype=bool)
    is_border[width:-width, width:-width] = False
    return image[is_border]


def _resize(grey: Grey, height: int, width: int, filter_: Image.Resampling) -> Grey:
    """Return an image in another size."""
    image = Image.fromarray(grey.astype(np.float32)).resize((width, height), filter_)
    return np.asarray(image, dtype=np.float64)
