"""The annotated sheet of the inference pipeline: each image, the model's input, the answer."""

import textwrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mnist_gradients.pipelines.inference.nodes import MOST_PHOTOS
from mnist_gradients.pipelines.inference.parameters import InferenceParameters
from mnist_gradients.plotting import figures
from mnist_gradients.preprocessing.picture import Picture

MOST_COLUMNS = 3
MOST_LETTERS = 48  # of the name of a file
SURE = 0.9
# In inches: a card is two square pictures and the words beside them, and takes WIDTH x HEIGHT.
WIDTH, HEIGHT, PICTURE, GAP, TOP = 4.2, 1.8, 1.35, 0.12, 0.6
GREY = "0.35"


def draw_sheet(
    prepared: list[Picture], predictions: pd.DataFrame, parameters: InferenceParameters
) -> Figure:
    """Draw the first images: each as it is, its digits as the model's input, and the answer."""
    cards = prepared[:MOST_PHOTOS]
    n_columns = min(MOST_COLUMNS, len(cards))
    n_rows = -(-len(cards) // n_columns)
    height = n_rows * HEIGHT + TOP
    figure = Figure(figsize=(n_columns * WIDTH, height))
    _write(figure, GAP, height - TOP / 2, _title(prepared, parameters), fontsize=13)
    # Read back from a CSV file, an empty problem is missing.
    problems = predictions["problem"].astype(object).fillna("")
    answers = list(predictions.assign(problem=problems).itertuples())
    for index, picture in enumerate(cards):
        n_answers = max(1, len(picture.digits))
        row, column = divmod(index, n_columns)
        bottom = height - TOP - (row + 1) * HEIGHT + GAP
        _draw_card(figure, column * WIDTH + GAP, bottom, picture, answers[:n_answers])
        answers = answers[n_answers:]
    return figure


def _title(prepared: list[Picture], parameters: InferenceParameters) -> str:
    n_shapes = sum(len(picture.digits) for picture in prepared)
    cut = f", the first {MOST_PHOTOS} shown" if len(prepared) > MOST_PHOTOS else ""
    shapes, files = _count(n_shapes, "shape"), _count(len(prepared), "file")
    return f"Your digits, read by {parameters.model}: {shapes} in {files}{cut}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _draw_card(figure: Figure, x: float, y: float, picture: Picture, answers: list[Any]) -> None:
    """Draw the picture, its digits and the answers, with the lower left corner at x, y."""
    _write(figure, x, y + PICTURE + 0.12, _shorten(picture.file), fontsize=8.5, color=GREY)
    _draw_picture(figure, x, y, picture.photo)
    _draw_picture(figure, x + PICTURE + GAP, y, tile(picture.digits))
    x += 2 * (PICTURE + GAP)
    problems = [answer.problem for answer in answers if answer.problem]
    if len(problems) == len(answers):
        words = textwrap.fill(problems[0], 20)
        _write(figure, x, y + PICTURE / 2, words, fontsize=7, color=figures.TEST)
        return
    number = " ".join("?" if answer.problem else answer.digit for answer in answers)
    least_sure = min((answer for answer in answers if not answer.problem), key=_probability)
    sure = least_sure.probability >= SURE and not problems
    colour = figures.TRAINING_DARK if sure else figures.TEST
    # A name, such as that of a class of the binary task, needs smaller letters than a digit.
    size = 34 if len(number) <= 2 else max(9, 40 - 4 * len(number))
    _write(figure, x, y + 0.95, textwrap.fill(number, 12), fontsize=size, color=colour)
    lead = "" if len(answers) == 1 else f"{least_sure.digit}: "
    _write(figure, x, y + 0.45, lead + _per_cent(least_sure), fontsize=11, color=colour)
    second = f"else {least_sure.runner_up}: {100 * least_sure.runner_up_probability:.1f} %"
    _write(figure, x, y + 0.18, second, fontsize=8, color=GREY)


def tile(digits: tuple[np.ndarray, ...]) -> np.ndarray | None:
    """Return digits row by row in the smallest square that holds them; None if there are none."""
    if not digits:
        return None
    n_columns = int(np.ceil(np.sqrt(len(digits))))
    side = len(digits[0])
    sheet = np.zeros((n_columns * side, n_columns * side), dtype=np.uint8)
    for index, digit in enumerate(digits):
        row, column = divmod(index, n_columns)
        sheet[row * side : (row + 1) * side, column * side : (column + 1) * side] = digit
    return sheet[: -(-len(digits) // n_columns) * side]


def _draw_picture(figure: Figure, x: float, y: float, image: np.ndarray | None) -> None:
    """Draw an image, or an empty frame, into a square with its lower left corner at x, y."""
    width, height = figure.get_size_inches()
    axes = figure.add_axes((x / width, y / height, PICTURE / width, PICTURE / height))
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_color("0.8")
    if image is not None:
        axes.imshow(image, cmap="gray_r", vmin=0, vmax=255)


def _write(figure: Figure, x: float, y: float, words: str, **options: Any) -> None:
    """Write words that begin at x and stand on the height y, in inches; $ is no formula."""
    options |= {"va": "center", "transform": figure.dpi_scale_trans, "parse_math": False}
    figure.text(x, y, words, **options)


def _shorten(name: str) -> str:
    """Leave out the middle of a long name: phones put the time at the end."""
    half = MOST_LETTERS // 2
    return name if len(name) <= MOST_LETTERS else f"{name[: half - 1]}…{name[-half:]}"


def _probability(answer: Any) -> float:
    return float(answer.probability)


def _per_cent(answer: Any) -> str:
    return f"{100 * answer.probability:.1f} %"
