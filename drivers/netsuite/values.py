"""Pure: rows as NetSuite answers them -> Arrow columns of their own type."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import pyarrow as pa

from drivers.netsuite.service import Row
from drivers.netsuite.shape import Kind, QueryColumn

_TYPES: Final[Mapping[Kind, pa.DataType]] = {
    Kind.INTEGER: pa.int64(),
    Kind.DATE: pa.date32(),
    Kind.TIMESTAMP: pa.timestamp("us"),
    Kind.TIMESTAMP_TZ: pa.timestamp("us"),  # of UTC, as it was asked for
}
_PLAIN: Final = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
_HALF: Final = re.compile("[\ud800-\udfff]")
_BOOLEANS: Final = {"T": True, "F": False, "true": True, "false": False}


def table_of(rows: Sequence[Row], columns: Sequence[QueryColumn]) -> pa.Table:
    """One column each, of its own type."""
    return typed(texts_of(rows, columns), columns)


def texts_of(rows: Sequence[Row], columns: Sequence[QueryColumn]) -> pa.Table:
    """One column of texts each, so that many rows take little room; `typed` gives them their types."""
    arrays = [
        pa.array([_text(row.get(each.name), each.kind) for row in rows], pa.string()) for each in columns
    ]
    return pa.table(arrays, names=[each.name for each in columns])


def typed(texts: pa.Table, columns: Sequence[QueryColumn]) -> pa.Table:
    """A column in which one value is none of its kind stays text for this page, so that one record fails in the
    mapping and its page does not.
    """
    arrays = [_typed(texts.column(each.name), each.kind) for each in columns]
    return pa.table(arrays, names=[each.name for each in columns])


def _typed(texts: pa.ChunkedArray, kind: Kind) -> pa.Array | pa.ChunkedArray:
    if kind is Kind.BOOLEAN:
        values = texts.to_pylist()
        if all(value is None or value in _BOOLEANS for value in values):
            return pa.array([None if value is None else _BOOLEANS[value] for value in values], pa.bool_())
    if kind in _TYPES:
        with contextlib.suppress(pa.ArrowInvalid):
            found = texts.cast(_TYPES[kind])
            return found.cast(pa.timestamp("us", tz="UTC")) if kind is Kind.TIMESTAMP_TZ else found
    return texts


def _text(value: Any, kind: Kind) -> str | None:
    """As it was printed. Half a character, which a text that was cut off may end with, is shown as what it is."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "T" if value else "F"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if not text.isascii():
        text = _HALF.sub("\ufffd", text)
    return _decimal(text) if kind is Kind.DECIMAL else text


def _decimal(value: str) -> str:
    """The same digits in one form: `.5` is 0.5, `1E+3` is 1000."""
    if _PLAIN.fullmatch(value):
        return value
    try:
        number = Decimal(value)
    except InvalidOperation:
        return value
    return format(number, "f") if number.is_finite() and abs(number.adjusted()) < 100 else value  # noqa: PLR2004 - longer ones are no amounts
