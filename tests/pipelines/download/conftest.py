"""Mirrors on this machine, with and without faults."""

import gzip
import hashlib
import socket
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import numpy as np
import pytest

from mnist_gradients.pipelines.download.parameters import DownloadParameters

NAMES = [
    f"{part}-{kind}-ubyte.gz"
    for part in ("train", "t10k")
    for kind in ("images-idx3", "labels-idx1")
]


class Mirror(ThreadingHTTPServer):
    """Serves a few files from memory, with faults.

    Attributes:
        requests: Names of the files asked for so far.
        breaks: Number of bytes after which each of the next answers breaks off.
        stalls: Whether the connection then stays open, in silence.
        status: Its answer to everything, if not None.
        redirect: Address of the folder that it leads to, if not None.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.files = files
        self.requests: list[str] = []
        self.breaks: list[int] = []
        self.stalls = False
        self.status: int | None = None
        self.redirect: str | None = None
        self.closing = Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/sets/"


class _Answer(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        mirror = self.server
        folder, _, name = self.path.rpartition("/")
        mirror.requests.append(name)
        if mirror.redirect is not None:
            self.send_response(302)
            self.send_header("Location", mirror.redirect + name)
            self.end_headers()
            return
        content = mirror.files.get(name)
        if mirror.status is not None or content is None or folder != "/sets":
            self.send_error(mirror.status or 404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        end = mirror.breaks.pop(0) if mirror.breaks else len(content)
        self.wfile.write(content[:end])
        if mirror.stalls and end < len(content):
            mirror.closing.wait()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture(scope="session")
def files() -> dict[str, bytes]:
    """Four small IDX files, gzipped, by their names."""
    rng = np.random.default_rng(0)
    labels = np.arange(60, dtype=np.uint8) % 3
    found = {}
    for name, n_images in zip(NAMES[::2], (60, 30), strict=True):
        pixels = rng.integers(0, 256, (n_images, 20, 30), dtype=np.uint8)
        header = b"\0\0\x08\x03" + np.array(pixels.shape, ">u4").tobytes()
        found[name] = gzip.compress(header + pixels.tobytes(), mtime=0)
        header = b"\0\0\x08\x01" + np.array([n_images], ">u4").tobytes()
        found[name.replace("images-idx3", "labels-idx1")] = gzip.compress(
            header + labels[:n_images].tobytes(), mtime=0
        )
    return found


@pytest.fixture
def mirror(files, monkeypatch) -> Iterator[Callable[..., Mirror]]:
    """Starts a mirror of the four files, or of others."""
    monkeypatch.setenv("no_proxy", "*")
    started = []

    def mirror(**changes: bytes) -> Mirror:
        server = Mirror(files | changes)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        started.append((server, thread))
        return server

    yield mirror
    for server, thread in started:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def down(monkeypatch) -> str:
    """The address of a mirror that does not run."""
    monkeypatch.setenv("no_proxy", "*")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/sets/"


@pytest.fixture
def options(files) -> Callable[..., dict]:
    """Makes the parameters of a download of the four files as plain values, with changes."""

    def options(*mirrors: str, **changes: object) -> dict:
        checksums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        source = {"mirrors": mirrors, "files": checksums}
        found = {"dataset": "toy", "datasets": {"toy": source}, "attempts": 1}
        return found | {"timeout_seconds": 5, "most_megabytes": 1} | changes

    return options


@pytest.fixture
def parameters(options) -> Callable[..., DownloadParameters]:
    """Makes the parameters of a download of the four files, with changes."""
    return lambda *mirrors, **changes: DownloadParameters(**options(*mirrors, **changes))
