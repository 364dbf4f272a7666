import numpy as np
import pytest

from mnist_gradients.benchmarking.data import PIXELS, join, targets, translated, write_copies


def test_join_keeps_the_order(digits):
    joined = join(digits.take(np.arange(4)), digits.take(np.arange(4, 9)))
    np.testing.assert_array_equal(joined.images, digits.images[:9])
    np.testing.assert_array_equal(joined.labels, digits.labels[:9])


def test_targets_are_labels_or_positive_classes():
    labels = np.array([3, 0, 9, 4], dtype=np.uint8)
    assert targets(labels, None).tolist() == [3, 0, 9, 4]
    assert targets(labels, (3, 4)).tolist() == [1, 0, 0, 1]


@pytest.mark.parametrize("translation", [1, 2])
def test_translation_moves_each_pixel_by_at_most_its_limit(translation):
    dot = np.zeros((200, 7, 7), dtype=np.uint8)
    dot[:, 3, 3] = 255
    found = translated(dot, translation, np.random.default_rng(0))
    image, row, column = np.nonzero(found)
    assert image.tolist() == list(range(200))
    reached = set(range(3 - translation, 4 + translation))
    assert set(row) == set(column) == reached
    assert len(set(zip(row, column, strict=True))) == len(reached) ** 2
    edge = np.zeros((200, 7, 7), dtype=np.uint8)
    edge[:, 0, 0] = 255
    assert 0 < translated(edge, translation, np.random.default_rng(0)).any(axis=(1, 2)).sum() < 200


def test_copies_begin_with_the_images_and_follow_the_seed(digits, tmp_path):
    def written(seed):
        labels = write_copies(digits, 3, 1, seed, tmp_path)
        np.testing.assert_array_equal(labels, np.tile(digits.labels, 3))
        return np.load(tmp_path / PIXELS).reshape(3, *digits.images.shape)

    first, again, other = written(0), written(0), written(1)
    np.testing.assert_array_equal(first[0], digits.images)
    assert (first[1] != first[2]).any()
    np.testing.assert_array_equal(first, again)
    assert (first[1] != other[1]).any()
