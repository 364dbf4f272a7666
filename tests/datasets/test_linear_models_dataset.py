import inspect
import json
import re

import numpy as np
import pytest
from kedro.io import DataCatalog, DatasetError

from mnist_gradients.core.linear_model import LinearModel
from mnist_gradients.datasets import LinearModelsDataset


def models():
    rng = np.random.default_rng(0)
    binary = LinearModel(rng.normal(size=(5, 1)), rng.normal(size=1), np.array([0, 1]), l2=0.5)
    multinomial = LinearModel(
        rng.normal(size=(5, 3)), rng.normal(size=3), np.array([2, 5, 7]), l2=0.0, scale=1.0
    )
    return {"scikit_learn": binary, "gradient_descent": multinomial}


def assert_same(loaded, expected):
    assert list(loaded) == list(expected)
    for name, model in expected.items():
        for attribute in ("weights", "intercept", "classes"):
            np.testing.assert_array_equal(
                getattr(loaded[name], attribute), getattr(model, attribute), strict=True
            )
        assert (loaded[name].l2, loaded[name].scale) == (model.l2, model.scale)


@pytest.mark.parametrize("folder", ["local", "memory:///models"])
def test_round_trip_keeps_names_in_order_and_every_bit(tmp_path, folder):
    folder = str(tmp_path) if folder == "local" else folder
    dataset = LinearModelsDataset(filepath=f"{folder}/models.npz")
    dataset.save(models())
    assert_same(dataset.load(), models())
    assert isinstance(dataset.load()["scikit_learn"].l2, float)


def test_catalog_entry(tmp_path):
    entry = {
        "type": "mnist_gradients.datasets.LinearModelsDataset",
        "filepath": str(tmp_path / "models.npz"),
    }
    catalog = DataCatalog.from_config({"models": entry})
    catalog.save("models", models())
    assert_same(catalog.load("models"), models())


def test_arrays_can_be_read_with_numpy_alone(tmp_path):
    path = tmp_path / "models.npz"
    LinearModelsDataset(filepath=str(path)).save(models())
    with np.load(path, allow_pickle=False) as archive:
        np.testing.assert_array_equal(
            archive["gradient_descent/weights"], models()["gradient_descent"].weights
        )
        assert archive["scikit_learn/l2"] == 0.5


def test_equal_models_give_equal_bytes_at_any_time(tmp_path, monkeypatch):
    paths = [tmp_path / "one.npz", tmp_path / "two.npz"]
    for path, now in zip(paths, [1_000_000_000.0, 2_000_000_000.0], strict=True):
        monkeypatch.setattr("time.time", lambda now=now: now)
        LinearModelsDataset(filepath=str(path)).save(models())
    assert paths[0].read_bytes() == paths[1].read_bytes()


GOOD = {
    "ours/weights": np.zeros((4, 3)),
    "ours/intercept": np.zeros(3),
    "ours/classes": np.arange(3),
    "ours/l2": np.array(0.1),
    "ours/scale": np.array(1.0),
}


def test_valid_file_is_read(tmp_path):
    np.savez(tmp_path / "models.npz", **GOOD)
    assert list(LinearModelsDataset(filepath=str(tmp_path / "models.npz")).load()) == ["ours"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"theirs/weights": np.zeros((4, 3))},
            "found ['weights'] of model 'theirs', "
            "expected ['classes', 'intercept', 'l2', 'scale', 'weights']",
        ),
        (
            {"weights": np.zeros((4, 3))},
            "found ['weights'] of model '', "
            "expected ['classes', 'intercept', 'l2', 'scale', 'weights']",
        ),
        ({"ours/intercept": np.zeros(2)}, "intercept: found 2 values, expected 3"),
        ({"ours/l2": np.array(-1.0)}, "l2: found -1.0, expected a finite number of at least 0"),
    ],
)
def test_file_with_other_arrays_is_refused(tmp_path, change, words):
    path = tmp_path / "models.npz"
    np.savez(path, **(GOOD | change))
    with pytest.raises(DatasetError, match=f"^{re.escape(f'{path}: {words}')}"):
        LinearModelsDataset(filepath=str(path)).load()


def test_preview_is_a_table_of_the_models(tmp_path):
    dataset = LinearModelsDataset(filepath=str(tmp_path / "models.npz"))
    dataset.save(models())
    preview = dataset.preview()
    assert preview == {
        "index": [0, 1],
        "columns": ["model", "features", "classes", "parameters", "l2"],
        "data": [["scikit_learn", 5, 2, 6, 0.5], ["gradient_descent", 5, 3, 18, 0.0]],
    }
    assert json.loads(json.dumps(preview)) == preview
    assert inspect.signature(dataset.preview).return_annotation.__name__ == "TablePreview"
