"""Reading a small YAML file that a person wrote, and saying in one line what is wrong with it."""

import difflib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    NodeEvent,
)
from ruamel.yaml.parser import Parser

from tabnet.errors import InputError, squeeze

MAX_FILE_BYTES = 2**16  # five times what we have; the parser takes a second for them
MAX_NESTING = 20

_REQUIREMENTS = {
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "finite_number": "a finite number",
    "float_type": "a number",
    "greater_than": "greater than {gt:g}",
    "greater_than_equal": "at least {ge:.10g}",
    "int_type": "a whole number",
    "less_than": "less than {lt:g}",
    "less_than_equal": "at most {le:.10g}",
    "literal_error": "one of {expected}",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "string_type": "a string",
    "tuple_type": "a list",
}


def parse(path: str | os.PathLike[str]) -> dict[object, object]:
    """The mapping that a file of plain YAML 1.2 holds: no alias, no tag, no key twice.

    Raises:
        OSError: the file cannot be read.
        ValueError: it holds something else; one line that names the file.
    """
    # DVC reads YAML 1.2 by this library as well, in C, which knows tags and depths less exactly.
    # PyYAML reads YAML 1.1, where `1e-6` is a string and `yes` is true: the pipeline would run on
    # other values than DVC records and shows.
    yaml = YAML(typ="safe", pure=True)
    yaml.Parser = _PlainParser
    text = _text(path)
    try:
        data = yaml.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}: " if mark is not None else ""
        raise InputError(f"{path}: {line}{squeeze(error.problem or error)}") from None
    except (YAMLError, ValueError, TypeError) as error:  # numbers too long, mappings for keys
        raise InputError(f"{path}: must be readable YAML, however: {squeeze(error)}") from None
    if isinstance(data, dict):
        return data
    raise InputError(f"{path}: must be a mapping of sections, however: {show(data)}")


def _text(path: str | os.PathLike[str]) -> str:
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise OSError(f"{path}: must be a readable file, however: {error.strerror}") from None
    if len(data) > MAX_FILE_BYTES:
        raise InputError(f"{path}: must have at most {MAX_FILE_BYTES} bytes, however: it has more")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: must be UTF-8, however: {error.reason}") from None


class _PlainParser(Parser):
    """Refuses what is not plain YAML where it comes, before anything is made of it."""

    _depth = 0

    def get_event(self) -> Event:
        event: Event = super().get_event()
        self._depth += isinstance(event, CollectionStartEvent)
        self._depth -= isinstance(event, CollectionEndEvent)
        found = _not_plain(event, self._depth)
        if found:
            text = f"must be plain YAML, however: {found}"
            raise MarkedYAMLError(problem=text, problem_mark=event.start_mark)
        return event


def _not_plain(event: Event, depth: int) -> str | None:
    # Aliases of aliases grow exponentially, and nesting costs the parser quadratic time.
    if isinstance(event, AliasEvent):
        return "alias"
    if depth > MAX_NESTING:
        return f"more than {MAX_NESTING} levels"
    # Tags and directives change what a value is.
    if isinstance(event, NodeEvent) and getattr(event, "tag", None) is not None:
        return "tag"
    if isinstance(event, DocumentStartEvent) and (event.version or event.tags):
        return "directive"
    return None


def problem(error: ErrorDetails, model: type[BaseModel], *, under: tuple[str, ...] = ()) -> str:
    """An error of pydantic's in one line that names key, requirement and value.

    Args:
        model: the model of what was validated, whose keys are suggested for an unknown one.
        under: the keys that what was validated lies under; none for the whole file.
    """
    kind, context = error["type"], error.get("ctx", {})
    if kind == "invalid_key" or error["loc"][-1:] == ("[key]",):
        return f"a key must be a string, however: {show(error['input'])}"
    name = _dotted((*under, *error["loc"]))
    if kind == "value_error":
        text = str(context["error"])
        return f"{name}{'' if text.startswith('.') else ' '}{text}".lstrip(" ." if not name else "")
    if kind == "extra_forbidden":
        return f"{name} is not a known key{_suggestion(error['loc'], model, under)}"
    if kind == "literal_error":
        context = {"expected": str(context["expected"]).replace("'", "").replace(" or ", ", ")}
    requirement = _REQUIREMENTS.get(kind, error["msg"]).format(**context)
    return f"{name} must be {requirement}, however: {show(error['input'])}"


def _suggestion(loc: tuple[int | str, ...], model: type[BaseModel], under: tuple[str, ...]) -> str:
    *parents, key = loc
    kind: Any = model
    for parent in parents:
        # Of a mapping to models, any key leads to the same model.
        mapped = not isinstance(kind, type)
        kind = get_args(kind)[1] if mapped else kind.model_fields[str(parent)].annotation
    close = difflib.get_close_matches(str(key), kind.model_fields, n=1)
    if close:
        return f", did you mean {_dotted((*under, *parents, close[0]))}?"
    return f", the keys here are {join(kind.model_fields)}"


def _dotted(loc: tuple[int | str, ...]) -> str:
    return "".join(_parts(loc)).removeprefix(".")


def _parts(loc: tuple[int | str, ...]) -> Iterator[str]:
    for part in loc:
        if isinstance(part, int):
            yield f"[{part}]"
        else:
            yield f".{part}" if part.isidentifier() else f".{show(part)}"


def show(value: object) -> str:
    """The value as a person wrote it, in one short line."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int) and value.bit_length() > 64:
        return f"a number of {value.bit_length()} bits"
    try:
        text = squeeze(repr(value))
    except ValueError:  # Python refuses to write such numbers
        return f"a {type(value).__name__} of very long numbers"
    return text if len(text) <= 60 else f"{text[:57]}..."


def join(values: Iterable[object]) -> str:
    """The values in one line, of many the first."""
    shown = [str(value) for value in values]
    return ", ".join(shown if len(shown) <= 20 else [*shown[:20], "..."])
