import numpy as np
import pandas as pd
import pytest

from mnist_gradients.pipelines.inference.nodes import MOST_PHOTOS
from mnist_gradients.pipelines.inference.plots import draw_sheet, tile
from mnist_gradients.preprocessing.picture import Picture

IMAGE = np.zeros((28, 28), dtype=np.uint8)
PHOTO = np.zeros((40, 50, 3), dtype=np.uint8)
GOOD = Picture("good.png", PHOTO, (IMAGE,))
BAD = Picture("bad.txt", problem="found 3 bytes, expected a PNG")


@pytest.fixture
def sheet(parameters):
    def sheet(*digits):
        rows = [
            {"digit": None, "probability": np.nan, "problem": picture.problem}
            if picture.problem
            else {
                "digit": "7",
                "probability": 0.75 + 0.1 * position,
                "runner_up": "1",
                "runner_up_probability": 0.125,
                "problem": np.nan,  # as read back from a CSV file
            }
            for picture in digits
            for position in range(max(1, len(picture.digits)))
        ]
        figure = draw_sheet(list(digits), pd.DataFrame(rows), parameters())
        figure.canvas.draw()
        return figure

    return sheet


def words(figure):
    return [text.get_text() for text in figure.texts]


def test_card_shows_the_photo_the_input_of_the_model_and_the_answer(sheet):
    figure = sheet(GOOD)
    assert words(figure) == [
        "Your digits, read by multinomial: 1 shape in 1 file",
        *("good.png", "7", "75.0 %", "else 1: 12.5 %"),
    ]
    photo, image = (axes.images[0].get_array() for axes in figure.axes)
    np.testing.assert_array_equal(photo, PHOTO)
    np.testing.assert_array_equal(image, IMAGE)


def test_problem_takes_the_place_of_the_answer_and_its_pictures_are_empty(sheet):
    figure = sheet(BAD, GOOD)
    assert words(figure)[:2] == ["Your digits, read by multinomial: 1 shape in 2 files", "bad.txt"]
    assert words(figure)[2].split() == BAD.problem.split()
    assert [len(axes.images) for axes in figure.axes] == [0, 0, 1, 1]


def test_panels_lie_inside_and_do_not_overlap(sheet):
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
    figure = sheet(Picture(name, PHOTO, (IMAGE,)), GOOD)
    shown = words(figure)[1]
    assert shown == "Photograph of a seven t… 2024-05-01 at 10.15.png"
    left, right = (figure.texts[index].get_window_extent() for index in (1, 5))
    assert figure.texts[5].get_text() == "good.png"
    assert left.x1 < right.x0


def test_only_the_first_of_many_are_drawn(sheet):
    figure = sheet(*[GOOD] * (MOST_PHOTOS + 1))
    assert words(figure)[0].endswith(f"shapes in 61 files, the first {MOST_PHOTOS} shown")
    assert len(figure.axes) == 2 * MOST_PHOTOS


def test_several_digits_are_one_number_with_the_least_sure_of_them(sheet):
    figure = sheet(Picture("pair.png", PHOTO, (IMAGE, IMAGE)), GOOD)
    assert words(figure)[:5] == [
        "Your digits, read by multinomial: 3 shapes in 2 files",
        *("pair.png", "7 7", "7: 75.0 %", "else 1: 12.5 %"),
    ]
    assert figure.axes[1].images[0].get_array().shape == (28, 56)


def test_name_with_dollars_is_no_formula(sheet):
    assert words(sheet(Picture("$x_$.png", PHOTO, (IMAGE,))))[1] == "$x_$.png"


@pytest.mark.parametrize(("n", "shape"), [(1, (28, 28)), (2, (28, 56)), (5, (56, 84))])
def test_digits_are_tiled_row_by_row(n, shape):
    sheet = tile(tuple(np.full((28, 28), index + 1, np.uint8) for index in range(n)))
    assert sheet.shape == shape
    assert np.unique(sheet[sheet > 0]).tolist() == list(range(1, n + 1))
    assert sheet[0, 0] == 1
