"""Kedro datasets for what Kedro's own lack.

IDX files, labelled images as others publish them, names of classes, folders of images, linear and
Keras models, figures that can be read back, times of files, results that are computed once, and
shards of rows.
``datasets.atomic`` has tables, JSON files and texts without torn files,
``datasets.trained_network`` a network with its history.
"""

from mnist_gradients.datasets.cached_partitions import CachedPartitionsDataset
from mnist_gradients.datasets.class_names import ClassNamesDataset
from mnist_gradients.datasets.figure import FigureDataset
from mnist_gradients.datasets.file_times import FileTimesDataset
from mnist_gradients.datasets.folder import FolderDataset
from mnist_gradients.datasets.idx import IdxDataset
from mnist_gradients.datasets.image_folder import ImageFolderDataset
from mnist_gradients.datasets.keras_model import KerasModelDataset
from mnist_gradients.datasets.labelled_images import LabelledImagesDataset
from mnist_gradients.datasets.linear_models import LinearModelsDataset
from mnist_gradients.datasets.published_sets import PublishedSetsDataset
from mnist_gradients.datasets.shards import ShardsDataset

__all__ = [
    "CachedPartitionsDataset",
    "ClassNamesDataset",
    "FigureDataset",
    "FileTimesDataset",
    "FolderDataset",
    "IdxDataset",
    "ImageFolderDataset",
    "KerasModelDataset",
    "LabelledImagesDataset",
    "LinearModelsDataset",
    "PublishedSetsDataset",
    "ShardsDataset",
]
