"""A table that need not be there, such as one of a pipeline that runs on demand."""

from typing import TYPE_CHECKING, Any

from kedro.io import Version
from kedro_datasets._typing import TablePreview

from mnist_gradients.datasets.file import FileDataset

if TYPE_CHECKING:
    import pandas as pd


class OptionalTableDataset(FileDataset["pd.DataFrame"]):
    """Loads and saves a CSV file; where there is none, loads an empty table.

    A node can thus show the results of a pipeline if it has ever run, and do without if not.

    Args:
        filepath: Path of the CSV file, local or with any protocol that fsspec knows.
        version: Load and save version, given by Kedro if the catalog entry is ``versioned``.
        metadata: Anything; Kedro ignores it, kedro-viz reads layer and preview arguments from it.

    Example in YAML::

        benchmark.headline:
          type: mnist_gradients.datasets.OptionalTableDataset
          filepath: data/08_reporting/benchmark/headline.csv

    Example in Python::

        >>> dataset = OptionalTableDataset(filepath="headline.csv")
        >>> dataset.load().empty
        True
        >>> dataset.save(pd.DataFrame({"seconds": [1.5]}))
        >>> dataset.load()["seconds"].tolist()
        [1.5]
    """

    def __init__(
        self,
        *,
        filepath: str,
        version: Version | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(filepath=filepath, version=version, metadata=metadata)

    def load(self) -> "pd.DataFrame":
        """Read the table; an empty one if there is no file, or no column in it."""
        import pandas as pd

        if not self.exists():
            return pd.DataFrame()
        with self._reading() as file:
            try:
                return pd.read_csv(file)
            except pd.errors.EmptyDataError:  # what saving a table without columns leaves
                return pd.DataFrame()

    def save(self, data: "pd.DataFrame") -> None:
        """Write the table, without its index."""
        with self._writing() as file:
            data.to_csv(file, index=False)

    def preview(self, nrows: int = 20) -> TablePreview:
        """Return the first rows for kedro-viz."""
        return TablePreview(self.load().head(nrows).to_dict(orient="split"))
