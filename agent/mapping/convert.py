"""One column to the kind that its field has."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from agent.mapping.dates import to_date, to_timestamp
from agent.mapping.decimals import PLAIN_DECIMAL, to_decimal
from agent.mapping.faults import Report
from agent.mapping.numbers import to_boolean, to_integer
from agent.mapping.rules import DateForm, Value
from agent.mapping.text import constant_text, to_text
from agent.model.entities import Kind

_ISO = DateForm()


def convert(array: pa.Array, value: Value, time: pa.Array | None, report: Report) -> pa.Array:
    kind = value.kind or own_kind(array.type)
    if kind is Kind.DECIMAL:
        return to_decimal(array, value.decimal, report)
    if kind is Kind.INTEGER:
        return to_integer(array, value.decimal, report)
    if kind is Kind.BOOLEAN:
        return to_boolean(array, report)
    if kind is Kind.DATE:
        return to_date(array, value.date, report)
    if kind is Kind.TIMESTAMP:
        return to_timestamp(array, value.date, time, report)
    return to_text(array, report)


def own_kind(kind: pa.DataType) -> Kind:
    """What a custom field becomes that does not say: as close to the source's type as the model has."""
    if pa.types.is_decimal(kind) or pa.types.is_floating(kind) or pa.types.is_uint64(kind):
        return Kind.DECIMAL
    if pa.types.is_integer(kind):
        return Kind.INTEGER
    if pa.types.is_boolean(kind):
        return Kind.BOOLEAN
    if pa.types.is_date(kind):
        return Kind.DATE
    return Kind.TIMESTAMP if pa.types.is_timestamp(kind) else Kind.STRING


def converted_constant(constant: Any, kind: Kind | None, length: int) -> pa.Array:
    """A constant of the mapping file, or a column of them as text, written in the plain form of its kind.

    Raises ValueError where it is not of that form; the compiler tries every constant once.
    """
    text = constant if isinstance(constant, pa.Array) else pa.array([constant_text(constant)], pa.string())

    def refuse(_mask: pa.BooleanArray, _reason: str, message: str) -> None:
        raise ValueError(message)

    if kind is Kind.DECIMAL:
        column = to_decimal(text, PLAIN_DECIMAL, refuse)
    elif kind is Kind.INTEGER:
        column = to_integer(text, PLAIN_DECIMAL, refuse)
    elif kind is Kind.BOOLEAN:
        column = to_boolean(text, refuse)
    elif kind is Kind.DATE:
        column = to_date(text, _ISO, refuse)
    elif kind is Kind.TIMESTAMP:
        column = to_timestamp(text, _ISO, None, refuse)
    else:
        column = text
    return column if isinstance(constant, pa.Array) else pa.repeat(column[0], length)
