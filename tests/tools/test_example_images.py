import importlib.util
from pathlib import Path

import numpy as np
import pytest

from mnist_gradients.preprocessing.decoding import decode

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "data" / "01_raw" / "own_digits"


@pytest.fixture(scope="module")
def tool():
    path = ROOT / "tools" / "example_images.py"
    specification = importlib.util.spec_from_file_location("example_images", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def difference(one, other):
    """Mean difference of two images, in grey levels."""
    return np.abs(one.astype(np.float64) - other).mean()


@pytest.fixture(scope="module")
def drawn(tmp_path_factory, tool):
    folder = tmp_path_factory.mktemp("drawn")
    tool.main(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_examples_are_those_that_the_tool_draws(drawn):
    committed = {path.name: path.read_bytes() for path in EXAMPLES.glob("[!.]*")}
    assert committed.keys() == drawn.keys()
    for name, content in committed.items():
        # Not by their bytes: other versions of the libraries may compress in another way.
        assert difference(decode(content), decode(drawn[name])) < 0.5, name


def test_other_grain_would_be_noticed(drawn):
    for name in ("example_3_chalk.png", "example_4_marker.jpg", "example_7_pen.jpg"):
        image = decode(drawn[name])
        assert difference(image, np.roll(image, 1, axis=0)) > 1, name


def test_examples_differ_in_mode_size_and_format(tool):
    images = tool.draw_examples().values()
    assert {image.mode for image in images} == {"P", "RGBA", "RGB", "L"}
    assert len({image.size for image in images}) == 6
    assert {name.rpartition(".")[2] for name in tool.draw_examples()} == {"png", "jpg"}
