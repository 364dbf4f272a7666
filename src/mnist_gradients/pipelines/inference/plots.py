"""The annotated sheet of the inference pipeline: each image beside what the model saw."""

import textwrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mnist_gradients.pipelines.inference.own_digit import OwnDigit
from mnist_gradients.pipelines.inference.parameters import InferenceParameters
from mnist_gradients.plotting import figures

MOST_CARDS = 60
MOST_COLUMNS = 3
MOST_LETTERS = 48  # of the name of a file
SURE = 0.9
# In inches: a card is two square pictures and the words beside them, and takes WIDTH x HEIGHT.
WIDTH, HEIGHT, PICTURE, GAP, TOP = 4.2, 1.8, 1.35, 0.12, 0.6
GREY = "0.35"


def draw_sheet(
    prepared: list[OwnDigit], predictions: pd.DataFrame, parameters: InferenceParameters
) -> Figure:
    """Draw the first images: each as it is, what the model saw of it, and what it said."""
    n_cards = min(len(prepared), MOST_CARDS)
    n_columns = min(MOST_COLUMNS, n_cards)
    n_rows = -(-n_cards // n_columns)
    height = n_rows * HEIGHT + TOP
    figure = Figure(figsize=(n_columns * WIDTH, height))
    _write(figure, GAP, height - TOP / 2, _title(prepared, parameters), fontsize=13)
    answers = predictions.head(n_cards).itertuples()
    for index, (digit, answer) in enumerate(zip(prepared, answers, strict=False)):
        row, column = divmod(index, n_columns)
        bottom = height - TOP - (row + 1) * HEIGHT + GAP
        _draw_card(figure, column * WIDTH + GAP, bottom, digit, answer)
    return figure


def _title(prepared: list[OwnDigit], parameters: InferenceParameters) -> str:
    n_digits = sum(digit.image is not None for digit in prepared)
    cut = f", the first {MOST_CARDS} shown" if len(prepared) > MOST_CARDS else ""
    digits, files = _count(n_digits, "digit"), _count(len(prepared), "file")
    return f"What {parameters.model} saw: {digits} in {files}{cut}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _draw_card(figure: Figure, x: float, y: float, digit: OwnDigit, answer: Any) -> None:
    """Draw the two pictures of a file and the answer, with the lower left corner at x, y."""
    _write(figure, x, y + PICTURE + 0.12, _shorten(digit.file), fontsize=8.5, color=GREY)
    _draw_picture(figure, x, y, digit.photo)
    _draw_picture(figure, x + PICTURE + GAP, y, digit.image)
    x += 2 * (PICTURE + GAP)
    if digit.problem:
        words = textwrap.fill(digit.problem, 20)
        _write(figure, x, y + PICTURE / 2, words, fontsize=7, color=figures.TEST)
        return
    colour = figures.TRAINING_DARK if answer.probability >= SURE else figures.TEST
    # A name, such as that of a class of the binary task, needs smaller letters than a digit.
    size = 34 if len(answer.digit) <= 2 else 20
    _write(figure, x, y + 0.95, answer.digit, fontsize=size, color=colour)
    _write(figure, x, y + 0.45, _per_cent(answer.probability), fontsize=11, color=colour)
    second = f"else {answer.runner_up}: {_per_cent(answer.runner_up_probability)}"
    _write(figure, x, y + 0.18, second, fontsize=8, color=GREY)


def _draw_picture(figure: Figure, x: float, y: float, image: np.ndarray | None) -> None:
    """Draw an image, or an empty frame, into a square with its lower left corner at x, y."""
    width, height = figure.get_size_inches()
    axes = figure.add_axes((x / width, y / height, PICTURE / width, PICTURE / height))
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_color("0.8")
    if image is not None:
        axes.imshow(image, cmap="gray_r", vmin=0, vmax=255)


def _write(figure: Figure, x: float, y: float, words: str, **options: Any) -> None:
    """Write words that begin at x and stand on the height y, in inches."""
    figure.text(x, y, words, va="center", transform=figure.dpi_scale_trans, **options)


def _shorten(name: str) -> str:
    """Leave out the middle of a long name: phones put the time at the end."""
    half = MOST_LETTERS // 2
    return name if len(name) <= MOST_LETTERS else f"{name[: half - 1]}…{name[-half:]}"


def _per_cent(probability: float) -> str:
    return f"{100 * probability:.1f} %"
