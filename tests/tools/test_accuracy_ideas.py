"""The ideas of docs/accuracy.md change what they name, and a complete training is kept."""

import functools
import itertools

import numpy as np
import pandas as pd
import pytest
from accuracy_ideas import (
    IDEAS,
    build_augmentation_with_thickness,
    build_fine_augmentation,
    strength,
    train,
    train_all,
    upsample,
    weakened,
)

from mnist_gradients.training import augmentation, loop
from mnist_gradients.training.augmentation import N_FIELDS, Augmentations, draw_augmentations
from mnist_gradients.training.sets import TrainingSets

pytestmark = pytest.mark.tensorflow

EVERY = {"translation": 2, "rotation": 8.0, "scale": 0.08, "shear": 0.1, "elastic": 0.8}
BUILDERS = {
    build_augmentation_with_thickness: np.asarray,
    build_fine_augmentation: upsample,
}


@pytest.fixture(autouse=True)
def small_bank(monkeypatch):
    """Draw four displacement fields; the whole bank takes seconds."""
    few = functools.partial(augmentation.draw_fields, n_fields=4)
    monkeypatch.setattr(augmentation, "draw_fields", few)
    monkeypatch.setattr(augmentation, "N_FIELDS", 4)


@pytest.fixture(scope="module")
def images(mnist):
    return mnist.images[:8]


def unchanged(n, field=0):
    """The augmentations of n images that change nothing."""
    matrix = np.tile(np.eye(2, dtype=np.float32), (n, 1, 1))
    return Augmentations(matrix, np.zeros((n, 2), np.int32), np.full(n, field, np.int32))


@pytest.mark.parametrize("build", BUILDERS)
def test_augmentation_keeps_shape_and_range_and_is_deterministic(build, images, parameters):
    limits = parameters(augmentation=EVERY).augmentation
    drawn = draw_augmentations(len(images), limits, np.random.default_rng(0))
    first, again = (
        np.asarray(build((28, 28), limits, 0)(BUILDERS[build](images), drawn)) for _ in range(2)
    )
    assert first.shape == images.shape
    assert first.min() == 0
    assert 200 < first.max() <= 255
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - images).mean() > 1


def test_upsampling_keeps_every_pixel_and_fits_a_cubic_between(images):
    fine = upsample(images)
    np.testing.assert_array_equal(fine[:, ::2, ::2], images)
    cube = np.tile(np.arange(7) ** 3, (7, 1)).astype(np.uint8)
    np.testing.assert_array_equal(upsample(cube[None])[0, 0, 1::2], [0, 3, 16, 43, 91, 166])


@pytest.mark.parametrize("translation", [(0, 0), (1, -2)])
def test_double_resolution_translates_by_whole_pixels_without_blur(images, parameters, translation):
    limits = parameters(augmentation={"rotation": 1.0}).augmentation
    drawn = unchanged(len(images))
    drawn.translation[:] = translation
    augmented = build_fine_augmentation((28, 28), limits, 0)(upsample(images), drawn)
    np.testing.assert_array_equal(augmented, np.roll(images, translation, axis=(1, 2)))


def test_strokes_become_thicker_and_thinner(parameters):
    image = np.zeros((1, 7, 7), np.uint8)
    image[:, 2:5, 2:5] = 100
    augment = build_augmentation_with_thickness((7, 7), parameters().augmentation, 0)
    thick, thin = (np.asarray(augment(image, unchanged(1, n)))[0] for n in (N_FIELDS - 1, 0))
    np.testing.assert_array_equal(thick[3], [0, 50, 100, 100, 100, 50, 0])
    np.testing.assert_array_equal(thin[3], [0, 0, 50, 100, 50, 0, 0])


def test_strength_falls_over_the_last_third():
    of_epochs = [strength(epoch, 24, 0.0) for epoch in range(24)]
    steps = itertools.chain([1.0] * 16, *([step] * 2 for step in (0.75, 0.5, 0.25, 0.0)))
    assert of_epochs == list(steps)
    assert strength(23, 24, 0.2) == pytest.approx(0.2)


def test_weakened_augmentation_keeps_its_smoothness(parameters):
    weak = weakened(parameters(augmentation=EVERY), 0.5).augmentation
    half = {"translation": 1, "rotation": 4.0, "scale": 0.04, "shear": 0.05, "elastic": 0.4}
    assert weak.model_dump() == half | {"elastic_smoothness": 4.0}


def test_baseline_is_the_training_of_the_project(training_sets, parameters):
    chosen = parameters(augmentation={"translation": 2}, epochs=2, label_smoothing=0.1)
    images = training_sets.train
    network, measured = train(IDEAS["baseline"], images, chosen, 3, [])
    expected = loop.train(TrainingSets(images, None, None), chosen, 3)
    for ours, theirs in zip(network.weights, expected.network.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    last = expected.history[expected.history["epoch"] == 2]
    assert measured["augmented_loss"] == pytest.approx(last["train_loss"].mean(), rel=1e-5)


def test_complete_training_is_skipped(training_sets, parameters, tmp_path, monkeypatch):
    monkeypatch.setattr("accuracy_ideas.TEACHERS", [0])
    chosen, output = parameters(hidden_units=(4,), epochs=1), tmp_path / "ideas.csv"
    images = training_sets.train, training_sets.validation
    train_all(["baseline"], 1, *images, chosen, tmp_path, output)
    first = output.read_text()
    train_all(["baseline", "distillation"], 1, *images, chosen, tmp_path, output)
    assert output.read_text().startswith(first)
    rows = pd.read_csv(output)
    assert rows["variant"].tolist() == ["baseline", "distillation"]
    assert rows["validation_loss"].nunique() == 2
