"""Which files decide what a stage does: the modules that it imports, and what pages are drawn with.

The stages of the pipeline depend on these files' digests and on no other code, so that editing a
chart retrains nothing.
"""

import ast
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("stages", "tabnet")
PAGES = (".conf", ".css", ".jinja", ".js")


def stages() -> list[str]:
    """The names of the pipeline's stages, of which each is a module of `stages`."""
    return sorted(file.stem for file in (ROOT / "stages").glob("[!_]*.py"))


@cache
def modules() -> tuple[str, ...]:
    """Every module of the project, by dotted name."""
    files = [f for package in PACKAGES for f in (ROOT / package).rglob("*.py")]
    return tuple(sorted(_name(file) for file in files))


def _name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def source(module: str) -> Path:
    """The file of a module."""
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def named(module: str) -> tuple[str, ...]:
    """All that a module's import statements name, at any depth of the code."""
    found: list[str] = []
    for node in _statements(ast.parse(source(module).read_bytes())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute here"
            assert node.module is not None
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(found)


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """All statements in a module or statement; to walk through expressions takes far longer."""
    for name in ("body", "orelse", "finalbody", "handlers", "cases"):
        for statement in getattr(node, name, ()):
            yield statement
            yield from _statements(statement)


@cache
def imported(module: str) -> frozenset[str]:
    """The project's modules that a module imports, with the packages that they lie in."""
    return frozenset(package for name in named(module) for package in _packages(name))


def _packages(name: str) -> Iterator[str]:
    """`a`, `a.b` and `a.b.c` of a.b.c, as far as they are the project's."""
    parts = name.split(".")
    known = modules()
    yield from (part for i in range(len(parts)) if (part := ".".join(parts[: i + 1])) in known)


def reached(module: str) -> frozenset[str]:
    """A module and all of the project's that it imports, directly or not."""
    seen: set[str] = set()
    pending = set(_packages(module))
    while pending:
        name = pending.pop()
        seen.add(name)
        pending |= imported(name) - seen
    return frozenset(seen)


def files(module: str) -> list[Path]:
    """The files of all modules reached, and the templates, styles and scripts beside them."""
    found = {source(name) for name in reached(module)}
    pages = {file for folder in {f.parent for f in found} for file in folder.iterdir()}
    return sorted(found | {file for file in pages if file.suffix in PAGES})


def digests(module: str) -> str:
    """A line for each of these files, which `sha256sum --check` understands."""
    lines = [
        f"{sha256(file.read_bytes()).hexdigest()}  {file.relative_to(ROOT).as_posix()}\n"
        for file in files(module)
    ]
    return "".join(lines)
