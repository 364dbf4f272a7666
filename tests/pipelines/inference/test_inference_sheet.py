import numpy as np
import pandas as pd
import pytest

from mnist_gradients.pipelines.inference.own_digit import OwnDigit
from mnist_gradients.pipelines.inference.plots import MOST_CARDS, draw_sheet

IMAGE = np.zeros((28, 28), dtype=np.uint8)
PHOTO = np.zeros((40, 50, 3), dtype=np.uint8)
GOOD = OwnDigit("good.png", PHOTO, IMAGE)
BAD = OwnDigit("bad.txt", problem="found 3 bytes, expected a PNG")


@pytest.fixture
def sheet(parameters):
    def sheet(*digits):
        rows = [
            {
                "digit": None if digit.problem else "7",
                "probability": np.nan if digit.problem else 0.75,
                "runner_up": None if digit.problem else "1",
                "runner_up_probability": np.nan if digit.problem else 0.125,
                "problem": digit.problem,
            }
            for digit in digits
        ]
        figure = draw_sheet(list(digits), pd.DataFrame(rows), parameters())
        figure.canvas.draw()
        return figure

    return sheet


def words(figure):
    return [text.get_text() for text in figure.texts]


def test_card_shows_the_photo_what_the_model_saw_and_what_it_said(sheet):
    figure = sheet(GOOD)
    assert words(figure) == [
        "What multinomial saw: 1 digit in 1 file",
        *("good.png", "7", "75.0 %", "else 1: 12.5 %"),
    ]
    photo, image = (axes.images[0].get_array() for axes in figure.axes)
    np.testing.assert_array_equal(photo, PHOTO)
    np.testing.assert_array_equal(image, IMAGE)


def test_problem_stands_where_the_answer_would_and_its_pictures_are_empty(sheet):
    figure = sheet(BAD, GOOD)
    assert words(figure)[:2] == ["What multinomial saw: 1 digit in 2 files", "bad.txt"]
    assert words(figure)[2].split() == BAD.problem.split()
    assert [len(axes.images) for axes in figure.axes] == [0, 0, 1, 1]


def test_nothing_lies_outside_or_on_top_of_another(sheet):
    figure = sheet(*[GOOD] * 7, BAD)
    width, height = figure.get_size_inches()
    # The square that is kept for a picture; its own ratio shrinks it further.
    boxes = [axes.get_position(original=True) for axes in figure.axes]
    assert len(boxes) == 16
    for i, box in enumerate(boxes):
        assert 0 <= box.x0 < box.x1 <= 1
        assert 0 < box.y0 < box.y1 < 1
        assert box.width * width == pytest.approx(box.height * height)
        assert not any(box.overlaps(other) for other in boxes[:i])


def test_long_name_loses_its_middle_and_stays_on_its_card(sheet):
    name = "Photograph of a seven that somebody took with a telephone on 2024-05-01 at 10.15.png"
    figure = sheet(OwnDigit(name, PHOTO, IMAGE), GOOD)
    shown = words(figure)[1]
    assert shown == "Photograph of a seven t… 2024-05-01 at 10.15.png"
    left, right = (figure.texts[index].get_window_extent() for index in (1, 5))
    assert figure.texts[5].get_text() == "good.png"
    assert left.x1 < right.x0


def test_only_the_first_of_many_are_drawn(sheet):
    figure = sheet(*[GOOD] * (MOST_CARDS + 1))
    assert words(figure)[0].endswith(f"digits in 61 files, the first {MOST_CARDS} shown")
    assert len(figure.axes) == 2 * MOST_CARDS
