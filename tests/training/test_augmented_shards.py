import numpy as np
import pytest

from mnist_gradients.training.augmented_shards import AugmentedShards
from mnist_gradients.training.parameters import AugmentationParameters

pytestmark = pytest.mark.tensorflow
NOTHING = {"translation": 0, "rotation": 0, "scale": 0, "shear": 0, "elastic": 0}


def shards(images, rows=60, seed=3, **changes):
    augmentation = AugmentationParameters(**(NOTHING | changes), elastic_smoothness=4)
    return AugmentedShards(images, augmentation, seed, rows)


def test_images_are_taken_in_turn(sets):
    images = sets[0]  # 100
    pixels, labels = shards(images).compute(1)
    order = np.arange(60, 120) % 100
    np.testing.assert_array_equal(pixels, images.images[order].reshape(60, -1))
    np.testing.assert_array_equal(labels, images.labels[order])
    assert pixels.dtype == labels.dtype == np.uint8


def test_shard_depends_on_seed_and_number_alone(sets):
    changes = {"rotation": 10, "elastic": 1}
    several = shards(sets[0], rows=100, **changes)
    first, second = (several.compute(number)[0] for number in (0, 1))
    again = shards(sets[0], rows=100, **changes).compute(1)[0]
    np.testing.assert_array_equal(again, second)
    for other in (first, shards(sets[0], rows=100, seed=4, **changes).compute(1)[0]):
        assert 0 < np.abs(other.astype(int) - second).mean() < 60  # of the same digits
