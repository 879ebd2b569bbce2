"""Vector registers as values of compiled code.

Numba vectorises simple loops by itself, but checks at run time whether arrays overlap, finishes
what is left over row by row, and keeps no block of results in registers through a matrix product.
With a type for a register none of that is needed, and less is left to compile. A `Vector` exists
in compiled code only. It has LANES float32, as many as the CPU's registers hold, or BLOCK, which
are a few registers: what is computed of each then goes side by side, and none waits for another.
`+ - * /` work on two vectors and on a vector and a float32, which then stands for a vector of it.
"""

import operator
from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

# Of the processor that Numba compiles for.
_FEATURES = config.CPU_FEATURES  # type: ignore[attr-defined]
if _FEATURES is None:
    _FEATURES = llvm.get_host_cpu_features().flatten()
LANES = 16 if "+avx512f" in _FEATURES else 8 if "+avx" in _FEATURES else 4
# With AVX-512 there are twice as many registers.
BLOCK = LANES * (4 if LANES == 16 else 2)

_SCALAR = ir.FloatType()
_MANTISSA_BITS, _SQRT_HALF_BITS = 23, 0x3F3504F3
_SHIFT = 1.5 * 2.0**_MANTISSA_BITS
# A product and the sum that it goes into may be rounded once, where the CPU can.
_FUSED = ("contract", "nsz")


Vector = Any  # in annotations: type checkers know nothing of compiled code


class VectorType(types.Type):
    """The Numba type of a vector of so many float32."""

    def __init__(self, count: int) -> None:
        super().__init__(f"Vector{count}")
        self.registers = ir.VectorType(_SCALAR, count)


@register_model(VectorType)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, numba_type: VectorType) -> None:
        registers = numba_type.registers
        super().__init__(manager, numba_type, registers)  # type: ignore[no-untyped-call]


_VECTOR, _BLOCK = VectorType(LANES), VectorType(BLOCK)


Builder = Any  # llvmlite's, which writes instructions
Value = Any  # and what it writes


def _elementwise(write: Callable[..., Value]) -> Callable[..., Value]:
    """The code of an operation from `write(builder, *vectors)`; a float32 fills a vector."""

    def generate(context: Any, builder: Builder, signature: Any, args: Any) -> Value:
        kind = _vector_type(signature.args)
        return write(builder, *(_broadcast(builder, value, kind.registers) for value in args))

    return generate


def _vector_type(kinds: Any) -> Any:
    """That of the vectors among the arguments, if there is one, and the same of all."""
    vectors = {kind for kind in kinds if isinstance(kind, VectorType)}
    others = {kind for kind in kinds if kind != types.float32} - vectors
    return vectors.pop() if len(vectors) == 1 and not others else None


def _broadcast(builder: Builder, value: Value, registers: Any) -> Value:
    if value.type == registers:
        return value
    undefined = ir.Constant(registers, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, undefined, _integers(0, registers.count))


def _integers(value: int, count: int) -> Value:
    return ir.Constant(ir.VectorType(ir.IntType(32), count), [value] * count)


def _numbers(value: float, count: int) -> Value:
    return ir.Constant(ir.VectorType(_SCALAR, count), [value] * count)


def _arithmetic(symbol: Any, instruction: str) -> None:
    """Give vectors an operator: one instruction on two of them."""

    class Typing(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            kind = _vector_type(args)
            return signature(kind, *args) if kind else None

    infer_global(symbol)(Typing)
    write = _elementwise(lambda builder, a, b: getattr(builder, instruction)(a, b, flags=_FUSED))
    for kind in (_VECTOR, _BLOCK):
        for operands in ((kind, kind), (kind, types.float32), (types.float32, kind)):
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
    return _VECTOR(), lambda context, builder, signature, args: _numbers(0, LANES)


@_operation
def zero_block(typing_context: Any) -> Any:
    """A block of zeros."""
    return _BLOCK(), lambda context, builder, signature, args: _numbers(0, BLOCK)


@_operation
def load(typing_context: Any, array: Any, row: Any, column: Any) -> Any:
    """array[row, column : column + LANES] of a C-contiguous float32 matrix."""
    return _VECTOR(array, types.intp, types.intp), _load


@_operation
def load_block(typing_context: Any, array: Any, row: Any, column: Any) -> Any:
    """array[row, column : column + BLOCK] of a C-contiguous float32 matrix."""
    return _BLOCK(array, types.intp, types.intp), _load


def _load(context: Any, builder: Builder, signature: Any, args: Any) -> Value:
    pointer = _pointer(context, builder, signature, args, signature.return_type.registers)
    return builder.load(pointer, align=4)


@_operation
def store(typing_context: Any, array: Any, row: Any, column: Any, vector: Any) -> Any:
    """array[row, column : column + a vector's length] = the vector; a float32 fills LANES."""

    def generate(context: Any, builder: Builder, signature: Any, args: Any) -> Value:
        kind = _vector_type(signature.args[3:]) or _VECTOR
        pointer = _pointer(context, builder, signature, args, kind.registers)
        builder.store(_broadcast(builder, args[3], kind.registers), pointer, align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, vector), generate


def _pointer(context: Any, builder: Builder, signature: Any, args: Any, registers: Any) -> Value:
    kind = signature.args[0]
    array = context.make_array(kind)(context, builder, args[0])
    item = cgutils.get_item_pointer(context, builder, kind, array, args[1:3], wraparound=False)
    return builder.bitcast(item, registers.as_pointer())


@_operation
def total(typing_context: Any, x: Any) -> Any:
    """The sum of a vector's elements, a float32."""

    def write(builder: Builder, x: Value) -> Value:
        add = _llvm(builder, f"vector.reduce.fadd.v{x.type.count}f32", _SCALAR, _SCALAR, x.type)
        return builder.call(add, [ir.Constant(_SCALAR, 0.0), x], fastmath=("reassoc",))

    return types.float32(x), _elementwise(write)


@_operation
def totals(typing_context: Any, vectors: Any) -> Any:
    """The sums of the elements of 4 or of LANES vectors (a tuple), from the first element on.

    Two vectors are added up half by half into one, and so on: in a fraction of the instructions
    that the sum of each by itself takes.
    """

    def generate(context: Any, builder: Builder, signature: Any, args: Any) -> Value:
        given = cgutils.unpack_tuple(builder, args[0])
        count, width = len(given), LANES
        sums = [given[_reversed(i, count)] for i in range(count)]
        while width > 1:
            width //= 2
            pairs = zip(sums[::2], sums[1::2], strict=True) if len(sums) > 1 else [sums * 2]
            sums = [_add_halves(builder, a, b, width) for a, b in pairs]
        each = [i * LANES // count for i in range(count)]
        first = [*each, *each[:1] * (LANES - count)]
        return _shuffled(builder, sums[0], sums[0], first)

    return _VECTOR(vectors), generate


def _reversed(i: int, count: int) -> int:
    """The bits of i < count, a power of two, from the last to the first."""
    return int(f"{i + count:b}"[:0:-1], 2)


def _add_halves(builder: Builder, a: Value, b: Value, width: int) -> Value:
    """Of each 2 x width elements: the sum of a's two halves, then that of b's."""
    own = [lane + LANES * bool(lane & width) for lane in range(LANES)]
    other = [lane ^ width for lane in own]
    return builder.fadd(_shuffled(builder, a, b, own), _shuffled(builder, a, b, other))


def _shuffled(builder: Builder, a: Value, b: Value, lanes: list[int]) -> Value:
    """The given elements of a and b, whose elements are numbered on."""
    chosen = ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), lanes)
    return builder.shuffle_vector(a, b, chosen)


@_operation
def element(typing_context: Any, x: Any, i: Any) -> Any:
    """A vector's i-th element, a float32."""

    def generate(context: Any, builder: Builder, signature: Any, args: Any) -> Value:
        return builder.extract_element(*args)

    return types.float32(x, types.intp), generate


@_operation
def add_block(typing_context: Any, array: Any, row: Any, column: Any, vector: Any) -> Any:
    """array[row + r, column : column + 4] += vector[4 r : 4 r + 4] for each r < LANES / 4."""

    def generate(context: Any, builder: Builder, signature: Any, args: Any) -> Value:
        array, row, column, vector = args
        four = ir.VectorType(_SCALAR, 4)
        for r in range(LANES // 4):
            place = (array, builder.add(row, row.type(r)), column)
            pointer = _pointer(context, builder, signature, place, four)
            added = _shuffled(builder, vector, vector, [4 * r + i for i in range(4)])
            builder.store(builder.fadd(builder.load(pointer, align=4), added), pointer, align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, vector), generate


@_operation
def select_greater(typing_context: Any, a: Any, b: Any, x: Any, y: Any) -> Any:
    """By element, x where a > b, else y."""

    def write(builder: Builder, a: Value, b: Value, x: Value, y: Value) -> Value:
        return builder.select(builder.fcmp_ordered(">", a, b), x, y)

    kind = _vector_type((a, b, x, y))
    return kind(a, b, x, y), _elementwise(write)


@_operation
def keep_first(typing_context: Any, x: Any, n: Any) -> Any:
    """x with 0 in the place of all elements after the first n."""

    def generate(context: Any, builder: Builder, signature: Any, args: Any) -> Value:
        x, n = args
        n = builder.trunc(n, ir.IntType(32))
        numbers = ir.Constant(ir.VectorType(n.type, x.type.count), [*range(x.type.count)])
        first = builder.icmp_signed("<", numbers, _broadcast(builder, n, numbers.type))
        return builder.select(first, x, _numbers(0, x.type.count))

    return x(x, types.intp), generate


@_operation
def any_greater(typing_context: Any, a: Any, b: Any) -> Any:
    """Whether a > b in any element."""

    def write(builder: Builder, a: Value, b: Value) -> Value:
        greater = builder.fcmp_ordered(">", a, b)
        bits = builder.bitcast(greater, ir.IntType(greater.type.count))
        return builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0))

    return types.boolean(a, b), _elementwise(write)


@_operation
def maximum(typing_context: Any, a: Any, b: Any) -> Any:
    """The larger by element; a's NaN stays."""

    def write(builder: Builder, a: Value, b: Value) -> Value:
        return builder.select(builder.fcmp_ordered("<", a, b), b, a)

    return _vector_type((a, b))(a, b), _elementwise(write)


@_operation
def minimum(typing_context: Any, a: Any, b: Any) -> Any:
    """The smaller by element; a's NaN stays."""

    def write(builder: Builder, a: Value, b: Value) -> Value:
        return builder.select(builder.fcmp_ordered(">", a, b), b, a)

    return _vector_type((a, b))(a, b), _elementwise(write)


@_operation
def square_root(typing_context: Any, x: Any) -> Any:
    """The square root by element."""

    def write(builder: Builder, x: Value) -> Value:
        root = _llvm(builder, f"sqrt.v{x.type.count}f32", x.type, x.type)
        return builder.call(root, [x])

    return x(x), _elementwise(write)


@_operation
def reciprocal(typing_context: Any, x: Any) -> Any:
    """1 / x by element of normal numbers.

    AVX-512 estimates it to 14 bits, which a step of Newton's method doubles, in a third of the
    time of a division.
    """

    def write(builder: Builder, x: Value) -> Value:
        one = _numbers(1, x.type.count)
        if LANES < 16:
            return builder.fdiv(one, x)
        about = _by_register(builder, x, _estimate)
        short = builder.fsub(one, builder.fmul(x, about, flags=_FUSED), flags=_FUSED)
        return builder.fadd(about, builder.fmul(about, short, flags=_FUSED), flags=_FUSED)

    return x(x), _elementwise(write)


def _estimate(builder: Builder, x: Value) -> Value:
    every = ir.Constant(ir.IntType(16), -1)
    rcp = _llvm(builder, "x86.avx512.rcp14.ps.512", x.type, x.type, x.type, every.type)
    return builder.call(rcp, [x, x, every])


def _by_register(builder: Builder, x: Value, write: Callable[[Builder, Value], Value]) -> Value:
    """What an instruction of one register makes of each of x's, side by side again."""
    firsts = range(0, x.type.count, LANES)
    parts = [write(builder, _shuffled(builder, x, x, [*range(i, i + LANES)])) for i in firsts]
    while len(parts) > 1:
        count = 2 * parts[0].type.count
        pairs = zip(parts[::2], parts[1::2], strict=True)
        parts = [_shuffled(builder, a, b, [*range(count)]) for a, b in pairs]
    return parts[0]


@_operation
def shifted(typing_context: Any, x: Any) -> Any:
    """x + 1.5 * 2^23, rounded: its last bits are the whole number nearest to x."""

    def write(builder: Builder, x: Value) -> Value:
        # Sums may be reordered, but not this one with what is taken from it.
        fence = _llvm(builder, f"arithmetic.fence.v{x.type.count}f32", x.type, x.type)
        moved = builder.fadd(x, _numbers(_SHIFT, x.type.count), flags=_FUSED)
        return builder.call(fence, [moved])

    return x(x), _elementwise(write)


@_operation
def unshifted(typing_context: Any, x: Any) -> Any:
    """The whole number of which x is `shifted`."""
    return x(x), _elementwise(lambda builder, x: builder.fsub(x, _numbers(_SHIFT, x.type.count)))


@_operation
def times_power_of_two(typing_context: Any, x: Any, n: Any) -> Any:
    """x * 2^n of a normal x, n `shifted`, as long as the product is normal too."""

    def write(builder: Builder, x: Value, n: Value) -> Value:
        exponents = builder.shl(_bits(builder, n), _integers(_MANTISSA_BITS, n.type.count))
        return builder.bitcast(builder.add(_bits(builder, x), exponents), x.type)

    return x(x, n), _elementwise(write)


@_operation
def exponent(typing_context: Any, x: Any) -> Any:
    """The n for which x / 2^n lies in [sqrt(1/2), sqrt(2)), of positive normal numbers."""

    def write(builder: Builder, x: Value) -> Value:
        above = builder.sub(_bits(builder, x), _integers(_SQRT_HALF_BITS, x.type.count))
        n = builder.ashr(above, _integers(_MANTISSA_BITS, x.type.count))
        return builder.sitofp(n, x.type)

    return x(x), _elementwise(write)


@_operation
def mantissa(typing_context: Any, x: Any) -> Any:
    """x / 2^n with its `exponent` n."""

    def write(builder: Builder, x: Value) -> Value:
        above = builder.sub(_bits(builder, x), _integers(_SQRT_HALF_BITS, x.type.count))
        exponents = builder.and_(above, _integers(-1 << _MANTISSA_BITS, x.type.count))
        return builder.bitcast(builder.sub(_bits(builder, x), exponents), x.type)

    return x(x), _elementwise(write)


def _bits(builder: Builder, x: Value) -> Value:
    return builder.bitcast(x, ir.VectorType(ir.IntType(32), x.type.count))


def _llvm(builder: Builder, name: str, returns: Any, *takes: Any) -> Value:
    kind = ir.FunctionType(returns, takes)
    return cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}")
