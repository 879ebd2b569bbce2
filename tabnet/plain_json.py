"""JSON for people and for `dvc metrics`: sorted keys, six digits, null for what is not defined.

And reading what was so written, to the types that the reader needs.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from pydantic import TypeAdapter, ValidationError

from tabnet import files
from tabnet.errors import InputError

T = TypeVar("T")


def text(value: Mapping[str, object]) -> str:
    """Nested mappings of numbers and texts as JSON, the same text each time, a newline at its end.

    >>> print(text({"b": 1 / 3, "a": {"n": 2, "nothing": float("nan")}}), end="")
    {
      "a": {
        "n": 2,
        "nothing": null
      },
      "b": 0.333333
    }
    """
    return json.dumps(_readable(value), indent=2, sort_keys=True, allow_nan=False) + "\n"


def _readable(value: object) -> object:
    """Six significant digits; null where a score is not defined, since JSON has no NaN."""
    if isinstance(value, Mapping):
        return {key: _readable(inner) for key, inner in value.items()}
    if value is None or isinstance(value, int | str):
        return value
    assert isinstance(value, float)
    return float(f"{value:.6g}") if math.isfinite(value) else None


def read(path: Path, kind: type[T], *, what: str) -> T:
    """What a JSON file holds, in the types of `kind`, which pydantic checks.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no JSON (UTF-8, no name twice, no NaN), or not `what` it must have; one
            line that names the file.
    """
    content = files.read_bytes(path)
    try:
        found = json.loads(content.decode(), object_pairs_hook=_distinct, parse_constant=_refuse)
        json.dumps(found, ensure_ascii=False).encode()  # half a character cannot be written again
    except RecursionError:
        raise InputError(f"{path}: must be JSON, however: it is nested too deeply") from None
    except ValueError as error:
        raise InputError(f"{path}: must be JSON, however: {error}") from None
    try:
        return TypeAdapter(kind).validate_python(found)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = "".join(f"{part}: " for part in first["loc"])[:80]
        message = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{path}: must have {what}, however: {where}{message}") from None


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice[:40]!r} is there twice")
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is none of its numbers")
