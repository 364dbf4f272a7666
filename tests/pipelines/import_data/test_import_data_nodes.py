import re

import numpy as np
import pytest
from pydantic import ValidationError

from mnist_gradients.pipelines.import_data import nodes
from mnist_gradients.pipelines.import_data.parameters import ImportParameters

IMAGES = np.arange(8 * 2 * 3, dtype=np.uint8).reshape(8, 2, 3)
LABELS = np.array([4, 2, 4, 26, 2, 26, 4, 2])


def convert(train=(IMAGES, LABELS), test=(IMAGES[:3], LABELS[:3]), seed=0, **changes):
    source = {"train": train} if test is None else {"train": train, "test": test}
    parameters = ImportParameters(**{"source": "/x", "test_size": 0.5} | changes)
    return nodes.convert_images(source, parameters, seed)


def test_labels_with_gaps_are_numbered_by_value():
    _, labels, _, test_labels, names = convert()
    assert names == ["2", "4", "26"]
    assert labels.dtype == np.uint8
    assert labels.tolist() == [1, 0, 1, 2, 0, 2, 1, 0]
    assert test_labels.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("kinds", "names"),
    [
        (["dog", "cat", "bird"], ["bird", "cat", "dog"]),
        (["10", "9", "-1"], ["-1", "9", "10"]),
        ([1.0, 2.0, 3.0], ["1", "2", "3"]),
        ([0.5, 1.0, 2.0], ["0.5", "1.0", "2.0"]),
        ([True, False, False], ["False", "True"]),
    ],
)
def test_labels_of_any_kind_are_numbered(kinds, names):
    labels = np.array(kinds)[[0, 1, 2, 0, 1, 2, 0, 1]]
    _, numbers, _, _, found = convert((IMAGES, labels), (IMAGES[:3], labels[:3]))
    assert found == names
    assert [found[number] for number in numbers] == [
        str(int(label)) if names == ["1", "2", "3"] else str(label) for label in labels
    ]


def test_class_of_the_test_set_alone_is_numbered_too():
    assert convert(test=(IMAGES[:1], np.array([3])))[4] == ["2", "3", "4", "26"]


def test_source_without_test_images_is_split_by_class():
    train, labels, test, test_labels, _ = convert(test=None, test_size=3)
    assert sorted(test_labels.tolist()) == [0, 1, 2]
    assert len(train) == len(labels) == 5
    rows = np.concatenate([train, test])[:, 0, 0]
    assert sorted(rows.tolist()) == IMAGES[:, 0, 0].tolist()
    again = convert(test=None, test_size=3)
    np.testing.assert_array_equal(again[2], test)
    others = [convert(test=None, test_size=3, seed=seed)[2].tolist() for seed in range(1, 5)]
    assert any(other != test.tolist() for other in others)


@pytest.mark.parametrize(
    ("images", "changes", "expected"),
    [
        (IMAGES, {}, IMAGES),
        (IMAGES.astype(np.int64), {}, IMAGES),
        (IMAGES / 255, {}, IMAGES),
        (IMAGES % 2, {}, IMAGES % 2 * 255),
        (IMAGES % 2, {"full_ink": 255}, IMAGES % 2),
        (IMAGES % 17, {"full_ink": 16}, np.rint(IMAGES % 17 * (255 / 16))),
        (IMAGES, {"invert": True}, 255 - IMAGES),
        (IMAGES, {"transpose": True}, IMAGES.transpose(0, 2, 1)),
    ],
)
def test_pixels_become_0_for_background_and_255_for_full_ink(images, changes, expected):
    train = convert((images, LABELS), (images, LABELS), **changes)[0]
    assert train.dtype == np.uint8
    np.testing.assert_array_equal(train, expected)


@pytest.mark.parametrize(
    ("train", "changes", "words"),
    [
        ((IMAGES, LABELS[:7]), {}, "train labels: found shape (7,), expected (8,)"),
        ((IMAGES[..., np.newaxis], LABELS), {}, "train images: found uint8 of shape (8, 2, 3, 1)"),
        ((IMAGES, LABELS * 0 + 4), {"test": None}, "labels: found 1 classes, expected 2 to 256"),
        (
            (IMAGES.astype(int) * 9, LABELS),
            {},
            "pixels: found 0 to 423, expected 0 to 255 (parameter import_data.full_ink)",
        ),
        ((IMAGES - 1.5, LABELS), {}, "pixels: found -1.5 to 45.5, expected 0 to 255"),
        ((IMAGES * np.nan, LABELS), {}, "pixels: found nan to nan, expected 0 to 255"),
        (
            (IMAGES, LABELS),
            {"test": None, "test_size": 2},
            "parameter import_data.test_size: found 2, expected another: ",
        ),
    ],
)
def test_content_that_does_not_fit_is_refused(train, changes, words):
    with pytest.raises(ValueError, match=f"^{re.escape(words)}"):
        convert(train, **changes)


def test_more_classes_than_a_byte_can_number_are_refused():
    images = np.zeros((257, 1, 1), np.uint8)
    with pytest.raises(ValueError, match=r"^labels: found 257 classes, expected 2 to 256$"):
        convert((images, np.arange(257)), test=None)


def test_parameters_out_of_range_are_refused():
    with pytest.raises(ValidationError, match="test_size"):
        ImportParameters(source="/x", test_size=0)
    with pytest.raises(ValidationError, match="full_ink"):
        ImportParameters(source="/x", test_size=1, full_ink=-1)
