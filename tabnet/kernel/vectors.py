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

from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.core.codegen import get_host_cpu_features
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model
from numba.np.arrayobj import populate_array

# Of the processor that Numba compiles for.
_FEATURES = config.CPU_FEATURES  # type: ignore[attr-defined]
if _FEATURES is None:
    _FEATURES = get_host_cpu_features()
LANES = 16 if "+avx512f" in _FEATURES else 8 if "+avx" in _FEATURES else 4
# With AVX-512 there are twice as many registers.
BLOCK = LANES * (4 if LANES == 16 else 2)

_SCALAR = ir.FloatType()
# A product and the sum that it goes into may be rounded once, where the CPU can.
FUSED = ("contract", "nsz")


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


def of_vectors(write: Callable[..., Value]) -> Callable[..., Value]:
    """The code of an operation on vectors, from `write(builder, *vectors)`.

    A float32 among its arguments fills a vector.
    """

    def generate(context: Any, builder: Builder, signature: Any, args: Any) -> Value:
        kind = _vector_type(signature.args)
        return write(builder, *(_broadcast(builder, value, kind.registers) for value in args))

    return generate


def _vector_type(kinds: Any) -> Any:
    """That of the vectors among the arguments: None if they differ, or others than float32 are."""
    vectors = {kind for kind in kinds if isinstance(kind, VectorType)}
    others = {kind for kind in kinds if kind != types.float32} - vectors
    return vectors.pop() if len(vectors) == 1 and not others else None


def _broadcast(builder: Builder, value: Value, registers: Any) -> Value:
    if value.type == registers:
        return value
    undefined = ir.Constant(registers, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, undefined, integers(0, registers.count))


def integers(value: int, count: int) -> Value:
    return ir.Constant(ir.VectorType(ir.IntType(32), count), [value] * count)


def numbers(value: float, count: int) -> Value:
    return ir.Constant(ir.VectorType(_SCALAR, count), [value] * count)


def _arithmetic(symbol: Any, instruction: str) -> None:
    """Give vectors an operator: one instruction on two of them."""

    class Typing(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            kind = _vector_type(args)
            return signature(kind, *args) if kind else None

    infer_global(symbol)(Typing)
    write = of_vectors(lambda builder, a, b: getattr(builder, instruction)(a, b, flags=FUSED))
    for kind in (_VECTOR, _BLOCK):
        for operands in ((kind, kind), (kind, types.float32), (types.float32, kind)):
            lower_builtin(symbol, *operands)(write)


_arithmetic(operator.add, "fadd")
_arithmetic(operator.sub, "fsub")
_arithmetic(operator.mul, "fmul")
_arithmetic(operator.truediv, "fdiv")


def operation(build: Callable[..., Any]) -> Callable[..., Any]:
    """A function of compiled code: `build` gives its type and what writes its instructions."""
    function: Callable[..., Any] = intrinsic(build)
    return function


@operation
def zeros(typing_context: Any) -> Any:
    """A vector of zeros."""
    return _VECTOR(), lambda context, builder, signature, args: numbers(0, LANES)


@operation
def zero_block(typing_context: Any) -> Any:
    """A block of zeros."""
    return _BLOCK(), lambda context, builder, signature, args: numbers(0, BLOCK)


@operation
def load(typing_context: Any, array: Any, row: Any, column: Any) -> Any:
    """array[row, column : column + LANES] of a C-contiguous float32 matrix."""
    return _VECTOR(array, types.intp, types.intp), _load


@operation
def load_block(typing_context: Any, array: Any, row: Any, column: Any) -> Any:
    """array[row, column : column + BLOCK] of a C-contiguous float32 matrix."""
    return _BLOCK(array, types.intp, types.intp), _load


def _load(context: Any, builder: Builder, signature: Any, args: Any) -> Value:
    pointer = _pointer(context, builder, signature, args, signature.return_type.registers)
    return builder.load(pointer, align=4)


@operation
def store(typing_context: Any, array: Any, row: Any, column: Any, vector: Any) -> Any:
    """array[row, column : column + a vector's length] = the vector; a float32 fills LANES."""

    def generate(context: Any, builder: Builder, signature: Any, args: Any) -> Value:
        kind = _vector_type(signature.args[3:]) or _VECTOR
        pointer = _pointer(context, builder, signature, args, kind.registers)
        builder.store(_broadcast(builder, args[3], kind.registers), pointer, align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, vector), generate


@operation
def matrix(typing_context: Any, flat: Any, start: Any, rows: Any, columns: Any) -> Any:
    """The rows x columns numbers of a vector in memory from `start` on, as a matrix there."""
    kind = types.Array(flat.dtype, 2, "C")

    def generate(context: Any, builder: Builder, signature: Any, args: Any) -> Value:
        flat, start, *shape = args
        given = context.make_array(signature.args[0])(context, builder, flat)
        made = context.make_array(kind)(context, builder)
        populate_array(
            made,
            data=builder.gep(given.data, [start]),
            shape=shape,
            strides=[builder.mul(shape[1], given.itemsize), given.itemsize],
            itemsize=given.itemsize,
            meminfo=None,
        )
        return made._getvalue()

    return kind(flat, types.intp, types.intp, types.intp), generate


def _pointer(context: Any, builder: Builder, signature: Any, args: Any, registers: Any) -> Value:
    kind = signature.args[0]
    array = context.make_array(kind)(context, builder, args[0])
    item = cgutils.get_item_pointer(context, builder, kind, array, args[1:3], wraparound=False)
    return builder.bitcast(item, registers.as_pointer())


@operation
def prefetch(typing_context: Any, array: Any, i: Any) -> Any:
    """Ask for the line of the cache that has the i-th number of a C-contiguous array."""

    def generate(context: Any, builder: Builder, signature: Any, args: Any) -> Value:
        given = context.make_array(signature.args[0])(context, builder, args[0])
        byte, flag = ir.IntType(8).as_pointer(), ir.IntType(32)
        ask = llvm(builder, "prefetch.p0", ir.VoidType(), byte, flag, flag, flag)
        read, stay, data = (ir.Constant(flag, value) for value in (0, 3, 1))
        place = builder.bitcast(builder.gep(given.data, [args[1]]), byte)
        builder.call(ask, [place, read, stay, data])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


@operation
def total(typing_context: Any, x: Any) -> Any:
    """The sum of a vector's elements, a float32."""

    def write(builder: Builder, x: Value) -> Value:
        add = llvm(builder, f"vector.reduce.fadd.v{x.type.count}f32", _SCALAR, _SCALAR, x.type)
        return builder.call(add, [ir.Constant(_SCALAR, 0.0), x], fastmath=("reassoc",))

    return types.float32(x), of_vectors(write)


@operation
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
        return shuffled(builder, sums[0], sums[0], first)

    return _VECTOR(vectors), generate


def _reversed(i: int, count: int) -> int:
    """The bits of i < count, a power of two, from the last to the first."""
    return int(f"{i + count:b}"[:0:-1], 2)


def _add_halves(builder: Builder, a: Value, b: Value, width: int) -> Value:
    """Of each 2 x width elements: the sum of a's two halves, then that of b's."""
    own = [lane + LANES * bool(lane & width) for lane in range(LANES)]
    other = [lane ^ width for lane in own]
    return builder.fadd(shuffled(builder, a, b, own), shuffled(builder, a, b, other))


def shuffled(builder: Builder, a: Value, b: Value, lanes: list[int]) -> Value:
    """The given elements of a and b, whose elements are numbered on."""
    chosen = ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), lanes)
    return builder.shuffle_vector(a, b, chosen)


@operation
def element(typing_context: Any, x: Any, i: Any) -> Any:
    """A vector's i-th element, a float32."""

    def generate(context: Any, builder: Builder, signature: Any, args: Any) -> Value:
        return builder.extract_element(*args)

    return types.float32(x, types.intp), generate


@operation
def add_tile(typing_context: Any, array: Any, row: Any, column: Any, vector: Any) -> Any:
    """array[row + r, column : column + 4] += vector[4 r : 4 r + 4] for each r < LANES / 4.

    Such a tile of a matrix has as many numbers as a vector.
    """

    def generate(context: Any, builder: Builder, signature: Any, args: Any) -> Value:
        array, row, column, vector = args
        four = ir.VectorType(_SCALAR, 4)
        for r in range(LANES // 4):
            place = (array, builder.add(row, row.type(r)), column)
            pointer = _pointer(context, builder, signature, place, four)
            added = shuffled(builder, vector, vector, [4 * r + i for i in range(4)])
            builder.store(builder.fadd(builder.load(pointer, align=4), added), pointer, align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, vector), generate


@operation
def select_greater(typing_context: Any, a: Any, b: Any, x: Any, y: Any) -> Any:
    """By element, x where a > b, else y."""

    def write(builder: Builder, a: Value, b: Value, x: Value, y: Value) -> Value:
        return builder.select(builder.fcmp_ordered(">", a, b), x, y)

    kind = _vector_type((a, b, x, y))
    return kind(a, b, x, y), of_vectors(write)


@operation
def keep_first(typing_context: Any, x: Any, n: Any) -> Any:
    """x with 0 in the place of all elements after the first n."""

    def generate(context: Any, builder: Builder, signature: Any, args: Any) -> Value:
        x, n = args
        n = builder.trunc(n, ir.IntType(32))
        lanes = ir.Constant(ir.VectorType(n.type, x.type.count), [*range(x.type.count)])
        first = builder.icmp_signed("<", lanes, _broadcast(builder, n, lanes.type))
        return builder.select(first, x, numbers(0, x.type.count))

    return x(x, types.intp), generate


@operation
def any_greater(typing_context: Any, a: Any, b: Any) -> Any:
    """Whether a > b in any element."""

    def write(builder: Builder, a: Value, b: Value) -> Value:
        greater = builder.fcmp_ordered(">", a, b)
        bits = builder.bitcast(greater, ir.IntType(greater.type.count))
        return builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0))

    return types.boolean(a, b), of_vectors(write)


@operation
def maximum(typing_context: Any, a: Any, b: Any) -> Any:
    """The larger by element; a's NaN stays."""

    def write(builder: Builder, a: Value, b: Value) -> Value:
        return builder.select(builder.fcmp_ordered("<", a, b), b, a)

    return _vector_type((a, b))(a, b), of_vectors(write)


@operation
def minimum(typing_context: Any, a: Any, b: Any) -> Any:
    """The smaller by element; a's NaN stays."""

    def write(builder: Builder, a: Value, b: Value) -> Value:
        return builder.select(builder.fcmp_ordered(">", a, b), b, a)

    return _vector_type((a, b))(a, b), of_vectors(write)


def llvm(builder: Builder, name: str, returns: Any, *takes: Any) -> Value:
    kind = ir.FunctionType(returns, takes)
    return cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}")
