"""Small files that would become gigabytes are refused, by name and with little memory."""

import gzip
import io
import json
import re
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
from kedro.io import DatasetError

from mnist_gradients.benchmarking.memory import peak_resident_mib
from mnist_gradients.datasets import (
    IdxDataset,
    KerasModelDataset,
    LabelledImagesDataset,
    LinearModelsDataset,
    PublishedSetsDataset,
)
from mnist_gradients.preprocessing.decoding import decode

MIB = 2**20
LIMIT_MIB = 300

LOAD = """
import importlib, json, sys
import h5py
from mnist_gradients.benchmarking.memory import peak_resident_mib, reset_peak
results = {}
for name, (kind, path) in json.load(sys.stdin).items():
    module, _, cls = kind.rpartition(".")
    dataset = getattr(importlib.import_module(module), cls)(filepath=path)
    reset_peak()
    before, error = peak_resident_mib(), ""
    try:
        dataset.load()
    except Exception as raised:
        error = f"{type(raised).__name__} {raised}"
    results[name] = error, peak_resident_mib() - before
print(json.dumps(results))
"""


def deflated_zeros(mib: int) -> bytes:
    """Some MiB of zeros, in a thousandth of their size."""
    packer = zlib.compressobj(9, wbits=-15)
    one = packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    return mib * one + packer.flush()


def gzipped_idx(shape: tuple[int, ...], mib: int) -> bytes:
    """A header in one gzip member, zeros in a second one."""
    header = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
    checksum = 0
    for _ in range(mib):
        checksum = zlib.crc32(bytes(MIB), checksum)
    zeros = deflated_zeros(mib) + struct.pack("<II", checksum, mib * MIB)
    return gzip.compress(header) + gzip.compress(b"")[:10] + zeros


def archive(names: dict[str, int]) -> bytes:
    """A zip archive whose members hold that many MiB of zeros."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as written:
        for name, mib in names.items():
            written.writestr(name, deflated_zeros(mib))
            info = written.getinfo(name)
            info.compress_type, info.file_size = zipfile.ZIP_DEFLATED, mib * MIB
    return file.getvalue()


def chunked_weights() -> bytes:
    """A Keras file whose weights are few bytes, and 6 GiB when HDF5 decompresses them."""
    weights, file = io.BytesIO(), io.BytesIO()
    with h5py.File(weights, "w") as written:
        written.create_dataset(
            "layers/dense/vars/0", (6 * 1024 * MIB,), "u1", chunks=(MIB,), compression="gzip"
        )
    with zipfile.ZipFile(file, "w") as written:
        written.writestr("config.json", json.dumps({"class_name": "Sequential"}))
        written.writestr("model.weights.h5", weights.getvalue())
    return file.getvalue()


WHOLE = "no bomb"
BOMBS = {
    "gzip behind the header": (
        IdxDataset,
        "x.gz",
        lambda: gzipped_idx((10,), 600),
        "more than 10 bytes",
    ),
    "gzip as declared": (
        IdxDataset,
        "x.gz",
        lambda: gzipped_idx((10**6, 100, 100), 16),
        "declares 10,000,000,000 bytes",
    ),
    "npz": (
        LabelledImagesDataset,
        "x.npz",
        lambda: archive({"images.npy": 4097, "labels.npy": 1}),
        "bytes of arrays, expected at most 4,294,967,296",
    ),
    "npz with wrong names": (
        LabelledImagesDataset,
        "x.npz",
        lambda: archive({"pictures.npy": 600}),
        r"found arrays \['pictures'\], expected \['images', 'labels'\]",
    ),
    "npz of models with wrong names": (
        LinearModelsDataset,
        "x.npz",
        lambda: archive({"lbfgs/weight.npy": 600}),
        r"found \['weight'\] of model 'lbfgs', expected \['classes', ",
    ),
    "npz of another publisher": (
        PublishedSetsDataset,
        "x.npz",
        lambda: archive({"x_train.npy": 4097, "y_train.npy": 1}),
        "bytes of arrays, expected at most 4,294,967,296",
    ),
    "npz of another publisher with wrong names": (
        PublishedSetsDataset,
        "x.npz",
        lambda: archive({"pictures.npy": 600}),
        "arrays: found pictures, expected x_train, y_train, ",
    ),
    "configuration of a network": (
        KerasModelDataset,
        "x.keras",
        lambda: archive({"config.json": 600, "model.weights.h5": 0}),
        "configuration: found 629,145,600 bytes, expected at most 16,777,216",
    ),
    "weights of a network": (
        KerasModelDataset,
        "x.keras",
        lambda: archive({"config.json": 0, "model.weights.h5": 1025}),
        "weights: found 1,074,790,400 bytes, expected at most 1,073,741,824",
    ),
    "chunks of weights": (
        KerasModelDataset,
        "x.keras",
        chunked_weights,
        "weights: found 6,442,450,944 bytes, expected at most 1,073,741,824",
    ),
    WHOLE: (IdxDataset, "x.gz", lambda: gzipped_idx((400, 1024, 1024), 400), ""),
}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory) -> tuple[dict[str, Path], dict[str, tuple[str, float]]]:
    """The files, and the error and the growth in MiB of loading each in a process of their own."""
    folder = tmp_path_factory.mktemp("bombs")
    paths, given = {}, {}
    for number, (name, (kind, file, make, _)) in enumerate(BOMBS.items()):
        paths[name] = folder / f"{number}{file}"
        paths[name].write_bytes(make())
        given[name] = f"{kind.__module__}.{kind.__name__}", str(paths[name])
    run = subprocess.run(
        [sys.executable, "-c", LOAD],
        input=json.dumps(given),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return paths, json.loads(run.stdout)


@pytest.mark.parametrize("name", [name for name in BOMBS if name != WHOLE])
def test_bomb_is_refused_in_one_line_with_little_memory(name, loaded):
    path, (error, grown_mib) = loaded[0][name], loaded[1][name]
    assert path.stat().st_size < 6 * MIB
    assert re.match(rf"DatasetError {path}: .*{BOMBS[name][3]}", error)
    assert "\n" not in error
    assert grown_mib < LIMIT_MIB


def test_memory_of_a_loaded_file_would_be_noticed(loaded):
    error, grown_mib = loaded[1][WHOLE]
    assert error == ""
    assert grown_mib > LIMIT_MIB


def test_empty_gzip_members_take_little_time(tmp_path):
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b"") * 200_000)
    began = time.process_time()
    with pytest.raises(DatasetError, match="found 0 bytes, expected an IDX header"):
        IdxDataset(filepath=str(path)).load()
    assert time.process_time() - began < 2  # 5 with Python's gzip


@pytest.mark.parametrize(
    ("dataset", "file", "data"),
    [
        (IdxDataset, "x.gz", np.zeros(2000, np.uint8)),
        (LabelledImagesDataset, "x.npz", None),
    ],
)
def test_limit_is_a_parameter(dataset, file, data, tmp_path, mnist):
    saved = mnist.take(np.arange(2)) if data is None else data
    path = str(tmp_path / file)
    dataset(filepath=path).save(saved)
    dataset(filepath=path, most_bytes=4000).load()
    with pytest.raises(DatasetError, match=r"expected at most 1,500$"):
        dataset(filepath=path, most_bytes=1500).load()


def test_file_larger_than_the_limit_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "x.npz"
    with path.open("wb") as file:
        file.truncate(5 * 1024 * MIB)  # no blocks of the disk
    with pytest.raises(DatasetError, match="found 5,368,709,120 bytes, expected at most"):
        LabelledImagesDataset(filepath=str(path)).load()


def test_table_is_read_no_further_than_the_limit(tmp_path):
    path = tmp_path / "train.csv.gz"
    path.write_bytes(gzipped_idx((10,), 600))
    before = peak_resident_mib()
    with pytest.raises(DatasetError, match="content: found more bytes, expected at most 1,048,576"):
        PublishedSetsDataset(filepath=str(path), most_bytes=MIB).load()
    assert peak_resident_mib() - before < LIMIT_MIB


def test_picture_of_many_pixels_is_refused_before_it_is_decoded():
    size = 60_000
    tags = [(256, size), (257, size), (258, 8), (259, 1), (262, 1), (273, 8), (278, size)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    tiff = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)
    before = peak_resident_mib()
    with pytest.raises(ValueError, match=r"^image: found 60000 x 60000 pixels \(3,600 megapixels"):
        decode(tiff)
    assert peak_resident_mib() - before < LIMIT_MIB
