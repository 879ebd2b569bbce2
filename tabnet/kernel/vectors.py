"""Vector registers as values of compiled code: what a matrix product is made of.

Numba vectorises simple loops by itself, but keeps no block of results in registers through a
product's inner loop; with a type for a register, that is a few lines. A `Vector` exists in compiled
code only. It has LANES float32, as many as the CPU's registers hold.
"""

from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

_HOST = llvm.get_host_cpu_features()
LANES = 16 if _HOST.get("avx512f") else 8 if _HOST.get("avx") else 4

_REGISTER = ir.VectorType(ir.FloatType(), LANES)


class Vector(types.Type):  # type: ignore[misc]
    """The Numba type of a register."""

    def __init__(self) -> None:
        super().__init__(name=f"Vector{LANES}")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, numba_type: Vector) -> None:
        super().__init__(manager, numba_type, _REGISTER)


_VECTOR = Vector()


@intrinsic
def zeros(typing_context):  # type: ignore[no-untyped-def]
    """A register of zeros."""

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return ir.Constant(_REGISTER, [0.0] * LANES)

    return _VECTOR(), generate


@intrinsic
def load(typing_context, array, row, column):  # type: ignore[no-untyped-def]
    """array[row, column : column + LANES] of a C-contiguous float32 matrix."""

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.load(_pointer(context, builder, signature, args), align=4)

    return _VECTOR(array, types.intp, types.intp), generate


@intrinsic
def store(typing_context, array, row, column, vector):  # type: ignore[no-untyped-def]
    """array[row, column : column + LANES] = vector."""

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        builder.store(args[3], _pointer(context, builder, signature, args), align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, _VECTOR), generate


@intrinsic
def scale_add(typing_context, scalar, x, y):  # type: ignore[no-untyped-def]
    """scalar * x + y, rounded once where the CPU can."""

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        scalar, x, y = args
        return _multiply_add(builder, _broadcast(builder, scalar), x, y)

    return _VECTOR(types.float32, _VECTOR, _VECTOR), generate


@intrinsic
def multiply_add(typing_context, x, y, z):  # type: ignore[no-untyped-def]
    """x * y + z by element, rounded once where the CPU can."""

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return _multiply_add(builder, *args)

    return _VECTOR(_VECTOR, _VECTOR, _VECTOR), generate


@intrinsic
def total(typing_context, x):  # type: ignore[no-untyped-def]
    """The sum of a register's elements."""

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
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
