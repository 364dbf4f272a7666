"""The example images in data/01_raw/own_digits: digits drawn from strokes, each in another way.

To draw them anew::

    python tools/example_images.py data/01_raw/own_digits
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.interpolate import CubicSpline

Points = Sequence[tuple[float, float]]
Colour = tuple[int, int, int]

# Points that a stroke passes through, x to the right and y down, in a square of side 1.
STROKES: dict[int, Sequence[Points]] = {
    0: [[(0.6, 0.04), (0.3, 0.14), (0.15, 0.5), (0.32, 0.92), (0.68, 0.86), (0.85, 0.45),
         (0.7, 0.1), (0.52, 0.05)]],
    2: [[(0.14, 0.26), (0.34, 0.06), (0.68, 0.1), (0.74, 0.36), (0.48, 0.68), (0.12, 0.95)],
        [(0.12, 0.95), (0.45, 0.9), (0.88, 0.96)]],
    3: [[(0.16, 0.12), (0.48, 0.03), (0.76, 0.2), (0.4, 0.46)],
        [(0.4, 0.46), (0.8, 0.62), (0.62, 0.93), (0.12, 0.88)]],
    4: [[(0.42, 0.04), (0.3, 0.34), (0.14, 0.58)], [(0.14, 0.58), (0.5, 0.57), (0.86, 0.54)],
        [(0.7, 0.08), (0.66, 0.5), (0.62, 0.97)]],
    5: [[(0.82, 0.06), (0.5, 0.07), (0.26, 0.08)], [(0.26, 0.08), (0.22, 0.25), (0.2, 0.44)],
        [(0.2, 0.44), (0.56, 0.38), (0.8, 0.64), (0.56, 0.94), (0.14, 0.9)]],
    7: [[(0.12, 0.1), (0.5, 0.09), (0.86, 0.07)], [(0.86, 0.07), (0.58, 0.5), (0.42, 0.97)]],
}  # fmt: skip


def draw_examples() -> dict[str, Image.Image]:
    """Return the images by file name; the number in a name is the digit."""
    rng = np.random.default_rng(0)
    palette = draw(0, (160, 190), (42, 40), 100, 13, ink=(250, 240, 170), paper=(35, 40, 90))
    scan = draw(5, (34, 46), (5, 6), 32, 4, ink=(40, 40, 40), paper=(245, 245, 245))
    chalk = draw(3, (400, 300), (60, 50), 190, 17, ink=(235, 235, 225), paper=(40, 75, 60))
    marker = draw(4, (900, 500), (520, 90), 260, 22, ink=(200, 40, 45), paper=(225, 220, 210))
    pen = draw(7, (640, 800), (190, 260), 300, 15, ink=(45, 60, 150), paper=(235, 230, 220))
    return {
        "example_0_palette.png": palette.quantize(16),
        "example_2_transparent.png": draw_transparent(2, (256, 256), (60, 50), 150, 16),
        "example_3_chalk.png": photograph(chalk, rng, darkest=0.8, grain=9),
        "example_4_marker.jpg": photograph(marker, rng, darkest=0.45, grain=4),
        "example_5_small_scan.png": scan.convert("L"),
        "example_7_pen.jpg": photograph(pen, rng, darkest=0.4, grain=5),
    }


def draw(
    digit: int,
    size: tuple[int, int],
    corner: tuple[int, int],
    side: int,
    thickness: int,
    *,
    ink: Colour,
    paper: Colour,
) -> Image.Image:
    """Draw a digit of a height of `side` pixels on plain paper; all lengths are in pixels."""
    mask = stroke_mask(digit, size, corner, side, thickness)
    return Image.composite(Image.new("RGB", size, ink), Image.new("RGB", size, paper), mask)


def draw_transparent(
    digit: int, size: tuple[int, int], corner: tuple[int, int], side: int, thickness: int
) -> Image.Image:
    """Draw a black digit on nothing."""
    image = Image.new("RGBA", size, (0, 0, 0, 0))
    image.putalpha(stroke_mask(digit, size, corner, side, thickness))
    return image


def stroke_mask(
    digit: int, size: tuple[int, int], corner: tuple[int, int], side: int, thickness: int
) -> Image.Image:
    """Return the coverage of each pixel by the strokes, 0..255, drawn four times as large."""
    finer = 4
    mask = Image.new("L", (finer * size[0], finer * size[1]))
    pen = ImageDraw.Draw(mask)
    radius = finer * thickness / 2
    for points in STROKES[digit]:
        for x, y in finer * (np.array(corner) + side * along(points)):
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return mask.resize(size, Image.Resampling.BOX)


def along(points: Points, n: int = 400) -> NDArray[np.float64]:
    """Return n points (n, 2) on a smooth curve through some."""
    given = np.array(points)
    lengths = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(given, axis=0), axis=1))])
    return np.asarray(CubicSpline(lengths, given)(np.linspace(0, lengths[-1], n)))


def photograph(
    image: Image.Image, rng: np.random.Generator, *, darkest: float, grain: float
) -> Image.Image:
    """Return an image in light that falls off towards the lower right, with grain.

    Args:
        image: What is photographed.
        rng: Source of the grain.
        darkest: Fraction of the light that is left in the darkest corner.
        grain: Standard deviation of the noise, in grey levels.
    """
    pixels = np.asarray(image, dtype=np.float64)
    down, right = (np.linspace(0, 1, side) for side in pixels.shape[:2])
    light = 1 - (1 - darkest) * ((down[:, None] + right) / 2) ** 1.5
    noise = rng.normal(0, grain, pixels.shape)
    return Image.fromarray(np.clip(pixels * light[..., None] + noise, 0, 255).astype(np.uint8))


def main(folder: Path) -> None:
    """Write the images into a folder."""
    for name, image in draw_examples().items():
        image.save(folder / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
