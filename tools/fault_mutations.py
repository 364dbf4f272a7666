"""Tries on mutated files and answers of strangers, for `tools/faults.py`.

A function of an area takes a folder for its files, and returns a function that tries once with a
generator of random numbers, and raises AssertionError with the words of a failure.
"""

import contextlib
import gzip
import hashlib
import io
import math
import random
import shutil
import socket
import struct
import threading
import time
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from kedro.io import DatasetError
from PIL import Image

from mnist_gradients.datasets import IdxDataset
from mnist_gradients.datasets.idx_format import read_idx
from mnist_gradients.pipelines.download.nodes import DownloadError, fetch_dataset
from mnist_gradients.pipelines.download.parameters import DownloadParameters
from mnist_gradients.preprocessing.decoding import decode
from mnist_gradients.preprocessing.picture import prepare_picture

MNIST_IMAGES = Path(__file__).parents[1] / "data/01_raw/mnist/t10k-images-idx3-ubyte.gz"
FORMATS = ("png", "jpeg", "gif", "bmp", "tiff", "webp", "ppm", "ico", "tga", "pcx", "sgi")
IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: "i2", 0x0C: "i4", 0x0D: "f4", 0x0E: "f8"}
SLOWEST = 10  # seconds that one mutated file may take

Attempt = Callable[[random.Random], None]


def expect(condition: object, words: str) -> None:
    """Raise AssertionError with some words if a condition does not hold."""
    if not condition:
        raise AssertionError(words)


def mutated(content: bytes, rng: random.Random, other: bytes) -> bytes:
    """Return a content with one to three changes."""
    result = bytearray(content)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(result) + 1)
        end = at + int(2 ** rng.uniform(0, 8))
        kind = rng.choice(("bit", "byte", "delete", "insert", "cut", "repeat", "other"))
        if kind in ("bit", "byte") and at < len(result):
            result[at] = (
                result[at] ^ 1 << rng.randrange(8)
                if kind == "bit"
                else rng.choice(b"\0\1\x7f\x80\xff")
            )
        elif kind == "insert":
            result[at:at] = rng.randbytes(end - at)
        elif kind == "repeat":
            result[at:at] = result[at:end]
        elif kind == "other":
            result[at:end] = other[at:end]
        else:
            del result[at : end if kind == "delete" else None]
    return bytes(result)


def idx(folder: Path) -> Attempt:
    """Mutated IDX files: the array that an independent parser finds, or a ValueError."""
    shapes = [(), (3,), (0, 28, 28), (2, 3), (2, 3, 4), (1, 2, 2, 3)]
    seeds = [
        struct.pack(f">HBB{len(shape)}I", 0, code, len(shape), *shape)
        + bytes(i % 251 for i in range(math.prod(shape) * int(kind[1])))
        for code, kind in IDX_TYPES.items()
        for shape in shapes
    ]
    seeds += [gzip.compress(seed, mtime=0) for seed in seeds]
    path = folder / "mutated.idx"

    def attempt(rng: random.Random) -> None:
        content = mutated(rng.choice(seeds), rng, rng.choice(seeds))
        found = None
        try:
            if rng.randrange(1000):
                found = parts(read_idx(io.BytesIO(content)))
            else:
                path.write_bytes(content)
                found = parts(IdxDataset(filepath=str(path)).load())
        except ValueError as error:
            expect("found " in str(error) or "array" in str(error), f"{content.hex()}: {error}")
        except DatasetError as error:
            expect(str(error).startswith(f"{path}: "), f"{content.hex()}: {error}")
        expect(found == parsed(content), f"{content.hex()}: the independent parser finds another")

    return attempt


def parts(array: np.ndarray) -> tuple[str, tuple[int, ...], bytes]:
    """Return the type, the shape and the big-endian bytes of an array."""
    big = array.astype(array.dtype.newbyteorder(">"))
    return f"{big.dtype.kind}{big.dtype.itemsize}", array.shape, big.tobytes()


def parsed(content: bytes) -> tuple[str, tuple[int, ...], bytes] | None:
    """Return the same of an IDX file without the code under test; None if it is malformed."""
    try:
        plain = unzipped(content) if content.startswith(b"\x1f\x8b") else content
        zero, code, n = struct.unpack_from(">HBB", plain)
        shape = struct.unpack_from(f">{n}I", plain, 4)
        kind = IDX_TYPES[code]
    except Exception:  # malformed in one of many ways
        return None
    values, size = plain[4 + 4 * n :], int(kind[1])
    # NumPy refuses an empty array whose other dimensions multiply to more than it can count.
    countable = math.prod(length or 1 for length in shape) * size < 2**63
    whole = zero == 0 and n <= 64 and countable and len(values) == math.prod(shape) * size
    return (kind, shape, values) if whole else None


def unzipped(content: bytes) -> bytes:
    """Return the content of whole gzip members, with zeros between them at most."""
    plain = b""
    while content:
        # gzip.decompress would take flags that RFC 1952 reserves.
        member = zlib.decompressobj(wbits=31)
        plain += member.decompress(content)
        if not member.eof:
            raise EOFError
        content = member.unused_data.lstrip(b"\0")
    return plain


def images(_: Path) -> Attempt:
    """Mutated pictures of eleven formats: digits, or a problem in one line, and no warning."""
    digits = IdxDataset(filepath=str(MNIST_IMAGES)).load()
    seeds = []
    for digit, format_ in zip(digits, FORMATS, strict=False):
        buffer = io.BytesIO()
        Image.fromarray(255 - digit).convert("RGB").save(buffer, format_)
        seeds.append(buffer.getvalue())
    sizes = {"digit_size": 20, "image_size": 28, "most_megapixels": 20}

    def attempt(rng: random.Random) -> None:
        content = mutated(rng.choice(seeds), rng, rng.choice(seeds))
        began = time.process_time()
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            if rng.randrange(10):
                words = problem_of_decoding(content)
            else:  # takes thirty times as long
                picture = prepare_picture("picture", lambda: content, **sizes, keep_photo=True)
                words = picture.problem
                expect(
                    bool(picture.digits) != bool(words), f"neither digits nor a problem: {words}"
                )
        expect(time.process_time() - began < SLOWEST, f"more than {SLOWEST} seconds")
        expect(not warned, "".join(str(warning.message) for warning in warned))
        said = "found " in words and "expected " in words and "\n" not in words
        expect(said or not words, f"problem: {words!r}")

    return attempt


def problem_of_decoding(content: bytes) -> str:
    """Return the error message of a picture; none if it is decoded."""
    try:
        colours = decode(content, most_megapixels=20)
    except ValueError as error:
        return str(error)
    expect(colours.dtype == np.uint8 and colours.shape[2:] == (3,), f"shape {colours.shape}")
    return ""


def server(folder: Path) -> Attempt:
    """Mutated answers of a mirror: the file with its checksum, or a DownloadError and no file."""
    body = gzip.compress(Path(__file__).read_bytes(), mtime=0)
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nContent-Type: x/y\r\n\r\n"
    answer, moved = head.encode() + body, b"HTTP/1.1 302 F\r\nLocation: file:///etc/passwd\r\n\r\n"
    listener = socket.create_server(("127.0.0.1", 0))
    answers: list[bytes] = []

    def serve() -> None:
        while True:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(65536)
                connection.sendall(answers[-1])

    threading.Thread(target=serve, daemon=True).start()
    source = {
        "mirrors": [f"http://127.0.0.1:{listener.getsockname()[1]}/"],
        "files": {"a.gz": hashlib.sha256(body).hexdigest()},
    }
    parameters = DownloadParameters(
        datasets={"toy": source}, dataset="toy", attempts=1, timeout_seconds=1, most_megabytes=1
    )

    def attempt(rng: random.Random) -> None:
        good = rng.choice((answer, answer[: len(head) + 10], moved))
        answers.append(mutated(good[:200], rng, moved) + good[200:])
        shutil.rmtree(folder / "toy", ignore_errors=True)
        try:
            fetch_dataset(folder, parameters)
        except DownloadError as error:
            expect("\n" not in str(error), str(error))
            expect(not list((folder / "toy").iterdir()), "files after an error")
        else:
            expect((folder / "toy" / "a.gz").read_bytes() == body, "another content")

    return attempt
