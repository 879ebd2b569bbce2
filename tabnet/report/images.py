"""Charts as pictures, without a browser."""

from __future__ import annotations

import io
from typing import Any

import altair as alt

from tabnet.report import theme


def png(chart: alt.LayerChart, *, scale: float = 2, **config: Any) -> bytes:
    """A chart as PNG, `scale` device pixels to a pixel; `config` goes to `theme.config`."""
    file = io.BytesIO()
    chart.configure(**theme.config(**config)).save(file, format="png", scale_factor=scale)
    return file.getvalue()


def svg(chart: alt.LayerChart, **config: Any) -> str:
    """A chart as SVG text."""
    file = io.StringIO()
    chart.configure(**theme.config(**config)).save(file, format="svg")
    return file.getvalue()
