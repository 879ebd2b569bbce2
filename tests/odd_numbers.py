"""JSON and CSV as no stage writes them, made from files that one wrote."""

import csv
import io
import json
import random
from collections.abc import Iterator
from typing import Any

# In the place of a value: of another type, or none of the numbers that a score can be.
VALUES = [
    *("null", "true", '"x"', '"0.5"', "[]", "{}", "[0.5]", '{"mean": 0.5}', "NaN", "-Infinity"),
    *("1e999", "-1e999", "1e308", "-0.0", "5e-324", "9" * 400, "1" + "0" * 5000, "1.", "01", "0x1"),
    *('"\\ud800"', '"<script>"', '"' + "y" * 10**5 + '"', "[" * 10**5 + "]" * 10**5, "'x'", ""),
]
CELLS = ["", "x", "nan", "inf", "-1e999", "1e308", "-1", "1.5", "True", "1_0", "0x1", "9" * 400]
CELLS += ["1,1", '"', '"1', "\0", "1\r2", "\u0661", " 1 ", "y" * 140_000]
WHOLE = [b"", b"\n", b"null", b"[]", b"{}", b"1", b'"x"', b"\xff\xfe{}", b"\0", b"a" * 10**6]
WHOLE += [b"[" * 10**6, b'{"a":' * 10**5 + b"1" + b"}" * 10**5, b"," * 10**5, b'"' * 10**5]
Tree = Any
HOLE = "A-HOLE"


def damaged(whole: bytes, *, cuts: int, flips: int) -> Iterator[bytes]:
    """The file cut at so many places, and with one bit flipped at so many, evenly or at random."""
    for cut in range(min(cuts, len(whole))):
        yield whole[: len(whole) * cut // min(cuts, len(whole))]
    generator = random.Random(0)
    for _ in range(flips):
        at, bit = generator.randrange(len(whole)), generator.randrange(8)
        yield whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :]
    yield from WHOLE
    yield b"\xef\xbb\xbf" + whole
    yield whole + whole
    yield whole.replace(b'"', b"'")


def of_json(whole: bytes) -> Iterator[bytes]:
    """The file with each value replaced by each odd one, left out, or named twice."""
    tree = json.loads(whole)
    for place in _places(tree):
        for value in VALUES:
            yield json.dumps(_changed(tree, place, HOLE)).replace(f'"{HOLE}"', value).encode()
        if place:
            yield json.dumps(_changed(tree, place, None, leave=True)).encode()
            name = json.dumps(place[-1])
            twice = json.dumps(_changed(tree, place, HOLE))
            if isinstance(place[-1], str):
                yield twice.replace(f'"{HOLE}"', f"1, {name}: 1").encode()


def of_csv(whole: bytes) -> Iterator[bytes]:
    """The file with a cell of each column replaced by each odd one, and other columns and rows."""
    rows = list(csv.reader(io.StringIO(whole.decode())))
    lines = whole.decode().splitlines(keepends=True)
    for column in range(len(rows[0])):
        for line in (0, 1, len(rows) - 1):
            for cell in CELLS:
                cells = [*rows[line][:column], cell, *rows[line][column + 1 :]]
                yield "".join([*lines[:line], ",".join(cells), "\n", *lines[line + 1 :]]).encode()
        yield _csv([[c for i, c in enumerate(row) if i != column] for row in rows])
        yield _csv([[*row, row[column]] for row in rows])
    yield _csv([row[::-1] for row in rows])
    yield _csv([*rows, rows[-1]])
    yield _csv([rows[0]])
    yield _csv(rows[1:])
    yield _csv([rows[0], *rows[:0:-1]])
    yield _csv([rows[0], *([*row, "1"] for row in rows[1:])])
    yield _csv([rows[0], *(row[:-1] for row in rows[1:])])
    yield whole.replace(b"\n", b"\r\n")
    yield whole.replace(b",", b";")


def _csv(rows: list[list[str]]) -> bytes:
    return "".join(",".join(row) + "\n" for row in rows).encode()


def _places(tree: Tree) -> Iterator[tuple[str | int, ...]]:
    yield ()
    if not isinstance(tree, (dict, list)):
        return
    for key, inner in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield from ((key, *place) for place in _places(inner))


def _changed(tree: Tree, place: tuple[str | int, ...], value: Tree, *, leave: bool = False) -> Tree:
    if not place:
        return value
    key, *rest = place
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    if leave and not rest:
        del copy[key]  # type: ignore[arg-type]
    else:
        copy[key] = _changed(tree[key], tuple(rest), value, leave=leave)  # type: ignore[index]
    return copy
