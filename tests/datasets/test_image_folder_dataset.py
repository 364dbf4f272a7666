import base64
import inspect
import io
import os
import tracemalloc

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
    assert loaded["letter.txt"]() == b"dear reader"
    assert loaded["one.jpg"]() == (folder / "one.jpg").read_bytes()


def test_file_that_cannot_be_opened_fails_when_it_is_read(folder):
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    loaded = ImageFolderDataset(filepath=str(folder)).load()
    assert len(loaded) == 4
    with pytest.raises(FileNotFoundError):
        loaded["gone.png"]()


def test_named_pipe_is_never_opened(folder):
    os.mkfifo(folder / "pipe.png")
    (folder / "link.png").symlink_to(folder / "pipe.png")
    loaded = ImageFolderDataset(filepath=str(folder)).load()
    for name in ("pipe.png", "link.png"):  # opening either would wait for ever
        words = "^file: found a named pipe or a device, expected a regular file$"
        with pytest.raises(ValueError, match=words):
            loaded[name]()


def test_file_above_the_limit_is_not_read(folder):
    with (folder / "large.png").open("wb") as file:
        file.truncate(2**30 + 1)  # takes no room on the disk
    read = ImageFolderDataset(filepath=str(folder)).load()["large.png"]
    words = "^file: found 1,073,741,825 bytes, expected at most 1,073,741,824$"
    with pytest.raises(ValueError, match=words):
        read()


def test_files_are_read_one_at_a_time(tmp_path):
    for number in range(50):
        (tmp_path / f"{number}.png").write_bytes(bytes(1_000_000))
    tracemalloc.start()
    sizes = [len(read()) for read in ImageFolderDataset(filepath=str(tmp_path)).load().values()]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sizes == [1_000_000] * 50
    assert peak < 5e6


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
