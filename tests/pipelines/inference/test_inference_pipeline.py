"""The pipeline as a user runs it: on the example images, on a folder of their own, wrongly."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kedro.config import OmegaConfigLoader
from kedro.io import DatasetError

from mnist_gradients.console.errors import short_message
from mnist_gradients.datasets import LinearModelsDataset
from mnist_gradients.settings import CONFIG_LOADER_ARGS

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "data" / "01_raw" / "own_digits"
MULTINOMIAL = {"inference": {"model": "multinomial", "least_probability": 0.0}}


@pytest.fixture
def data_root(tmp_path, softmax_regression) -> Path:
    """Outputs of an imagined training: of softmax regression and nothing else."""
    models = tmp_path / "data" / "06_models" / "logistic_regression" / "multinomial.npz"
    dataset = LinearModelsDataset(filepath=str(models))
    dataset.save({"preconditioned_lbfgs": softmax_regression})
    return tmp_path / "data"


@pytest.fixture
def predictions(run_project, data_root):
    """Returns the table that a run writes."""

    def predictions(**inference):
        parameters = {"inference": MULTINOMIAL["inference"] | inference}
        run_project(data_root, parameters, pipeline_names=["inference"])
        return pd.read_csv(data_root / "08_reporting" / "inference" / "predictions.csv", dtype=str)

    return predictions


def test_examples_are_read_by_a_linear_model_without_tensorflow(
    predictions, data_root, monkeypatch
):
    for name in ("tensorflow", "keras"):
        monkeypatch.setitem(sys.modules, name, None)  # an import fails
    table = predictions(folder="data/../data/01_raw/own_digits")  # relative to the project
    assert table["file"].tolist() == sorted(path.name for path in EXAMPLES.glob("[!.]*"))
    truth = table["file"].str.extract(r"example_(\d)_")[0]
    assert (table["digit"] == truth).sum() >= 5
    assert table["problem"].isna().all()
    assert table["probability"].astype(float).gt(table["runner_up_probability"].astype(float)).all()
    sheet = (data_root / "08_reporting" / "inference" / "sheet.png").read_bytes()
    assert sheet.startswith(b"\x89PNG")


def test_other_folder_is_read_and_bad_files_are_named(predictions, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(EXAMPLES / "example_7_pen.jpg", folder / "one.jpeg")
    (folder / "two.png").write_bytes((EXAMPLES / "example_3_chalk.png").read_bytes()[:5000])
    (folder / "three.png").symlink_to(folder / "nowhere.png")
    table = predictions(folder=str(folder)).set_index("file")
    assert table.index.tolist() == ["one.jpeg", "three.png", "two.png"]
    assert table.loc["one.jpeg", "digit"] == "7"
    assert table.loc["two.png", "problem"].startswith("image: found a broken one (")
    assert table.loc["three.png", "problem"].startswith("[Errno 2] No such file")


@pytest.fixture
def message(run_project, data_root):
    """Returns what a run says, after checking that it wrote nothing."""

    def message(error, **inference):
        parameters = {"inference": MULTINOMIAL["inference"] | inference}
        with pytest.raises(error) as caught:
            run_project(data_root, parameters, pipeline_names=["inference"])
        assert not (data_root / "08_reporting").exists()
        return short_message(caught.value)

    return message


class TestBadParameters:
    def test_unknown_model_is_named(self, message):
        line = message(Exception, model="svm")
        assert line.startswith("parameter inference.model: found 'svm', expected ")
        assert "'fnn', 'binary' or 'multinomial'" in line

    def test_empty_folder_is_named(self, message, tmp_path):
        (tmp_path / "photos").mkdir()
        (tmp_path / "photos" / ".hidden").write_bytes(b"")
        words = f"own_digits: {tmp_path / 'photos'}: found no file, expected a folder of images"
        assert message(DatasetError, folder=str(tmp_path / "photos")) == words

    def test_model_that_was_not_trained_is_named(self, message, data_root):
        path = data_root / "06_models" / "logistic_regression" / "binary.npz"
        words = f"classifier: {path}: found no such file"
        assert message(DatasetError, model="binary") == words


class TestClassifier:
    """The catalog loads the model that the parameter names, and no other."""

    @pytest.mark.parametrize(
        ("model", "type_", "file"),
        [
            ("fnn", "KerasModelDataset", "fnn.keras"),
            ("binary", "LinearModelsDataset", "logistic_regression/binary.npz"),
            ("multinomial", "LinearModelsDataset", "logistic_regression/multinomial.npz"),
        ],
    )
    def test_entry_is_that_of_the_chosen_model(self, model, type_, file):
        chosen = {"data_root": "/out", "inference": {"model": model}}
        loader = OmegaConfigLoader(str(ROOT / "conf"), runtime_params=chosen, **CONFIG_LOADER_ARGS)
        catalog, parameters = loader["catalog"], loader["parameters"]
        assert catalog["classifier"]["type"] == f"mnist_gradients.datasets.{type_}"
        assert catalog["classifier"]["filepath"] == f"/out/06_models/{file}"
        assert parameters["inference"]["model"] == model
        trained_by = {
            entry.get("filepath") for name, entry in catalog.items() if name != "classifier"
        } | {catalog["logistic_regression.{task}.models"]["filepath"].format(task=model)}
        assert catalog["classifier"]["filepath"] in trained_by


@pytest.mark.tensorflow
def test_network_reads_the_examples(run_project, tmp_path):
    from mnist_gradients.core.tensorflow_import import import_tensorflow
    from mnist_gradients.datasets import KerasModelDataset

    import_tensorflow()
    import keras

    network = keras.Sequential(
        [keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(10, "linear")]
    )
    kernel, bias = network.layers[-1].variables
    kernel.assign(np.zeros((784, 10)))
    bias.assign(np.eye(10)[4] * 50)
    dataset = KerasModelDataset(filepath=str(tmp_path / "06_models" / "fnn.keras"))
    dataset.save(network)
    run_project(tmp_path, {"inference": {"model": "fnn"}}, pipeline_names=["inference"])
    table = pd.read_csv(tmp_path / "08_reporting" / "inference" / "predictions.csv")
    assert table["digit"].tolist() == [4] * 6
    np.testing.assert_allclose(table["probability"], 1)
