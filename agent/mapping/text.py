"""Transformations of texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from agent.mapping.casting import cast_rows, has_true, null_where
from agent.mapping.faults import NOT_TEXT, Report

# Arrow takes a Python value for a scalar only after it has looked for packages that may define its type, each time.
_EMPTY = pa.scalar("", pa.string())
_ZERO = pa.scalar("0", pa.string())


def to_text(array: pa.Array, report: Report) -> pa.Array:
    kind = array.type
    if pa.types.is_string(kind):
        return array
    if pa.types.is_binary(kind):
        encoded = array.dictionary_encode()
        texts = [value.hex() for value in encoded.dictionary.to_pylist()]
        return pa.array(texts, pa.string()).take(encoded.indices)
    text, bad = cast_rows(array, pa.string())
    if bad is not None:
        report(pc.and_(bad, array.is_valid()), NOT_TEXT, "the value cannot be written as text")
    return text


def trimmed(text: pa.Array) -> pa.Array:
    """Without white space around it; null where nothing else is left."""
    stripped = pc.utf8_trim_whitespace(text)
    blank = pc.equal(stripped, _EMPTY)
    return null_where(stripped, blank) if has_true(blank) else stripped


def without_leading_zeros(text: pa.Array) -> pa.Array:
    """Only where the text is all digits, as SAP's ALPHA conversion; nothing but zeros is "0"."""
    stripped = pc.ascii_ltrim(text, "0")
    stripped = pc.if_else(pc.equal(stripped, _EMPTY), _ZERO, stripped)
    return pc.if_else(pc.match_substring_regex(text, "^[0-9]+$"), stripped, text)


def in_case(text: pa.Array, case: str) -> pa.Array:
    return pc.utf8_upper(text) if case == "upper" else pc.utf8_lower(text)


def translated(text: pa.Array, values: Mapping[str, Any]) -> pa.Array:
    """What each code means, as text; null where the code is not named."""
    codes = pa.array(list(values), pa.string())
    meanings = pa.array([constant_text(value) for value in values.values()], pa.string())
    return meanings.take(pc.index_in(text, codes, skip_nulls=True))


def constant_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
