import re

import numpy as np
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from mnist_gradients.datasets import LabelledImagesDataset
from mnist_gradients.pipelines.ingestion import create_pipeline
from mnist_gradients.pipelines.ingestion.parameters import IngestionParameters


@pytest.fixture
def run(mnist, tmp_path):
    def run(n_labels, raw_class_names=()):
        inputs = {
            "raw_train_images": mnist.images[:300],
            "raw_train_labels": mnist.labels[:n_labels],
            "raw_test_images": mnist.images[-100:],
            "raw_test_labels": mnist.labels[-100:],
            "raw_class_names": raw_class_names,
            "params:ingestion": IngestionParameters(
                n_classes=10, validation_size=50, train_limit=200
            ),
            "params:seed": 3,
        }
        catalog = DataCatalog({name: MemoryDataset(data) for name, data in inputs.items()})
        for name in ("train", "validation", "test"):
            catalog[name] = LabelledImagesDataset(filepath=str(tmp_path / f"{name}.npz"))
        SequentialRunner().run(create_pipeline(), catalog)
        return catalog

    return run


def test_pipeline_turns_raw_arrays_into_three_sets_and_shows_them(run, mnist):
    catalog = run(n_labels=300)
    sets = {name: catalog.load(name) for name in ("train", "validation", "test")}
    assert [len(images) for images in sets.values()] == [150, 50, 100]
    np.testing.assert_array_equal(sets["test"].images, mnist.images[-100:])
    section = catalog.load("ingestion.section")
    assert section.count("<img src=") == 2
    assert "150 images for training" in section
    assert "<table>" not in section


def test_section_shows_the_labels_of_named_classes(run):
    section = run(n_labels=300, raw_class_names=list("abcdefghij")).load("ingestion.section")
    assert re.search(r"<td[^>]*>9</td>\s*<td[^>]*>j</td>", section)


def test_labels_that_do_not_belong_to_the_images_stop_the_pipeline(run, tmp_path):
    with pytest.raises(ValueError, match=r"^training set: labels: found 299 labels, expected 300"):
        run(n_labels=299)
    assert list(tmp_path.iterdir()) == []
