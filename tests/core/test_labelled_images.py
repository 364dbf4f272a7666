import re

import numpy as np
import pytest

from mnist_gradients.core.labelled_images import LabelledImages


def images(count=3, height=2, width=4):
    return np.arange(count * height * width, dtype=np.uint8).reshape(count, height, width)


def labels(*values):
    return np.array(values, dtype=np.uint8)


def test_length_is_number_of_images():
    assert len(LabelledImages(images(3), labels(7, 8, 9))) == 3


def test_representation_is_a_summary():
    labelled = LabelledImages(np.zeros((1200, 28, 28), np.uint8), labels(*[3, 7] * 600))
    assert repr(labelled) == "LabelledImages(1,200 images of 28 x 28, 2 classes)"


def test_take_returns_rows_in_the_order_asked_for():
    taken = LabelledImages(images(3), labels(7, 8, 9)).take(np.array([2, 0]))
    np.testing.assert_array_equal(taken.labels, [9, 7])
    np.testing.assert_array_equal(taken.images, images(3)[[2, 0]])


def test_taken_images_are_a_copy():
    original = LabelledImages(images(3), labels(7, 8, 9))
    original.take(np.array([0])).images[:] = 99
    np.testing.assert_array_equal(original.images, images(3))


@pytest.mark.parametrize(
    ("bad_images", "bad_labels", "words"),
    [
        (images(3), labels(7, 8), "labels: found 2 labels, expected 3, one for each image"),
        (images(2), labels(7, 8, 9), "labels: found 3 labels, expected 2, one for each image"),
        (
            images(3).astype(np.float32),
            labels(7, 8, 9),
            "images: found float32 of shape (3, 2, 4), "
            "expected a non-empty 3-dimensional uint8 array",
        ),
        (
            images(3).reshape(3, 8),
            labels(7, 8, 9),
            "images: found uint8 of shape (3, 8), expected a non-empty 3-dimensional uint8 array",
        ),
        (
            images(3),
            labels(7, 8, 9).astype(np.int64),
            "labels: found int64 of shape (3,), expected a non-empty 1-dimensional uint8 array",
        ),
        (
            images(3),
            [7, 8, 9],
            "labels: found list, expected a non-empty 1-dimensional uint8 array",
        ),
        (
            images(0),
            labels(),
            "images: found uint8 of shape (0, 2, 4), "
            "expected a non-empty 3-dimensional uint8 array",
        ),
    ],
)
def test_other_content_than_labelled_images_is_refused(bad_images, bad_labels, words):
    with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
        LabelledImages(bad_images, bad_labels)
