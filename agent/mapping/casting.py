"""Casting a column so that the rows that cannot be cast are found, and the others are cast all the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

MAX_PRECISION_128 = 38
MAX_PRECISION_256 = 76


def cast_rows(array: pa.Array, kind: pa.DataType) -> tuple[pa.Array, pa.BooleanArray | None]:
    """The column cast, null where it cannot be, and a mask of those rows; None if there are none.

    Arrow casts all or nothing. Halving the column where it fails finds k bad rows in about k log n casts, and a row
    is bad exactly if it cannot be cast alone.
    """
    try:
        return array.cast(kind), None
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        bad = np.zeros(len(array), dtype=bool)
        pieces: list[pa.Array] = []
        _halve(array, kind, 0, bad, pieces)
        return pa.concat_arrays(pieces), pa.array(bad)


def _halve(array: pa.Array, kind: pa.DataType, start: int, bad: np.ndarray, pieces: list[pa.Array]) -> None:
    try:
        pieces.append(array.cast(kind))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        if len(array) == 1:
            bad[start] = True
            pieces.append(pa.nulls(1, kind))
            return
        middle = len(array) // 2
        _halve(array.slice(0, middle), kind, start, bad, pieces)
        _halve(array.slice(middle), kind, start + middle, bad, pieces)


def null_where(array: pa.Array, mask: pa.BooleanArray) -> pa.Array:
    return pc.if_else(mask, pa.scalar(None, array.type), array)


def has_true(mask: pa.BooleanArray) -> bool:
    return bool(pc.any(mask, min_count=0).as_py())


def unify(arrays: Sequence[pa.Array]) -> list[pa.Array]:
    """The arrays in one type. Decimals keep every digit; a column of nulls takes the type of the others."""
    kinds = {array.type for array in arrays if array.null_count < len(array)} or {arrays[0].type}
    if len(kinds) == 1:
        return [_as(array, next(iter(kinds))) for array in arrays]
    if not all(pa.types.is_decimal(kind) for kind in kinds):
        raise TypeError(f"columns of different kinds: {', '.join(sorted(map(str, kinds)))}")
    scale = max(kind.scale for kind in kinds)
    whole = max(kind.precision - kind.scale for kind in kinds)
    if whole + scale > MAX_PRECISION_256:
        raise TypeError("decimals of these types have no common one")
    fits = whole + scale <= MAX_PRECISION_128
    common = pa.decimal128(MAX_PRECISION_128, scale) if fits else pa.decimal256(MAX_PRECISION_256, scale)
    return [_as(array, common) for array in arrays]


def _as(array: pa.Array, kind: pa.DataType) -> pa.Array:
    if array.type.equals(kind):
        return array
    return pa.nulls(len(array), kind) if array.null_count == len(array) else array.cast(kind)
