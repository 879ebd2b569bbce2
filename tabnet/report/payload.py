"""Arrays in a page: compressed once, read by the page's script as typed arrays."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping
from typing import TypedDict

import numpy as np
import numpy.typing as npt

LEVELS = 65535
# Of a report's arrays gzip's highest level leaves one byte in seventy fewer, in six times the time.
GZIP_LEVEL = 6


class Section(TypedDict):
    """Where one array lies among the unpacked bytes."""

    offset: int
    length: int
    type: str


def compress(data: bytes, *, level: int) -> str:
    """gzip without a time stamp, as base64 text; levels are from 1, fast, to 9, small.

    >>> compress(b"", level=9) == compress(b"", level=9)
    True
    """
    return base64.b64encode(gzip.compress(data, level, mtime=0)).decode()


def levels(
    values: npt.NDArray[np.floating], largest: float, *, top: int = LEVELS
) -> npt.NDArray[np.uint16]:
    """Values in 0..`largest` as whole numbers in 0..`top`, of any shape.

    Only 0 becomes 0: level 1 also stands for whatever is smaller.

    >>> levels(np.array([0.0, 1e-9, 0.5, 1.0]), 1.0)
    array([    0,     1, 32768, 65535], dtype=uint16)
    """
    share = np.clip(values.astype(np.float64) / (largest or 1.0), 0.0, 1.0)
    return np.maximum(np.rint(share * top), share > 0).astype(np.uint16)


def pack(arrays: Mapping[str, npt.NDArray[np.generic]]) -> tuple[str, dict[str, Section]]:
    """The arrays as one text, and its table of contents.

    The bytes of equal significance lie together ("shuffled"): the high bytes of a mask are mostly
    alike, which gzip sees only in this order.

    >>> text, contents = pack({"a": np.array([1, 2], dtype=np.uint16)})
    >>> contents["a"]
    {'offset': 0, 'length': 2, 'type': 'u2'}
    """
    contents: dict[str, Section] = {}
    planes: list[bytes] = []
    offset = 0
    for name, array in arrays.items():
        little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        kind = f"{little.dtype.kind}{little.dtype.itemsize}"
        contents[name] = {"offset": offset, "length": little.size, "type": kind}
        shape = (little.size, little.dtype.itemsize)
        plane = little.reshape(-1).view(np.uint8).reshape(shape).T.tobytes()
        planes.append(plane)
        offset += len(plane)
    return compress(b"".join(planes), level=GZIP_LEVEL), contents
