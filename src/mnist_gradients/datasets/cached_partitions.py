"""Kedro dataset for results that are expensive to compute, one partition for each."""

from collections.abc import Callable
from typing import Any

from joblib import Parallel, delayed
from kedro_datasets.partitions import PartitionedDataset


class CachedPartitionsDataset(PartitionedDataset):
    """A PartitionedDataset that keeps the partitions it has, and computes and saves the others.

    A node returns functions without arguments, by partition. Saving calls the function of each
    missing partition and writes its result before it calls the next one, so an interrupted run
    keeps the results that are complete. The name of a partition must identify its content.

    Args:
        path: Folder of the partitions.
        dataset: Dataset of one partition; see Kedro's PartitionedDataset.
        filename_suffix: End of the name of a partition's file.
        n_jobs: Number of partitions computed at a time, each in a process of its own, by the
            current backend of joblib; -1 for one per core.
        metadata: Anything; Kedro ignores it, kedro-viz reads layer and preview arguments from it.

    Example in YAML::

        ensemble.trained:
          type: mnist_gradients.datasets.CachedPartitionsDataset
          path: data/06_models/ensemble
          dataset: mnist_gradients.datasets.trained_network.TrainedNetworkDataset
          filename_suffix: /training.json

    Example in Python::

        >>> dataset = CachedPartitionsDataset(
        ...     path="squares", dataset="json.JSONDataset", filename_suffix=".json"
        ... )
        >>> dataset.save({"3": lambda: 9})
        >>> dataset.save({"3": lambda: 1 / 0, "4": lambda: 16})
        >>> {name: load() for name, load in dataset.load().items()}
        {'3': 9, '4': 16}
    """

    def __init__(
        self,
        *,
        path: str,
        dataset: str | dict[str, Any],
        filename_suffix: str = "",
        n_jobs: int = 1,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(
            path=path, dataset=dataset, filename_suffix=filename_suffix, metadata=metadata
        )
        self._n_jobs = n_jobs

    def save(self, data: dict[str, Callable[[], Any]]) -> None:
        """Compute and save the partitions that are missing."""
        present = self.load() if self.exists() else {}
        missing = sorted(data.keys() - present.keys())
        # A process saves what it has computed: what is complete outlasts the failure of another.
        Parallel(n_jobs=self._n_jobs)(
            delayed(_compute_and_save)(self, name, data[name]) for name in missing
        )
        self.release()  # Kedro's list of the partitions that there are


def _compute_and_save(dataset: CachedPartitionsDataset, name: str, task: Callable[[], Any]) -> None:
    PartitionedDataset.save(dataset, {name: task})
