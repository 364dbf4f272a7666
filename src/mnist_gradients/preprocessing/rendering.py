"""A digit of MNIST as somebody might bring it along: a large picture, the digit anywhere in it."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FILTERS = tuple(getattr(Image.Resampling, name) for name in ("NEAREST", "BILINEAR", "BICUBIC"))
# Grey levels: neither the ink nor the paper is at the end of the scale.
DARK, LIGHT = (0, 40), (200, 255)


def render(
    digit: NDArray[np.uint8],
    smallest_factor: float,
    largest_factor: float,
    rng: np.random.Generator,
) -> bytes:
    """Return a PNG file of a digit: blown up, off the centre, in grey, half of them inverted.

    Args:
        digit: An image, uint8 (height, width), 0 where there is no ink.
        smallest_factor: It is blown up by a factor from here
        largest_factor: to here, with one of three ways to interpolate.
        rng: Where the choices come from.
    """
    factor = rng.uniform(smallest_factor, largest_factor)
    height, width = (round(factor * side) for side in digit.shape)
    large = Image.fromarray(digit).resize((width, height), FILTERS[rng.integers(len(FILTERS))])
    left, right = rng.integers(width, size=2).tolist()
    above, below = rng.integers(height, size=2).tolist()
    ink = np.pad(np.asarray(large), ((above, below), (left, right)))
    dark, light = rng.uniform(*DARK), rng.uniform(*LIGHT)
    paper, pen = (light, dark) if rng.random() < 0.5 else (dark, light)
    tones = np.round(np.linspace(paper, pen, 256)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(tones[ink]).save(file, format="png", compress_level=1)
    return file.getvalue()
