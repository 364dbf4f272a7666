"""Nodes of the scale pipeline: write shards of augmented images, and fit models on them."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mnist_gradients.benchmarking.dask_fits import measure_fits
from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.pipelines.scale.parameters import ScaleParameters
from mnist_gradients.training.augmented_shards import AugmentedShards
from mnist_gradients.training.sets import TrainingSets

Shard = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def augment_shards(
    train: LabelledImages,
    validation: LabelledImages,
    test: LabelledImages,
    parameters: ScaleParameters,
    seed: int,
) -> tuple[dict[str, Any], dict[int, Callable[[], Shard]]]:
    """Return each shard of augmented images as a task: a function without arguments.

    Training and validation images are augmented. The catalog runs the tasks of the shards that are
    not saved yet, and saves each shard when it is complete.

    Returns:
        What determines the content of the shards, and the tasks by the number of the shard.
    """
    sets = TrainingSets.choose(train, validation, test, train_on_validation=True)
    rows = parameters.shard_rows
    shards = AugmentedShards(sets.train, parameters.augmentation, seed, rows)
    recipe = {
        "augmentation": parameters.augmentation.model_dump(),
        "images": TrainingSets(sets.train, None, None).digest,
        "rows": rows,
        "seed": seed,
    }
    n_shards = -(-max(parameters.rows) // rows)
    return recipe, {number: partial(shards.compute, number) for number in range(n_shards)}


def measure_scale(
    shards: tuple[Any, Any], test: LabelledImages, parameters: ScaleParameters
) -> pd.DataFrame:
    """Fit softmax regression for each number of rows and of workers; see `measure_fits`."""
    X, y = shards
    return measure_fits(X, y, test, parameters)
