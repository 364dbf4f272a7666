import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageOps

from mnist_gradients.maths.solvers import DEFAULT_SOLVER
from mnist_gradients.pipelines.inference.parameters import InferenceParameters


@pytest.fixture(scope="session")
def parameters() -> Callable[..., InferenceParameters]:
    """Makes the parameters of softmax regression, with changes."""

    def parameters(**changes: object) -> InferenceParameters:
        options = {
            "folder": "photos",
            "model": "multinomial",
            "solver": DEFAULT_SOLVER,
            "binary_classes": ("even", "odd"),
            "least_probability": 0.0,
            "most_megapixels": 200,
            "digit_size": 20,
            "image_size": 28,
        }
        return InferenceParameters(**(options | changes))

    return parameters


@pytest.fixture(scope="session")
def png() -> Callable[[np.ndarray], bytes]:
    """Returns the bytes of a PNG file of some pixels."""

    def png(pixels: np.ndarray) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, format="png", compress_level=1)
        return buffer.getvalue()

    return png


@pytest.fixture(scope="session")
def large_png(png) -> Callable[[np.ndarray, np.random.Generator], bytes]:
    """Makes a file of a digit ten times as large, padded, off the centre, and often inverted."""

    def large_png(digit: np.ndarray, rng: np.random.Generator) -> bytes:
        side = 10 * len(digit)
        large = Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC)
        padded = side + int(rng.integers(20, 200))
        image = Image.new("L", (padded, padded))
        image.paste(large, tuple(rng.integers(padded - side + 1, size=2).tolist()))
        return png(np.asarray(image if rng.random() < 0.5 else ImageOps.invert(image)))

    return large_png
