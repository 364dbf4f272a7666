"""Fetch one file from the first mirror that serves it as it should be.

A file grows under its name with `.part` at the end, and takes its own name, in one step, when its
checksum is right. What a broken connection leaves of it is the beginning of the next attempt, in
this run or in a later one.
"""

import gzip
import hashlib
import logging
import os
import ssl
import time
import zlib
from collections.abc import Sequence
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

logger = logging.getLogger(__name__)

REPORT_EVERY = 2.0
"""Seconds between two lines of progress."""

_CHUNK = 1 << 16
_NETWORK_ERRORS = (URLError, ConnectionError, TimeoutError, ssl.SSLError, HTTPException)
_RANGE_NOT_SATISFIABLE = 416


class DownloadError(Exception):
    """A file that no mirror serves as it should be."""


class MirrorError(Exception):
    """What is wrong with a mirror."""


class BrokenConnectionError(MirrorError):
    """A connection that ended before the file did."""


def fetch(
    path: Path, mirrors: Sequence[str], sha256: str, attempts: int, timeout_seconds: float
) -> str:
    """Fetch a file from the first of the mirrors that serves it as it should be.

    Args:
        path: Where the file goes; its name is its name on the mirrors, too.
        mirrors: Addresses that end in a slash.
        sha256: Of the file, or of its content without gzip.
        attempts: How often a mirror may break the connection.
        timeout_seconds: How long a mirror may be silent.

    Returns:
        The mirror that served it.

    Raises:
        DownloadError: If none does; it says what was wrong with each.
    """
    unfinished = path.with_name(f"{path.name}.part")
    complaints = []
    for mirror in mirrors:
        url = mirror + path.name
        logger.info("    %s: asking %s", path.name, mirror)
        try:
            _fetch_from(url, unfinished, sha256, attempts, timeout_seconds)
        except MirrorError as error:
            logger.warning("    %s: %s", path.name, error)
            complaints.append(f"{mirror}: {error}")
            continue
        os.replace(unfinished, path)
        logger.info("    %s: %s, checksum right", path.name, _amount(path.stat().st_size))
        return mirror
    raise DownloadError(
        f"{path}: found no mirror that serves this file ({'; '.join(complaints)}), "
        "expected one; run again to go on"
    )


def digests(path: Path) -> tuple[str, str]:
    """Return the SHA-256 of a file, and that of its content without gzip.

    Where the file is not a whole gzip stream, its content is what it is.
    """
    with path.open("rb") as file:
        of_file = hashlib.file_digest(file, "sha256").hexdigest()
    try:
        with gzip.open(path) as content:
            return of_file, hashlib.file_digest(content, "sha256").hexdigest()
    except (gzip.BadGzipFile, EOFError, zlib.error):
        return of_file, of_file


def _fetch_from(
    url: str, unfinished: Path, sha256: str, attempts: int, timeout_seconds: float
) -> None:
    """Receive a file from one mirror, again where the connection breaks, and check it."""
    from_here_alone = not unfinished.exists()
    for left in reversed(range(attempts)):
        try:
            _receive(url, unfinished, timeout_seconds)
            break
        except BrokenConnectionError as error:
            if not left:
                raise
            logger.info("    %s, going on from there", error)
    found, _ = both = digests(unfinished)
    if sha256 in both:
        return
    unfinished.unlink()
    if from_here_alone:
        raise MirrorError(f"found a file with SHA-256 {found}, expected {sha256}")
    logger.info("    the beginning, of an earlier attempt, does not fit: fetching all of it")
    _fetch_from(url, unfinished, sha256, attempts, timeout_seconds)


def _receive(url: str, unfinished: Path, timeout_seconds: float) -> None:
    """Append to an unfinished file what the mirror has beyond it.

    Raises:
        BrokenConnectionError: If the connection ends too early; what came is kept.
        MirrorError: If the mirror does not answer, or answers with an error.
    """
    size = unfinished.stat().st_size if unfinished.exists() else 0
    headers = {"User-Agent": "mnist-gradients"} | ({"Range": f"bytes={size}-"} if size else {})
    request = Request(url, headers=headers)  # noqa: S310  # http and https alone are mirrors
    try:
        response = urlopen(request, timeout=timeout_seconds)  # noqa: S310
    except HTTPError as error:
        with error:
            if size and error.code == _RANGE_NOT_SATISFIABLE:
                return  # nothing lies beyond; the checksum tells whether it is the file
            raise MirrorError(f"found HTTP status {error.code} {error.reason}") from error
    except _NETWORK_ERRORS as error:
        raise MirrorError(_words(error)) from error
    with response:
        if response.status != 206:  # all of it, asked for or not
            size = 0
        _write(response, unfinished, size)


def _write(response: HTTPResponse, unfinished: Path, size: int) -> None:
    """Write a response behind the first `size` bytes of a file, and tell how far it is."""
    name = unfinished.name.removesuffix(".part")
    total = None if response.length is None else size + response.length
    reported = time.monotonic()
    with unfinished.open("ab" if size else "wb") as file:
        try:
            while chunk := response.read1(_CHUNK):
                file.write(chunk)
                size += len(chunk)
                if time.monotonic() - reported >= REPORT_EVERY:
                    reported = time.monotonic()
                    logger.info("    %s: %s", name, _progress(size, total))
        except _NETWORK_ERRORS as error:
            progress = _progress(size, total)
            raise BrokenConnectionError(f"{_words(error)} after {progress}") from error
    if total is not None and size < total:
        raise BrokenConnectionError(f"connection closed after {_progress(size, total)}")


def _progress(size: int, total: int | None) -> str:
    """Say how far a file is."""
    if not total:
        return _amount(size)
    return f"{_amount(size)} of {_amount(total)}, {100 * size / total:.0f} %"


def _amount(size: int) -> str:
    """Say how many bytes."""
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


def _words(error: Exception) -> str:
    """Say what went wrong, without urllib's wrapping."""
    reason = error.reason if isinstance(error, URLError) else error
    return str(reason) or type(reason).__name__
