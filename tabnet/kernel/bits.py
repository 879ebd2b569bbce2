"""What `functions` are made of: operations on a vector's bits."""

from typing import Any

from llvmlite import ir

from tabnet.kernel.vectors import (
    FUSED,
    Builder,
    Value,
    integers,
    llvm,
    numbers,
    of_vectors,
    operation,
)

_MANTISSA_BITS, _SQRT_HALF_BITS = 23, 0x3F3504F3
_SHIFT = 1.5 * 2.0**_MANTISSA_BITS
_ABOUT_RECIPROCAL = 0x7EF30000


@operation
def square_root(typing_context: Any, x: Any) -> Any:
    """The square root by element."""

    def write(builder: Builder, x: Value) -> Value:
        root = llvm(builder, f"sqrt.v{x.type.count}f32", x.type, x.type)
        return builder.call(root, [x])

    return x(x), of_vectors(write)


@operation
def reciprocal(typing_context: Any, x: Any) -> Any:
    """1 / x by element of numbers from 2^-125 to 2^125, within 1 ulp, quicker than a division.

    Subtracting x's bits from a constant negates its exponent and, nearly, its logarithm: 1 / x to
    5 %. Each of Newton's steps, y <- y + y (1 - x y), squares that error.
    """

    def write(builder: Builder, x: Value) -> Value:
        one = numbers(1, x.type.count)
        about = integers(_ABOUT_RECIPROCAL, x.type.count)
        y = builder.bitcast(builder.sub(about, _bits(builder, x)), x.type)
        for _ in range(3):
            short = builder.fsub(one, builder.fmul(x, y, flags=FUSED), flags=FUSED)
            y = builder.fadd(y, builder.fmul(y, short, flags=FUSED), flags=FUSED)
        return y

    return x(x), of_vectors(write)


@operation
def shifted(typing_context: Any, x: Any) -> Any:
    """x + 1.5 * 2^23, rounded: its last bits are the whole number nearest to x."""

    def write(builder: Builder, x: Value) -> Value:
        return builder.fadd(x, numbers(_SHIFT, x.type.count), flags=FUSED)

    return x(x), of_vectors(write)


@operation
def unshifted(typing_context: Any, x: Any) -> Any:
    """The whole number of which x is `shifted`."""
    return x(x), of_vectors(lambda builder, x: builder.fsub(x, numbers(_SHIFT, x.type.count)))


@operation
def times_power_of_two(typing_context: Any, x: Any, n: Any) -> Any:
    """x * 2^n of a normal x, n `shifted`, as long as the product is normal too."""

    def write(builder: Builder, x: Value, n: Value) -> Value:
        exponents = builder.shl(_bits(builder, n), integers(_MANTISSA_BITS, n.type.count))
        return builder.bitcast(builder.add(_bits(builder, x), exponents), x.type)

    return x(x, n), of_vectors(write)


@operation
def exponent(typing_context: Any, x: Any) -> Any:
    """The n for which x / 2^n lies in [sqrt(1/2), sqrt(2)), of positive normal numbers."""

    def write(builder: Builder, x: Value) -> Value:
        above = builder.sub(_bits(builder, x), integers(_SQRT_HALF_BITS, x.type.count))
        n = builder.ashr(above, integers(_MANTISSA_BITS, x.type.count))
        return builder.sitofp(n, x.type)

    return x(x), of_vectors(write)


@operation
def mantissa(typing_context: Any, x: Any) -> Any:
    """x / 2^n with its `exponent` n."""

    def write(builder: Builder, x: Value) -> Value:
        above = builder.sub(_bits(builder, x), integers(_SQRT_HALF_BITS, x.type.count))
        exponents = builder.and_(above, integers(-1 << _MANTISSA_BITS, x.type.count))
        return builder.bitcast(builder.sub(_bits(builder, x), exponents), x.type)

    return x(x), of_vectors(write)


def _bits(builder: Builder, x: Value) -> Value:
    return builder.bitcast(x, ir.VectorType(ir.IntType(32), x.type.count))
