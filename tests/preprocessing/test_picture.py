import numpy as np
import pytest

from mnist_gradients.preprocessing.picture import PHOTO_SIDE, prepare_picture, printable
from mnist_gradients.preprocessing.rendering import KINDS

OPTIONS = {"digit_size": 20, "image_size": 28, "most_megapixels": 10, "keep_photo": True}


@pytest.fixture(scope="module")
def content(mnist):
    return KINDS["huge"](mnist.images[0], np.random.default_rng(0))


def test_digit_and_a_small_photo_are_kept(content):
    picture = prepare_picture("seven.png", lambda: content, **OPTIONS)
    assert (picture.file, picture.problem) == ("seven.png", "")
    assert max(picture.photo.shape) == PHOTO_SIDE
    assert [digit.shape for digit in picture.digits] == [(28, 28)]


def test_photo_is_dropped_where_it_is_not_wanted(content):
    picture = prepare_picture("seven.png", lambda: content, **(OPTIONS | {"keep_photo": False}))
    assert picture.photo is None
    assert len(picture.digits) == 1


@pytest.mark.parametrize("error", [OSError("no\x1bway"), ValueError("no\x1bway")])
def test_error_of_reading_becomes_the_problem_without_control_characters(error):
    def read():
        raise error

    picture = prepare_picture("a.png", read, **OPTIONS)
    assert (picture.photo, picture.digits, picture.problem) == (None, (), r"no\x1bway")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain name.png", "plain name.png"),
        ("\x1b[31mred\n", r"\x1b[31mred\n"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\udce9.png", r"\udce9.png"),
        ("数字é.png", "数字é.png"),
    ],
)
def test_printable_text_has_escapes_for_what_controls_the_console(text, expected):
    assert printable(text) == expected
