import re

import numpy as np
import pytest
from kedro.io import DatasetError

from mnist_gradients.datasets import CheckpointsDataset


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "checkpoints"


@pytest.fixture
def checkpoints(folder):
    return CheckpointsDataset(filepath=str(folder)).load()


def test_what_is_saved_is_loaded(checkpoints):
    checkpoints.save("a", {"x": np.arange(3), "y z": np.array(1.5, dtype=np.float32)})
    loaded = checkpoints.load("a")
    assert set(loaded) == {"x", "y z"}
    np.testing.assert_array_equal(loaded["x"], [0, 1, 2])
    assert loaded["y z"] == np.float32(1.5)
    assert loaded["y z"].dtype == np.float32


def test_nothing_is_there_at_first_and_no_folder_is_made(checkpoints, folder):
    assert checkpoints.load("a") is None
    assert checkpoints.names() == []
    checkpoints.remove("a")
    assert not folder.exists()


def test_a_later_one_takes_the_place_of_an_earlier(checkpoints):
    for value in (1, 2):
        checkpoints.save("a", {"x": np.array(value)})
    assert checkpoints.load("a")["x"] == 2
    assert checkpoints.names() == ["a"]


def test_a_failure_half_way_leaves_the_earlier_one(checkpoints):
    class Unreadable:
        def __array__(self, *args, **kwargs):
            raise RuntimeError("no")

    checkpoints.save("a", {"x": np.array(1)})
    with pytest.raises(RuntimeError, match="no"):
        checkpoints.save("a", {"x": Unreadable()})
    assert checkpoints.load("a")["x"] == 1
    checkpoints.save("a", {"x": np.array(2)})  # what was left over is no obstacle
    assert checkpoints.load("a")["x"] == 2


def test_the_folder_goes_with_its_last_checkpoint(checkpoints, folder):
    checkpoints.save("a", {"x": np.array(1)})
    checkpoints.save("b", {"x": np.array(1)})
    checkpoints.remove("a")
    assert checkpoints.names() == ["b"]
    checkpoints.remove("b")
    assert not folder.exists()


def test_a_damaged_one_is_named(checkpoints, folder):
    checkpoints.save("a", {"x": np.array(1)})
    (folder / "a.npz").write_bytes(b"PK")
    words = f"{folder / 'a.npz'}: found an unreadable file"
    with pytest.raises(DatasetError, match=re.escape(words)) as caught:
        checkpoints.load("a")
    assert str(caught.value).endswith("delete it to start afresh")


def test_kedro_cannot_save_it(folder):
    dataset = CheckpointsDataset(filepath=str(folder))
    assert dataset.exists()
    with pytest.raises(DatasetError, match="expected to be loaded only"):
        dataset.save({"x": np.array(1)})
