"""From the bytes of an image file to its colours: upright, opaque and of moderate size."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

# A digit is scaled to some twenty pixels: of a photograph this is more than enough.
LONGEST_SIDE = 1000


def decode(content: bytes) -> NDArray[np.uint8]:
    """Return the colours of an image, uint8 (height, width, 3), with at most 1000 pixels a side.

    Grey, RGB, CMYK, palettes, transparency, 16 bits and the rotation that a camera notes are
    understood; of a moving image, the first one is taken.

    Args:
        content: The bytes of a PNG or JPEG file, or of another format that Pillow reads.

    Raises:
        ValueError: If they are no image, or one that is broken.
    """
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.draft(None, (LONGEST_SIDE, LONGEST_SIDE))  # saves time with a large JPEG
            upright = ImageOps.exif_transpose(image)
            shallow = _with_8_bits(upright)
            colours = shallow.convert("RGBA" if shallow.has_transparency_data else "RGB")
    except UnidentifiedImageError as error:
        raise ValueError(
            f"found {len(content):,} bytes of no image format, expected a PNG or JPEG image"
        ) from error
    except Exception as error:  # Pillow's readers fail in many ways on a broken file
        reason = str(error).partition("\n")[0]
        raise ValueError(f"found a broken image ({reason}), expected a whole one") from error
    colours.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    pixels = np.asarray(colours)
    return pixels if colours.mode == "RGB" else _opaque(pixels.astype(np.float64))


def _with_8_bits(image: Image.Image) -> Image.Image:
    """Return an image of 8 bits per channel; the values of a deeper one are stretched to them."""
    if not image.mode.startswith(("I", "F")):
        return image
    values = np.asarray(image, dtype=np.float64)
    span = np.ptp(values) or 1.0
    return Image.fromarray(np.round(255 * (values - values.min()) / span).astype(np.uint8))


def _opaque(rgba: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Lay an image, (height, width, 4) in 0..255, on white or black paper where it lets through.

    Strokes on nothing need paper of the other tone; a card with clear corners paper of its own.
    """
    colour, alpha = rgba[..., :3], rgba[..., 3:] / 255
    tone = (alpha * colour).sum() / max(3 * alpha.sum(), 1)
    is_strokes_alone = alpha.mean() < 0.5
    paper = 255 if (tone < 128) == is_strokes_alone else 0
    return np.round(alpha * colour + (1 - alpha) * paper).astype(np.uint8)
