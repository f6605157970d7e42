"""Pure: records of an export -> Arrow columns of their own type.

How a date and a number are printed depends on the source data format of the data project. What is of none of its type
leaves its column a text for that page, so that one record fails in the mapping and its page does not.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from drivers.dmf.shape import Kind

_PLAIN: Final = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
_TRUTHS: Final = {"yes": True, "no": False, "true": True, "false": False, "1": True, "0": False}
_FARTHEST: Final = 100  # digits before the point; a longer number is nobody's amount
_ZONE: Final = r"(Z|[+-]\d\d:?\d\d)$"


def table_of(
    rows: Sequence[Sequence[str | None]],
    fields: Sequence[str],
    types: Mapping[str, Kind],
    chosen: Sequence[str],
) -> pa.Table:
    """`fields`: of the rows, which may be shorter; `chosen`: those that the table has, in its order."""
    places = {name: place for place, name in enumerate(fields)}
    arrays = []
    for name in chosen:
        place = places[name]
        texts = [row[place] if place < len(row) else None for row in rows]
        arrays.append(_typed(texts, types.get(name, Kind.TEXT)))
    return pa.table(arrays, names=list(chosen))


def _typed(texts: list[str | None], kind: Kind) -> pa.Array:
    plain = pa.array(texts, pa.string())
    if kind is Kind.DECIMAL:
        return pa.array([None if text is None else _decimal(text) for text in texts], pa.string())
    if kind is Kind.BOOLEAN:
        found = [None if text is None else _TRUTHS.get(text.lower(), text) for text in texts]
        return plain if any(isinstance(each, str) for each in found) else pa.array(found, pa.bool_())
    if kind is Kind.INTEGER:
        with contextlib.suppress(pa.ArrowInvalid):
            return pc.replace_substring_regex(plain, r"\.0+$", "").cast(pa.int64())
    if kind in {Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMP_UTC}:
        with contextlib.suppress(pa.ArrowInvalid):
            return _moments(plain, kind)
    return plain


def _moments(texts: pa.Array, kind: Kind) -> pa.Array:
    if kind is Kind.DATE:
        # A day is printed as its midnight; any other time of it would be cut off, and is refused.
        days = pc.replace_substring_regex(texts, r"[T ]00:00(:00(\.0+)?)?" + _ZONE.replace("$", "?$"), "")
        return days.cast(pa.date32())
    short = pc.replace_substring_regex(texts, r"(\.\d{6})\d+", r"\1")
    if kind is Kind.TIMESTAMP_UTC:
        zoned = pc.match_substring_regex(short, _ZONE)
        moments = pc.if_else(zoned, short, pc.binary_join_element_wise(short, "Z", ""))
        return moments.cast(pa.timestamp("us", "UTC"))
    return short.cast(pa.timestamp("us"))


def _decimal(text: str) -> str:
    """The same digits in one form: `.5` is 0.5, `1E+3` is 1000. What is no number stays as it is."""
    if _PLAIN.fullmatch(text):
        return text
    try:
        number = Decimal(text.strip()) if "_" not in text else None
    except InvalidOperation:
        return text
    if number is None or not number.is_finite() or abs(number.adjusted()) >= _FARTHEST:
        return text
    return format(number, "f")
