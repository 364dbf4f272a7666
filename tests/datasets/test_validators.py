import numpy as np
import pytest
from kedro.io import DataCatalog, DatasetError

CONFIG = {
    "raw_images": {
        "type": "mnist_gradients.datasets.IdxDataset",
        "validator": "mnist_gradients.datasets.validators.check_raw_images",
    },
    "raw_labels": {
        "type": "mnist_gradients.datasets.IdxDataset",
        "validator": "mnist_gradients.datasets.validators.check_raw_labels",
    },
}
GOOD = {
    "raw_images": np.zeros((2, 3, 3), dtype=np.uint8),
    "raw_labels": np.zeros(2, dtype=np.uint8),
}


@pytest.fixture
def catalog(tmp_path):
    return DataCatalog.from_config(
        {name: entry | {"filepath": str(tmp_path / name)} for name, entry in CONFIG.items()}
    )


@pytest.mark.parametrize("name", ["raw_images", "raw_labels"])
def test_data_of_the_right_form_passes_unchanged(catalog, name):
    catalog.save(name, GOOD[name])
    np.testing.assert_array_equal(catalog.load(name), GOOD[name])


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        (
            "raw_images",
            np.zeros((2, 9), dtype=np.uint8),
            "raw_images: images: found uint8 of shape (2, 9), "
            "expected a non-empty 3-dimensional uint8 array",
        ),
        (
            "raw_images",
            np.zeros((0, 3, 3), dtype=np.uint8),
            "raw_images: images: found uint8 of shape (0, 3, 3), "
            "expected a non-empty 3-dimensional uint8 array",
        ),
        (
            "raw_labels",
            np.zeros(2, dtype=np.int32),
            "raw_labels: labels: found int32 of shape (2,), "
            "expected a non-empty 1-dimensional uint8 array",
        ),
    ],
)
def test_data_of_another_form_is_refused_in_one_line(catalog, name, data, words):
    catalog[name].save(data)  # past the validator
    with pytest.raises(DatasetError) as caught:
        catalog.load(name)
    assert str(caught.value) == words


def test_refused_data_is_not_saved(catalog):
    with pytest.raises(DatasetError):
        catalog.save("raw_images", np.zeros(3))
    assert not catalog.exists("raw_images")
