"""Where Python enters compiled code, which is kept as machine code between processes.

Numba compiles it. But to import Numba, and to find and to link what it would keep by itself, takes
longer than a short run computes; so what it has compiled is kept here, a file an entry point, and
LLVM alone loads it.

The files lie in a folder named after the content of this package's sources: a change in any of
them compiles anew, and a copy of the repository somewhere else does not. The folder is in
NUMBA_CACHE_DIR if that is set, else in the user's cache folder (~/.cache/tabnet on Linux); where it
cannot be written, nothing is kept, and what is damaged is compiled anew.
"""

import ctypes
import hashlib
import os
from array import array
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from threading import Lock

import llvmlite.binding as llvm
import numpy as np
from platformdirs import user_cache_path

from tabnet import files

# Numba's settings are variables of the environment: with some of them it compiles other code.
_SETTINGS, _NO_SETTING = "NUMBA_", "NUMBA_CACHE_DIR"

Argument = object  # a number, a C-contiguous array, or a tuple of arguments
# An entry point's machine code: its own, and that of a function `CALLER` that takes the address of
# all arguments' slots, one after the other, and returns 0. A slot has 64 bits and holds a number
# or, of an array, one of the things that Numba knows of it (see `_append`).
Objects = tuple[bytes, bytes]
CALLER = "call"


def entry_point(find: Callable[[], Callable[..., None]]) -> "Call":
    """A compiled function: called without the GIL; loaded, or even compiled, when it first is.

    `find` has its name, and imports and returns what Numba compiles, which returns nothing. For
    arguments of other types it is compiled once more.
    """
    return Call(_Function(find), (), array("q"), [])


class _Function:
    def __init__(self, find: Callable[[], Callable[..., None]]) -> None:
        self.name = f"{find.__module__}.{find.__name__}"
        self._find = find
        self._loading = Lock()
        self.loaded: dict[tuple[str, ...], Callable[[int], int]] = {}  # by types of arguments

    def run(self, call: "Call") -> None:
        types = tuple(call.types)
        function = self.loaded.get(types) or self._load(types, call.arguments)
        if status := function(call.slots.buffer_info()[0]):
            raise RuntimeError(f"{self.name}: status {status}")

    def _load(
        self, types: tuple[str, ...], arguments: tuple[Argument, ...]
    ) -> Callable[[int], int]:
        with self._loading:
            if types not in self.loaded:
                path = _path(self.name, types)
                objects = _kept(path)
                if objects is None:
                    from tabnet.kernel.compiled import machine_code

                    objects = machine_code(self._find(), arguments)
                    with suppress(OSError):
                        _keep(path, objects)
                self.loaded[types] = _linked(objects)
        return self.loaded[types]


@dataclass(frozen=True, eq=False)
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
    """What LLVM loads code for, and compiles the callers: this kind of processor."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    return target.create_target_machine(jit=True)


def _linked(objects: Objects) -> Callable[[int], int]:
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


def _path(name: str, types: tuple[str, ...]) -> Path:
    digest = hashlib.sha256(" ".join(types).encode()).hexdigest()[:16]
    return folder() / f"{name}-{digest}-{target()}"


def _kept(path: Path) -> Objects | None:
    """What is kept there, if it is whole: a digest, the first object's size, and both objects."""
    with suppress(OSError, ValueError):
        digest, size, code = path.read_bytes().split(b"\n", 2)
        if digest.decode("ascii") == hashlib.sha256(code).hexdigest():
            return code[: int(size)], code[int(size) :]
    return None


def _keep(path: Path, objects: Objects) -> None:
    code = b"".join(objects)
    head = f"{hashlib.sha256(code).hexdigest()}\n{len(objects[0])}\n"
    files.write_bytes(path, head.encode() + code)


@cache
def target() -> str:
    """A digest of the processor and system that code is compiled for, and of Numba's settings."""
    parts = [llvm.get_process_triple(), llvm.get_host_cpu_name()]
    parts += [llvm.get_host_cpu_features().flatten()]
    settings = {name for name in os.environ if name.startswith(_SETTINGS)} - {_NO_SETTING}
    parts += [f"{name}={os.environ[name]}" for name in sorted(settings)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


@cache
def source_digest() -> str:
    """A digest of the kernel's sources and of what compiles and loads, by which code is found."""
    versions = [version("numba"), ".".join(map(str, llvm.llvm_version_info))]
    digest = hashlib.sha256(" ".join(versions).encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def folder() -> Path:
    """Where compiled code is kept, if it can be."""
    base = os.environ.get("NUMBA_CACHE_DIR") or user_cache_path("tabnet", appauthor=False)
    return Path(base) / f"kernel-{source_digest()}"
