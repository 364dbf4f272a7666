import doctest
import inspect
import pickle
import subprocess
import sys

import fsspec
import numpy as np
import pytest
import yaml
from kedro.io import DataCatalog, DatasetError, Version
from matplotlib.figure import Figure

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.core.linear_model import LinearModel
from mnist_gradients.datasets import (
    FigureDataset,
    IdxDataset,
    KerasModelDataset,
    LabelledImagesDataset,
    LinearModelsDataset,
    ShardsDataset,
)
from mnist_gradients.datasets.file import FileDataset

DATASETS = [
    (IdxDataset, "digits.gz"),
    (LabelledImagesDataset, "train.npz"),
    (LinearModelsDataset, "models.npz"),
    (KerasModelDataset, "network.keras"),
    (FigureDataset, "curves.png"),
]


class TextDataset(FileDataset[str]):
    """The smallest dataset there is; it fails half-way through a text that says so."""

    def __init__(self, *, filepath, version=None, metadata=None):
        super().__init__(filepath=filepath, version=version, metadata=metadata)

    def load(self) -> str:
        with self._reading() as file:
            return file.read().decode("ascii")

    def save(self, data: str) -> None:
        with self._writing() as file:
            file.write(data[:3].encode())
            if data == "value error":
                raise ValueError("found a value error, expected none")
            if data == "interrupt":
                raise KeyboardInterrupt
            file.write(data[3:].encode())


def test_saving_makes_the_folders_and_leaves_nothing_else(tmp_path):
    dataset = TextDataset(filepath=str(tmp_path / "a" / "b" / "text"))
    dataset.save("first")
    dataset.save("second")
    assert dataset.load() == "second"
    assert {path.name for path in (tmp_path / "a" / "b").iterdir()} == {"text", ".text.sha256"}


@pytest.mark.parametrize("root", ["local", "memory"])
@pytest.mark.parametrize(
    ("text", "error"), [("value error", DatasetError), ("interrupt", KeyboardInterrupt)]
)
def test_save_that_fails_half_way_leaves_the_earlier_file(tmp_path, root, text, error):
    folder = str(tmp_path) if root == "local" else f"memory:///{tmp_path.name}"
    dataset = TextDataset(filepath=f"{folder}/text")
    dataset.save("good")
    with pytest.raises(error):
        dataset.save(text)
    assert dataset.load() == "good"
    fs, path = fsspec.url_to_fs(folder)
    names = {entry.rpartition("/")[2] for entry in fs.ls(path, detail=False)}
    assert names == {"text", ".text.sha256"}


def test_errors_are_one_line_that_begins_with_the_path(tmp_path):
    path = tmp_path / "text"
    dataset = TextDataset(filepath=str(path))
    with pytest.raises(DatasetError) as caught:
        dataset.load()
    assert str(caught.value) == f"{path}: found no such file"
    with pytest.raises(DatasetError) as caught:
        dataset.save("value error")
    assert str(caught.value) == f"{path}: found a value error, expected none"
    path.write_bytes(b"\xff")
    with pytest.raises(DatasetError, match=f"^{path}: 'ascii' codec can't decode"):
        dataset.load()


def test_turning_a_plain_file_into_a_versioned_one_is_refused(tmp_path):
    path = str(tmp_path / "text")
    TextDataset(filepath=path).save("plain")
    with pytest.raises(DatasetError, match="versioning was enabled on a dataset already saved"):
        TextDataset(filepath=path, version=Version(None, None)).save("versioned")
    assert TextDataset(filepath=path).load() == "plain"


def test_versions_are_stamped_with_the_time_of_saving(tmp_path):
    dataset = TextDataset(filepath=str(tmp_path / "text"), version=Version(None, None))
    dataset.save("first")  # a warning would mean that Kedro took two stamps
    assert dataset.load() == "first"
    assert len(dataset.list_versions()) == 1


@pytest.mark.parametrize(("dataset_class", "name"), DATASETS)
def test_dataset_can_be_pickled(tmp_path, dataset_class, name):
    dataset = dataset_class(filepath=str(tmp_path / name))
    copy = pickle.loads(pickle.dumps(dataset))  # noqa: S301  # our own bytes
    assert str(copy) == str(dataset)
    assert not copy.exists()


@pytest.mark.parametrize(("dataset_class", "name"), DATASETS)
def test_dataset_can_be_rebuilt_from_its_configuration(tmp_path, dataset_class, name):
    dataset = dataset_class(filepath=str(tmp_path / name))
    configuration, *_ = DataCatalog({"file": dataset}).to_config()
    assert configuration["file"]["type"].endswith(dataset_class.__name__)
    assert str(DataCatalog.from_config(configuration)["file"]) == str(dataset)


@pytest.mark.parametrize(
    "dataset_class", [dataset_class for dataset_class, _ in DATASETS] + [ShardsDataset]
)
def test_yaml_example_in_the_docstring_is_a_catalog_entry(dataset_class):
    example = inspect.getdoc(dataset_class).partition("Example in YAML::")[2]
    entry = yaml.safe_load(example.partition("Example in Python::")[0])
    (dataset,) = DataCatalog.from_config(entry).values()
    assert type(dataset) is dataset_class


@pytest.mark.parametrize(
    "dataset_class",
    [
        IdxDataset,
        LabelledImagesDataset,
        LinearModelsDataset,
        FigureDataset,
        ShardsDataset,
        pytest.param(KerasModelDataset, marks=pytest.mark.tensorflow),
    ],
)
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_python_example_in_the_docstring_works(dataset_class, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {
        "np": np,
        "Figure": Figure,
        "LabelledImages": LabelledImages,
        "LinearModel": LinearModel,
        dataset_class.__name__: dataset_class,
    }
    if dataset_class is KerasModelDataset:
        import keras

        names["keras"] = keras
    (example,) = doctest.DocTestFinder(recurse=False).find(
        dataset_class, dataset_class.__name__, globs=names
    )
    results = doctest.DocTestRunner().run(example)
    assert results.attempted >= 3
    assert results.failed == 0


def test_importing_the_datasets_imports_no_heavy_library():
    code = "import sys, mnist_gradients.datasets; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = set(run.stdout.split())
    assert "kedro.io" in imported
    assert imported.isdisjoint({"tensorflow", "keras", "matplotlib", "sklearn", "pandas"})


def test_images_of_a_real_size_round_trip(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, size=(3000, 28, 28), dtype=np.uint8)
    dataset = IdxDataset(filepath=str(tmp_path / "images"))
    dataset.save(images)
    np.testing.assert_array_equal(dataset.load(), images)
