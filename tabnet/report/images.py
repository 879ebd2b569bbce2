"""Charts compiled, and as pictures, without a browser: each comes later, in the order asked for."""

from __future__ import annotations

import re
import struct
import zlib
from concurrent.futures import Future
from typing import Any

import altair as alt
from markupsafe import Markup

from tabnet.rendering import rendering
from tabnet.report import theme

VEGA_LITE = "_".join(alt.SCHEMA_VERSION.split(".")[:2])  # as vl-convert names it: v6_4


def vega(
    chart: alt.LayerChart, *, background: str = theme.CARD, **properties: Any
) -> Future[dict[str, Any]]:
    """A chart's Vega specification, with some of its properties changed."""
    spec = _spec(chart, properties, theme.config(font=theme.PAGE_FONT, background=background))
    return rendering().call("vegalite_to_vega", spec, vl_version=VEGA_LITE)


def svg(chart: alt.LayerChart, *, background: str = theme.CARD, **properties: Any) -> Future[str]:
    """A chart as SVG text, with some of its properties changed."""
    spec = _spec(chart, properties, theme.config(font=theme.PICTURE_FONT, background=background))
    return rendering().call("vegalite_to_svg", spec, vl_version=VEGA_LITE)


def _spec(
    chart: alt.LayerChart, properties: dict[str, Any], config: dict[str, Any]
) -> dict[str, Any]:
    with alt.data_transformers.disable_max_rows():
        # Not validated again: half the time of a report, for charts that our tests validate.
        spec: dict[str, Any] = chart.to_dict(validate=False)
    return {**spec, **properties, "config": config}


def drawn(chart: alt.LayerChart, description: str) -> str:
    """A chart as SVG in the colours and the font of the page that it will lie in."""
    text = svg(chart, background="transparent", description=description).result()
    text = text.replace(f'"{theme.PICTURE_FONT}"', f'"{theme.PAGE_FONT}"')
    for colour, variable in theme.VARIABLES.items():
        text = text.replace(f'"{colour}"', f'"{variable}"')
    return text


def inline(text: str, *, prefix: str) -> Markup:
    """SVG for an HTML page; `prefix` keeps its ids its own.

    >>> str(inline('<g id="a" fill="url(#b)">say id="a"</g>', prefix="s"))
    '<g id="s-a" fill="url(#s-b)">say id="a"</g>'
    """

    def own(tag: re.Match[str]) -> str:
        return tag[0].replace(' id="', f' id="{prefix}-').replace("url(#", f"url(#{prefix}-")

    return Markup(re.sub("<[^<>]*", own, text))


def png(svg: Future[str], *, scale: float = 2) -> Future[bytes]:
    """A picture in SVG as PNG, `scale` device pixels to a pixel."""
    return rendering().call("svg_to_png", svg, scale=scale)


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
