"""Reading a small YAML file that a person wrote, and showing a value as that person wrote it."""

import os
from collections.abc import Iterable
from pathlib import Path

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

MAX_FILE_BYTES = 2**20
MAX_NESTING = 20


def parse(path: str | os.PathLike[str]) -> dict[object, object]:
    """The mapping that a file of plain YAML 1.2 holds: no alias, no tag, no key twice.

    Raises:
        OSError: the file cannot be read.
        ValueError: it holds something else; one line that names the file.
    """
    # DVC reads YAML 1.2 by this very parser. PyYAML reads YAML 1.1, where `1e-6` is a string and
    # `yes` is true: the pipeline would run on other values than DVC records and shows.
    yaml = YAML(typ="safe", pure=True)
    text = _text(path)
    try:
        _check_plain(yaml.parse(text))
        data = yaml.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}: " if mark is not None else ""
        raise ValueError(f"{path}: {line}{squeeze(error.problem or error)}") from None
    except (YAMLError, ValueError, TypeError) as error:  # numbers too long, mappings for keys
        raise ValueError(f"{path}: must be readable YAML, however: {squeeze(error)}") from None
    if isinstance(data, dict):
        return data
    raise ValueError(f"{path}: must be a mapping of sections, however: {show(data)}")


def _text(path: str | os.PathLike[str]) -> str:
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise OSError(f"{path}: must be a readable file, however: {error.strerror}") from None
    if len(data) > MAX_FILE_BYTES:
        raise ValueError(f"{path}: must have at most {MAX_FILE_BYTES} bytes, however: it has more")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: must be UTF-8, however: {error.reason}") from None


def _check_plain(events: Iterable[Event]) -> None:
    depth = 0
    for event in events:
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        found = _not_plain(event, depth)
        if found:
            problem = f"must be plain YAML, however: {found}"
            raise MarkedYAMLError(problem=problem, problem_mark=event.start_mark)


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


def squeeze(value: object) -> str:
    """The value's text in one line."""
    return " ".join(str(value).split())
