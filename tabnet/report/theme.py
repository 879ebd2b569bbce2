"""Colours and chart configuration, of plain charts and of the page."""

from __future__ import annotations

from typing import Any, Final

# A colour of a plain chart is a constant; in the page it is the style sheet's variable of the same
# name, so that dark mode and print need no script.
ACCENT = "#3b6fd4"
SECOND = "#b8620f"
MUTED = "#aeb7c4"
TRUTH = "#ff5c8a"
INK = "#1c2330"
SOFT = "#59626f"
LINE = "#dfe3ea"
CARD = "#ffffff"

VARIABLES = {
    ACCENT: "var(--accent)",
    SECOND: "var(--second)",
    MUTED: "var(--muted)",
    TRUTH: "var(--truth)",
    INK: "var(--ink)",
    SOFT: "var(--soft)",
    LINE: "var(--line)",
    CARD: "var(--card)",
}

# Of viridis, magma, cividis and blues, viridis tells small values best from zero, for normal sight
# and for three kinds of colour blindness.
SCHEME: Final = "viridis"
ZERO = "#440154"

# The label of a whole number, and none of a tick between two.
WHOLE = "datum.value % 1 ? '' : format(datum.value, ',d')"
# The same where the sign only says on which side of the axis a bar lies.
WHOLE_SIZE = "datum.value % 1 ? '' : format(abs(datum.value), ',d')"

PAGE_FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
# vl-convert brings it along: what it measures and draws then does not depend on the machine.
PICTURE_FONT = "'Liberation Sans', Arial, Helvetica, sans-serif"
# Between the columns of a legend, in pixels: a picture in a page has the page's font, which may be
# a fifth wider than the one that is measured.
LEGEND_GAP = 30


def config(*, font: str, background: str = CARD) -> dict[str, Any]:
    """Arguments of `alt.Chart.configure` that every figure shares.

    >>> config(font=PAGE_FONT)["axis"]["grid"]
    False
    """
    axis = {
        "labelColor": INK,
        "titleColor": SOFT,
        "tickColor": LINE,
        "domainColor": LINE,
        "gridColor": LINE,
        "grid": False,
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
    }
    legend = {
        "labelColor": INK,
        "titleColor": SOFT,
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
    }
    return {
        "background": background,
        "font": font,
        "axis": axis,
        "legend": legend,
        "view": {"stroke": None},
        "title": {"color": INK},
        "text": {"fill": INK},
    }


def with_variables(spec: Any) -> Any:
    """A chart specification whose colours are the page's variables.

    >>> with_variables({"mark": {"fill": ACCENT}})
    {'mark': {'fill': 'var(--accent)'}}
    """
    if isinstance(spec, dict):
        return {k: v if _is_data(k, v) else with_variables(v) for k, v in spec.items()}
    if isinstance(spec, list):
        return [with_variables(value) for value in spec]
    return VARIABLES.get(spec, spec) if isinstance(spec, str) else spec


def _is_data(key: str, value: Any) -> bool:
    """Whether it is what a chart shows: a feature may be called as a colour is."""
    return key in ("values", "domain") or (key == "value" and isinstance(value, list))
