"""Vector registers as values of compiled code.

Numba vectorises simple loops by itself, but checks at run time whether arrays overlap, finishes
what is left over row by row, and keeps no block of results in registers through a matrix product.
With a type for a register none of that is needed, and less is left to compile. A `Vector` exists
in compiled code only. It has LANES float32, as many as the CPU's registers hold; `+ - * /` work on
vectors and on a vector and a float32, which then stands for a vector of it.
"""

import operator
from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

_HOST = llvm.get_host_cpu_features()
LANES = 16 if _HOST.get("avx512f") else 8 if _HOST.get("avx") else 4

_SCALAR = ir.FloatType()
_REGISTER = ir.VectorType(_SCALAR, LANES)
_INTEGERS = ir.VectorType(ir.IntType(32), LANES)
_MANTISSA_BITS, _BIAS, _SQRT_HALF_BITS = 23, 127, 0x3F3504F3
# A product and the sum that it goes into may be rounded once, where the CPU can.
_FUSED = ("contract", "nsz")


Vector = Any  # in annotations: type checkers know nothing of compiled code


class VectorType(types.Type):
    """The Numba type of a register."""

    def __init__(self) -> None:
        super().__init__(f"Vector{LANES}")


@register_model(VectorType)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, numba_type: VectorType) -> None:
        super().__init__(manager, numba_type, _REGISTER)  # type: ignore[no-untyped-call]


_VECTOR = VectorType()
_OPERANDS = (_VECTOR, types.float32)


Builder = Any  # llvmlite's, which writes instructions
Value = Any  # and what it writes


def _registers(write: Callable[..., Value]) -> Callable[..., Value]:
    """The code of an operation from `write(builder, *registers)`; a float32 fills a register."""

    def generate(context: Any, builder: Builder, signature: Any, args: Any) -> Value:
        return write(builder, *(_broadcast(builder, value) for value in args))

    return generate


def _broadcast(builder: Builder, value: Value) -> Value:
    if value.type == _REGISTER:
        return value
    undefined = ir.Constant(_REGISTER, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, undefined, _integers(0))


def _integers(value: int) -> Value:
    return ir.Constant(_INTEGERS, [value] * LANES)


def _arithmetic(symbol: Any, instruction: str) -> None:
    """Give vectors an operator: one instruction on two registers."""

    class Typing(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            if _VECTOR in args and all(arg in _OPERANDS for arg in args):
                return signature(_VECTOR, *args)
            return None

    infer_global(symbol)(Typing)
    write = _registers(lambda builder, a, b: getattr(builder, instruction)(a, b, flags=_FUSED))
    for operands in ((a, b) for a in _OPERANDS for b in _OPERANDS if _VECTOR in (a, b)):
        lower_builtin(symbol, *operands)(write)


_arithmetic(operator.add, "fadd")
_arithmetic(operator.sub, "fsub")
_arithmetic(operator.mul, "fmul")
_arithmetic(operator.truediv, "fdiv")


def _operation(build: Callable[..., Any]) -> Callable[..., Any]:
    """A function of compiled code: `build` gives its type and what writes its instructions."""
    operation: Callable[..., Any] = intrinsic(build)
    return operation


@_operation
def zeros(typing_context: Any) -> Any:
    """A vector of zeros."""
    return _VECTOR(), lambda context, builder, signature, args: ir.Constant(
        _REGISTER, [0.0] * LANES
    )


@_operation
def load(typing_context: Any, array: Any, row: Any, column: Any) -> Any:
    """array[row, column : column + LANES] of a C-contiguous float32 matrix."""

    def generate(context: Any, builder: Builder, signature: Any, args: Any) -> Value:
        return builder.load(_pointer(context, builder, signature, args), align=4)

    return _VECTOR(array, types.intp, types.intp), generate


@_operation
def store(typing_context: Any, array: Any, row: Any, column: Any, vector: Any) -> Any:
    """array[row, column : column + LANES] = vector, which may be a float32."""

    def generate(context: Any, builder: Builder, signature: Any, args: Any) -> Value:
        pointer = _pointer(context, builder, signature, args)
        builder.store(_broadcast(builder, args[3]), pointer, align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, vector), generate


def _pointer(context: Any, builder: Builder, signature: Any, args: Any) -> Value:
    kind = signature.args[0]
    array = context.make_array(kind)(context, builder, args[0])
    item = cgutils.get_item_pointer(context, builder, kind, array, args[1:3], wraparound=False)
    return builder.bitcast(item, _REGISTER.as_pointer())


@_operation
def total(typing_context: Any, x: Any) -> Any:
    """The sum of a vector's elements, a float32."""

    def write(builder: Builder, x: Value) -> Value:
        add = _llvm(builder, f"vector.reduce.fadd.v{LANES}f32", _SCALAR, _SCALAR, _REGISTER)
        return builder.call(add, [ir.Constant(_SCALAR, 0.0), x], fastmath=("reassoc",))

    return types.float32(x), _registers(write)


@_operation
def totals(typing_context: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """The sums of four vectors' elements, in the first four elements of one.

    Neighbours are added up in all four at once, which takes a third of the instructions.
    """

    def write(builder: Builder, a: Value, b: Value, c: Value, d: Value) -> Value:
        sums = _add_neighbours(
            builder, _add_neighbours(builder, a, b), _add_neighbours(builder, c, d)
        )
        for _ in range(LANES.bit_length() - 3):
            sums = _add_neighbours(builder, sums, sums)
        return sums

    return _VECTOR(a, b, c, d), _registers(write)


def _add_neighbours(builder: Builder, a: Value, b: Value) -> Value:
    even, odd = (
        builder.shuffle_vector(
            a, b, ir.Constant(_INTEGERS, [2 * lane + odd for lane in range(LANES)])
        )
        for odd in (0, 1)
    )
    return builder.fadd(even, odd)


@_operation
def add_four(typing_context: Any, array: Any, row: Any, column: Any, vector: Any) -> Any:
    """array[row, column : column + 4] += the first four elements of a vector."""

    def generate(context: Any, builder: Builder, signature: Any, args: Any) -> Value:
        four = ir.VectorType(_SCALAR, 4)
        pointer = builder.bitcast(_pointer(context, builder, signature, args), four.as_pointer())
        first = ir.Constant(ir.VectorType(ir.IntType(32), 4), [0, 1, 2, 3])
        added = builder.shuffle_vector(args[3], args[3], first)
        builder.store(builder.fadd(builder.load(pointer, align=4), added), pointer, align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, vector), generate


@_operation
def select_greater(typing_context: Any, a: Any, b: Any, x: Any, y: Any) -> Any:
    """By element, x where a > b, else y."""

    def write(builder: Builder, a: Value, b: Value, x: Value, y: Value) -> Value:
        return builder.select(builder.fcmp_ordered(">", a, b), x, y)

    return _VECTOR(a, b, x, y), _registers(write)


@_operation
def any_greater(typing_context: Any, a: Any, b: Any) -> Any:
    """Whether a > b in any element."""

    def write(builder: Builder, a: Value, b: Value) -> Value:
        bits = builder.bitcast(builder.fcmp_ordered(">", a, b), ir.IntType(LANES))
        return builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0))

    return types.boolean(a, b), _registers(write)


@_operation
def maximum(typing_context: Any, a: Any, b: Any) -> Any:
    """The larger by element; a's NaN stays."""

    def write(builder: Builder, a: Value, b: Value) -> Value:
        return builder.select(builder.fcmp_ordered("<", a, b), b, a)

    return _VECTOR(a, b), _registers(write)


@_operation
def minimum(typing_context: Any, a: Any, b: Any) -> Any:
    """The smaller by element; a's NaN stays."""

    def write(builder: Builder, a: Value, b: Value) -> Value:
        return builder.select(builder.fcmp_ordered(">", a, b), b, a)

    return _VECTOR(a, b), _registers(write)


@_operation
def square_root(typing_context: Any, x: Any) -> Any:
    """The square root by element."""

    def write(builder: Builder, x: Value) -> Value:
        return builder.call(_llvm(builder, f"sqrt.v{LANES}f32", _REGISTER, _REGISTER), [x])

    return _VECTOR(x), _registers(write)


@_operation
def floor(typing_context: Any, x: Any) -> Any:
    """The largest whole number not above x, by element."""

    def write(builder: Builder, x: Value) -> Value:
        return builder.call(_llvm(builder, f"floor.v{LANES}f32", _REGISTER, _REGISTER), [x])

    return _VECTOR(x), _registers(write)


@_operation
def power_of_two(typing_context: Any, n: Any) -> Any:
    """2^n of whole numbers from -126 to 127: n makes up the number's exponent bits."""

    def write(builder: Builder, n: Value) -> Value:
        biased = builder.add(builder.fptosi(n, _INTEGERS), _integers(_BIAS))
        return builder.bitcast(builder.shl(biased, _integers(_MANTISSA_BITS)), _REGISTER)

    return _VECTOR(n), _registers(write)


@_operation
def exponent(typing_context: Any, x: Any) -> Any:
    """The n for which x / 2^n lies in [sqrt(1/2), sqrt(2)), of positive normal numbers."""

    def write(builder: Builder, x: Value) -> Value:
        bits = builder.sub(builder.bitcast(x, _INTEGERS), _integers(_SQRT_HALF_BITS))
        return builder.sitofp(builder.ashr(bits, _integers(_MANTISSA_BITS)), _REGISTER)

    return _VECTOR(x), _registers(write)


def _llvm(builder: Builder, name: str, returns: Any, *takes: Any) -> Value:
    kind = ir.FunctionType(returns, takes)
    return cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}")
