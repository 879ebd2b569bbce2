"""Vectors from arrays in memory and into them, and parts of arrays as matrices."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.np.arrayobj import populate_array

from tabnet.kernel.vectors import (
    BLOCK_TYPE,
    LANES,
    REGISTER_TYPE,
    SCALAR,
    VECTOR_TYPE,
    Builder,
    Value,
    broadcast,
    llvm,
    numbers,
    operation,
    shuffled,
    vector_type,
)


@operation
def load(typing_context: Any, array: Any, row: Any, column: Any) -> Any:
    """array[row, column : column + LANES] of a C-contiguous float32 matrix."""
    return VECTOR_TYPE(array, types.intp, types.intp), _load


@operation
def load_block(typing_context: Any, array: Any, row: Any, column: Any) -> Any:
    """array[row, column : column + BLOCK] of a C-contiguous float32 matrix."""
    return BLOCK_TYPE(array, types.intp, types.intp), _load


@operation
def load_register(typing_context: Any, array: Any, row: Any, column: Any) -> Any:
    """array[row, column : column + REGISTER] of a C-contiguous float32 matrix."""
    return REGISTER_TYPE(array, types.intp, types.intp), _load


def _load(context: Any, builder: Builder, signature: Any, args: Any) -> Value:
    pointer = _pointer(context, builder, signature, args, signature.return_type.registers)
    return builder.load(pointer, align=4)


@operation
def store(typing_context: Any, array: Any, row: Any, column: Any, vector: Any) -> Any:
    """array[row, column : column + a vector's length] = the vector; a float32 fills LANES."""

    def generate(context: Any, builder: Builder, signature: Any, args: Any) -> Value:
        kind = vector_type(signature.args[3:]) or VECTOR_TYPE
        pointer = _pointer(context, builder, signature, args, kind.registers)
        builder.store(broadcast(builder, args[3], kind.registers), pointer, align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, vector), generate


@operation
def load_rows(typing_context: Any, array: Any, row: Any, column: Any) -> Any:
    """array[row + i, column : column + LANES] for each i < LANES: a tuple."""
    kind = types.UniTuple(VECTOR_TYPE, LANES)

    def generate(context: Any, builder: Builder, signature: Any, args: Any) -> Value:
        array, row, column = args
        loaded = []
        for i in range(LANES):
            place = (array, builder.add(row, row.type(i)), column)
            pointer = _pointer(context, builder, signature, place, VECTOR_TYPE.registers)
            loaded.append(builder.load(pointer, align=4))
        return cgutils.pack_array(builder, loaded)

    return kind(array, types.intp, types.intp), generate


@operation
def store_rows(typing_context: Any, array: Any, row: Any, column: Any, vectors: Any) -> Any:
    """array[row + i, column : column + LANES] = vectors[i], a tuple's, for each i."""

    def generate(context: Any, builder: Builder, signature: Any, args: Any) -> Value:
        array, row, column, vectors = args
        for i, vector in enumerate(cgutils.unpack_tuple(builder, vectors)):
            place = (array, builder.add(row, row.type(i)), column)
            pointer = _pointer(context, builder, signature, place, vector.type)
            builder.store(vector, pointer, align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, vectors), generate


@operation
def append_nonzero(
    typing_context: Any,
    rows: Any,
    columns: Any,
    values: Any,
    at: Any,
    x: Any,
    row: Any,
    column: Any,
) -> Any:
    """Append what is not 0 in a vector, array[row, column : column + LANES]; returns how much.

    From `at` on its rows, columns (int32) and values are written, a whole vector each time.
    """

    def generate(context: Any, builder: Builder, signature: Any, args: Any) -> Value:
        at, x, row, column = args[3:]
        integer = ir.IntType(32)
        places, flags = ir.VectorType(integer, LANES), ir.VectorType(ir.IntType(1), LANES)
        other = builder.fcmp_unordered("!=", x, numbers(0, LANES))

        def compressed(vector: Value, letter: str) -> Value:
            name, kind = f"experimental.vector.compress.v{LANES}{letter}32", vector.type
            compress = llvm(builder, name, kind, kind, flags, kind)
            return builder.call(compress, [vector, other, ir.Constant(kind, ir.Undefined)])

        row, column = (broadcast(builder, builder.trunc(i, integer), places) for i in (row, column))
        each = builder.add(column, ir.Constant(places, [*range(LANES)]))
        found = (row, compressed(each, "i"), compressed(x, "f"))
        for i, vector in enumerate(found):
            given = context.make_array(signature.args[i])(context, builder, args[i])
            place = builder.bitcast(builder.gep(given.data, [at]), vector.type.as_pointer())
            builder.store(vector, place, align=4)
        count = builder.ctpop(builder.bitcast(other, ir.IntType(LANES)))
        return builder.zext(count, ir.IntType(64))

    arrays = rows, columns, values
    return types.intp(*arrays, types.intp, x, types.intp, types.intp), generate


@operation
def add_tile(typing_context: Any, array: Any, row: Any, column: Any, vector: Any) -> Any:
    """array[row + r, column : column + 4] += vector[4 r : 4 r + 4] for each r < REGISTER / 4.

    Such a tile of a matrix has as many numbers as a register.
    """

    def generate(context: Any, builder: Builder, signature: Any, args: Any) -> Value:
        array, row, column, vector = args
        four = ir.VectorType(SCALAR, 4)
        for r in range(vector.type.count // 4):
            place = (array, builder.add(row, row.type(r)), column)
            pointer = _pointer(context, builder, signature, place, four)
            added = shuffled(builder, vector, vector, [4 * r + i for i in range(4)])
            builder.store(builder.fadd(builder.load(pointer, align=4), added), pointer, align=4)
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


def _pointer(context: Any, builder: Builder, signature: Any, args: Any, registers: Any) -> Value:
    kind = signature.args[0]
    array = context.make_array(kind)(context, builder, args[0])
    item = cgutils.get_item_pointer(context, builder, kind, array, args[1:3], wraparound=False)
    return builder.bitcast(item, registers.as_pointer())
