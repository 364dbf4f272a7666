"""Kedro dataset for a trained network with its history and its cost.

This module imports pandas, and is therefore not imported with the package.
"""

import json
from pathlib import PurePosixPath
from typing import Any

from kedro.io import Version

from mnist_gradients.core.trained_network import TrainedNetwork
from mnist_gradients.datasets.atomic import CSVDataset
from mnist_gradients.datasets.file import FileDataset
from mnist_gradients.datasets.keras_model import KerasModelDataset


class TrainedNetworkDataset(FileDataset[TrainedNetwork]):
    """Loads and saves a trained network as three files of one folder.

    ``network.keras`` and ``history.csv`` lie beside the file with the cost, which is written last:
    where it exists, the other two are complete.

    Args:
        filepath: Path of the JSON file with the cost.
        version: Load and save version, given by Kedro if the catalog entry is ``versioned``.
        metadata: Anything; Kedro ignores it, kedro-viz reads layer and preview arguments from it.

    Example in YAML::

        network:
          type: mnist_gradients.datasets.trained_network.TrainedNetworkDataset
          filepath: data/06_models/network/training.json
    """

    def __init__(
        self,
        *,
        filepath: str,
        version: Version | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(filepath=filepath, version=version, metadata=metadata)

    def load(self) -> TrainedNetwork:
        """Read the three files.

        Raises:
            DatasetError: If a file is missing or damaged.
        """
        with self._reading() as file:
            cost = json.load(file)
        network, history = self._beside(self._path_to_load())
        return TrainedNetwork(network.load(), history.load(), cost)

    def save(self, data: TrainedNetwork) -> None:
        """Write the three files, the one with the cost last."""
        with self._writing() as file:
            network, history = self._beside(self._as_string(self._get_save_path()))
            network.save(data.network)
            history.save(data.history)
            file.write(json.dumps(data.cost, indent=2).encode())

    def _beside(self, path: str) -> tuple[KerasModelDataset, CSVDataset]:
        """Return the datasets of the network and of the history."""
        folder = PurePosixPath(path).parent
        return (
            KerasModelDataset(filepath=str(folder / "network.keras")),
            CSVDataset(filepath=str(folder / "history.csv"), save_args={"index": False}),
        )
