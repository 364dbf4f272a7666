import json
import os

import pytest
from kedro.io import DatasetError

from mnist_gradients.datasets import FileTimesDataset


def test_times_of_the_files_that_exist_are_loaded(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "a.npz").touch()
    os.utime(tmp_path / "models" / "a.npz", (50.0, 123.5))
    dataset = FileTimesDataset(path=str(tmp_path), files={"a": "models/a.npz", "b": "b.npz"})
    assert dataset.load() == {"a": 123.5}
    assert json.loads(dataset.preview()) == {"a": "1970-01-01 00:02:03.500000+00:00"}


def test_folder_elsewhere_is_refused():
    with pytest.raises(ValueError, match=r"^path: found s3://bucket, expected a local folder$"):
        FileTimesDataset(path="s3://bucket", files={})


def test_saving_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="found 1 to save, expected files to be looked at"):
        FileTimesDataset(path=str(tmp_path), files={}).save(1)
