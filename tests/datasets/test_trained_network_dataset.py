import json

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError

from mnist_gradients.core.trained_network import TrainedNetwork
from mnist_gradients.datasets.trained_network import TrainedNetworkDataset
from mnist_gradients.training.network import build_network

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def trained(parameters):
    history = pd.DataFrame({"iteration": [1, 2], "test_loss": [np.nan, 0.5]})
    cost = {"train_seconds": 1.5, "iterations": 2}
    return TrainedNetwork(build_network(parameters(), (4, 4), 3, seed=0), history, cost)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "member" / "training.json"


def test_saved_network_history_and_cost_are_loaded(trained, path):
    dataset = TrainedNetworkDataset(filepath=str(path))
    dataset.save(trained)
    loaded = dataset.load()
    for found, saved in zip(
        loaded.network.get_weights(), trained.network.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(found, saved)
    pd.testing.assert_frame_equal(loaded.history, trained.history)
    assert loaded.cost == trained.cost == json.loads(path.read_text())


def test_interrupted_save_does_not_exist(trained, path):
    class Unsaveable:
        def save(self, _):
            raise RuntimeError("no")

    dataset = TrainedNetworkDataset(filepath=str(path))
    with pytest.raises(DatasetError, match="no"):
        dataset.save(TrainedNetwork(Unsaveable(), trained.history, trained.cost))
    assert not dataset.exists()
    with pytest.raises(DatasetError, match="found no such file"):
        dataset.load()
