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
_BOOLEANS: Final = {"T": True, "F": False, "true": True, "false": False}


def table_of(rows: Sequence[Row], columns: Sequence[QueryColumn]) -> pa.Table:
    """One column each. A column in which one value is none of its kind stays text for this page, so that one record
    fails in the mapping and its page does not.
    """
    arrays = [_typed([_text(row.get(each.name)) for row in rows], each.kind) for each in columns]
    return pa.table(arrays, names=[each.name for each in columns])


def _typed(values: list[str | None], kind: Kind) -> pa.Array:
    if kind is Kind.DECIMAL:
        return pa.array([_decimal(value) for value in values], pa.string())
    texts = pa.array(values, pa.string())
    if kind is Kind.BOOLEAN and all(value is None or value in _BOOLEANS for value in values):
        return pa.array([None if value is None else _BOOLEANS[value] for value in values], pa.bool_())
    if kind in _TYPES:
        with contextlib.suppress(pa.ArrowInvalid):
            found = texts.cast(_TYPES[kind])
            return found.cast(pa.timestamp("us", tz="UTC")) if kind is Kind.TIMESTAMP_TZ else found
    return texts


def _text(value: Any) -> str | None:
    """As it was printed."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "T" if value else "F"
    return json.dumps(value, ensure_ascii=False)


def _decimal(value: str | None) -> str | None:
    """The same digits in one form: `.5` is 0.5, `1E+3` is 1000."""
    if value is None or _PLAIN.fullmatch(value):
        return value
    try:
        number = Decimal(value)
    except InvalidOperation:
        return value
    return format(number, "f") if number.is_finite() and abs(number.adjusted()) < 100 else value  # noqa: PLR2004 - longer ones are no amounts
