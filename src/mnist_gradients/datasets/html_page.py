"""Kedro dataset for web pages."""

import re
from typing import Any

from kedro.io import Version
from kedro_datasets._typing import HTMLPreview

from mnist_gradients.datasets.file import FileDataset

# kedro-viz reads these as Markdown, even in HTML; their stand-ins look alike.
_TAG_OR_SIGN = re.compile(r"<[^>]*>|[_*]")
_STAND_INS = {"_": "<u>&nbsp;</u>", "*": "∗"}
_BODY = re.compile(r"<body\b[^>]*>(.*)</body>", re.DOTALL | re.IGNORECASE)


class HtmlPageDataset(FileDataset[str]):
    """Loads and saves an HTML page as text; kedro-datasets' ``TextDataset`` has no preview.

    Args:
        filepath: Path of the file, local or with any protocol that fsspec knows.
        version: Load and save version, given by Kedro if the catalog entry is ``versioned``.
        metadata: Anything; Kedro ignores it, kedro-viz reads layer and preview arguments from it.

    Example in YAML::

        reporting.report:
          type: mnist_gradients.datasets.HtmlPageDataset
          filepath: data/08_reporting/reporting/report.html

    Example in Python::

        >>> dataset = HtmlPageDataset(filepath="page.html")
        >>> dataset.save("<html><body><p>0.4 %</p></body></html>")
        >>> dataset.load()
        '<html><body><p>0.4 %</p></body></html>'
    """

    def __init__(
        self,
        *,
        filepath: str,
        version: Version | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(filepath=filepath, version=version, metadata=metadata)

    def load(self) -> str:
        """Return the page."""
        with self._reading() as file:
            return file.read().decode("utf-8")

    def save(self, data: str) -> None:
        """Write the page."""
        with self._writing() as file:
            file.write(data.encode("utf-8"))

    def preview(self) -> HTMLPreview:
        """Return the page's body for kedro-viz.

        Without the head, whose styles would be those of kedro-viz from then on, and on one line,
        since kedro-viz takes the end of a line for a break.
        """
        page = self.load()
        found = _BODY.search(page)
        line = " ".join((found[1] if found else page).split())
        return HTMLPreview(_TAG_OR_SIGN.sub(lambda m: _STAND_INS.get(m[0], m[0]), line))
