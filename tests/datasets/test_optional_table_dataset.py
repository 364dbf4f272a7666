import doctest

import pandas as pd
import pytest
from kedro.io import DatasetError
from kedro_datasets.pandas import CSVDataset

from mnist_gradients.datasets import OptionalTableDataset

TABLE = pd.DataFrame({"task": ["binary", "ten_class"], "seconds": [1.5, None]})


@pytest.fixture
def dataset(tmp_path):
    return OptionalTableDataset(filepath=str(tmp_path / "folder" / "table.csv"))


def test_table_that_is_not_there_is_empty(dataset):
    assert not dataset.exists()
    assert dataset.load().empty


def test_table_that_is_there_is_read(dataset):
    dataset.save(TABLE)
    assert dataset.exists()
    pd.testing.assert_frame_equal(dataset.load(), TABLE)


def test_file_is_the_same_as_that_of_kedros_own_dataset(dataset, tmp_path):
    dataset.save(TABLE)
    CSVDataset(filepath=str(tmp_path / "other.csv")).save(TABLE)
    written = (tmp_path / "folder" / "table.csv").read_bytes()
    assert written == (tmp_path / "other.csv").read_bytes()


def test_table_without_columns_is_empty(dataset):
    dataset.save(pd.DataFrame())
    assert dataset.load().empty


def test_file_that_is_no_table_is_an_error_and_not_taken_for_none(dataset, tmp_path):
    dataset.save(TABLE)
    path = tmp_path / "folder" / "table.csv"
    path.write_bytes(b"\xff\xfe\n1,2,3\n")
    with pytest.raises(DatasetError, match=f"^{path}: "):
        dataset.load()


def test_preview_is_the_first_rows(dataset):
    dataset.save(TABLE)
    assert dataset.preview(nrows=1)["data"] == [["binary", 1.5]]


def test_python_example_in_the_docstring_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"pd": pd, "OptionalTableDataset": OptionalTableDataset}
    (example,) = doctest.DocTestFinder(recurse=False).find(
        OptionalTableDataset, "OptionalTableDataset", globs=names
    )
    results = doctest.DocTestRunner().run(example)
    assert results.attempted >= 3
    assert results.failed == 0
