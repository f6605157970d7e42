"""Taking nested Arrow columns apart and putting them together again, whole columns at a time."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc


def one_array(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """The column as a single array; copies only if it has several chunks."""
    if isinstance(column, pa.Array):
        return column
    if column.num_chunks == 1:
        return column.chunk(0)
    if column.num_chunks == 0:
        return pa.array([], column.type)
    return pa.concat_arrays(column.chunks)


def open_list(array: pa.ListArray) -> tuple[pa.Array, pa.Array]:
    """Offsets that begin at 0, and the child values they refer to, whatever slice of a larger array this is."""
    if not len(array):
        return pa.array([0], pa.int32()), array.values.slice(0, 0)
    offsets = array.offsets
    start, end = offsets[0].as_py(), offsets[-1].as_py()
    return pc.subtract(offsets, offsets[0]), array.values.slice(start, end - start)


def close_list(offsets: pa.Array, values: pa.Array, like: pa.Array | None = None) -> pa.ListArray:
    """The list column again; null wherever `like` is null."""
    mask = like.is_null() if like is not None and like.null_count else None
    return pa.ListArray.from_arrays(offsets.cast(pa.int32()), values, mask=mask)


def close_struct(names: list[str], members: list[pa.Array], like: pa.Array) -> pa.StructArray:
    """The struct column again; null wherever `like` is null."""
    mask = like.is_null() if like.null_count else None
    if not names:
        return pa.array(
            [{}] * len(like),
            pa.struct([]),
            mask=None if mask is None else mask.to_numpy(zero_copy_only=False),
        )
    return pa.StructArray.from_arrays(members, names=names, mask=mask)


def map_leaves(array: pa.Array, change: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """Apply `change` to every column that is neither list nor struct, however deep, and rebuild around it."""
    if pa.types.is_list(array.type):
        offsets, values = open_list(array)
        return close_list(offsets, map_leaves(values, change), array)
    if pa.types.is_struct(array.type):
        names = [array.type.field(index).name for index in range(array.type.num_fields)]
        members = [map_leaves(array.field(index), change) for index in range(array.type.num_fields)]
        return close_struct(names, members, array)
    return change(array)
