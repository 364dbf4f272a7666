import gzip
import io
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from mnist_gradients.datasets.idx_format import read_idx, write_idx


def idx(code, shape, values):
    """An IDX file written independently of the code under test."""
    header = bytes([0, 0, code, len(shape)])
    return header + b"".join(size.to_bytes(4, "big") for size in shape) + values


# One file of every type (with values that a wrong byte order or sign would change) and of every
# number of dimensions that data sets have, and the scalar and the empty array.
VALID = {
    "uint8": (idx(0x08, (3,), bytes([0, 127, 255])), np.array([0, 127, 255], np.uint8)),
    "int8": (idx(0x09, (3,), b"\x00\x7f\xff"), np.array([0, 127, -1], np.int8)),
    "int16": (idx(0x0B, (2,), b"\x01\x02\xff\xfe"), np.array([258, -2], np.int16)),
    "int32": (
        idx(0x0C, (2,), b"\x01\x02\x03\x04\xff\xff\xff\xfe"),
        np.array([16909060, -2], np.int32),
    ),
    "float32": (
        idx(0x0D, (2,), b"\x3f\x80\x00\x00\xc0\x20\x00\x00"),
        np.array([1.0, -2.5], np.float32),
    ),
    "float64": (
        idx(0x0E, (2,), b"\x3f\xf0\x00\x00\x00\x00\x00\x00\xc0\x04\x00\x00\x00\x00\x00\x00"),
        np.array([1.0, -2.5], np.float64),
    ),
    "0 dimensions": (idx(0x08, (), b"\x07"), np.array(7, np.uint8)),
    "2 dimensions": (
        idx(0x08, (2, 3), bytes(range(6))),
        np.arange(6, dtype=np.uint8).reshape(2, 3),
    ),
    "3 dimensions": (
        idx(0x08, (2, 3, 4), bytes(range(24))),
        np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
    ),
    "4 dimensions": (
        idx(0x0B, (1, 2, 2, 3), bytes(v for i in range(12) for v in (0, i))),
        np.arange(12, dtype=np.int16).reshape(1, 2, 2, 3),
    ),
    "64 dimensions": (idx(0x08, (1,) * 64, b"\x07"), np.full((1,) * 64, 7, np.uint8)),
    "empty": (idx(0x08, (0, 28, 28), b""), np.zeros((0, 28, 28), np.uint8)),
}


@pytest.mark.parametrize("name", VALID)
@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_reads_every_type_and_dimension(name, compress):
    content, expected = VALID[name]
    array = read_idx(io.BytesIO(compress(content)))
    np.testing.assert_array_equal(array, expected, strict=True)
    assert array.dtype.isnative
    assert array.flags.c_contiguous


@pytest.mark.parametrize("name", VALID)
def test_writes_every_type_and_dimension(name):
    expected, array = VALID[name]
    file = io.BytesIO()
    write_idx(array, file)
    assert file.getvalue() == expected


@given(
    st_numpy.arrays(
        dtype=st.sampled_from(["u1", "i1", ">i2", "<i2", ">i4", "<i4", ">f4", "<f4", ">f8", "<f8"]),
        shape=st_numpy.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4),
    ),
    st.booleans(),
    st.booleans(),
)
def test_round_trip_keeps_every_bit(array, transpose, compress):
    array = array.T if transpose else array
    file = io.BytesIO()
    write_idx(array, file)
    content = file.getvalue()
    loaded = read_idx(io.BytesIO(gzip.compress(content) if compress else content))
    expected = array.astype(array.dtype.newbyteorder("="))
    assert (loaded.dtype, loaded.shape) == (expected.dtype, expected.shape)
    assert loaded.tobytes() == expected.tobytes()  # bits, so that NaN equals itself


GOOD = idx(0x08, (2, 3), bytes(range(6)))
ZIPPED = gzip.compress(GOOD)
HUGE = idx(0x0E, (2**32 - 1,) * 3, b"\x00" * 8)
HUGE_BYTES = math.prod([2**32 - 1] * 3) * 8

MALFORMED = {
    "empty file": (b"", "found 0 bytes, expected an IDX header of at least 4"),
    "half a header": (GOOD[:3], "found 3 bytes, expected an IDX header of at least 4"),
    "no dimensions": (GOOD[:4], "found 0 bytes of dimensions, expected 8"),
    "half the dimensions": (GOOD[:9], "found 5 bytes of dimensions, expected 8"),
    "a picture": (
        b"\x89PNG\r\n\x1a\n",
        "found the first bytes 89 50 4e 47, expected an IDX header: "
        "00 00, a type of 08, 09, 0b, 0c, 0d or 0e, and the number of dimensions",
    ),
    "unknown type": (
        idx(0x0A, (2,), b"\x00\x00"),
        "found the first bytes 00 00 0a 01, expected an IDX header: "
        "00 00, a type of 08, 09, 0b, 0c, 0d or 0e, and the number of dimensions",
    ),
    "little-endian magic": (
        GOOD[3::-1] + GOOD[4:],
        "found the first bytes 02 08 00 00, expected an IDX header: "
        "00 00, a type of 08, 09, 0b, 0c, 0d or 0e, and the number of dimensions",
    ),
    "too many dimensions": (
        idx(0x08, (1,) * 65, b"\x00"),
        "found 65 dimensions, expected at most 64",
    ),
    "no values": (GOOD[:12], "found 0 bytes of values, expected 6 for uint8 of shape (2, 3)"),
    "one value too few": (
        GOOD[:-1],
        "found 5 bytes of values, expected 6 for uint8 of shape (2, 3)",
    ),
    "half a value": (
        idx(0x0E, (2,), b"\x00" * 12),
        "found 12 bytes of values, expected 16 for float64 of shape (2,)",
    ),
    "one byte too many": (
        GOOD + b"\x00",
        "found more than 6 bytes of values, expected 6 for uint8 of shape (2, 3)",
    ),
    "dimensions of four billion": (
        HUGE,
        f"found a header that declares {HUGE_BYTES:,} bytes, expected at most 4,294,967,296",
    ),
    "the same, gzipped": (
        gzip.compress(HUGE),
        f"found a header that declares {HUGE_BYTES:,} bytes, expected at most 4,294,967,296",
    ),
    "empty with dimensions beyond NumPy": (
        idx(0x08, (0, 2**32 - 1, 2**32 - 1, 2**32 - 1), b""),
        "array is too big; `arr.size * arr.dtype.itemsize` is larger than the maximum "
        "possible size.",
    ),
    "gzip of nothing": (
        gzip.compress(b""),
        "found 0 bytes, expected an IDX header of at least 4",
    ),
    "gzip magic alone": (
        ZIPPED[:2],
        "found a gzip stream that ends too early, expected a whole one",
    ),
    "truncated gzip": (
        ZIPPED[:-12],
        "found a gzip stream that ends too early, expected a whole one",
    ),
    "gzip without its checksum": (
        ZIPPED[:-8],
        "found a gzip stream that ends too early, expected a whole one",
    ),
    "gzip with a wrong checksum": (
        ZIPPED[:-8] + bytes(8),
        "found a corrupt gzip stream (Error -3 while decompressing data: incorrect data check), "
        "expected a whole one",
    ),
    "gzip with a broken block": (
        ZIPPED[:10] + b"\xff" * 8 + ZIPPED[18:],
        "found a corrupt gzip stream (Error -3 while decompressing data: invalid block type), "
        "expected a whole one",
    ),
    "gzip followed by rubbish": (
        ZIPPED + b"rubbish",
        "found a corrupt gzip stream (Error -3 while decompressing data: incorrect header check), "
        "expected a whole one",
    ),
    "gzip with a byte too many": (
        gzip.compress(GOOD + b"\x00"),
        "found more than 6 bytes of values, expected 6 for uint8 of shape (2, 3)",
    ),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_says_what_is_wrong_with_a_malformed_file(name):
    content, words = MALFORMED[name]
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the whole message is compared below
        read_idx(io.BytesIO(content))
    assert str(caught.value) == words


@given(st.binary(max_size=64), st.sampled_from([b"", b"\x00\x00\x08\x01", b"\x1f\x8b\x08\x00"]))
def test_any_bytes_give_an_array_or_a_value_error(content, beginning):
    try:
        array = read_idx(io.BytesIO(beginning + content))
    except ValueError as error:
        assert "\n" not in str(error)  # noqa: PT017  # either outcome is right
    else:
        file = io.BytesIO()
        write_idx(array, file)
        assert file.getvalue() == beginning + content


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(HUGE, id="huge dimensions"),
        pytest.param(gzip.compress(HUGE), id="huge dimensions, gzipped"),
        pytest.param(gzip.compress(idx(0x08, (10,), bytes(100_000_000)), 1), id="gzip bomb"),
    ],
)
def test_hostile_file_takes_little_memory(content):
    file = io.BytesIO(content)
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"^found .* bytes"):
        read_idx(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10e6


@pytest.mark.parametrize("padding", [b"", bytes(100), bytes(100_000)])
def test_members_of_a_gzip_file_are_joined(padding):
    parts = [gzip.compress(GOOD[:7]), gzip.compress(b""), gzip.compress(GOOD[7:])]
    np.testing.assert_array_equal(
        read_idx(io.BytesIO(padding.join(parts) + padding)), read_idx(io.BytesIO(GOOD))
    )


def test_limit_of_the_values_is_inclusive():
    assert read_idx(io.BytesIO(ZIPPED), most_bytes=6).shape == (2, 3)
    words = "found a header that declares 6 bytes, expected at most 5"
    with pytest.raises(ValueError, match=words):
        read_idx(io.BytesIO(ZIPPED), most_bytes=5)


def test_observer_gets_the_decompressed_content():
    seen = bytearray()
    read_idx(io.BytesIO(ZIPPED), seen.extend)
    assert seen == GOOD


@pytest.mark.parametrize("dtype", ["bool", "uint16", "int64", "complex64", "U3", "O"])
def test_refuses_to_write_a_type_that_the_format_lacks(dtype):
    words = (
        rf"^found an array of {np.dtype(dtype)}, "
        "expected one of uint8, int8, int16, int32, float32, float64$"
    )
    with pytest.raises(ValueError, match=words):
        write_idx(np.zeros(2, dtype=dtype), io.BytesIO())
