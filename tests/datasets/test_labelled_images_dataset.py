import base64
import inspect
import io
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from kedro.io import DataCatalog, DatasetError, Version
from matplotlib.image import imread

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.datasets import LabelledImagesDataset


def labelled(count=12):
    rng = np.random.default_rng(count)
    images = rng.integers(0, 256, size=(count, 8, 8), dtype=np.uint8)
    return LabelledImages(images, rng.integers(0, 10, size=count, dtype=np.uint8))


def assert_same(loaded, expected):
    np.testing.assert_array_equal(loaded.images, expected.images, strict=True)
    np.testing.assert_array_equal(loaded.labels, expected.labels, strict=True)


def error_of_loading(path):
    with pytest.raises(DatasetError) as caught:
        LabelledImagesDataset(filepath=str(path)).load()
    return str(caught.value)


@given(
    st_numpy.array_shapes(min_dims=3, max_dims=3, max_side=5).flatmap(
        lambda shape: st.tuples(
            st_numpy.arrays(np.uint8, shape), st_numpy.arrays(np.uint8, shape[:1])
        )
    ),
    st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_round_trip(tmp_path, arrays, compressed):
    dataset = LabelledImagesDataset(filepath=str(tmp_path / "x.npz"), compressed=compressed)
    dataset.save(LabelledImages(*arrays))
    assert_same(dataset.load(), LabelledImages(*arrays))


@pytest.mark.parametrize("compressed", [False, True])
def test_equal_data_gives_equal_bytes_at_any_time(tmp_path, monkeypatch, compressed):
    paths = [tmp_path / "one.npz", tmp_path / "two.npz"]
    for path, now in zip(paths, [1_000_000_000.0, 2_000_000_000.0], strict=True):
        monkeypatch.setattr("time.time", lambda now=now: now)
        LabelledImagesDataset(filepath=str(path), compressed=compressed).save(labelled())
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_compression_saves_space(tmp_path):
    blank = LabelledImages(np.zeros((50, 28, 28), np.uint8), np.zeros(50, np.uint8))
    sizes = []
    for compressed in (False, True):
        path = tmp_path / f"{compressed}.npz"
        LabelledImagesDataset(filepath=str(path), compressed=compressed).save(blank)
        sizes.append(path.stat().st_size)
    assert sizes[1] < sizes[0] / 10


def test_versions(tmp_path):
    path = str(tmp_path / "train.npz")
    for number in (1, 2):
        version = Version(None, f"2024-01-0{number}T00.00.00.000Z")
        LabelledImagesDataset(filepath=path, version=version).save(labelled(number))
    assert_same(
        LabelledImagesDataset(filepath=path, version=Version(None, None)).load(), labelled(2)
    )


def test_works_on_any_filesystem_of_fsspec():
    dataset = LabelledImagesDataset(filepath="memory:///folder/train.npz")
    dataset.save(labelled())
    assert_same(dataset.load(), labelled())


def test_catalog_entry(tmp_path):
    entry = {
        "type": "mnist_gradients.datasets.LabelledImagesDataset",
        "filepath": str(tmp_path / "train.npz"),
        "compressed": True,
    }
    catalog = DataCatalog.from_config({"train": entry})
    catalog.save("train", labelled())
    assert_same(catalog.load("train"), labelled())


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        (
            {"images": labelled().images},
            "found arrays ['images'], expected ['images', 'labels']",
        ),
        (
            {"images": labelled(3).images, "labels": labelled(2).labels},
            "labels: found 2 labels, expected 3, one for each image",
        ),
        (
            {"images": labelled(3).images / 255, "labels": labelled(3).labels},
            "images: found float64 of shape (3, 8, 8), "
            "expected a non-empty 3-dimensional uint8 array",
        ),
    ],
)
def test_file_with_other_arrays_is_refused(tmp_path, arrays, words):
    path = tmp_path / "train.npz"
    np.savez(path, **arrays)
    assert error_of_loading(path) == f"{path}: {words}"


def damaged(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda _: b"not a zip file",
        lambda content: content[:-30],
        damaged,
    ],
    ids=["empty", "text", "truncated", "one byte changed"],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_damaged_file_is_refused_in_one_line(tmp_path, damage, compressed):
    path = tmp_path / "train.npz"
    LabelledImagesDataset(filepath=str(path), compressed=compressed).save(labelled(50))
    path.write_bytes(damage(path.read_bytes()))
    (tmp_path / ".train.npz.sha256").unlink()
    error = error_of_loading(path)
    assert error.startswith(f"{path}: found an unreadable file (")
    assert error.endswith("), expected an npz archive of plain arrays")
    assert "\n" not in error


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


@pytest.mark.parametrize("wrap", [True, False], ids=["inside the archive", "instead of it"])
def test_pickles_are_never_loaded(tmp_path, wrap):
    path = tmp_path / "train.npz"
    payload = io.BytesIO()
    np.save(payload, np.array([Bomb()], dtype=object), allow_pickle=True)
    if wrap:
        with zipfile.ZipFile(path, "w") as archive:
            for name in ("images.npy", "labels.npy"):
                archive.writestr(name, payload.getvalue())
    else:
        path.write_bytes(payload.getvalue())
    assert "Object arrays cannot be loaded when allow_pickle=False" in error_of_loading(path)


def test_preview_is_a_picture_with_labels(tmp_path):
    dataset = LabelledImagesDataset(filepath=str(tmp_path / "train.npz"))
    blank = np.zeros((12, 28, 28), dtype=np.uint8)
    dataset.save(LabelledImages(blank, np.full(12, 8, dtype=np.uint8)))
    pixels = imread(io.BytesIO(base64.b64decode(dataset.preview(), validate=True)), format="png")
    assert pixels.min() < 0.2  # the images are blank: the ink is the labels'
    assert inspect.signature(dataset.preview).return_annotation.__name__ == "ImagePreview"
