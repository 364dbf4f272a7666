"""Node of the download pipeline: fetch the missing files of a data set, and check all of them."""

import gzip
import hashlib
import logging
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urljoin

import pandas as pd

from mnist_gradients.core.files import unfinished_folder
from mnist_gradients.pipelines.download.parameters import DownloadParameters

logger = logging.getLogger(__name__)

HERE = "already there"


class DownloadError(Exception):
    """A file that no mirror serves with the right checksum."""


def fetch_dataset(folder: Path, parameters: DownloadParameters) -> pd.DataFrame:
    """Fetch the files of the chosen data set into a folder of its name; right ones are left alone.

    A file ``SHA256SUMS`` of their content is written beside them; every later load of the files is
    checked by it.

    Args:
        folder: Folder of all raw data sets.
        parameters: The data set, its mirrors and its checksums.

    Returns:
        One row per file: dataset, file, bytes, sha256 (of the content, without gzip), source (a
        mirror, or "already there").

    Raises:
        DownloadError: If no mirror serves a file with the right checksum, or the package pooch is
            missing. Files that are complete stay.
    """
    source = parameters.datasets[parameters.dataset]
    target = folder / parameters.dataset
    target.mkdir(parents=True, exist_ok=True)
    mirrors = list(source.mirrors)
    rows = []
    for name, sha256 in source.files.items():
        path = target / name
        served_by = HERE
        if not path.exists() or _sha256(path) != sha256:
            served_by = _fetch(path, sha256, mirrors, parameters)
            mirrors.sort(key=lambda mirror: mirror != served_by)  # it is the first from now on
        logger.info("    %s: %s, checksum right", name, served_by)
        rows.append(
            {
                "dataset": parameters.dataset,
                "file": name,
                "bytes": path.stat().st_size,
                "sha256": _content_sha256(path),
                "source": served_by,
            }
        )
    files = pd.DataFrame(rows)
    _write_checksums(target / "SHA256SUMS", files)
    logger.info("    to run on it: kedro run --params raw_root=%s", target)
    return files


def _fetch(path: Path, sha256: str, mirrors: Sequence[str], parameters: DownloadParameters) -> str:
    """Fetch a file from the first mirror that serves it with the right checksum; return that one.

    pooch compares the checksum; a file takes its place when it is complete.
    """
    try:
        import pooch
        import requests
    except ImportError as error:
        raise DownloadError(
            f'download: found no package {error.name}, expected it: pip install -e ".[download]"'
        ) from error
    pooch.get_logger().setLevel("WARNING")
    download = pooch.HTTPDownloader(
        progressbar=sys.stderr.isatty(),
        chunk_size=1 << 16,
        timeout=parameters.timeout_seconds,
        hooks={"response": check_redirect},
    )
    problems = []
    for mirror in mirrors:
        logger.info("    %s: asking %s", path.name, mirror)
        with unfinished_folder(path.parent) as folder:
            files = pooch.create(
                folder,
                base_url=mirror,
                registry={path.name: sha256},
                retry_if_failed=parameters.attempts - 1,
            )
            try:
                files.fetch(path.name, downloader=partial(_limited, download, parameters))
            except (ValueError, requests.RequestException) as error:
                logger.warning("    %s: %s", path.name, error)
                problems.append(f"{mirror}: {error}")
            else:
                os.replace(folder / path.name, path)
                return mirror
    raise DownloadError(
        f"{path}: found no mirror that serves this file ({'; '.join(problems)}), expected one"
    )


class _LimitedFile:
    """A file that refuses what goes beyond a number of megabytes."""

    def __init__(self, file: BinaryIO, most_megabytes: float) -> None:
        self._file = file
        self._most = most_megabytes

    def write(self, content: bytes) -> None:
        if self._file.tell() + len(content) > self._most * 1e6:
            raise ValueError(f"found more than {self._most:g} MB, expected at most that")
        self._file.write(content)

    def flush(self) -> None:
        self._file.flush()


def _limited(
    download: Callable[..., object],
    parameters: DownloadParameters,
    url: str,
    path: str,
    files: object,
) -> None:
    """Download by pooch, and no more than the parameters allow, whatever length a mirror names."""
    with Path(path).open("wb") as file:
        download(url, _LimitedFile(file, parameters.most_megabytes), files)


def check_redirect(response: Any, **_: Any) -> None:
    """Check that an answer does not lead from https to an address without encryption.

    Args:
        response: An answer of ``requests``, which follows redirects to http and https only.

    Raises:
        ValueError: If it does.
    """
    target = urljoin(response.url, response.headers.get("location", ""))
    if response.is_redirect and response.url.startswith("https:") and target.startswith("http:"):
        raise ValueError(f"{response.url}: found a redirect to {target}, expected https")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _content_sha256(path: Path) -> str:
    """Return the SHA-256 of the content of a file, without gzip."""
    if not path.name.endswith(".gz"):
        return _sha256(path)
    with gzip.open(path) as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _write_checksums(path: Path, files: pd.DataFrame) -> None:
    """Write the output of `sha256sum` for the files without gzip, sorted by name."""
    sums = dict(zip(files["file"].str.removesuffix(".gz"), files["sha256"], strict=True))
    lines = [f"{sums[name]}  {name}\n" for name in sorted(sums)]
    with unfinished_folder(path.parent) as folder:
        (folder / path.name).write_text("".join(lines), encoding="utf-8")
        os.replace(folder / path.name, path)
