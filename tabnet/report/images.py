"""Charts as pictures, without a browser."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import altair as alt
import vl_convert

from tabnet.report import theme


def svg(chart: alt.LayerChart, **config: Any) -> str:
    """A chart as SVG text; `config` goes to `theme.config`."""
    with alt.data_transformers.disable_max_rows():
        # Not validated again, as the page's charts.
        spec = chart.configure(**theme.config(**config)).to_dict(validate=False, format="vega")
    return str(vl_convert.vega_to_svg(spec))


def png(svg: str, *, scale: float = 2) -> bytes:
    """A picture in SVG as PNG, `scale` device pixels to a pixel."""
    return squeezed(vl_convert.svg_to_png(svg, scale=scale))


def squeezed(png: bytes) -> bytes:
    """The same picture in fewer bytes: the renderer compresses for speed, ten times as large."""
    signature, position = png[:8], 8
    chunks: list[tuple[bytes, bytes]] = []
    while position < len(png):
        length, kind = struct.unpack_from(">I4s", png, position)
        chunks.append((kind, png[position + 8 : position + 8 + length]))
        position += 12 + length
    pixels = zlib.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT"))
    head = [chunk for chunk in chunks if chunk[0] not in (b"IDAT", b"IEND")]
    rest = [*head, (b"IDAT", zlib.compress(pixels, 6)), (b"IEND", b"")]
    return signature + b"".join(_chunk(kind, data) for kind, data in rest)


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + check
