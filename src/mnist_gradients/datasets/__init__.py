"""Kedro datasets for what Kedro's own lack.

IDX files, labelled images, folders of images, linear and Keras models, checkpoints, figures that
can be read back, pages that can be looked at, and tables that need not be there.
"""

from mnist_gradients.datasets.checkpoints import CheckpointsDataset
from mnist_gradients.datasets.figure import FigureDataset
from mnist_gradients.datasets.folder import FolderDataset
from mnist_gradients.datasets.html_page import HtmlPageDataset
from mnist_gradients.datasets.idx import IdxDataset
from mnist_gradients.datasets.image_folder import ImageFolderDataset
from mnist_gradients.datasets.keras_model import KerasModelDataset
from mnist_gradients.datasets.labelled_images import LabelledImagesDataset
from mnist_gradients.datasets.linear_models import LinearModelsDataset
from mnist_gradients.datasets.optional_table import OptionalTableDataset

__all__ = [
    "CheckpointsDataset",
    "FigureDataset",
    "FolderDataset",
    "HtmlPageDataset",
    "IdxDataset",
    "ImageFolderDataset",
    "KerasModelDataset",
    "LabelledImagesDataset",
    "LinearModelsDataset",
    "OptionalTableDataset",
]
