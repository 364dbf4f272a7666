"""Kedro datasets for what Kedro's own lack.

IDX files, labelled images, linear and Keras models, and figures that can be read back.
"""

from mnist_gradients.datasets.figure import FigureDataset
from mnist_gradients.datasets.idx import IdxDataset
from mnist_gradients.datasets.keras_model import KerasModelDataset
from mnist_gradients.datasets.labelled_images import LabelledImagesDataset
from mnist_gradients.datasets.linear_models import LinearModelsDataset

__all__ = [
    "FigureDataset",
    "IdxDataset",
    "KerasModelDataset",
    "LabelledImagesDataset",
    "LinearModelsDataset",
]
