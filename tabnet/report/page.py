"""The page: charts, arrays and texts put into one file that needs nothing else."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any
from urllib.parse import quote

import altair as alt
import jinja2
from markupsafe import Markup

from tabnet.report import images, theme
from tabnet.report.bundle import vega

Table = Sequence[Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A chart of the page, with the sentences that say what it shows."""

    name: str
    title: str
    chart: alt.LayerChart
    sentences: tuple[str, ...] = ()
    description: str = ""
    table: dict[str, Table] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Section:
    """Figures side by side, a table, and notes, each with its title."""

    sentences: tuple[str, ...]
    figures: tuple[Figure, ...]
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[tuple[str, str], ...]


def script_json(value: object) -> Markup:
    """JSON that cannot end the script element it lies in, nor be taken for a comment or entity.

    >>> script_json({"name": "</script>"})
    Markup('{"name":"\\\\u003c/script\\\\u003e"}')
    """
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def compiled(figures: Iterable[Figure]) -> dict[str, dict[str, Any]]:
    """The figures' Vega specifications by name."""
    later = {figure.name: _vega(figure) for figure in figures}
    return {name: _coloured(spec.result()) for name, spec in later.items()}


def _vega(figure: Figure) -> Future[dict[str, Any]]:
    """A figure's Vega specification, as wide as its place in the page."""
    description = figure.description or figure.title
    return images.vega(
        figure.chart, background="transparent", width="container", description=description
    )


def _coloured(spec: dict[str, Any]) -> dict[str, Any]:
    """The specification in the page's colours."""
    spec = theme.with_variables(spec)
    for mark in spec["marks"]:
        update = mark["encode"]["update"]
        # Vega blanks a picture while its address loads, an image in hand it draws at once.
        if mark["type"] == "image":
            update["image"] = update.pop("url")
    return spec


def policy(code: str) -> str:
    """The content security policy of a page with one script: no connection, no other script.

    Vega compiles its expressions, hence 'unsafe-eval'; the figures carry their own styles.
    """
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}' 'unsafe-eval';"
        " style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    )


# The page's script in the order of its parts: each imports only from those before it.
SCRIPTS = ("columns.js", "heatmap.js", "observation.js", "script.js")
_LINKS = re.compile(r"^import [^;]*;\n|^export ", re.MULTILINE)


@functools.cache
def script() -> str:
    """The page's one script: its modules in a row, whose imports then need no file."""
    parts = [_LINKS.sub("", asset(name)) for name in SCRIPTS]
    joined = "\n" + "\n".join(parts)
    assert "</script" not in joined
    return joined


def asset(name: str) -> str:
    """The text of a file beside this module."""
    return files("tabnet.report").joinpath(name).read_text("utf-8")


@functools.cache
def environment() -> jinja2.Environment:
    """Templates that escape whatever is put into them, and refuse what is not there."""
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(asset),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        finalize=_unbroken,
    )


def _unbroken(value: object) -> object:
    """A text no line of which begins with the sign of a percentage; what is no plain text as it is.

    >>> _unbroken("87 % of 3 rows")
    '87\\xa0% of 3 rows'
    """
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return re.sub(r"(?<=\d) %", "\N{NO-BREAK SPACE}%", value)


def address(name: str) -> str:
    """A folder's name in a relative link.

    >>> address("a b:c")
    './a%20b%3Ac'
    """
    return f"./{quote(name, safe='')}"


def save_buttons(what: str) -> Markup:
    """The buttons that save a figure."""
    button = Markup('<button type="button" data-save="{}" aria-label="{}">{}</button>')
    buttons = (
        button.format(kind.lower(), f"{kind}: save {what}", kind) for kind in ("SVG", "PNG", "CSV")
    )
    return Markup('<div class="save">{}</div>').format(Markup("").join(buttons))


def render(
    *,
    heat: Figure,
    strip: Figure,
    figures: Sequence[Figure],
    without_truth: Section | None,
    facts: dict[str, Any],
    arrays: str,
    **texts: Any,
) -> str:
    """The page of one data set; `texts` fill the template."""
    further = without_truth.figures if without_truth else ()
    specs = compiled([heat, strip, *further, *figures])
    return (
        environment()
        .get_template("report.html.jinja")
        .render(
            policy=policy(script()),
            style=Markup(asset("style.css")),
            script=Markup(script()),
            library=Markup(vega()),
            arrays=Markup(arrays),
            facts=script_json({**facts, "colours": _colours(), "scheme": theme.SCHEME}),
            specs=script_json(specs),
            figures=figures,
            without_truth=without_truth,
            save=save_buttons,
            **texts,
        )
    )


def _colours() -> dict[str, str]:
    return {variable[4:-1]: colour for colour, variable in theme.VARIABLES.items()}
