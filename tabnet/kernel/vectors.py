"""Vector registers as values of compiled code.

Numba vectorises simple loops by itself, but checks at run time whether arrays overlap, finishes
what is left over row by row, and keeps no block of results in registers through a matrix product.
With a type for vectors none of that is needed, and less is left to compile. A `Vector` exists in
compiled code only. It has LANES float32 or, where that is quicker and the order of no sum depends
on it, REGISTER or BLOCK of them. `+ - * /` work on two vectors and on a vector and a float32, which
then stands for a vector of it.

A sum over rows is LANES sums, and then the sum of these: with as many LANES on every processor,
whatever its registers hold, the results are the same on all of them. For the same reason what is
past the last row is made 0 before a product, not between it and a sum: some processors would fuse
these nevertheless.
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

# Of the processor that Numba compiles for.
_FEATURES = config.CPU_FEATURES  # type: ignore[attr-defined]
if _FEATURES is None:
    _FEATURES = get_host_cpu_features()
LANES = 16
_WIDE = "+avx512f" in _FEATURES
REGISTER = 16 if _WIDE else 8  # elements
# A few registers: what is computed of each then goes side by side, and none waits for another.
# With AVX-512 there are twice as many.
BLOCK = REGISTER * (4 if _WIDE else 2)

SCALAR = ir.FloatType()
# A product and the sum that it goes into may be rounded once, where the CPU can.
FUSED = ("contract",)


Vector = Any  # in annotations: type checkers know nothing of compiled code


class VectorType(types.Type):
    """The Numba type of a vector of so many float32."""

    def __init__(self, count: int) -> None:
        super().__init__(f"Vector{count}")
        self.registers = ir.VectorType(SCALAR, count)


@register_model(VectorType)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, numba_type: VectorType) -> None:
        registers = numba_type.registers
        super().__init__(manager, numba_type, registers)  # type: ignore[no-untyped-call]


VECTOR_TYPE, REGISTER_TYPE, BLOCK_TYPE = map(VectorType, (LANES, REGISTER, BLOCK))


Builder = Any  # llvmlite's, which writes instructions
Value = Any  # and what it writes


def of_vectors(write: Callable[..., Value]) -> Callable[..., Value]:
    """The code of an operation on vectors, from `write(builder, *vectors)`.

    A float32 among its arguments fills a vector.
    """

    def generate(context: Any, builder: Builder, signature: Any, args: Any) -> Value:
        kind = vector_type(signature.args)
        return write(builder, *(broadcast(builder, value, kind.registers) for value in args))

    return generate


def vector_type(kinds: Any) -> Any:
    """That of the vectors among the arguments: None if they differ, or others than float32 are."""
    vectors = {kind for kind in kinds if isinstance(kind, VectorType)}
    others = {kind for kind in kinds if kind != types.float32} - vectors
    return vectors.pop() if len(vectors) == 1 and not others else None


def broadcast(builder: Builder, value: Value, registers: Any) -> Value:
    if value.type == registers:
        return value
    undefined = ir.Constant(registers, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, undefined, integers(0, registers.count))


def integers(value: int, count: int) -> Value:
    return ir.Constant(ir.VectorType(ir.IntType(32), count), [value] * count)


def numbers(value: float, count: int) -> Value:
    return ir.Constant(ir.VectorType(SCALAR, count), [value] * count)


def _arithmetic(symbol: Any, instruction: str) -> None:
    """Give vectors an operator: one instruction on two of them."""

    class Typing(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            kind = vector_type(args)
            return signature(kind, *args) if kind else None

    infer_global(symbol)(Typing)
    write = of_vectors(lambda builder, a, b: getattr(builder, instruction)(a, b, flags=FUSED))
    for kind in {VECTOR_TYPE, REGISTER_TYPE, BLOCK_TYPE}:
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
    return VECTOR_TYPE(), lambda context, builder, signature, args: numbers(0, LANES)


@operation
def zero_block(typing_context: Any) -> Any:
    """A block of zeros."""
    return BLOCK_TYPE(), lambda context, builder, signature, args: numbers(0, BLOCK)


@operation
def zero_register(typing_context: Any) -> Any:
    """A register of zeros."""
    return REGISTER_TYPE(), lambda context, builder, signature, args: numbers(0, REGISTER)


@operation
def added(typing_context: Any, a: Any, b: Any) -> Any:
    """The sums of each two vectors of two tuples: a tuple."""

    def generate(context: Any, builder: Builder, signature: Any, args: Any) -> Value:
        pairs = zip(*(cgutils.unpack_tuple(builder, vectors) for vectors in args), strict=True)
        return cgutils.pack_array(builder, [builder.fadd(a, b) for a, b in pairs])

    return a(a, b), generate


@operation
def plus_product(typing_context: Any, a: Any, x: Any, y: Any) -> Any:
    """a + x * y of float32, rounded as that of vectors is."""

    def generate(context: Any, builder: Builder, signature: Any, args: Any) -> Value:
        a, x, y = args
        return builder.fadd(a, builder.fmul(x, y, flags=FUSED), flags=FUSED)

    return types.float32(types.float32, types.float32, types.float32), generate


@operation
def total(typing_context: Any, x: Any) -> Any:
    """The sum of a vector's elements, a float32: that of its halves, and so on."""

    def write(builder: Builder, x: Value) -> Value:
        while (half := x.type.count // 2) > 0:
            low, high = ([*range(i, i + half)] for i in (0, half))
            x = builder.fadd(shuffled(builder, x, x, low), shuffled(builder, x, x, high))
        return builder.extract_element(x, ir.Constant(ir.IntType(32), 0))

    return types.float32(x), of_vectors(write)


@operation
def totals(typing_context: Any, vectors: Any) -> Any:
    """The sums of the elements of 4 vectors, or as many as each has (a tuple), element by element.

    Two vectors are added up half by half into one, and so on: in a fraction of the instructions
    that the sum of each by itself takes.
    """

    def generate(context: Any, builder: Builder, signature: Any, args: Any) -> Value:
        given = cgutils.unpack_tuple(builder, args[0])
        count, lanes = len(given), given[0].type.count
        width = lanes
        sums = [given[_reversed(i, count)] for i in range(count)]
        while width > 1:
            width //= 2
            pairs = zip(sums[::2], sums[1::2], strict=True) if len(sums) > 1 else [sums * 2]
            sums = [_add_halves(builder, a, b, width) for a, b in pairs]
        each = [i * lanes // count for i in range(count)]
        first = [*each, *each[:1] * (lanes - count)]
        return shuffled(builder, sums[0], sums[0], first)

    return vectors.dtype(vectors), generate


def _reversed(i: int, count: int) -> int:
    """The bits of i < count, a power of two, from the last to the first."""
    return int(f"{i + count:b}"[:0:-1], 2)


def _add_halves(builder: Builder, a: Value, b: Value, width: int) -> Value:
    """Of each 2 x width elements: the sum of a's two halves, then that of b's."""
    lanes = a.type.count
    own = [lane + lanes * bool(lane & width) for lane in range(lanes)]
    other = [lane ^ width for lane in own]
    return builder.fadd(shuffled(builder, a, b, own), shuffled(builder, a, b, other))


def shuffled(builder: Builder, a: Value, b: Value, lanes: list[int]) -> Value:
    """The given elements of a and b, whose elements are numbered on."""
    chosen = ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), lanes)
    return builder.shuffle_vector(a, b, chosen)


@operation
def transposed(typing_context: Any, vectors: Any) -> Any:
    """The columns of LANES vectors (a tuple), as if they were the rows of a matrix."""

    def generate(context: Any, builder: Builder, signature: Any, args: Any) -> Value:
        rows = cgutils.unpack_tuple(builder, args[0])
        width = 1
        while width < LANES:  # squares of 2 x 2 squares of this width change two of them
            for r in range(LANES):
                if not r & width:
                    a, b = rows[r], rows[r | width]
                    low = [i - width + LANES if i & width else i for i in range(LANES)]
                    high = [i + LANES if i & width else i + width for i in range(LANES)]
                    rows[r] = shuffled(builder, a, b, low)
                    rows[r | width] = shuffled(builder, a, b, high)
            width *= 2
        return cgutils.pack_array(builder, rows)

    return vectors(vectors), generate


@operation
def element(typing_context: Any, x: Any, i: Any) -> Any:
    """A vector's i-th element, a float32."""

    def generate(context: Any, builder: Builder, signature: Any, args: Any) -> Value:
        return builder.extract_element(*args)

    return types.float32(x, types.intp), generate


@operation
def select_greater(typing_context: Any, a: Any, b: Any, x: Any, y: Any) -> Any:
    """By element, x where a > b, else y."""

    def write(builder: Builder, a: Value, b: Value, x: Value, y: Value) -> Value:
        return builder.select(builder.fcmp_ordered(">", a, b), x, y)

    kind = vector_type((a, b, x, y))
    return kind(a, b, x, y), of_vectors(write)


@operation
def keep_first(typing_context: Any, x: Any, n: Any) -> Any:
    """x with 0 in the place of all elements after the first n."""

    def generate(context: Any, builder: Builder, signature: Any, args: Any) -> Value:
        x, n = args
        n = builder.trunc(n, ir.IntType(32))
        lanes = ir.Constant(ir.VectorType(n.type, x.type.count), [*range(x.type.count)])
        first = builder.icmp_signed("<", lanes, broadcast(builder, n, lanes.type))
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

    return vector_type((a, b))(a, b), of_vectors(write)


@operation
def minimum(typing_context: Any, a: Any, b: Any) -> Any:
    """The smaller by element; a's NaN stays."""

    def write(builder: Builder, a: Value, b: Value) -> Value:
        return builder.select(builder.fcmp_ordered(">", a, b), b, a)

    return vector_type((a, b))(a, b), of_vectors(write)


def llvm(builder: Builder, name: str, returns: Any, *takes: Any) -> Value:
    kind = ir.FunctionType(returns, takes)
    return cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}")
