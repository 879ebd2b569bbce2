"""Files for params.yaml that nobody meant to write, made from the models' own keys."""

import io
from collections.abc import Iterator, Mapping
from functools import cache

from hypothesis import strategies as st
from pydantic import BaseModel
from ruamel.yaml import YAML

from tabnet.params import Override, Params

Path_ = tuple[str, ...]
_HOLE = "A-HOLE"

# As text, since these say in YAML what no value of Python's says.
TEXTS = [
    *(".nan", ".inf", "-.inf", "+.inf", "-0.0", "1e999", "-1e999", "5e-324", "1e-6", "017", "0o17"),
    *("0x10", "0b11", "1_000", "12:30:45", "2026-01-31", "2026-01-31T00:00:00Z", "~", "null", "NO"),
    *("true", "yes", "on", "=", "<<", "-", "?", ":", ",", "|", ">", "@", "`", "%", "&", "*", "!"),
    *("9" * digits for digits in (19, 20, 310, 4300, 4301, 30_000)),
    *("0x" + "f" * digits for digits in (16, 5000, 50_000)),
    *("[" * depth + "]" * depth for depth in (1, 19, 20, 21, 1000, 30_000)),
    *("{a: " * depth + "}" * depth for depth in (1, 19, 21, 5000)),
    *("[" + "1, " * entries + "2]" for entries in (1, 1001, 20_000)),
    *("{" + "".join(f"k{i}: 1, " for i in range(entries)) + "}" for entries in (1, 1001)),
    "!!python/object/apply:os.system [ls]",
    "!!python/name:os.system",
    "!!binary aGk=",
    "!!float 1",
    "!!set {x, y}",
    "!<tag:yaml.org,2002:int> 1",
    "!own 1",
    "&a 1",
    "&a [*a]",
    "*a",
    "[&a [1, 1], &b [*a, *a], &c [*b, *b], &d [*c, *c]]",
    "{<<: {a: 1}, b: 2}",
    "{a: 1, a: 2}",
    "{1: 2}",
    "{[1, 2]: 3}",
    "{{a: 1}: 3}",
    "{? : }",
    "{.nan: 1, .nan: 2}",
    "[.nan, .nan]",
    "[1, 1.0, true]",
    "[0, -0, 0.0, '0']",
    r'"\0"',
    r'"\ud800"',
    r'"\U0010ffff"',
    r'"\x85\u2028"',
    r'"../../../etc/passwd"',
    "'<script>alert(1)</script>'",
    '"' + "x" * 50_000 + '"',
    "|\n    block\n    text",
    ">2-\n    folded",
    "\t1",
    "1\n\tx: 2",
    "'open",
    '"\\q"',
    "1 # remark",
    "1 2",
    "a: b: c",
    "\n---\nb: 1",
    "\n...\nb: 1",
    "\n%YAML 1.1",
]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, 1, -1, 2**31, 2**32 - 1, 2**32, 2**63, 2**64, 10**6, 10**9, 10**30])
    | st.floats()
    | st.text(max_size=8)
    | st.dates()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(SCALARS, inner, max_size=4),
    max_leaves=8,
)


def keys(model: type[BaseModel] = Params, above: Path_ = ()) -> Iterator[Path_]:
    """Every key of the models, sections and what they hold, and one that is not there."""
    yield (*above, "unknown")
    for name, field in model.model_fields.items():
        yield (*above, name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys(field.annotation, (*above, name))
        elif field.annotation in (dict, Mapping) or "apping[" in str(field.annotation):
            yield (*above, name, "syn2")


def filled(key: Path_, text: str) -> str:
    """The defaults as a file, with this text in the place of a key's value."""
    return _with_a_hole(key).replace(_HOLE, text)


@cache
def _with_a_hole(key: Path_) -> str:
    defaults = Params(overrides={name: Override() for name in Params().datasets})
    data = defaults.model_dump(mode="json")
    inner = data
    for name in key[:-1]:
        inner = inner[name]
    inner[key[-1]] = _HOLE
    return dumped(data)


def dumped(value: object) -> str:
    """YAML in block style; of values that it has no words for, their text."""
    out = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.dump(value, out)
    return out.getvalue()


def flow(value: object) -> str:
    """YAML of a value in one line, as it may stand behind a key."""
    out = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = True
    yaml.width = 10**6
    yaml.dump(value, out)
    return out.getvalue().removesuffix("...\n").strip()


KEYS = sorted(keys())
ONE_VALUE = st.builds(
    lambda key, text: filled(key, text).encode(errors="surrogatepass"),
    st.sampled_from(KEYS),
    st.sampled_from(TEXTS) | VALUES.map(flow),
)


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    """The defaults with bytes put in, taken out or moved, or in another encoding."""
    text = filled(("unknown",), "1").replace("unknown: 1\n", "")
    lines = text.splitlines(keepends=True)
    data = text.encode()
    at = draw(st.integers(0, len(data)))
    first, second = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
    some = draw(
        st.binary(max_size=6) | st.sampled_from([b"\0", b"\t", b"\xff", b"\r", b"\xc2\x85"])
    )
    return draw(
        st.sampled_from(
            [
                data[:at] + some + data[at:],
                data[:at],
                data[at:],
                data[:at] + data[at + 1 :],
                "".join([*lines[: first + 1], *lines[second:]]).encode(),
                "".join([*lines, lines[first]]).encode(),
                "".join([*lines[:first], " " + lines[first], *lines[first + 1 :]]).encode(),
                b"\xef\xbb\xbf" + data,
                text.encode(draw(st.sampled_from(["utf-16", "utf-32", "utf-16-le", "cp037"]))),
                text.replace("\n", "\r\n").encode(),
                data + b"---\n" + data,
                b"%YAML 1.1\n---\n" + data,
                data * draw(st.integers(2, 40)),
            ]
        )
    )


DOCUMENTS = ONE_VALUE | mangled()
