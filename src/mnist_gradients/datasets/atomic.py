"""kedro-datasets' tables, JSON files, figures and texts, never torn and never damaged unnoticed.

The originals write in place: a process that is killed, or a full disk, leaves half a file where a
whole one was. These write beside the file, rename, and check on load that the file is as it was
saved. Everything else is inherited: arguments, versions and previews.

Example in YAML::

    fnn.history:
      type: mnist_gradients.datasets.atomic.CSVDataset
      filepath: data/08_reporting/fnn/history.csv
      save_args: {float_format: "%.6g"}

This module imports pandas and plotly, and is therefore not imported with the package.
"""

import json as json_
import re
from inspect import unwrap
from typing import Any

import pandas as pd
from kedro_datasets import json, pandas, plotly, text
from kedro_datasets._typing import HTMLPreview
from plotly import io as plotly_io

from mnist_gradients.datasets.file import IntactFile

_BODY = re.compile(r"<body\b[^>]*>(.*)</body>", re.DOTALL | re.IGNORECASE)
_TAG_OR_SIGN = re.compile(r"<[^>]*>|[_*]")
_LOOK_ALIKES = {"_": "<u>&nbsp;</u>", "*": "∗"}

# Each class takes over the undecorated __init__ of its parent: Kedro records the arguments of a
# dataset by the signature of the class's own __init__, and the decorated one has lost it.


class CSVDataset(IntactFile, pandas.CSVDataset):
    """A pandas DataFrame in a CSV file; see ``kedro_datasets.pandas.CSVDataset``."""

    __init__ = unwrap(pandas.CSVDataset.__init__)

    def load(self) -> Any:
        """Read the table."""
        with self._reading() as file:
            return pd.read_csv(file, **self._load_args)

    def save(self, data: Any) -> None:
        """Write the table."""
        with self._writing() as file:
            data.to_csv(file, **self._save_args)


class JSONDataset(IntactFile, json.JSONDataset):
    """Plain data in a JSON file; see ``kedro_datasets.json.JSONDataset``."""

    __init__ = unwrap(json.JSONDataset.__init__)

    def load(self) -> Any:
        """Read the data."""
        with self._reading() as file:
            return json_.load(file)

    def save(self, data: Any) -> None:
        """Write the data."""
        with self._writing() as file:
            file.write(json_.dumps(data, **self._save_args).encode())


class PlotlyDataset(IntactFile, plotly.JSONDataset):
    """A plotly figure in a JSON file; see ``kedro_datasets.plotly.JSONDataset``."""

    __init__ = unwrap(plotly.JSONDataset.__init__)

    def load(self) -> Any:
        """Read the figure."""
        with self._reading() as file:
            return plotly_io.from_json(file.read().decode(), **self._load_args)

    def save(self, data: Any) -> None:
        """Write the figure."""
        with self._writing() as file:
            file.write(data.to_json(**self._save_args).encode())


class TextDataset(IntactFile, text.TextDataset):
    """A text or an HTML page in UTF-8; see ``kedro_datasets.text.TextDataset``."""

    __init__ = unwrap(text.TextDataset.__init__)

    def load(self) -> str:
        """Read the text."""
        with self._reading() as file:
            return file.read().decode()

    def save(self, data: str) -> None:
        """Write the text."""
        with self._writing() as file:
            file.write(data.encode())

    def preview(self) -> HTMLPreview:
        """Return the body of an HTML page for kedro-viz.

        kedro-viz would apply the styles in a page's head to itself. It reads HTML as Markdown: a
        line break becomes a break, ``_`` and ``*`` become emphasis. Hence one line, in which
        look-alikes stand for the two signs.
        """
        page = self.load()
        found = _BODY.search(page)
        line = " ".join((found[1] if found else page).split())
        return HTMLPreview(_TAG_OR_SIGN.sub(lambda m: _LOOK_ALIKES.get(m[0], m[0]), line))
