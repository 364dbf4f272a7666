import re
from pathlib import Path

import pytest
from kedro.io import DatasetError

from mnist_gradients.datasets import FolderDataset


def test_path_is_loaded_whether_the_folder_exists_or_not(tmp_path):
    dataset = FolderDataset(filepath=str(tmp_path / "raw"))
    assert dataset.load() == tmp_path / "raw"
    assert not dataset.exists()
    assert not (tmp_path / "raw").exists()
    (tmp_path / "raw").mkdir()
    assert dataset.exists()


def test_relative_path_stays_relative():
    assert FolderDataset(filepath="data/01_raw").load() == Path("data/01_raw")


def test_folder_elsewhere_is_refused():
    words = "filepath: found s3://bucket/raw, expected a local folder"
    with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
        FolderDataset(filepath="s3://bucket/raw")


def test_saving_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="found str to save, expected a folder to be read"):
        FolderDataset(filepath=str(tmp_path)).save("data")
    assert list(tmp_path.iterdir()) == []
