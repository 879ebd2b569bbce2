"""Where the project is, and which packages of others its modules import."""

from tabnet.stage_code import PACKAGES, ROOT, named

__all__ = ["ROOT", "external"]


def external(module: str) -> frozenset[str]:
    """The top-level packages that a module imports, the project's own left out."""
    return frozenset(name.split(".")[0] for name in named(module)) - frozenset(PACKAGES)
