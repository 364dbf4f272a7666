import base64
import inspect
import io

import pytest
from kedro.io import DatasetError
from matplotlib.figure import Figure
from matplotlib.image import imread

from mnist_gradients.datasets import FigureDataset

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def line_figure(height=1.0):
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([0, 1], [0, height])
    return figure


def test_figure_is_read_back_as_the_bytes_of_a_png_of_the_given_size(tmp_path):
    dataset = FigureDataset(filepath=str(tmp_path / "folder" / "line.png"), dpi=50)
    dataset.save(line_figure())
    assert dataset.load() == (tmp_path / "folder" / "line.png").read_bytes()
    assert dataset.load().startswith(SIGNATURE)
    assert imread(io.BytesIO(dataset.load())).shape[:2] == (50, 100)


def test_equal_figures_give_equal_bytes_and_different_ones_do_not(tmp_path):
    pictures = []
    for name, height in (("one", 1.0), ("two", 1.0), ("other", 0.5)):
        dataset = FigureDataset(filepath=str(tmp_path / f"{name}.png"))
        dataset.save(line_figure(height))
        pictures.append(dataset.load())
    assert pictures[0] == pictures[1] != pictures[2]
    assert b"Matplotlib" not in pictures[0]  # its version would change the bytes


def test_failed_save_leaves_the_earlier_file(tmp_path):
    dataset = FigureDataset(filepath=str(tmp_path / "line.png"))
    dataset.save(line_figure())
    before = dataset.load()
    with pytest.raises(DatasetError, match="'str' object has no attribute 'savefig'"):
        dataset.save("a line")
    assert dataset.load() == before


def test_preview_is_the_picture(tmp_path):
    dataset = FigureDataset(filepath=str(tmp_path / "line.png"))
    dataset.save(line_figure())
    assert base64.b64decode(dataset.preview(), validate=True) == dataset.load()
    # kedro-viz takes the kind of preview from this name
    assert inspect.signature(dataset.preview).return_annotation.__name__ == "ImagePreview"
