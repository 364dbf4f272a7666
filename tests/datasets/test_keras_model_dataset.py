import inspect
import json
import re
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from kedro.io import DatasetError
from kedro_datasets.partitions import PartitionedDataset

from mnist_gradients.core.tensorflow_import import import_tensorflow
from mnist_gradients.datasets import KerasModelDataset

# TensorFlow's variables convert themselves to NumPy arrays in the manner of NumPy 1.
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)


@pytest.fixture(scope="module")
def network():
    import_tensorflow()
    import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3, name="hidden"), keras.layers.Dense(2, name="out")]
    )
    model.compile(optimizer="adam", loss="mse")
    model.train_on_batch(np.ones((2, 4)), np.ones((2, 2)))  # gives the optimiser its state
    return model


@pytest.mark.tensorflow
@pytest.mark.parametrize("folder", ["local", "memory:///networks"])
def test_round_trip_keeps_the_predictions(tmp_path, network, folder):
    folder = str(tmp_path) if folder == "local" else folder
    dataset = KerasModelDataset(filepath=f"{folder}/network.keras")
    dataset.save(network)
    X = np.linspace(-1, 1, 20, dtype=np.float32).reshape(5, 4)
    loaded = dataset.load()
    np.testing.assert_array_equal(np.asarray(loaded(X)), np.asarray(network(X)))
    assert type(loaded.optimizer) is type(network.optimizer)


@pytest.mark.tensorflow
def test_code_inside_a_file_is_refused(tmp_path):
    import keras

    path = tmp_path / "network.keras"
    keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: x + 1)]).save(path)
    with pytest.raises(DatasetError) as caught:
        KerasModelDataset(filepath=str(path)).load()
    error = str(caught.value)
    assert error.startswith(f"{path}: found a file that Keras cannot load in safe mode (")
    assert error.endswith("expected a model saved as .keras")
    assert "\n" not in error


@pytest.mark.tensorflow
def test_damaged_file_is_refused(tmp_path, network):
    path = tmp_path / "network.keras"
    dataset = KerasModelDataset(filepath=str(path))
    dataset.save(network)
    path.write_bytes(path.read_bytes()[:-100])
    (tmp_path / ".network.keras.sha256").unlink()
    words = f"{path}: found a file that Keras cannot load in safe mode ("
    with pytest.raises(DatasetError, match=f"^{re.escape(words)}"):
        dataset.load()


@pytest.mark.tensorflow
def test_failed_save_leaves_the_earlier_file(tmp_path, network):
    dataset = KerasModelDataset(filepath=str(tmp_path / "network.keras"))
    dataset.save(network)
    with pytest.raises(DatasetError, match=r"network\.keras: found an error .*no attribute 'save'"):
        dataset.save({"weights": []})
    assert dataset.load().count_params() == network.count_params()


@pytest.mark.tensorflow
def test_preview_reads_the_layers_that_keras_wrote(tmp_path, network):
    dataset = KerasModelDataset(filepath=str(tmp_path / "network.keras"))
    dataset.save(network)
    preview = dataset.preview()
    assert preview["data"][1:] == [["hidden", "Dense", 3], ["out", "Dense", 2]]
    assert json.loads(json.dumps(preview)) == preview


def write_config(path):
    layers = [
        {"class_name": "InputLayer", "config": {"name": "pixels"}},
        {"class_name": "Dense", "config": {"name": "logits", "units": 10}},
    ]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps({"config": {"layers": layers}}))


def test_preview_is_a_table_of_the_layers(tmp_path):
    write_config(tmp_path / "network.keras")
    dataset = KerasModelDataset(filepath=str(tmp_path / "network.keras"))
    assert dataset.preview() == {
        "index": [0, 1],
        "columns": ["layer", "type", "units"],
        "data": [["pixels", "InputLayer", None], ["logits", "Dense", 10]],
    }
    assert inspect.signature(dataset.preview).return_annotation.__name__ == "TablePreview"


def test_preview_of_a_model_imports_no_tensorflow(tmp_path):
    write_config(tmp_path / "network.keras")
    code = f"""
import sys
from mnist_gradients.datasets import KerasModelDataset
dataset = KerasModelDataset(filepath={str(tmp_path / "network.keras")!r})
print(dataset.exists(), dataset, dataset.preview(), *sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    words = run.stdout.split()
    assert words[0] == "True"
    assert {"tensorflow", "keras"}.isdisjoint(words)


def test_missing_file_is_named(tmp_path):
    path = tmp_path / "network.keras"
    with pytest.raises(DatasetError, match=f"^{re.escape(str(path))}: found no such file$"):
        KerasModelDataset(filepath=str(path)).load()


@pytest.mark.parametrize("name", ["network.h5", "network", "network.keras.zip"])
def test_refuses_a_path_with_another_ending(name):
    words = f"filepath: found {name}, expected a name that ends in .keras"
    with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
        KerasModelDataset(filepath=name)


def test_many_models_in_a_folder_can_be_described(tmp_path):
    """Kedro prints a dataset that it saves."""
    kind = "mnist_gradients.datasets.KerasModelDataset"
    models = PartitionedDataset(
        path=str(tmp_path / "models"), dataset=kind, filename_suffix=".keras", overwrite=True
    )
    assert "KerasModelDataset" in repr(models)
    models.save({})
    assert not models.exists()
