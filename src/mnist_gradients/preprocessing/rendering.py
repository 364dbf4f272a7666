"""Digits of MNIST as people photograph them: on paper, boards and forms, in good and bad light.

Conventions: ink is the coverage of each pixel of a picture by strokes, float64 (height, width) in
0..1; grey levels lie in 0..255; ``side`` is that of the enlarged digit, in pixels.

Every kind is a function of a digit, uint8 (28, 28), and of a random generator. It returns the bytes
of an image file.
"""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Floats = NDArray[np.float64]
Generator = np.random.Generator
Renderer = Callable[[NDArray[np.uint8], Generator], bytes]

INTERPOLATIONS = (Image.Resampling.NEAREST, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)
FACTORS = (5, 12)  # least and greatest enlargement of most kinds


def enlarge(
    digit: NDArray[np.uint8], rng: Generator, factors: tuple[float, float] = FACTORS
) -> tuple[Floats, int]:
    """Return the ink of a digit that was enlarged and moved off the centre, and its side."""
    side = round(rng.uniform(*factors) * len(digit))
    interpolation = INTERPOLATIONS[rng.integers(len(INTERPOLATIONS))]
    large = np.asarray(Image.fromarray(digit).resize((side, side), interpolation)) / 255
    return np.pad(large, rng.integers(side // 2, size=(2, 2)).tolist()), side


def photograph(
    ink: Floats,
    rng: Generator,
    *,
    light: Floats | float = 1.0,
    paper: tuple[float, float] = (190, 245),
    pen: tuple[float, float] = (15, 70),
    noise: float = 3.0,
) -> NDArray[np.uint8]:
    """Return grey levels of ink on paper under a light, with the noise of a camera."""
    bright, dark = rng.uniform(*paper), rng.uniform(*pen)
    levels = (bright + (dark - bright) * ink) * light + rng.normal(0, noise, ink.shape)
    return np.clip(np.round(levels), 0, 255).astype(np.uint8)


def to_file(pixels: NDArray[np.uint8], file_format: str = "png", **options: Any) -> bytes:
    """Return the bytes of an image file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, file_format, **({"compress_level": 1} | options))
    return file.getvalue()


def plain(digit: NDArray[np.uint8], rng: Generator) -> bytes:
    """Dark ink on light paper, or the other way round, enlarged 3 to 20 times."""
    ink, _ = enlarge(digit, rng, (3, 20))
    levels = photograph(ink, rng, noise=0)
    return to_file(levels if rng.random() < 0.5 else 255 - levels)


def chalk(digit: NDArray[np.uint8], rng: Generator) -> bytes:
    """Grainy light strokes on a dark board."""
    ink, _ = enlarge(digit, rng)
    grain = ndimage.gaussian_filter(rng.normal(size=ink.shape), 1)
    rough = ink * np.clip(0.85 + 0.8 * grain, 0, 1)
    return to_file(photograph(rough, rng, paper=(30, 70), pen=(190, 240), noise=6))


def pencil(digit: NDArray[np.uint8], rng: Generator) -> bytes:
    """Faint grey strokes on light paper."""
    ink, _ = enlarge(digit, rng)
    return to_file(photograph(ink, rng, paper=(215, 240), pen=(150, 180), noise=4))


def coloured_ink(digit: NDArray[np.uint8], rng: Generator) -> bytes:
    """Blue, red, green or orange ink on cream paper."""
    ink, _ = enlarge(digit, rng)
    pens = np.array([(40, 60, 170), (200, 40, 50), (20, 120, 60), (235, 150, 20)])
    pen, paper = pens[rng.integers(len(pens))], np.array((245, 238, 215))
    levels = paper + (pen - paper) * ink[..., None] + rng.normal(0, 3, (*ink.shape, 3))
    return to_file(np.clip(np.round(levels), 0, 255).astype(np.uint8))


def ramp(digit: NDArray[np.uint8], rng: Generator) -> bytes:
    """Light that falls to a third from one edge or corner to the other."""
    ink, _ = enlarge(digit, rng)
    angle = rng.uniform(0, 2 * np.pi)
    y, x = _positions(ink.shape)
    along = np.cos(angle) * x + np.sin(angle) * y
    light = 1 - rng.uniform(0.4, 0.65) * (along - along.min()) / np.ptp(along)
    return to_file(photograph(ink, rng, light=light))


def shadow(digit: NDArray[np.uint8], rng: Generator) -> bytes:
    """The edge of a shadow across the paper."""
    ink, _ = enlarge(digit, rng)
    angle = rng.uniform(0, 2 * np.pi)
    y, x = _positions(ink.shape)
    distance = np.cos(angle) * x + np.sin(angle) * y - rng.uniform(-0.25, 0.25)
    softness = rng.uniform(0.03, 0.15)
    light = 1 - rng.uniform(0.3, 0.55) / (1 + np.exp(-distance / softness))
    return to_file(photograph(ink, rng, light=light))


def spot_light(digit: NDArray[np.uint8], rng: Generator) -> bytes:
    """A lamp above the digit; the corners are nearly dark."""
    ink, _ = enlarge(digit, rng)
    y, x = _positions(ink.shape)
    centre_y, centre_x = ndimage.center_of_mass(ink)
    y -= centre_y / ink.shape[0] - 0.5 + rng.uniform(-0.1, 0.1)
    x -= centre_x / ink.shape[1] - 0.5 + rng.uniform(-0.1, 0.1)
    light = 0.12 + 0.88 * np.exp(-(x**2 + y**2) / (2 * rng.uniform(0.25, 0.4) ** 2))
    return to_file(photograph(ink, rng, light=light))


def ruled_paper(digit: NDArray[np.uint8], rng: Generator) -> bytes:
    """Ruled lines, 30 to 80 % as dark as the ink."""
    ink, side = enlarge(digit, rng)
    lines = _lines(ink.shape, side * rng.uniform(0.35, 0.8), side * rng.uniform(0.01, 0.025), rng)
    return to_file(photograph(np.maximum(ink, rng.uniform(0.3, 0.8) * lines), rng))


def graph_paper(digit: NDArray[np.uint8], rng: Generator) -> bytes:
    """A square grid, 30 to 80 % as dark as the ink."""
    ink, side = enlarge(digit, rng)
    pitch, width = side * rng.uniform(0.15, 0.35), side * rng.uniform(0.008, 0.018)
    angle = rng.uniform(-2, 2)
    rows = _lines(ink.shape, pitch, width, rng, angle)
    columns = _lines(ink.shape[::-1], pitch, width, rng, -angle).T
    grid = rng.uniform(0.3, 0.8) * np.maximum(rows, columns)
    return to_file(photograph(np.maximum(ink, grid), rng))


def black_lines(digit: NDArray[np.uint8], rng: Generator) -> bytes:
    """Ruled lines as dark as the ink."""
    ink, side = enlarge(digit, rng)
    lines = _lines(ink.shape, side * rng.uniform(0.35, 0.8), side * rng.uniform(0.01, 0.025), rng)
    return to_file(photograph(np.maximum(ink, lines), rng))


def form_box(digit: NDArray[np.uint8], rng: Generator) -> bytes:
    """A digit in a box, as dark as the ink or half as dark."""
    ink, side = enlarge(digit, rng)
    ink = np.pad(ink, round(0.4 * side))
    top, bottom, left, right = _box_around(ink, side * rng.uniform(0.06, 0.25, 4))
    width = max(1, round(side * rng.uniform(0.012, 0.03)))
    frame = np.zeros_like(ink)
    frame[top - width : bottom + width, left - width : right + width] = 1
    frame[top:bottom, left:right] = 0
    frame = ndimage.rotate(frame, rng.uniform(-2, 2), reshape=False, order=1)
    return to_file(photograph(np.maximum(ink, rng.uniform(0.5, 1) * frame), rng))


def row_of_boxes(digit: NDArray[np.uint8], rng: Generator) -> bytes:
    """A digit in a row of boxes; the others are empty and cut by the edges of the picture."""
    ink, side = enlarge(digit, rng)
    ink = np.pad(ink, round(0.4 * side))
    top, bottom, left, right = _box_around(ink, side * rng.uniform(0.06, 0.2, 4))
    width = max(1, round(side * rng.uniform(0.012, 0.025)))
    frame = np.zeros_like(ink)
    frame[top - width : top] = frame[bottom : bottom + width] = 1
    for x in range(left % (right - left), frame.shape[1], right - left):
        frame[top:bottom, max(0, x - width) : x] = 1
    return to_file(photograph(np.maximum(ink, rng.uniform(0.5, 1) * frame), rng))


def thick_pen(digit: NDArray[np.uint8], rng: Generator) -> bytes:
    """Strokes that a felt pen makes wider by 5 to 9 % of the side."""
    ink, side = enlarge(digit, rng)
    radius = side * rng.uniform(0.025, 0.045)
    distance = ndimage.distance_transform_edt(ink < 0.5)
    return to_file(photograph(np.clip(radius + 0.5 - distance, 0, 1), rng))


def thin_pen(digit: NDArray[np.uint8], rng: Generator) -> bytes:
    """Hairlines along the middle of the strokes: the sharpest ridges of the blurred ink."""
    ink, side = enlarge(digit, rng)
    sigma = 0.03 * side
    yy, xy, xx = (ndimage.gaussian_filter(ink, sigma, order) for order in ((2, 0), (1, 1), (0, 2)))
    curvature = (yy + xx) / 2 - np.hypot((yy - xx) / 2, xy)
    line = curvature * sigma**2 < -rng.uniform(0.08, 0.14)
    return to_file(photograph(ndimage.gaussian_filter(np.float64(line), 0.7), rng))


def small(digit: NDArray[np.uint8], rng: Generator) -> bytes:
    """A picture of 14 to 20 pixels."""
    side = int(rng.integers(14, 21))
    ink = np.asarray(Image.fromarray(digit).resize((side, side), Image.Resampling.BOX)) / 255
    return to_file(photograph(ink, rng, noise=0))


def eight_pixels(digit: NDArray[np.uint8], rng: Generator) -> bytes:
    """A picture of 8 x 8 pixels."""
    ink = np.asarray(Image.fromarray(digit).resize((8, 8), Image.Resampling.BOX)) / 255
    return to_file(photograph(ink, rng, noise=0))


def huge(digit: NDArray[np.uint8], rng: Generator) -> bytes:
    """A picture of several megapixels."""
    ink, _ = enlarge(digit, rng, (30, 45))
    return to_file(photograph(ink, rng))


def blurred(digit: NDArray[np.uint8], rng: Generator) -> bytes:
    """Out of focus."""
    ink, side = enlarge(digit, rng)
    return to_file(photograph(ndimage.gaussian_filter(ink, side * rng.uniform(0.02, 0.04)), rng))


def noisy(digit: NDArray[np.uint8], rng: Generator) -> bytes:
    """The noise of a camera in the dark, a tenth of the range of grey levels."""
    ink, _ = enlarge(digit, rng)
    return to_file(photograph(ink, rng, noise=25))


def specks(digit: NDArray[np.uint8], rng: Generator) -> bytes:
    """Dust: twenty dots as dark as the ink."""
    ink, side = enlarge(digit, rng)
    y, x = np.indices(ink.shape)
    dots = np.zeros_like(ink)
    for _ in range(20):
        centre = rng.integers(ink.shape)
        is_dot = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < (side * rng.uniform(0, 0.014)) ** 2
        dots[is_dot] = 1
    return to_file(photograph(np.maximum(ink, dots), rng))


def compressed(digit: NDArray[np.uint8], rng: Generator) -> bytes:
    """A JPEG file of the lowest useful quality."""
    ink, _ = enlarge(digit, rng)
    return to_file(photograph(ink, rng), "jpeg", quality=10)


def sideways(digit: NDArray[np.uint8], rng: Generator) -> bytes:
    """A rotated file with the camera's note of the orientation."""
    ink, _ = enlarge(digit, rng)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be rotated by a quarter, clockwise
    return to_file(np.rot90(photograph(ink, rng)).copy(), "jpeg", exif=exif)


def transparent(digit: NDArray[np.uint8], rng: Generator) -> bytes:
    """Strokes of one tone on nothing."""
    ink, _ = enlarge(digit, rng)
    tone = np.full((*ink.shape, 3), 20 if rng.random() < 0.5 else 240)
    return to_file(np.dstack([tone, np.round(255 * ink)]).astype(np.uint8))


def _box_around(ink: Floats, gaps: Floats) -> tuple[int, int, int, int]:
    """Return top, bottom, left and right of a box around the ink, at four distances from it."""
    rows, columns = (np.flatnonzero(ink.max(axis=axis) > 0.3) for axis in (1, 0))
    edges = np.array([rows[0], rows[-1], columns[0], columns[-1]]) + gaps * [-1, 1, -1, 1]
    top, bottom, left, right = edges.round().astype(int).tolist()
    return top, bottom, left, right


def _positions(shape: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Return y and x of every pixel, -0.5..0.5."""
    y, x = np.meshgrid(*(np.linspace(-0.5, 0.5, side) for side in shape), indexing="ij")
    return y, x


def _lines(
    shape: tuple[int, ...], pitch: float, width: float, rng: Generator, angle: float | None = None
) -> Floats:
    """Return the ink of parallel lines across a picture, nearly level; the angle is in degrees."""
    slope = np.tan(np.radians(rng.uniform(-2, 2) if angle is None else angle))
    y, x = np.indices(shape)
    phase = (y + slope * x + rng.uniform(0, pitch)) % pitch
    distance = np.minimum(phase, pitch - phase)
    return np.clip(max(width, 1) / 2 + 0.5 - distance, 0, 1)


KINDS: dict[str, Renderer] = {
    renderer.__name__: renderer
    for renderer in (
        plain,
        chalk,
        pencil,
        coloured_ink,
        ramp,
        shadow,
        spot_light,
        ruled_paper,
        graph_paper,
        black_lines,
        form_box,
        row_of_boxes,
        thick_pen,
        thin_pen,
        small,
        huge,
        blurred,
        noisy,
        specks,
        compressed,
        sideways,
        transparent,
        eight_pixels,
    )
}
