"""Vector registers as values of compiled code: what a matrix product is made of.

Numba vectorises simple loops by itself, but keeps no block of results in registers through a
product's inner loop; with a type for a register, that is a few lines. A `Vector` exists in compiled
code only. It has LANES float32, as many as the CPU's registers hold.
"""

from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

_HOST = llvm.get_host_cpu_features()
LANES = 16 if _HOST.get("avx512f") else 8 if _HOST.get("avx") else 4

_REGISTER = ir.VectorType(ir.FloatType(), LANES)


class Vector(types.Type):
    """The Numba type of a register."""

    def __init__(self) -> None:
        super().__init__(f"Vector{LANES}")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, numba_type: Vector) -> None:
        super().__init__(manager, numba_type, _REGISTER)  # type: ignore[no-untyped-call]


_VECTOR = Vector()


def _operation(build: Callable[..., Any]) -> Callable[..., Any]:
    """A function of compiled code: `build` gives its type and what writes its instructions."""
    operation: Callable[..., Any] = intrinsic(build)
    return operation


@_operation
def zeros(typing_context: Any) -> Any:
    """A register of zeros."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return ir.Constant(_REGISTER, [0.0] * LANES)

    return _VECTOR(), generate


@_operation
def load(typing_context: Any, array: Any, row: Any, column: Any) -> Any:
    """array[row, column : column + LANES] of a C-contiguous float32 matrix."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(_pointer(context, builder, signature, args), align=4)

    return _VECTOR(array, types.intp, types.intp), generate


@_operation
def store(typing_context: Any, array: Any, row: Any, column: Any, vector: Any) -> Any:
    """array[row, column : column + LANES] = vector."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[3], _pointer(context, builder, signature, args), align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, _VECTOR), generate


@_operation
def scale_add(typing_context: Any, scalar: Any, x: Any, y: Any) -> Any:
    """scalar * x + y, rounded once where the CPU can."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        scalar, x, y = args
        return _multiply_add(builder, _broadcast(builder, scalar), x, y)

    return _VECTOR(types.float32, _VECTOR, _VECTOR), generate


@_operation
def multiply_add(typing_context: Any, x: Any, y: Any, z: Any) -> Any:
    """x * y + z by element, rounded once where the CPU can."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _multiply_add(builder, *args)

    return _VECTOR(_VECTOR, _VECTOR, _VECTOR), generate


@_operation
def total(typing_context: Any, x: Any) -> Any:
    """The sum of a register's elements."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        scalar = ir.FloatType()
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(scalar, [scalar, _REGISTER]),
            f"llvm.vector.reduce.fadd.v{LANES}f32",
        )
        return builder.call(function, [ir.Constant(scalar, 0.0), args[0]], fastmath=("reassoc",))

    return types.float32(_VECTOR), generate


def _pointer(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    kind = signature.args[0]
    array = context.make_array(kind)(context, builder, args[0])
    item = cgutils.get_item_pointer(context, builder, kind, array, args[1:3], wraparound=False)
    return builder.bitcast(item, _REGISTER.as_pointer())


def _multiply_add(builder: Any, x: Any, y: Any, z: Any) -> Any:
    flags = ("contract",)
    return builder.fadd(builder.fmul(x, y, flags=flags), z, flags=flags)


def _broadcast(builder: Any, scalar: Any) -> Any:
    undefined = ir.Constant(_REGISTER, ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0))
    everywhere = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(first, undefined, everywhere)
