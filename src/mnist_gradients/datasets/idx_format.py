"""The IDX format of the MNIST files: an array of any type and dimension, big-endian.

::

    byte 0, 1   zero
    byte 2      data type: 0x08 uint8, 0x09 int8, 0x0B int16, 0x0C int32, 0x0D float32, 0x0E float64
    byte 3      number of dimensions n
    4 n bytes   dimensions, unsigned 32-bit
    the rest    values in C order

Source: "THE IDX FILE FORMAT" at the end of http://yann.lecun.com/exdb/mnist/.
"""

import gzip
import math
import struct
import zlib
from collections.abc import Callable
from typing import BinaryIO

import numpy as np

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_CODES = {np.dtype(name).newbyteorder("="): code for code, name in _TYPES.items()}
_GZIP_MAGIC = b"\x1f\x8b"
_MAX_DIMENSIONS = 64  # NumPy's limit; the format could hold 255
_CHUNK = 1 << 20
_ZIPPED_CHUNK = 1 << 14


def read_idx(
    file: BinaryIO,
    observe: Callable[[bytearray], object] = lambda _: None,
    most_bytes: int = 4 * 2**30,
) -> np.ndarray:
    """Read an IDX array, gzipped or not (told by the first bytes), in native byte order.

    Memory grows only with the bytes that are there: neither a header that declares huge
    dimensions nor a gzip stream that goes on for ever can exhaust it. Nothing is decompressed
    beyond what the header declares.

    Args:
        file: Seekable binary file at its beginning.
        observe: Called with the decompressed content part by part, as a hash's ``update`` is.
        most_bytes: Limit of the values; a header that declares more is refused.

    Raises:
        ValueError: If the content is not exactly one IDX array, or the array is too large.
    """
    is_gzip = file.read(2) == _GZIP_MAGIC
    file.seek(0)
    if not is_gzip:
        return _read_plain(file, observe, most_bytes)
    try:
        return _read_plain(_Gunzipped(file), observe, most_bytes)
    except EOFError as error:
        raise ValueError("found a gzip stream that ends too early, expected a whole one") from error
    except zlib.error as error:
        raise ValueError(f"found a corrupt gzip stream ({error}), expected a whole one") from error


def write_idx(array: np.ndarray, file: BinaryIO | gzip.GzipFile) -> None:
    """Write ``array`` uncompressed in IDX format.

    Raises:
        ValueError: If its type is not one of the six of the format.
    """
    code = _CODES.get(array.dtype.newbyteorder("="))
    if code is None:
        names = ", ".join(dtype.name for dtype in _CODES)
        raise ValueError(f"found an array of {array.dtype}, expected one of {names}")
    file.write(struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape))
    file.write(array.astype(_TYPES[code], order="C", copy=False).tobytes())


class _Gunzipped:
    """The content of a gzip file: its members, one after the other.

    Python's ``gzip`` takes 25 seconds for the headers of a million empty members; this takes two.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._zipped = b""
        self._member = zlib.decompressobj(wbits=31)

    def read(self, size: int) -> bytes:
        """Return some bytes, at most ``size``; none at the end."""
        content = b""
        while not content:
            self._zipped = self._zipped or self._file.read(_ZIPPED_CHUNK)
            while self._member.eof and self._zipped.startswith(b"\0"):  # padding
                self._zipped = self._zipped.lstrip(b"\0") or self._file.read(_ZIPPED_CHUNK)
            if not self._zipped:
                if self._member.eof:
                    return b""
                raise EOFError
            if self._member.eof:
                self._member = zlib.decompressobj(wbits=31)
            content = self._member.decompress(self._zipped, size)
            self._zipped = self._member.unconsumed_tail or self._member.unused_data
        return content


def _read_plain(
    stream: BinaryIO | _Gunzipped, observe: Callable[[bytearray], object], most_bytes: int
) -> np.ndarray:
    header, dtype, shape = read_header(stream)
    declared = math.prod(shape) * dtype.itemsize
    if declared > most_bytes:
        raise ValueError(
            f"found a header that declares {declared:,} bytes, expected at most {most_bytes:,}"
        )
    values = _read_up_to(stream, declared)
    expected = f"expected {declared} for {dtype.newbyteorder('=').name} of shape {shape}"
    if len(values) < declared:
        raise ValueError(f"found {len(values)} bytes of values, {expected}")
    if stream.read(1):
        raise ValueError(f"found more than {declared} bytes of values, {expected}")
    for part in (header, values):
        observe(part)
    array = np.frombuffer(values, dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def read_header(stream: BinaryIO | _Gunzipped) -> tuple[bytearray, np.dtype, tuple[int, ...]]:
    """Read the header of an uncompressed IDX array: its bytes, the type and the dimensions.

    Raises:
        ValueError: If the content does not begin with a header.
    """
    header = _read_up_to(stream, 4)
    if len(header) < 4:
        raise ValueError(f"found {len(header)} bytes, expected an IDX header of at least 4")
    zero, code, ndim = struct.unpack(">HBB", header)
    if zero != 0 or code not in _TYPES:
        raise ValueError(
            f"found the first bytes {header.hex(' ')}, expected an IDX header: "
            "00 00, a type of 08, 09, 0b, 0c, 0d or 0e, and the number of dimensions"
        )
    if ndim > _MAX_DIMENSIONS:
        raise ValueError(f"found {ndim} dimensions, expected at most {_MAX_DIMENSIONS}")
    sizes = _read_up_to(stream, 4 * ndim)
    if len(sizes) < 4 * ndim:
        raise ValueError(f"found {len(sizes)} bytes of dimensions, expected {4 * ndim}")
    return header + sizes, np.dtype(_TYPES[code]), struct.unpack(f">{ndim}I", sizes)


def _read_up_to(stream: BinaryIO | _Gunzipped, size: int) -> bytearray:
    """Read ``size`` bytes, or as many as there are, without trusting ``size`` with memory."""
    content = bytearray()
    while len(content) < size:
        chunk = stream.read(min(_CHUNK, size - len(content)))
        if not chunk:
            break
        content += chunk
    return content
