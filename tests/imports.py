"""Which of the project's own modules a module imports, read from its source."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("stages", "tabnet")


def modules() -> list[str]:
    """Every module of the project, by dotted name."""
    files = [f for package in PACKAGES for f in (ROOT / package).rglob("*.py")]
    return sorted(_name(file) for file in files)


def _name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def source(module: str) -> Path:
    """The file of a module."""
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def imported(module: str) -> frozenset[str]:
    """All modules named in import statements, at any depth of the code; packages included."""
    known = frozenset(modules())
    found: set[str] = set()
    for name in _imports(module):
        parts = name.split(".")
        found |= {".".join(parts[:i]) for i in range(1, len(parts) + 1)}
    return frozenset(found & known) if module in known else frozenset()


def external(module: str) -> frozenset[str]:
    """The top-level packages that a module imports, the project's own left out."""
    return frozenset(name.split(".")[0] for name in _imports(module)) - frozenset(PACKAGES)


def _imports(module: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source(module).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute here"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def reached(module: str) -> frozenset[str]:
    """A module and all that it imports, directly or not, with the packages they lie in."""
    seen: set[str] = set()
    parts = module.split(".")
    pending = {".".join(parts[:i]) for i in range(1, len(parts) + 1)}
    while pending:
        name = pending.pop()
        seen.add(name)
        pending |= imported(name) - seen
    return frozenset(seen)
