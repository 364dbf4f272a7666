import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.pipelines.ingestion import nodes
from mnist_gradients.pipelines.ingestion.parameters import IngestionParameters


def parameters(**changes):
    return IngestionParameters(**{"n_classes": 3, "validation_size": 0.2, **changes})


def raw(n_images, n_classes=3, shape=(2, 4)):
    """Images whose first pixel is their row number, with the classes in turn as labels."""
    images = np.zeros((n_images, *shape), dtype=np.uint8)
    images[:, 0, 0] = np.arange(n_images)
    return images, (np.arange(n_images) % n_classes).astype(np.uint8)


def labelled(n_images, n_classes=3):
    return LabelledImages(*raw(n_images, n_classes))


def row_numbers(images):
    return images.images[:, 0, 0].tolist()


class TestLabelImages:
    def test_images_and_labels_are_joined_row_by_row(self):
        train, test = nodes.label_images(*raw(30), *raw(12), parameters())
        assert row_numbers(train) == list(range(30))
        assert train.labels.tolist() == [0, 1, 2] * 10
        assert row_numbers(test) == list(range(12))

    @pytest.mark.parametrize(
        ("train", "test", "changes", "words"),
        [
            (
                (raw(30)[0], raw(29)[1]),
                raw(12),
                {},
                "training set: labels: found 29 labels, expected 30, one for each image",
            ),
            (
                raw(30),
                (raw(12)[0], raw(13)[1]),
                {},
                "test set: labels: found 13 labels, expected 12, one for each image",
            ),
            (
                raw(30),
                raw(12, shape=(4, 2)),
                {},
                "test images: found shape (4, 2), expected (2, 4) like the training images",
            ),
            (
                raw(30, n_classes=5),
                raw(12),
                {},
                "training labels: found label 4, expected 0 to 2 "
                "(parameter ingestion.n_classes is 3)",
            ),
            (
                raw(30),
                raw(12, n_classes=4),
                {},
                "test labels: found label 3, expected 0 to 2 (parameter ingestion.n_classes is 3)",
            ),
            (
                raw(30),
                raw(12),
                {"n_classes": 4},
                "training labels: found no image of class 3, expected every class from 0 to 3 "
                "(parameter ingestion.n_classes; the pipeline import_data numbers other labels)",
            ),
            (
                raw(30),
                raw(12, n_classes=2),
                {},
                "test labels: found no image of class 2, expected every class from 0 to 2 "
                "(parameter ingestion.n_classes; the pipeline import_data numbers other labels)",
            ),
        ],
        ids=[
            "fewer labels",
            "more labels",
            "shape",
            "label out of range in training",
            "label out of range in test",
            "class missing in training",
            "class missing in test",
        ],
    )
    def test_files_that_do_not_belong_together_are_refused(self, train, test, changes, words):
        with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
            nodes.label_images(*train, *test, parameters(**changes))

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            (
                {"validation_size": 28},
                "parameter ingestion.validation_size: found 28 (28 of 30 images), "
                "expected between 3 and 27 images",
            ),
            (
                {"validation_size": 0.01},
                "parameter ingestion.validation_size: found 0.01 (0 of 30 images), "
                "expected between 3 and 27 images",
            ),
            (
                {"validation_size": 1.5},
                "parameter ingestion.validation_size: found 1.5 (45 of 30 images), "
                "expected between 3 and 27 images",
            ),
            (
                {"train_limit": 9, "validation_size": 8},
                "parameter ingestion.validation_size: found 8 (8 of 9 images), "
                "expected between 3 and 6 images",
            ),
            (
                {"train_limit": 2},
                "parameter ingestion.train_limit: found 2 (2 of 30 images), "
                "expected between 3 and 27 images",
            ),
            (
                {"test_limit": 1},
                "parameter ingestion.test_limit: found 1 (1 of 12 images), "
                "expected between 3 and 9 images",
            ),
        ],
    )
    def test_impossible_sizes_are_refused_before_anything_is_split(self, changes, words):
        with pytest.raises(ValueError, match=f"^{re.escape(words)}, so that each of the 3 classes"):
            nodes.label_images(*raw(30), *raw(12), parameters(**changes))


class TestSplitImages:
    def test_whole_number_is_that_many_images(self):
        sets = nodes.split_images(labelled(30), labelled(12), parameters(validation_size=6), 0)
        assert [len(images) for images in sets] == [24, 6, 12]

    def test_fraction_is_that_share_of_the_images_kept(self):
        chosen = parameters(validation_size=0.2, train_limit=15)
        train, validation, _ = nodes.split_images(labelled(30), labelled(12), chosen, 0)
        assert (len(train), len(validation)) == (12, 3)

    def test_every_image_is_in_one_part_and_in_the_order_of_the_file(self):
        train, validation, test = nodes.split_images(labelled(30), labelled(12), parameters(), 0)
        parts = row_numbers(train), row_numbers(validation)
        assert sorted(parts[0] + parts[1]) == list(range(30))
        assert [sorted(part) for part in parts] == list(parts)
        assert row_numbers(test) == list(range(12))
        for part in (train, validation):
            assert part.labels.tolist() == [row % 3 for row in row_numbers(part)]

    def test_classes_keep_their_shares(self, mnist):
        chosen = IngestionParameters(n_classes=10, validation_size=0.1, train_limit=5000)
        train, validation, _ = nodes.split_images(mnist, mnist, chosen, 0)
        shares = np.bincount(mnist.labels) / len(mnist)
        for part in (train, validation):
            np.testing.assert_allclose(np.bincount(part.labels), shares * len(part), atol=1.01)

    def test_seed_alone_decides_the_split(self):
        def split(seed, **changes):
            sets = nodes.split_images(labelled(60), labelled(30), parameters(**changes), seed)
            return [row_numbers(images) for images in sets]

        assert split(1, test_limit=12) == split(1, test_limit=12)
        assert split(1)[1] != split(2)[1]
        assert split(1, test_limit=12)[2] != split(2, test_limit=12)[2]

    def test_limits_keep_a_stratified_subset(self):
        chosen = parameters(train_limit=15, test_limit=6, validation_size=6)
        train, validation, test = nodes.split_images(labelled(30), labelled(12), chosen, 0)
        counts = [np.bincount(images.labels).tolist() for images in (train, validation, test)]
        assert counts == [[3, 3, 3], [2, 2, 2], [2, 2, 2]]

    @pytest.mark.parametrize("limit", [12, 13, None])
    def test_large_or_missing_limit_keeps_all_images(self, limit):
        chosen = parameters(test_limit=limit)
        assert len(nodes.split_images(labelled(30), labelled(12), chosen, 0)[2]) == 12

    def test_inputs_are_left_as_they_are(self):
        train, test = labelled(30), labelled(12)
        sets = nodes.split_images(train, test, parameters(), 0)
        sets[0].images[:] = 99
        np.testing.assert_array_equal(train.images, raw(30)[0])

    @pytest.mark.parametrize(
        ("parameter", "size"), [("validation_size", 0.2), ("train_limit", 9), ("test_limit", 4)]
    )
    def test_class_with_one_image_cannot_be_split(self, parameter, size):
        images, labels = raw(30)
        labels[labels == 2] = 0
        labels[4] = 2
        lonely = LabelledImages(images, labels)
        words = (
            f"parameter ingestion.{parameter}: found {size}, but class 2 has a single image, "
            "expected at least 2 of each class to split"
        )
        train, test = (labelled(30), lonely) if parameter == "test_limit" else (lonely, labelled(9))
        with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
            nodes.split_images(train, test, parameters(**{parameter: size}), 0)

    @given(st.integers(2, 4), st.integers(10, 40), st.floats(0.01, 0.99), st.integers(0, 99))
    def test_split_is_a_partition_or_refused(self, n_classes, n_images, fraction, seed):
        chosen = parameters(n_classes=n_classes, validation_size=fraction)
        images = labelled(n_images, n_classes)
        if not n_classes <= round(fraction * n_images) <= n_images - n_classes:
            with pytest.raises(ValueError, match=r"^parameter ingestion\.validation_size: found"):
                nodes.split_images(images, images, chosen, seed)
            return
        train, validation, _ = nodes.split_images(images, images, chosen, seed)
        assert len(validation) == round(fraction * n_images)
        assert sorted(row_numbers(train) + row_numbers(validation)) == list(range(n_images))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"n_classes": 1}, "n_classes\n  Input should be greater than or equal to 2"),
        ({"n_classes": 257}, "n_classes\n  Input should be less than or equal to 256"),
        ({"validation_size": 0}, "validation_size"),
        ({"validation_size": -0.1}, "validation_size"),
        ({"validation_size": float("inf")}, "validation_size"),
        ({"train_limit": 0}, "train_limit\n  Input should be greater than 0"),
        ({"test_limits": 5}, "test_limits\n  Extra inputs are not permitted"),
    ],
)
def test_parameters_out_of_range_are_refused(changes, words):
    with pytest.raises(ValidationError, match=re.escape(words)):
        parameters(**changes)


@pytest.mark.parametrize(
    ("raw_names", "expected"), [([], ["0", "1", "2"]), (["c", "a", "b"], ["c", "a", "b"])]
)
def test_classes_without_names_are_named_by_their_numbers(raw_names, expected):
    assert nodes.name_classes(raw_names, parameters()) == expected


def test_another_number_of_names_than_classes_is_refused():
    words = "raw_class_names: found 2 names, expected 3 (parameter ingestion.n_classes)"
    with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
        nodes.name_classes(["a", "b"], parameters())


NAMES = ["a", "b", "c"]


def test_class_counts():
    counts = nodes.count_classes(labelled(7), labelled(3), labelled(2), NAMES)
    sets = {"train": [3, 2, 2], "validation": [1] * 3, "test": [1, 1, 0]}
    expected = {"class": [0, 1, 2], "name": NAMES, **sets}
    pd.testing.assert_frame_equal(counts, pd.DataFrame(expected), check_dtype=False)


def test_class_counts_are_bars_side_by_side_with_labelled_axes():
    counts = nodes.count_classes(labelled(7), labelled(3), labelled(2), NAMES)
    axes = nodes.plot_class_counts(counts).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("class", "images")
    assert [text.get_text() for text in axes.get_xticklabels()] == NAMES
    heights = [[bar.get_height() for bar in bars] for bars in axes.containers]
    assert heights == [[3, 2, 2], [1, 1, 1], [1, 1, 0]]
    edges = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches)
    assert all(right <= left + 1e-9 for (_, right), (left, _) in pairwise(edges))
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "train",
        "validation",
        "test",
    ]


def test_sample_digits_are_the_first_of_each_class():
    figure = nodes.plot_sample_digits(labelled(9), NAMES, per_class=2)
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == NAMES
    assert [image.get_array()[0, 0] for image in axes.images] == [0, 3, 1, 4, 2, 5]
