"""What several test modules share: the real digits, and the project run from inside a test."""

from pathlib import Path

import pytest
from kedro.framework.startup import bootstrap_project
from kedro.pipeline import Pipeline

from mnist_gradients.datasets import IdxDataset
from mnist_gradients.labelled_images import LabelledImages
from mnist_gradients.pipeline_registry import register_pipelines

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def mnist() -> LabelledImages:
    """The 10,000 real test images. Tests take rows of them and change nothing."""
    raw = ROOT / "data" / "01_raw" / "mnist"
    images, labels = (
        IdxDataset(filepath=str(raw / f"t10k-{name}-ubyte.gz")).load()
        for name in ("images-idx3", "labels-idx1")
    )
    images.flags.writeable = labels.flags.writeable = False
    return LabelledImages(images, labels)


@pytest.fixture(scope="session")
def pipelines() -> dict[str, Pipeline]:
    """Every registered pipeline by its name."""
    bootstrap_project(ROOT)
    return register_pipelines()
