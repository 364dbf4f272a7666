"""Parameters of the scale pipeline."""

from pydantic import PositiveInt

from mnist_gradients.benchmarking.parameters import DaskFitsParameters
from mnist_gradients.training.parameters import AugmentationParameters


class ScaleParameters(DaskFitsParameters):
    """The rows, and the fits that are measured on them.

    Attributes:
        shard_rows: Number of rows in a shard.
        augmentation: Random changes to the images.
    """

    shard_rows: PositiveInt
    augmentation: AugmentationParameters
