"""Validators for the catalog key ``validator:``, which Kedro applies on load and on save.

::

    raw_train_images:
      type: mnist_gradients.datasets.IdxDataset
      filepath: data/01_raw/mnist/train-images-idx3-ubyte.gz
      validator: mnist_gradients.datasets.validators.check_raw_images
"""

import numpy as np
from kedro.validation.exceptions import DataValidationError

from mnist_gradients.maths.checking import check_array


class RawDataError(DataValidationError):
    """Raw data of the wrong form, reported in one line that names the dataset."""

    def __str__(self) -> str:
        return f"{self.dataset_name}: {self.message}" if self.dataset_name else self.message


def check_raw_images(data: object) -> None:
    """Check that ``data`` holds images: uint8 of shape (N, height, width), not empty.

    Raises:
        RawDataError: If it does not.
    """
    _check("images", data, dimensions=3)


def check_raw_labels(data: object) -> None:
    """Check that ``data`` holds labels: uint8 of shape (N,), not empty.

    Raises:
        RawDataError: If it does not.
    """
    _check("labels", data, dimensions=1)


def _check(name: str, data: object, dimensions: int) -> None:
    try:
        check_array(name, data, np.uint8, dimensions)
    except ValueError as error:
        raise RawDataError(str(error)) from error
