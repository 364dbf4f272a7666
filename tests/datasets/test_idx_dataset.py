import base64
import gzip
import hashlib
import inspect
import io
import re
from pathlib import Path

import fsspec
import numpy as np
import pytest
from kedro.io import DataCatalog, DatasetError, Version
from matplotlib.image import imread

from mnist_gradients.datasets import IdxDataset
from mnist_gradients.datasets.idx_format import write_idx

RAW = Path(__file__).parents[2] / "data" / "01_raw" / "mnist"
DIGITS = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


def content_of(array):
    file = io.BytesIO()
    write_idx(array, file)
    return file.getvalue()


def load(path):
    return IdxDataset(filepath=str(path)).load()


def error_of_loading(path):
    with pytest.raises(DatasetError) as caught:
        load(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "shape", "first"),
    [
        ("train-images-idx3-ubyte.gz", (60_000, 28, 28), None),
        ("train-labels-idx1-ubyte.gz", (60_000,), [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]),
        ("t10k-images-idx3-ubyte.gz", (10_000, 28, 28), None),
        ("t10k-labels-idx1-ubyte.gz", (10_000,), [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]),
    ],
)
def test_loads_the_real_files(name, shape, first):
    array = load(RAW / name)
    assert array.shape == shape
    assert array.dtype == np.uint8
    if first is not None:
        assert array[:10].tolist() == first


def test_real_images_hold_ink_where_digits_are():
    images = load(RAW / "t10k-images-idx3-ubyte.gz")
    assert images.max() == 255
    assert images[:, 0].mean() < 1 < 50 < images[:, 14, 14].mean()


@pytest.mark.parametrize("name", ["digits-idx3-ubyte", "digits-idx3-ubyte.gz"])
def test_round_trip(tmp_path, name):
    dataset = IdxDataset(filepath=str(tmp_path / "folder" / name))
    assert not dataset.exists()
    dataset.save(DIGITS)
    assert dataset.exists()
    np.testing.assert_array_equal(dataset.load(), DIGITS, strict=True)


def test_name_decides_whether_to_gzip_on_save(tmp_path):
    IdxDataset(filepath=str(tmp_path / "digits")).save(DIGITS)
    IdxDataset(filepath=str(tmp_path / "digits.gz")).save(DIGITS)
    assert (tmp_path / "digits").read_bytes() == content_of(DIGITS)
    assert gzip.decompress((tmp_path / "digits.gz").read_bytes()) == content_of(DIGITS)


def test_equal_arrays_give_equal_bytes_under_any_name_and_at_any_time(tmp_path, monkeypatch):
    IdxDataset(filepath=str(tmp_path / "one.gz")).save(DIGITS)
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    IdxDataset(filepath=str(tmp_path / "two.gz")).save(DIGITS)
    assert (tmp_path / "one.gz").read_bytes() == (tmp_path / "two.gz").read_bytes()


@pytest.mark.parametrize("name", ["digits", "digits.gz"])
def test_content_decides_whether_to_gunzip_on_load(tmp_path, name):
    for content in (content_of(DIGITS), gzip.compress(content_of(DIGITS))):
        (tmp_path / name).write_bytes(content)
        np.testing.assert_array_equal(load(tmp_path / name), DIGITS)


@pytest.mark.parametrize(("present", "asked"), [("digits", "digits.gz"), ("digits.gz", "digits")])
def test_reads_the_file_with_or_without_gz(tmp_path, present, asked):
    IdxDataset(filepath=str(tmp_path / present)).save(DIGITS)
    dataset = IdxDataset(filepath=str(tmp_path / asked))
    assert dataset.exists()
    np.testing.assert_array_equal(dataset.load(), DIGITS)


@pytest.mark.parametrize(
    "name",
    [
        "train-images.idx3-ubyte",
        "train-images.idx3-ubyte.gz",
        "train-images-idx3-ubyte/train-images-idx3-ubyte",
        "train-images-idx3-ubyte/train-images.idx3-ubyte",
        "train-images.idx3-ubyte/train-images-idx3-ubyte",
    ],
)
def test_reads_the_names_and_folders_of_other_publishers(tmp_path, name):
    IdxDataset(filepath=str(tmp_path / name)).save(DIGITS)
    for asked in ("train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"):
        np.testing.assert_array_equal(load(tmp_path / asked), DIGITS)
    assert not IdxDataset(filepath=str(tmp_path / "t10k-images-idx3-ubyte")).exists()


def test_file_of_exactly_the_given_name_comes_first(tmp_path):
    IdxDataset(filepath=str(tmp_path / "digits")).save(DIGITS)
    IdxDataset(filepath=str(tmp_path / "digits.gz")).save(DIGITS[:1])
    assert len(load(tmp_path / "digits")) == 2
    assert len(load(tmp_path / "digits.gz")) == 1


@pytest.mark.parametrize(("asked", "other"), [("digits.gz", "digits"), ("digits", "digits.gz")])
def test_missing_file_names_both_candidates(tmp_path, asked, other):
    assert not IdxDataset(filepath=str(tmp_path / asked)).exists()
    assert error_of_loading(tmp_path / asked) == (
        f"{tmp_path / asked}: found neither this file nor {tmp_path / other}, expected one of them"
    )


def test_malformed_file_is_named_in_one_line(tmp_path):
    (tmp_path / "digits").write_bytes(content_of(DIGITS)[:-1])
    assert error_of_loading(tmp_path / "digits") == (
        f"{tmp_path / 'digits'}: found 23 bytes of values, expected 24 for uint8 of shape (2, 3, 4)"
    )


def test_error_names_the_file_that_was_read(tmp_path):
    (tmp_path / "digits").write_bytes(b"")
    assert error_of_loading(tmp_path / "digits.gz").startswith(f"{tmp_path / 'digits'}: found 0")


class TestSha256:
    @pytest.fixture(params=["digits", "digits.gz"])
    def path(self, request, tmp_path):
        IdxDataset(filepath=str(tmp_path / request.param)).save(DIGITS)
        return tmp_path / request.param

    @staticmethod
    def write_sums(path, text):
        (path.parent / "SHA256SUMS").write_text(text, encoding="utf-8", newline="")

    LINES = ("{}  digits", "{} *digits", "{} digits", "{}  ./digits", "SHA256 (digits) = {}")

    @pytest.mark.parametrize("line", LINES)
    @pytest.mark.parametrize("change_case", [str.lower, str.upper])
    def test_sum_of_the_content_is_checked_in_every_dialect(self, path, line, change_case):
        right = change_case(hashlib.sha256(content_of(DIGITS)).hexdigest())
        head = f"\N{ZERO WIDTH NO-BREAK SPACE}# sums\r\n\r\n{'0' * 64}  other\r\n"
        self.write_sums(path, f"{head}{line.format(right)}\r\n")
        np.testing.assert_array_equal(load(path), DIGITS)
        self.write_sums(path, f"{head}{line.format('0' * 64)}\r\n")
        assert f"expected {'0' * 64} by SHA256SUMS" in error_of_loading(path)

    def test_sum_of_the_compressed_file_is_checked(self, tmp_path):
        path = tmp_path / "digits.gz"
        IdxDataset(filepath=str(path)).save(DIGITS)
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        self.write_sums(path, f"{found}  digits.gz\n")
        np.testing.assert_array_equal(load(path), DIGITS)
        self.write_sums(path, f"{'0' * 64}  digits.gz\n")
        assert error_of_loading(path) == (
            f"{path}: found a file with SHA-256 {found}, "
            f"expected {'0' * 64} by SHA256SUMS beside it"
        )

    def test_wrong_sum_is_refused_with_both_sums(self, path):
        self.write_sums(path, f"{'0' * 64}  digits\n")
        found = hashlib.sha256(content_of(DIGITS)).hexdigest()
        assert error_of_loading(path) == (
            f"{path}: found content with SHA-256 {found}, "
            f"expected {'0' * 64} by SHA256SUMS beside it"
        )

    def test_sum_is_checked_with_and_without_gz_in_the_name(self, path):
        self.write_sums(path, f"{'0' * 64}  digits\n")
        other = path.with_name("digits.gz" if path.name == "digits" else "digits")
        assert error_of_loading(other).startswith(f"{path}: found content with SHA-256")

    def test_file_without_an_entry_is_read(self, path):
        self.write_sums(path, f"{'0' * 64}  other\n")
        np.testing.assert_array_equal(load(path), DIGITS)

    @pytest.mark.parametrize("line", ["rubbish", f"{'0' * 63}  digits", f"{'g' * 64}  digits"])
    def test_malformed_line_is_refused(self, path, line):
        self.write_sums(path, f"{'0' * 64}  other\n{line}\n")
        assert error_of_loading(path) == (
            f"{path.parent / 'SHA256SUMS'}: found {line!r} in line 2, "
            "expected 64 hexadecimal digits, two spaces and a file name"
        )

    def test_sums_that_are_no_text_are_refused(self, path):
        (path.parent / "SHA256SUMS").write_bytes(b"\xff\xfe\x00")
        assert error_of_loading(path).startswith(f"{path.parent / 'SHA256SUMS'}: found ")

    def test_changed_raw_file_of_the_repository_is_refused(self, tmp_path):
        name = "t10k-labels-idx1-ubyte"
        labels = load(RAW / f"{name}.gz").copy()
        labels[0] += 1
        IdxDataset(filepath=str(tmp_path / name)).save(labels)
        (tmp_path / "SHA256SUMS").write_bytes((RAW / "SHA256SUMS").read_bytes())
        expected = "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
        assert f"expected {expected} by SHA256SUMS" in error_of_loading(tmp_path / name)


def test_relative_path_without_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    IdxDataset(filepath="digits").save(DIGITS)
    Path("SHA256SUMS").write_text(f"{'0' * 64}  digits\n")
    with pytest.raises(DatasetError, match=r"^digits: found content with SHA-256"):
        load("digits")


def test_works_on_any_filesystem_of_fsspec():
    dataset = IdxDataset(filepath="memory:///folder/digits.gz")
    dataset.save(DIGITS)
    with fsspec.open("memory:///folder/SHA256SUMS", "w") as sums:
        sums.write(f"{hashlib.sha256(content_of(DIGITS)).hexdigest()}  digits\n")
    np.testing.assert_array_equal(IdxDataset(filepath="memory:///folder/digits").load(), DIGITS)
    with fsspec.open("memory:///folder/SHA256SUMS", "w") as sums:
        sums.write(f"{'0' * 64}  digits\n")
    with pytest.raises(DatasetError, match="found content with SHA-256"):
        IdxDataset(filepath="memory:///folder/digits").load()


def test_versions(tmp_path):
    path = str(tmp_path / "digits.gz")
    for number in (1, 2):
        version = Version(None, f"2024-01-0{number}T00.00.00.000Z")
        IdxDataset(filepath=path, version=version).save(DIGITS[:number])
    assert len(IdxDataset(filepath=path, version=Version(None, None)).load()) == 2
    first = Version("2024-01-01T00.00.00.000Z", None)
    assert len(IdxDataset(filepath=path, version=first).load()) == 1
    with pytest.raises(DatasetError, match="must not exist if versioning is enabled"):
        IdxDataset(filepath=path, version=version).save(DIGITS)


def test_no_version_exists_before_the_first_save(tmp_path):
    dataset = IdxDataset(filepath=str(tmp_path / "digits.gz"), version=Version(None, None))
    assert not dataset.exists()
    with pytest.raises(DatasetError, match="Did not find any versions"):
        dataset.load()


def test_type_that_the_format_lacks_is_not_saved(tmp_path):
    path = tmp_path / "digits"
    words = f"{path}: found an array of int64, expected one of uint8, int8"
    with pytest.raises(DatasetError, match=f"^{re.escape(words)}"):
        IdxDataset(filepath=str(path)).save(np.zeros(2, dtype=np.int64))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("array", [DIGITS, np.array([3, 7, 7], dtype=np.uint8)])
def test_preview_is_a_picture_that_kedro_viz_can_show(tmp_path, array):
    dataset = IdxDataset(filepath=str(tmp_path / "digits"))
    dataset.save(array)
    pixels = imread(io.BytesIO(base64.b64decode(dataset.preview(), validate=True)), format="png")
    assert pixels.ndim == 3
    assert pixels.std() > 0
    # kedro-viz takes the kind of preview from this name
    assert inspect.signature(dataset.preview).return_annotation.__name__ == "ImagePreview"


def test_preview_shows_the_given_number_of_images(tmp_path):
    dataset = IdxDataset(filepath=str(tmp_path / "digits"))
    dataset.save(np.full((25, 8, 8), 255, dtype=np.uint8))
    one_row, three_rows = (
        imread(io.BytesIO(base64.b64decode(dataset.preview(n_images=count))), format="png")
        for count in (10, 25)
    )
    assert three_rows.shape[0] == 3 * one_row.shape[0]
    ink = [np.count_nonzero(picture[..., 0] < 0.5) for picture in (one_row, three_rows)]
    assert ink[1] == pytest.approx(2.5 * ink[0], rel=0.02)


def test_preview_of_other_data_is_refused(tmp_path):
    dataset = IdxDataset(filepath=str(tmp_path / "points"))
    dataset.save(np.zeros((2, 3), dtype=np.float32))
    with pytest.raises(DatasetError, match=r"found float32 of shape \(2, 3\), expected uint8"):
        dataset.preview()


def test_catalog_entry_with_metadata(tmp_path):
    metadata = {"kedro-viz": {"layer": "raw", "preview_args": {"n_images": 20}}}
    entry = {
        "type": "mnist_gradients.datasets.IdxDataset",
        "filepath": str(tmp_path / "digits.gz"),
        "metadata": metadata,
    }
    catalog = DataCatalog.from_config({"digits": entry})
    catalog.save("digits", DIGITS)
    np.testing.assert_array_equal(catalog.load("digits"), DIGITS)
    assert catalog["digits"].metadata == metadata
    assert str(tmp_path / "digits.gz") in str(catalog["digits"])
