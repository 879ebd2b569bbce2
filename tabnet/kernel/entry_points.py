"""Where Python enters compiled code, which is kept as machine code between processes.

Numba compiles it. But to import Numba, and to find and to link what it would keep by itself, takes
longer than a short run computes; so what it has compiled is kept here, a file an entry point, and
LLVM alone loads it.

The files lie in a folder named after the content of this package's sources: a change in any of
them compiles anew, and a copy of the repository somewhere else does not. The folder is in
NUMBA_CACHE_DIR if that is set, else in the user's cache folder (~/.cache/tabnet on Linux); where
neither can be written, nothing is kept.
"""

import ctypes
import hashlib
import json
import os
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import llvmlite.binding as llvm
import numpy as np
from platformdirs import user_cache_path

from tabnet import files

# With these Numba compiles for another processor than this one.
_SETTINGS = ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "NUMBA_ENABLE_AVX")

Argument = object  # a number, a C-contiguous array, or a tuple of arguments


class MachineCode(NamedTuple):
    """An entry point's machine code.

    Its function `CALLER` takes the address of all arguments' slots, one after the other, and
    returns 0; `takes` are the arguments' types. A slot has 64 bits and holds a number or, of
    an array, what Numba knows of it (see `_append`).
    """

    takes: tuple[str, ...]
    objects: tuple[bytes, ...]


CALLER = "call"


def entry_point(find: Callable[[], Callable[..., None]]) -> "Call":
    """A compiled function: called without the GIL; loaded, or even compiled, when it first is.

    `find` has its name, and imports and returns what Numba compiles, which returns nothing. The
    arguments have the same types in all calls.
    """
    return Call(_Function(find), (), array("q"), [])


class _Function:
    def __init__(self, find: Callable[[], Callable[..., None]]) -> None:
        self.name = find.__name__
        self._find = find
        self._loading = Lock()
        self._loaded: tuple[tuple[str, ...], Callable[[int], int]] | None = None

    def run(self, call: "Call") -> None:
        takes, function = self._loaded or self._load(call)
        # Wrong ones would be taken for what they are not, in any memory.
        if (*call.types,) != takes:
            raise TypeError(f"{self.name} takes {takes}, however: {call.types}")
        if status := function(call.slots.buffer_info()[0]):
            raise RuntimeError(f"{self.name}: status {status}")

    def _load(self, call: "Call") -> tuple[tuple[str, ...], Callable[[int], int]]:
        with self._loading:
            if self._loaded is None:
                code = _kept(self.name)
                if code is None:
                    from tabnet.kernel.compiled import machine_code

                    objects = machine_code(self._find(), call.arguments)
                    code = MachineCode((*call.types,), objects)
                    _keep(self.name, code)
                self._loaded = code.takes, _linked(code.objects)
        return self._loaded


@dataclass(frozen=True)
class Call:
    """A compiled function with its first arguments, or all."""

    function: _Function
    arguments: tuple[Argument, ...]
    slots: "array[int]"
    types: list[str]

    def __call__(self, *arguments: Argument) -> None:
        """Call it with these arguments after those that it has."""
        self.function.run(self.bound(*arguments))

    def bound(self, *arguments: Argument) -> "Call":
        """With these arguments after those that it has; to look at many takes a while."""
        slots, types = self.slots[:], self.types[:]
        for argument in arguments:
            _append(argument, slots, types)
        return Call(self.function, (*self.arguments, *arguments), slots, types)


def _append(argument: Argument, slots: "array[int]", types: list[str]) -> None:
    """Append an argument's slots, and its types."""
    if isinstance(argument, tuple):
        for part in argument:
            _append(part, slots, types)
    elif isinstance(argument, np.ndarray):
        if not argument.flags.c_contiguous:
            raise TypeError(f"arrays must be C-contiguous, however: strides {argument.strides}")
        types.append(f"{argument.dtype.str}{argument.ndim}")
        # No object owns its memory and none is its parent, as far as compiled code knows.
        slots.extend((0, 0, argument.size, argument.itemsize, argument.ctypes.data))
        slots.extend(argument.shape)
        slots.extend(argument.strides)
    elif isinstance(argument, np.float32):
        types.append("float32")
        slots.append(int(argument.view(np.int32)))
    elif not isinstance(argument, int):  # or bool
        raise TypeError(f"numbers must be int, bool or float32, however: {argument!r}")
    else:
        types.append(type(argument).__name__)
        slots.append(argument)


def machine() -> llvm.TargetMachine:
    """What LLVM writes and loads code for: this processor."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple().create_target_machine(jit=True)


def _linked(objects: tuple[bytes, ...]) -> Callable[[int], int]:
    """The function `CALLER` of the objects, in memory."""
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine())
    for code in objects:
        engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    prototype = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)
    function: Callable[[int], int] = prototype(engine.get_function_address(CALLER))
    return function


_engines: list[llvm.ExecutionEngine] = []  # whose memory the functions lie in


def _kept(name: str) -> MachineCode | None:
    """What is kept of an entry point, if anything is."""
    path = _path(name)
    if path is None or not path.exists():
        return None
    head, _, body = path.read_bytes().partition(b"\n")
    takes, sizes = json.loads(head)
    first, _ = sizes
    return MachineCode((*takes,), (body[:first], body[first:]))


def _keep(name: str, code: MachineCode) -> None:
    path = _path(name)
    if path is not None:
        head = json.dumps([code.takes, [*map(len, code.objects)]])
        files.write_bytes(path, b"\n".join([head.encode(), b"".join(code.objects)]))


def _path(name: str) -> Path | None:
    where = folder()
    return None if where is None else where / f"{name}-{target()}"


@cache
def target() -> str:
    """A digest of the processor that code is compiled for."""
    parts = [llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()]
    parts += [f"{name}={os.environ.get(name)}" for name in _SETTINGS]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


@cache
def source_digest() -> str:
    """A digest of the kernel's sources and the compiler, by which compiled code is found."""
    digest = hashlib.sha256(version("numba").encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@cache
def folder() -> Path | None:
    """Where compiled code is kept, made if need be; None if it cannot be written."""
    base = os.environ.get("NUMBA_CACHE_DIR") or user_cache_path("tabnet", appauthor=False)
    path = Path(base) / f"kernel-{source_digest()}"
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    # As it will be written: by what the process may, which can be more than what its user may.
    effective = os.access in os.supports_effective_ids
    return path if os.access(path, os.W_OK, effective_ids=effective) else None
