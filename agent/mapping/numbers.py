"""Whole numbers and truth values."""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from agent.mapping.casting import cast_rows, has_true
from agent.mapping.decimals import to_decimal
from agent.mapping.faults import NOT_A_BOOLEAN, NOT_AN_INTEGER, Report
from agent.mapping.rules import DecimalForm
from agent.mapping.text import to_text, trimmed

_TRUE: Final = pa.array(["true", "t", "yes", "y", "1", "x"])
_FALSE: Final = pa.array(["false", "f", "no", "n", "0"])


def to_integer(array: pa.Array, form: DecimalForm, report: Report) -> pa.Array:
    number = array if pa.types.is_integer(array.type) else to_decimal(array, form, report)
    whole, bad = cast_rows(number, pa.int64())
    if bad is not None:
        report(bad, NOT_AN_INTEGER, "the number is not whole, or too large")
    return whole


def to_boolean(array: pa.Array, report: Report) -> pa.Array:
    if pa.types.is_boolean(array.type):
        return array
    word = pc.utf8_lower(trimmed(to_text(array, report)))
    true, false = pc.is_in(word, _TRUE), pc.is_in(word, _FALSE)
    known = pc.or_(true, false)
    bad = pc.and_(word.is_valid(), pc.invert(known))
    if has_true(bad):
        report(
            bad, NOT_A_BOOLEAN, "the value is neither true nor false; name its codes with values = { ... }"
        )
    return pc.if_else(known, true, pa.scalar(None, pa.bool_()))
