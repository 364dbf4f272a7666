"""How many letters are read as digits, and how many digits are rejected, by least probability.

`python tools/rejection.py data/06_models/fnn.keras` writes docs/results/rejection/rejection.csv.
The letters are those of three fonts that look like no digit, drawn as dark ink on noisy paper. They
take the way of a picture through the preprocessing. The digits are the first test images.
"""

import sys
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from mnist_gradients.datasets import IdxDataset, KerasModelDataset
from mnist_gradients.maths.softmax import log_softmax
from mnist_gradients.preprocessing.normalisation import read_digits

ROOT = Path(__file__).parents[1]
RAW = ROOT / "data" / "01_raw" / "mnist"
RESULT = ROOT / "docs" / "results" / "rejection" / "rejection.csv"
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
NAMES = ("DejaVuSans", "DejaVuSerif", "STIXGeneralItalic")
LETTERS = "acefhkmnprtuvwxyACEFGHJKLMNPRTUVWXYd"
THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)
N_DIGITS = 2000


def main() -> None:
    """Measure the network of the command line and write the table."""
    network = KerasModelDataset(filepath=sys.argv[1]).load()
    digits = IdxDataset(filepath=str(RAW / "t10k-images-idx3-ubyte.gz")).load()[:N_DIGITS]
    labels = IdxDataset(filepath=str(RAW / "t10k-labels-idx1-ubyte.gz")).load()[:N_DIGITS]
    drawn = [read(letter, font) for font in NAMES for letter in LETTERS]
    letters = np.stack([image for images in drawn for image in images])
    of_letters, of_digits = (probabilities(network, images) for images in (letters, digits))
    wrong = of_digits.argmax(axis=1) != labels
    sure, sure_letter = of_digits.max(axis=1), of_letters.max(axis=1)
    table = pd.DataFrame(
        {
            "least_probability": least,
            "letters_read": np.sum(sure_letter >= least) / len(drawn),
            "digits_rejected": np.mean(sure < least),
            "digits_misread": np.mean((sure >= least) & wrong),
        }
        for least in THRESHOLDS
    )
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(RESULT, index=False, float_format="%.4f")


def read(letter: str, font: str) -> list[np.ndarray]:
    """Return what the preprocessing makes of a picture of a letter; nothing if it refuses it."""
    picture = Image.new("L", (140, 140), 235)
    large = ImageFont.truetype(str(FONTS / f"{font}.ttf"), 80)
    ImageDraw.Draw(picture).text((70, 70), letter, fill=30, font=large, anchor="mm")
    rng = np.random.default_rng([ord(letter), len(font)])
    grey = np.clip(np.asarray(picture) + rng.normal(0, 3, (140, 140)), 0, 255).astype(np.uint8)
    try:
        found = read_digits(np.dstack([grey] * 3), digit_size=20, image_size=28)
    except ValueError:
        return []
    return found if len(found) == 1 else []


def probabilities(network: Any, images: np.ndarray) -> np.ndarray:
    """Return the probabilities of the classes, (N, K)."""
    return np.exp(log_softmax(np.float64(network.predict(images, verbose=0))))


if __name__ == "__main__":
    main()
