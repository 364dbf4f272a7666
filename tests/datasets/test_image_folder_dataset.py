import base64
import inspect
import io
import logging

import pytest
from kedro.io import DatasetError
from PIL import Image

from mnist_gradients.datasets import ImageFolderDataset


@pytest.fixture
def folder(tmp_path):
    """Two images, a hidden file, a folder, and a file that is no image."""
    Image.new("L", (4, 4), 0).save(tmp_path / "two[1].png")
    Image.new("RGB", (400, 200), (255, 0, 0)).save(tmp_path / "one.jpg")
    (tmp_path / ".hidden").write_bytes(b"hidden")
    (tmp_path / "inside").mkdir()
    (tmp_path / "letter.txt").write_bytes(b"dear reader")
    return tmp_path


def test_every_file_is_loaded_by_its_name_in_order(folder):
    loaded = ImageFolderDataset(filepath=str(folder)).load()
    assert list(loaded) == ["letter.txt", "one.jpg", "two[1].png"]
    assert loaded["letter.txt"] == b"dear reader"
    assert loaded["one.jpg"] == (folder / "one.jpg").read_bytes()


def test_file_that_cannot_be_opened_is_named_and_has_no_bytes(folder, caplog):
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    with caplog.at_level(logging.WARNING):
        loaded = ImageFolderDataset(filepath=str(folder)).load()
    assert loaded["gone.png"] == b""
    assert len(loaded) == 4
    assert caplog.messages[0].startswith(f"{folder / 'gone.png'}: cannot be opened: ")


def test_missing_folder_is_an_error(folder):
    dataset = ImageFolderDataset(filepath=str(folder / "nowhere"))
    with pytest.raises(DatasetError, match="nowhere: found no such folder, expected one of images"):
        dataset.load()
    assert not dataset.exists()


def test_file_in_place_of_the_folder_is_an_error(folder):
    with pytest.raises(DatasetError, match=r"one\.jpg: found no such folder"):
        ImageFolderDataset(filepath=str(folder / "one.jpg")).load()


def test_folder_without_a_file_is_an_error(folder):
    dataset = ImageFolderDataset(filepath=str(folder / "inside"))
    (folder / "inside" / ".hidden").write_bytes(b"")
    with pytest.raises(DatasetError, match="inside: found no file, expected a folder of images"):
        dataset.load()
    assert dataset.exists()


def test_saving_is_refused(folder):
    dataset = ImageFolderDataset(filepath=str(folder))
    with pytest.raises(DatasetError, match="found data to save, expected none: it is read only"):
        dataset.save({"one.png": b""})


def test_preview_shows_the_images_side_by_side(folder):
    dataset = ImageFolderDataset(filepath=str(folder))
    sheet = Image.open(io.BytesIO(base64.b64decode(dataset.preview(), validate=True)))
    assert sheet.size == (320, 160)
    red, green, _ = sheet.getpixel((80, 40))
    assert red > 200 > 50 > green
    assert sheet.getpixel((161, 1)) == (0, 0, 0)
    assert sheet.getpixel((300, 100)) == (255, 255, 255)
    assert Image.open(io.BytesIO(base64.b64decode(dataset.preview(n_images=1)))).size == (160, 160)
    # kedro-viz takes the kind of preview from this name
    assert inspect.signature(dataset.preview).return_annotation.__name__ == "ImagePreview"
