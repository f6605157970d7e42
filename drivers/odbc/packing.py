"""Pure: rows that the source packed into one text each, back into columns.

An ODBC driver converts cell by cell, which costs more than everything else on the way. PostgreSQL can print a whole
row as one text, `(0,a,"b c",,0)` and a line feed; those texts end to end are CSV, and Arrow reads CSV by columns.
An empty field is NULL, an empty text is quoted, and quotes and backslashes are doubled inside quotes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from drivers.odbc.shape import Kind, QueryColumn
from drivers.unreadable import is_unreadable, text_column

_OPENING: Final = "(0"  # columns of the two noughts that carry the brackets
_CLOSING: Final = "0)"
_UNDECLARED: Final = (28, 6)
_MOST_DIGITS: Final = 38  # of decimal128; Arrow wraps around silently above it
_TYPES: Final = {
    Kind.INTEGER: pa.int64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.DATE: pa.date32(),
    Kind.TIME: pa.time64("us"),
    Kind.TIMESTAMP: pa.timestamp("us"),
    Kind.TIMESTAMP_TZ: pa.timestamp("us", tz="UTC"),
}


def unpack(
    packed: pa.ChunkedArray, columns: Sequence[QueryColumn], *, exact: frozenset[str] = frozenset()
) -> pa.Table:
    """The rows as a table. Columns named in `exact` stay texts: they become keys and cursors."""
    readable = not is_unreadable(packed.type)
    chunks = packed.chunks if readable else [chunk.storage for chunk in packed.chunks]
    texts = pa.concat_arrays(chunks) if chunks else pa.array([], pa.string())
    size = sum(buffer.size for buffer in texts.buffers() if buffer is not None) + 1
    content = _content(texts)
    types = {column.name: pa.string() if column.name in exact else _type_of(column) for column in columns}
    if content is None:
        return pa.table({name: pa.array([], kind) for name, kind in types.items()})
    try:
        table = _read(content, types, size, readable=readable)
    except pa.ArrowInvalid:
        # One value is outside its kind (infinity, BC): all columns as texts, sorted out one by one later.
        table = _read(content, dict.fromkeys(types, pa.string()), size, readable=readable)
    # A search through the bytes; Arrow's match_substring looks at each text and took a fifth of the whole page's time.
    table = _halve_backslashes(table) if b"\\" in content.to_pybytes() else table
    return table if readable else _texts_of_bytes(table)


def _texts_of_bytes(table: pa.Table) -> pa.Table:
    for number, field in enumerate(table.schema):
        if pa.types.is_binary(field.type):
            column = table.column(number)
            joined = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], pa.binary())
            table = table.set_column(number, field.name, text_column(joined))
    return table


def _type_of(column: QueryColumn) -> pa.DataType:
    """A declared numeric(p, s) keeps to its digits, so it is read as it is declared; every other amount stays text.

    psqlODBC says (28, 6) of a numeric without a declaration, whose digits nothing bounds.
    """
    declared = column.kind is Kind.DECIMAL and (column.size, column.scale) != _UNDECLARED
    if declared and 0 <= column.scale <= column.size <= _MOST_DIGITS and column.size:
        return pa.decimal128(column.size, column.scale)
    return _TYPES.get(column.kind, pa.string())


def _content(texts: pa.StringArray) -> pa.Buffer | None:
    """The bytes of all values end to end, without a copy."""
    _, offsets, values = texts.buffers()
    if len(texts) == 0 or offsets is None or values is None:
        return None
    ends = memoryview(offsets).cast("i")
    start, end = ends[texts.offset], ends[texts.offset + len(texts)]
    return values.slice(start, end - start)


def _read(content: pa.Buffer, types: dict[str, pa.DataType], size: int, *, readable: bool) -> pa.Table:
    if not readable:  # the bytes are sorted out column by column, once backslashes are halved
        types = {name: pa.binary() if pa.types.is_string(kind) else kind for name, kind in types.items()}
    return csv.read_csv(
        pa.BufferReader(content),
        csv.ReadOptions(
            use_threads=False,  # the next page is being fetched on the other core
            block_size=max(size, 1 << 16),
            column_names=[_OPENING, *types, _CLOSING],
        ),
        csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        csv.ConvertOptions(
            column_types=types,
            include_columns=list(types),
            check_utf8=readable,
            null_values=[""],
            true_values=["t"],
            false_values=["f"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def _halve_backslashes(table: pa.Table) -> pa.Table:
    for number, field in enumerate(table.schema):
        if pa.types.is_string(field.type) or pa.types.is_binary(field.type):
            halved = pc.replace_substring(table.column(number), "\\\\", "\\")
            table = table.set_column(number, field.name, halved)
    return table
