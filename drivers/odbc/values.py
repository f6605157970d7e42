"""Pure: columns as the source printed them -> columns of their own type."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from drivers.odbc.queries import MICROSECOND_DIGITS, NANOSECOND_DIGITS, is_finer
from drivers.odbc.shape import Kind, QueryColumn
from drivers.unreadable import is_unreadable

DATETIMEOFFSET: Final = -155  # SQL Server's type, which ODBC's standard does not know
_OFFSET_STRUCT: Final = struct.Struct(
    "<h5HI2h"
)  # year to second, billionths, hours and minutes of the offset

_PRINTED_MOMENT: Final = r"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d*)?$"
_BETWEEN_DAY_AND_TIME: Final = len("2026-02-03")

_TYPES: Mapping[Kind, tuple[pa.DataType, ...]] = {
    Kind.DATE: (pa.date32(),),
    Kind.TIMESTAMP: (pa.timestamp("us"),),
    Kind.TIMESTAMP_TZ: (pa.timestamp("us", tz="UTC"),),
    Kind.INTEGER: (pa.int64(), pa.uint64()),
    Kind.FLOAT: (pa.float64(),),
}


def datetimeoffset(raw: bytes | None) -> datetime | None:
    """As Microsoft's driver hands it over, to the microsecond; other drivers hand over text."""
    if raw is None:
        return None
    if len(raw) != _OFFSET_STRUCT.size:
        return datetime.fromisoformat(raw.decode("utf-16-le" if b"\0" in raw else "ascii").strip("\0 "))
    year, month, day, hour, minute, second, billionths, hours, minutes = _OFFSET_STRUCT.unpack(raw)
    zone = timezone(timedelta(hours=hours, minutes=minutes))
    return datetime(year, month, day, hour, minute, second, billionths // 1_000, tzinfo=zone)


def typed(table: pa.Table, columns: Sequence[QueryColumn]) -> pa.Table:
    """Give numbers, dates and time stamps that were read as text their type.

    A column in which one value is none of its kind (a date of infinity or BC, a word in SQLite) stays text: then
    that one record fails in the mapping, and its page does not.
    """
    for number, column in enumerate(columns):
        values = table.column(number)
        if column.kind is Kind.BOOLEAN and pa.types.is_integer(values.type):
            table = table.set_column(number, table.column_names[number], values.cast(pa.bool_()))
        elif pa.types.is_string(values.type) and (column.kind in _TYPES or column.kind in _READERS):
            table = table.set_column(number, table.column_names[number], _parsed(values, column.kind))
    return table


def named_alike(table: pa.Table, columns: Sequence[QueryColumn]) -> pa.Table:
    """Moments that the source printed, as the ODBC driver's own would be: so keys of them stay what they are.

    Those have six digits of a second, or nine where the column is declared to keep more. Digits behind the nine, which no
    ODBC driver hands over, make a key longer where they are more than nought. Digits behind the six of a column that is
    declared to keep no more are cut as they always were: it is bound with six, and by seven rows would be passed over.
    """
    for number, column in enumerate(columns):
        values = table.column(number)
        if column.kind is Kind.TIMESTAMP and pa.types.is_string(values.type):
            made = _with_digits(values, finer=is_finer(column))
            table = table.set_column(number, table.column_names[number], made)
    return table


def _with_digits(values: pa.ChunkedArray, *, finer: bool) -> pa.ChunkedArray:
    digits = NANOSECOND_DIGITS if finer else MICROSECOND_DIGITS
    behind = r"\d*?)0*$" if finer else r")\d*$"
    texts = pc.utf8_rtrim_whitespace(values)
    dotted = pc.if_else(pc.match_substring(texts, "."), texts, pc.binary_join_element_wise(texts, "", "."))
    padded = pc.binary_join_element_wise(dotted, "", "0" * digits)
    cut = pc.replace_substring_regex(padded, rf"(\.\d{{{digits}}}{behind}", r"\1")
    named = pc.utf8_replace_slice(cut, _BETWEEN_DAY_AND_TIME, _BETWEEN_DAY_AND_TIME + 1, " ")
    return pc.if_else(pc.match_substring_regex(texts, _PRINTED_MOMENT), named, texts)


def key_texts(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Key parts as texts that the source reads back as the same value; unreadable ones as they are."""
    if is_unreadable(values.type):
        return values
    if pa.types.is_binary(values.type) or pa.types.is_fixed_size_binary(values.type):
        texts = [None if value is None else value.hex() for value in values.to_pylist()]
        return pa.chunked_array([pa.array(texts, pa.string())])
    return values.cast(pa.string())


def _parsed(values: pa.ChunkedArray, kind: Kind) -> pa.ChunkedArray:
    for wanted in _TYPES.get(kind, ()):
        with contextlib.suppress(pa.ArrowInvalid):
            return values.cast(wanted)
    if kind in _READERS:
        with contextlib.suppress(pa.ArrowInvalid):
            return _READERS[kind](values)
    return values


def _seven_digits(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """SQL Server prints seven digits, others up to twelve; those behind the sixth are rarely more than nought."""
    return pc.replace_substring_regex(values, r"(\.\d{6})0+$", r"\1").cast(pa.timestamp("us"))


def _seven_digits_in_utc(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.replace_substring_regex(values, r"(\.\d{6})0\+", r"\1+").cast(pa.timestamp("us", tz="UTC"))


def _time_of_day(values: pa.ChunkedArray) -> pa.ChunkedArray:
    stamps = pc.binary_join_element_wise("1970-01-01", values, " ").cast(pa.timestamp("us"))
    return stamps.cast(pa.time64("us"))


def _letter(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """PostgreSQL prints `t` and `f`."""
    return pc.equal(values, "t")


_READERS: Mapping[Kind, Callable[[pa.ChunkedArray], pa.ChunkedArray]] = {
    Kind.TIMESTAMP: _seven_digits,
    Kind.TIMESTAMP_TZ: _seven_digits_in_utc,
    Kind.TIME: _time_of_day,
    Kind.BOOLEAN: _letter,
}
