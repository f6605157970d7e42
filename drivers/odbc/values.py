"""Pure: columns as the source printed them -> columns of their own type."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from drivers.odbc.shape import Kind, QueryColumn

_TYPES = {
    Kind.DATE: pa.date32(),
    Kind.TIMESTAMP: pa.timestamp("us"),
    Kind.TIMESTAMP_TZ: pa.timestamp("us", tz="UTC"),
}


def typed(table: pa.Table, columns: Sequence[QueryColumn]) -> pa.Table:
    """Give dates and time stamps that were read as text their type.

    A column in which one value is no date of the calendar (infinity, BC, text in SQLite) stays text: then that one
    record fails in the mapping, and its page does not.
    """
    for number, column in enumerate(columns):
        wanted = _TYPES.get(column.kind)
        if wanted is None:
            continue
        name = table.column_names[number]
        values = table.column(number)
        if pa.types.is_string(values.type):
            values = _parsed(values, wanted)
        table = table.set_column(number, name, values)
    return table


def key_texts(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Key parts as texts that the source reads back as the same value."""
    if pa.types.is_binary(values.type) or pa.types.is_fixed_size_binary(values.type):
        texts = [None if value is None else value.hex() for value in values.to_pylist()]
        return pa.chunked_array([pa.array(texts, pa.string())])
    return values.cast(pa.string())


def _parsed(values: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    for texts in (values, pc.replace_substring_regex(values, r"(\.\d{6})0$", r"\1")):
        try:
            return texts.cast(wanted)
        except pa.ArrowInvalid:
            continue
    return values
