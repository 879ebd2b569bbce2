"""How the kernel is compiled: Numba's options, and where compiled code is kept between processes.

Compiled code lies in a folder named after the content of this package's sources: a change in any
of them compiles anew (Numba by itself looks at the file of the function alone), and a copy of the
repository somewhere else does not. The folder is in NUMBA_CACHE_DIR if that is set, else in the
user's cache folder (~/.cache/tabnet on Linux); where neither can be written, nothing is kept.
"""

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core import caching
from numba.misc.appdirs import AppDirs

F = TypeVar("F", bound=Callable[..., Any])

# Sums may be reordered (they vectorise then) and products fused into them, in one fixed way that
# compiling chooses. NaN and infinity keep their meaning: a diverged loss must be seen.
_FASTMATH = {"reassoc", "contract", "nsz"}


def compiled(function: F) -> F:
    """Compile for the CPU, as a part of an entry point."""
    jitted: F = _njit()(function)
    return jitted


def inlined(function: F) -> F:
    """Make a function that mostly calls others a part of its caller, to be compiled once, there."""
    jitted: F = _njit(inline="always")(function)
    return jitted


def spliced(function: F) -> F:
    """Compile a function that is called in a loop: without a call, into the loop."""
    jitted: F = _njit(forceinline=True)(function)
    return jitted


def entry_point(function: F) -> F:
    """Compile a function that Python calls, without the GIL, and keep it on disk."""
    jitted = _njit(no_cpython_wrapper=False)(function)
    if folder() is not None:
        jitted._cache = _Cache(jitted.py_func)  # type: ignore[no-untyped-call]
    checked: F = jitted
    return checked


def _njit(**more: Any) -> Any:
    options: dict[str, Any] = {
        "fastmath": _FASTMATH,
        "error_model": "numpy",
        "nogil": True,
        "no_cpython_wrapper": True,
        "no_cfunc_wrapper": True,
        # No array is made in compiled code, and Python holds all that it is given: counting their
        # references at each call would take a sixth of an iteration.
        "_nrt": False,
    }
    return numba.njit(**(options | more))


@cache
def source_digest() -> str:
    """A digest of the kernel's sources and the compiler, by which compiled code is found."""
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@cache
def folder() -> Path | None:
    """Where compiled code is kept, made if need be; None if it cannot be written."""
    user: Any = AppDirs("tabnet", appauthor=False)
    base = os.environ.get("NUMBA_CACHE_DIR") or user.user_cache_dir
    path = Path(base) / f"kernel-{source_digest()}"
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    # As it will be written: by what the process may, which can be more than what its user may.
    effective = os.access in os.supports_effective_ids
    return path if os.access(path, os.W_OK, effective_ids=effective) else None


class _Locator(caching._CacheLocator):
    """Tells Numba's cache to look for a function by the package's content."""

    def get_cache_path(self) -> str:
        return str(folder())

    def get_source_stamp(self) -> str:
        return source_digest()

    def get_disambiguator(self) -> str:
        return "kernel"

    @classmethod
    def from_function(cls, py_func: Callable[..., Any], py_file: str) -> "_Locator":
        return cls()


class _CacheImpl(caching.CompileResultCacheImpl):
    _locator_classes = (_Locator,)  # type: ignore[assignment]


class _Cache(caching.FunctionCache):
    _impl_class = _CacheImpl
