"""Numbers to Arrow columns, in the forms that ERP systems store them in."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from drivers.sandbox.chance import Ids

MONEY: Final = pa.decimal128(18, 2)
QUANTITY: Final = pa.decimal128(15, 3)
STAMP: Final = pa.timestamp("us", tz="UTC")
NO_DATE: Final = "0000-00-00"  # what several ERP systems store where there is no date
SECONDS_PER_DAY: Final = 86_400

Mask = npt.NDArray[np.bool_]


def decimal(units: Ids, kind: pa.Decimal128Type) -> pa.Array:
    """Exact: `units` counts the last digit, so 1250 of scale 2 is 12.50."""
    wide = np.empty((len(units), 2), dtype=np.int64)  # a 128-bit integer, low half first
    wide[:, 0] = units
    wide[:, 1] = units >> 63
    return pa.Array.from_buffers(kind, len(units), [None, pa.py_buffer(wide)])


def constant(text: str, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(text, pa.string()), count)


def padded(numbers: Ids, width: int, prefix: str = "") -> pa.Array:
    """With leading zeros, as codes are stored: 0000100017."""
    digits = pc.utf8_lpad(pa.array(numbers).cast(pa.string()), width, "0")
    return joined(constant(prefix, len(numbers)), digits) if prefix else digits


def joined(*parts: pa.Array, separator: str = "") -> pa.Array:
    return pc.binary_join_element_wise(*parts, separator)


def trailing_minus(cents: Ids) -> pa.Array:
    """A deduction as text the way SAP prints it: 12.50-, and 0.00 for none."""
    text = decimal(cents, MONEY).cast(pa.string())
    return pc.if_else(pa.array(cents > 0), joined(text, constant("-", len(cents))), text)


def stamp(seconds: Ids, known: Mask | None = None) -> pa.Array:
    return pa.array(seconds * 1_000_000, pa.int64(), mask=None if known is None else ~known).cast(STAMP)


def iso_date(seconds: Ids, known: Mask | None = None) -> pa.Array:
    """2026-01-05 as text, and 0000-00-00 where it is not known."""
    days = (
        pa.array((seconds // SECONDS_PER_DAY).astype(np.int32), pa.int32())
        .cast(pa.date32())
        .cast(pa.string())
    )
    return days if known is None else pc.if_else(pa.array(known), days, NO_DATE)


def compact_date(seconds: Ids) -> pa.Array:
    """20260105."""
    return pc.replace_substring(iso_date(seconds), "-", "")


def where(mask: Mask, column: pa.Array) -> pa.Array:
    """The column, and null where the mask is not set."""
    return pc.if_else(pa.array(mask), column, pa.scalar(None, column.type))


def nested(counts: Ids, members: dict[str, pa.Array]) -> pa.Array:
    """Lines under their headers: `counts` lines for each header, one after the other in `members`."""
    offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
    lines = pa.StructArray.from_arrays(list(members.values()), names=list(members))
    return pa.ListArray.from_arrays(pa.array(offsets), lines)


def sum_by_header(counts: Ids, values: Ids) -> Ids:
    """The exact sum of each header's lines; every header has at least one."""
    starts = np.concatenate(([0], np.cumsum(counts)[:-1])).astype(np.int64)
    return np.add.reduceat(values, starts) if len(values) else np.zeros(0, dtype=np.int64)


def half_up(numerator: Ids, denominator: Ids | int) -> Ids:
    return (2 * numerator + denominator) // (2 * np.asarray(denominator))
