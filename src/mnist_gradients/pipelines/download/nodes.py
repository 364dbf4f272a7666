"""Node of the download pipeline: fetch what is missing of a data set, and check all of it."""

import logging
import os
from pathlib import Path

import pandas as pd

from mnist_gradients.pipelines.download.parameters import DownloadParameters
from mnist_gradients.pipelines.download.transfer import digests, fetch

logger = logging.getLogger(__name__)

HERE = "already there"


def fetch_dataset(folder: Path, parameters: DownloadParameters) -> pd.DataFrame:
    """Fetch the files of the chosen data set into a folder of its name; right ones are left alone.

    Besides the files there is a `SHA256SUMS` of their content, by which every later load of them
    is checked.

    Args:
        folder: Folder of all raw data sets.
        parameters: The data set, its mirrors and its checksums.

    Returns:
        One row per file: dataset, file, bytes, sha256 (of the content, without gzip), source (a
        mirror, or "already there").

    Raises:
        DownloadError: If no mirror serves a file as it should be. What was fetched so far stays:
            the next run goes on from there.
    """
    source = parameters.datasets[parameters.dataset]
    target = folder / parameters.dataset
    target.mkdir(parents=True, exist_ok=True)
    mirrors = list(source.mirrors)
    rows = []
    for name, sha256 in source.files.items():
        path = target / name
        if path.exists() and sha256 in digests(path):
            logger.info("    %s: %s, with the right checksum", name, HERE)
            served_by = HERE
        else:
            served_by = fetch(
                path, mirrors, sha256, parameters.attempts, parameters.timeout_seconds
            )
            # The next file is asked of the mirror that answers, not of one that is down.
            mirrors.remove(served_by)
            mirrors.insert(0, served_by)
        rows.append(
            {
                "dataset": parameters.dataset,
                "file": name,
                "bytes": path.stat().st_size,
                "sha256": digests(path)[1],
                "source": served_by,
            }
        )
    files = pd.DataFrame(rows)
    _write_checksums(target / "SHA256SUMS", files)
    logger.info("    to run on it: kedro run --params raw_root=%s", target)
    return files


def _write_checksums(path: Path, files: pd.DataFrame) -> None:
    """Write what `sha256sum` would say of the files without gzip, sorted by name."""
    sums = dict(zip(files["file"].str.removesuffix(".gz"), files["sha256"], strict=True))
    lines = [f"{sums[name]}  {name}\n" for name in sorted(sums)]
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.write_text("".join(lines), encoding="utf-8")
    os.replace(unfinished, path)
