"""Paper, light and ink: from the colours of a picture to the ink on it.

Conventions: grey and ink are float64 (height, width) in 0..1.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Grey = NDArray[np.float64]

# Luminance, then red, green and blue alone.
CHANNELS = np.array([[0.299, 0.587, 0.114], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
CLEARLY_BETTER = 1.25  # contrast of a colour over that of the luminance, to be taken in its place
OVERVIEW = 128  # longer side on which paper and light are estimated
PAPER = (0.25, 0.75)  # quantiles of the border: the rest may be ink that touches it
DEGREE, ROUNDS = 4, 8  # of the polynomial of the light, and of its robust fit
# Of the longer side of the image: what is dark and wider is a shadow. In even light there is none.
WIDEST_STROKE, WIDEST_IN_EVEN_LIGHT = 0.25, 0.5
EVEN = 0.1  # relative range of the light along the border, without a tenth at either end
DARKEST_PAPER = 0.05  # nothing is divided by less
LEAST_CONTRAST = 12 / 255  # grey levels by which ink is darker than its paper
LEAST_SIGNAL = 9  # the same in standard deviations of the noise that smoothing leaves
SMOOTHING = 300  # longer side of the picture by the standard deviation of the smoothing
LEAST_NOISE = 0.5 / 255  # of a picture of 256 grey levels
NOISE_MASK = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]])  # zero on planes and on straight edges


def find_ink(rgb: NDArray[np.uint8]) -> Grey:
    """Return the fraction of the paper's light that is missing at each pixel, 0 on bare paper.

    ::

        ink = 1 - grey / paper    where paper - grey is above the noise, else 0

    The grey levels are smoothed first. The paper is a maximum over many pixels, so that bare paper
    lies below it by some three standard deviations of the noise.

    Args:
        rgb: The picture, uint8 (height, width, 3), dark on light or light on dark.
    """
    grey = dark_on_light(rgb)
    noise = noise_of(grey)
    width = max(grey.shape) / SMOOTHING
    grey = ndimage.gaussian_filter(grey, width)
    paper = light_of_paper(grey)
    least = LEAST_SIGNAL * noise * min(1.0, 1 / (2 * np.sqrt(np.pi) * width))
    is_ink = paper - grey > max(least, LEAST_CONTRAST)
    return np.where(is_ink, np.clip(1 - grey / np.maximum(paper, DARKEST_PAPER), 0, 1), 0)


def dark_on_light(rgb: NDArray[np.uint8]) -> Grey:
    """Return an image in grey, inverted if need be, so that the ink is dark and the paper light.

    Paper is what the border shows after division by the light. Grey is the luminance, or the
    colour in which the ink stands out much better, such as red for blue ink.
    """
    small = Image.fromarray(rgb).resize(_overview_size(rgb.shape), Image.Resampling.BOX)
    overview = np.asarray(small) / 255 @ CHANNELS.T
    # In even light a bare overview is the better witness: there is nothing to divide by.
    flat = overview if _is_even(overview[..., 0]) else _flatten(overview)
    dimmest, brightest = np.quantile(_border(flat), PAPER, axis=0)
    darker = dimmest - flat.min(axis=(0, 1))
    lighter = flat.max(axis=(0, 1)) - brightest
    contrast = np.maximum(darker, lighter)
    channel = int(contrast.argmax())
    if contrast[channel] < CLEARLY_BETTER * contrast[0]:
        channel = 0
    grey = rgb @ (CHANNELS[channel] / 255)
    return grey if darker[channel] >= lighter[channel] else 1 - grey


def light_of_paper(grey: Grey) -> Grey:
    """Return the light of the paper under the ink: the grey closing of the image.

    It fills whatever is dark and narrower than its window. Shadows are wider, light that falls off
    has no other side, and both remain. The window is large, for the thickest digits, where the
    border of the image is evenly lit.
    """
    width, height = _overview_size(grey.shape)
    overview = resize(grey, height, width, Image.Resampling.BOX)
    widest = WIDEST_IN_EVEN_LIGHT if _is_even(overview) else WIDEST_STROKE
    reach = max(1, round(widest / 2 * max(height, width)))
    # The border is extended: otherwise the closing treats it as the end of a slope of the light.
    wider = np.pad(overview, reach, mode="edge")
    closed = ndimage.grey_closing(wider, size=2 * reach + 1)[reach:-reach, reach:-reach]
    return resize(closed, grey.shape[0], grey.shape[1], Image.Resampling.BILINEAR)


def noise_of(grey: Grey) -> float:
    """Return the standard deviation of the noise, from the median of second differences.

    Source: Immerkaer, "Fast noise variance estimation" (1996), with a median in place of the mean.
    """
    differences = ndimage.convolve(grey, NOISE_MASK, mode="nearest")
    return max(float(np.median(np.abs(differences))) / (0.6745 * 6), LEAST_NOISE)


def resize(grey: Grey, height: int, width: int, filter_: Image.Resampling) -> Grey:
    """Return an image in another size."""
    image = Image.fromarray(grey.astype(np.float32)).resize((width, height), filter_)
    return np.asarray(image, dtype=np.float64)


def _flatten(overview: Grey) -> Grey:
    """Return an overview (height, width, channels) divided by its light, in logarithms.

    The light is a polynomial of degree 4 in y and x, fitted to the logarithms in the least absolute
    residuals, so that ink, dark or light, has little weight.
    """
    height, width, n_channels = overview.shape
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    powers = [(i, j) for i in range(DEGREE + 1) for j in range(DEGREE + 1 - i)]
    terms = np.stack([(y**i * x**j).ravel() for i, j in powers], axis=1)
    levels = np.log(np.maximum(overview, DARKEST_PAPER / 2)).reshape(-1, n_channels)
    weights = np.ones(len(levels))
    for _ in range(ROUNDS):
        weighted = terms * weights[:, None]
        # A strip of a few pixels leaves some of the terms open; this takes the smallest.
        fit = terms @ np.linalg.lstsq(weighted.T @ terms, weighted.T @ levels)[0]
        weights = 1 / np.maximum(np.abs(levels[:, 0] - fit[:, 0]), 0.02)
    return (levels - fit).reshape(overview.shape)


def _is_even(overview: Grey) -> bool:
    """Return whether the border of an image is evenly lit."""
    dimmest, brightest = np.quantile(_border(overview), (0.1, 0.9))
    return bool(brightest - dimmest < EVEN * brightest)


def _overview_size(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return width and height of the image on which paper and light are estimated."""
    scale = min(1, OVERVIEW / max(shape[:2]))
    return max(1, round(scale * shape[1])), max(1, round(scale * shape[0]))


def _border(image: NDArray) -> NDArray:
    """Return the pixels of a frame, a twentieth of the shorter side wide, (n, ...)."""
    width = max(1, min(image.shape[:2]) // 20)
    is_border = np.ones(image.shape[:2], dtype=bool)
    is_border[width:-width, width:-width] = False
    return image[is_border]
