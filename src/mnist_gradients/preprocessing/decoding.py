"""Colours of an image file, opaque, of moderate size, in the orientation that EXIF gives."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from mnist_gradients.maths.checking import mismatch

# A digit is scaled to some twenty pixels: of a photograph this is more than enough.
LONGEST_SIDE = 640
EXPECTED = "an image that Pillow reads, such as PNG or JPEG"
HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")


def decode(content: bytes, most_megapixels: float = 200) -> NDArray[np.uint8]:
    """Return the colours of an image, uint8 (height, width, 3), with at most 640 pixels a side.

    Grey, RGB, CMYK, palettes, transparency, 16 bits and the rotation that a camera notes are
    understood; of a moving image, the first one is taken.

    Args:
        content: The bytes of a PNG or JPEG file, or of another format that Pillow reads.
        most_megapixels: Limit of the size that the header gives; beyond it nothing is decoded.

    Raises:
        ValueError: If they are no image, one that is broken or too large, or one with pixels that
            are not finite.
    """
    try:
        with _without_limit_and_warnings(), Image.open(io.BytesIO(content)) as image:
            _check_size(image.size, most_megapixels)
            return _colours(image)
    except UnidentifiedImageError as error:
        raise mismatch("file", _kind_of(content), EXPECTED) from error
    except ValueError as error:
        if str(error).startswith("image: found"):
            raise
        raise _broken(error) from error
    except Exception as error:  # Pillow's readers fail in many ways on a broken file
        raise _broken(error) from error


@contextmanager
def _without_limit_and_warnings() -> Iterator[None]:
    """Leave the limit of the size to this module, which names it, and broken metadata unsaid."""
    limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _check_size(size: tuple[int, int], most_megapixels: float) -> None:
    width, height = size
    if width * height > most_megapixels * 1e6:
        found = f"{width} x {height} pixels ({width * height / 1e6:,.0f} megapixels)"
        raise mismatch("image", found, f"at most {most_megapixels:g} megapixels")


def _kind_of(content: bytes) -> str:
    if content[4:8] == b"ftyp" and content[8:12] in HEIC_BRANDS:
        return "a HEIC image"
    if not content:
        return "an empty file"
    return f"{len(content):,} bytes of no known image format"


def _broken(error: Exception) -> ValueError:
    return mismatch("image", f"a broken one ({str(error).partition(chr(10))[0]})", "a whole one")


def _colours(image: Image.Image) -> NDArray[np.uint8]:
    """Return the colours of an opened image; a large one is reduced as early as possible."""
    if image.mode.startswith(("I", "F")):
        image = _with_8_bits(np.asarray(image))
    elif image.mode in ("L", "RGB", "CMYK"):
        image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    oriented = ImageOps.exif_transpose(image)
    colours = oriented.convert("RGBA" if oriented.has_transparency_data else "RGB")
    colours.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    pixels = np.asarray(colours)
    return pixels if colours.mode == "RGB" else _opaque(pixels.astype(np.float64))


def _with_8_bits(values: NDArray) -> Image.Image:
    """Return an image of 8 bits per channel; a deeper one is scaled to their range."""
    if not np.isfinite(values).all():
        raise mismatch("image", "pixels that are NaN or infinite", "finite ones")
    step = max(1, max(values.shape) // (2 * LONGEST_SIDE))
    sampled = values[::step, ::step].astype(np.float64)
    span = np.ptp(sampled) or 1.0
    return Image.fromarray(np.round(255 * (sampled - sampled.min()) / span).astype(np.uint8))


def _opaque(rgba: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Lay an image, (height, width, 4) in 0..255, on white or black paper where it lets through.

    Strokes on nothing need paper of the other tone; a card with clear corners paper of its own.
    """
    colour, alpha = rgba[..., :3], rgba[..., 3:] / 255
    tone = (alpha * colour).sum() / max(3 * alpha.sum(), 1)
    is_strokes_alone = alpha.mean() < 0.5
    paper = 255 if (tone < 128) == is_strokes_alone else 0
    return np.round(alpha * colour + (1 - alpha) * paper).astype(np.uint8)
