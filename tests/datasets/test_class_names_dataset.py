import json

import pytest
from kedro.io import DatasetError

from mnist_gradients.datasets import ClassNamesDataset


@pytest.fixture
def path(tmp_path):
    return tmp_path / "classes.txt"


def test_names_are_lines(path):
    dataset = ClassNamesDataset(filepath=str(path))
    dataset.save(["T-shirt", "Zügel"])
    assert path.read_bytes() == "T-shirt\nZügel\n".encode()
    assert dataset.load() == ["T-shirt", "Zügel"]
    assert json.loads(dataset.preview()) == {"0": "T-shirt", "1": "Zügel"}


def test_file_of_another_editor_is_read(path):
    path.write_bytes(b"\xef\xbb\xbfcat\r\ndog \r\n\r\n")
    assert ClassNamesDataset(filepath=str(path)).load() == ["cat", "dog"]


def test_missing_file_holds_no_names(path):
    assert ClassNamesDataset(filepath=str(path)).load() == []


def test_file_that_has_changed_since_it_was_saved_is_not_taken_for_missing(path):
    dataset = ClassNamesDataset(filepath=str(path))
    dataset.save(["cat", "dog"])
    path.write_text("cat\nwolf\n")
    with pytest.raises(DatasetError, match=r"delete \.classes\.txt\.sha256"):
        dataset.load()
    path.with_name(".classes.txt.sha256").unlink()
    assert dataset.load() == ["cat", "wolf"]


@pytest.mark.parametrize("name", ["", " ", "two\nlines"])
def test_name_that_is_no_line_is_refused(path, name):
    with pytest.raises(DatasetError, match=r"expected names of one line$"):
        ClassNamesDataset(filepath=str(path)).save(["cat", name])
    assert not path.exists()


def test_damaged_file_is_not_taken_for_no_names(path):
    dataset = ClassNamesDataset(filepath=str(path))
    dataset.save(["cat", "dog"])
    path.write_text("cat\n")
    with pytest.raises(DatasetError, match="found content with SHA-256"):
        dataset.load()
