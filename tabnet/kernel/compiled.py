"""How the kernel is compiled: Numba's options, and the machine code that comes of it."""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import llvmlite.binding as llvm
import numba
from llvmlite import ir
from numba.core.registry import cpu_target

from tabnet.kernel.entry_points import CALLER, machine

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile for the CPU: an entry point, or a part of one."""
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


def _njit(**more: Any) -> Any:
    options: dict[str, Any] = {
        # No sum is reordered, and only products of vectors are fused into sums: what the processor
        # would decide are other results on each. NaN means what it does: a diverged loss is seen.
        "fastmath": False,
        "error_model": "numpy",
        "no_cpython_wrapper": True,
        "no_cfunc_wrapper": True,
        # No array is made in compiled code, and Python holds all that it is given: counting their
        # references at each call would take a sixth of an iteration.
        "_nrt": False,
    }
    return numba.njit(**(options | more))


def machine_code(function: Any, arguments: tuple[object, ...]) -> tuple[bytes, bytes]:
    """An entry point for arguments like these as objects to link: its own, and its `CALLER`."""
    types = tuple(numba.typeof(argument) for argument in arguments)
    function.compile(types)
    result = function.overloads[types]
    _, _, (code, linked) = result.library.serialize_using_object_code()
    _check_calls(llvm.parse_bitcode(linked))
    return code, _caller(result.fndesc)


def _check_calls(module: llvm.ModuleRef) -> None:
    """Only LLVM's and C's functions may be called: Numba's are not there when it is not."""
    names = [function.name for function in module.functions if function.is_declaration]
    c = ctypes.CDLL(None)
    missing = [name for name in names if not name.startswith("llvm.") and not hasattr(c, name)]
    if missing:
        raise TypeError(f"compiled code may call LLVM's and C's functions only, however: {missing}")


def _caller(function: Any) -> bytes:
    """The code of the function that takes arguments out of their slots and calls this one."""
    calls = cpu_target.target_context.call_conv
    kind = calls.get_function_type(function.restype, function.argtypes)
    module, slot = ir.Module(), ir.IntType(64)
    called = ir.Function(module, kind, function.llvm_func_name)
    caller = ir.Function(module, ir.FunctionType(kind.return_type, [slot.as_pointer()]), CALLER)
    builder = ir.IRBuilder(caller.append_basic_block())
    result, exception, *takes = kind.args
    arguments = [builder.alloca(result.pointee), builder.alloca(exception.pointee)]
    for i, taken in enumerate(takes):
        address = builder.gep(caller.args[0], [ir.Constant(slot, i)])
        arguments.append(_from_slot(builder, builder.load(address), taken))
    with _without_subnormals(builder):
        status = builder.call(called, arguments)
    builder.ret(status)
    found: bytes = machine().emit_object(llvm.parse_assembly(str(module)))
    return found


@contextmanager
def _without_subnormals(builder: Any) -> Iterator[None]:
    """In between, numbers below 1.2e-38 are 0 where they would take long: on an x86.

    What fades away in training, gradients and their averages, ends in such numbers, and with them
    an operation can take a hundred times as long.
    """
    if not llvm.Target.from_default_triple().name.startswith("x86"):
        yield
        return
    # The control register: results are flushed to zero (bit 15), operands taken for zero (bit 6).
    register, byte = ir.IntType(32), ir.IntType(8).as_pointer()
    before, changed = builder.alloca(register), builder.alloca(register)
    kind = ir.FunctionType(ir.VoidType(), [byte])
    get, put = (ir.Function(builder.module, kind, f"llvm.x86.sse.{n}mxcsr") for n in ("st", "ld"))
    builder.call(get, [builder.bitcast(before, byte)])
    flags = ir.Constant(register, 1 << 15 | 1 << 6)
    builder.store(builder.or_(builder.load(before), flags), changed)
    builder.call(put, [builder.bitcast(changed, byte)])
    yield
    builder.call(put, [builder.bitcast(before, byte)])


def _from_slot(builder: Any, slot: Any, kind: Any) -> Any:
    if isinstance(kind, ir.PointerType):
        return builder.inttoptr(slot, kind)
    if isinstance(kind, ir.FloatType):
        return builder.bitcast(builder.trunc(slot, ir.IntType(32)), kind)
    return slot if kind == slot.type else builder.trunc(slot, kind)
