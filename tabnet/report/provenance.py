"""What a report was made from: parameters, files by their hashes, libraries by their versions."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import vl_convert

from tabnet import tables
from tabnet.files import digest
from tabnet.report.explanation import Explanation

# Of params.yaml, those that decide what a report shows, but for how it is drawn.
SECTIONS = ("generate", "model", "train", "explain", "evaluate", "trust")
LIBRARIES = ("altair", "vl-convert-python", "numpy", "pandas", "pyarrow", "Jinja2")

Pairs = list[tuple[str, str]]
Blocks = list[dict[str, str | Pairs]]


def files(paths: Iterable[Path]) -> Pairs:
    """Each Parquet file's name, number of rows and SHA-256, sorted by name."""
    known = sorted(paths, key=lambda path: path.name)
    with ThreadPoolExecutor() as pool:
        digests = list(pool.map(digest, known))
    return [
        (path.name, f"{tables.rows(path):,} rows, {found.hex()}")
        for path, found in zip(known, digests, strict=True)
    ]


def libraries() -> Pairs:
    """The versions of what drew the report."""
    # Without its patch level, which changes no result: reports are the same bytes on all of them.
    found = [("Python", ".".join(platform.python_version_tuple()[:2]))]
    found += [(name, version(name)) for name in LIBRARIES]
    return [*found, ("Vega", str(vl_convert.get_vega_version()))]


def parameters(tree: Mapping[str, object], prefix: str = "") -> Pairs:
    """Nested parameters as dotted names and their values.

    >>> parameters({"train": {"epochs": 60, "seeds": (1, 2)}})
    [('train.epochs', '60'), ('train.seeds', '1, 2')]
    """
    rows: Pairs = []
    for key, value in tree.items():
        if isinstance(value, Mapping):
            rows += parameters(value, f"{prefix}{key}.")
        elif isinstance(value, (list, tuple)):
            rows.append((f"{prefix}{key}", ", ".join(map(str, value))))
        else:
            rows.append((f"{prefix}{key}", str(value)))
    return rows


def of_folder(explanation: Explanation) -> Blocks:
    """The page's provenance: the files that it was drawn from, and the libraries."""
    known = list(explanation.folder.glob("*.parquet"))
    known += [path for path in (explanation.values, explanation.relevance) if path is not None]
    return [
        {"title": "Files: rows, SHA-256", "rows": files(known)},
        {"title": "Libraries", "rows": libraries()},
    ]


def of_pipeline(explanation: Explanation, params: Mapping[str, object]) -> Blocks:
    """The same, and the parameters of the stages before the report."""
    tree = {section: params[section] for section in SECTIONS}
    return [{"title": "Parameters", "rows": parameters(tree)}, *of_folder(explanation)]
