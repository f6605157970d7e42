"""Pure: rows of one wide text each -> typed columns, whole columns at a time.

The rules are those of `conversions`, which a property test holds these to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from drivers.rfc.abap import Field, Kind
from drivers.rfc.conversions import DEFAULT_CURRENCY_DECIMALS, currency_text, float_text

# Digits with at most one sign, before or behind.
_NUMBER: Final = r"^(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)|(?:\d+(?:\.\d*)?|\.\d+)[+-])?$"


class BadColumn(ValueError):
    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{text[:40]!r} in {name} is no value of its type")
        self.name = name
        self.text = text


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a field lies in a row of text."""

    field: Field
    offset: int
    length: int


def cut(lines: pa.Array, cuts: Sequence[Cut]) -> dict[str, pa.Array]:
    """The fields' texts, blanks at the end removed. By offset and length: a value may hold any delimiter."""
    plain = pc.all(pc.equal(pc.binary_length(lines), pc.utf8_length(lines))).as_py() is not False
    source = lines.cast(pa.binary()) if plain else lines
    found = {}
    for each in cuts:
        end = each.offset + each.length
        if plain:
            part = pc.binary_slice(source, each.offset, end).cast(pa.string())
        else:
            part = _unit_slice(source, each.offset, end)
        found[each.field.name] = pc.utf8_rtrim(part, " ")
    return found


def _unit_slice(lines: pa.Array, start: int, end: int) -> pa.Array:
    """Offsets count UTF-16 units: a character such as an emoji takes two of them."""
    found = pc.utf8_slice_codeunits(lines, start, end)
    paired = pc.match_substring_regex(lines, "[\U00010000-\U0010ffff]")
    if not pc.any(paired).as_py():
        return found
    texts = [
        text.encode("utf-16-le")[2 * start : 2 * end].decode("utf-16-le", "replace")
        for text in lines.filter(paired).to_pylist()
    ]
    return pc.replace_with_mask(found, paired, pa.array(texts, pa.string()))


def split(lines: pa.Array, fields: Sequence[Field], delimiter: str) -> dict[str, pa.Array] | None:
    """The fields' texts of rows that are delimited and not padded; None where a value holds the delimiter itself."""
    if not len(lines):
        return {field.name: pa.array([], pa.string()) for field in fields}
    parts = pc.split_pattern(lines, delimiter)
    counts = pc.list_value_length(parts)
    if pc.any(pc.not_equal(counts, len(fields))).as_py():
        return None
    return {
        field.name: pc.utf8_rtrim(pc.list_element(parts, index), " ") for index, field in enumerate(fields)
    }


def type_of(field: Field) -> pa.DataType:
    return pa.int64() if field.kind is Kind.INTEGER else pa.string()


def typed(
    field: Field, texts: pa.Array, currencies: pa.Array | None, decimals: Mapping[str, int]
) -> pa.Array:
    """One column's texts as its values; `currencies` lie beside it, `decimals` are TCURX. Raises BadColumn."""
    match field.kind:
        case Kind.DATE:
            return _dates(texts)
        case Kind.TIME:
            return _times(texts)
        case Kind.INTEGER:
            return _integers(field, _numbers(field, texts))
        case Kind.DECIMAL:
            return _numbers(field, texts)
        case Kind.CURRENCY:
            return _scaled(field, _numbers(field, texts), currencies, decimals)
        case Kind.FLOAT:
            texts = pa.array([float_text(text) for text in texts.to_pylist()], pa.string())
        case Kind.RAW:
            texts = pc.utf8_upper(pc.utf8_trim_whitespace(texts))
        case _:
            pass
    return texts


def _dates(texts: pa.Array) -> pa.Array:
    texts = pc.utf8_trim_whitespace(texts)
    initial = pc.match_substring_regex(texts, r"^[0-]*$")
    iso = pc.replace_substring_regex(texts, r"^(\d{4})-?(\d{2})-?(\d{2})$", r"\1-\2-\3")
    return pc.if_else(initial, pa.scalar(None, pa.string()), iso)


def _times(texts: pa.Array) -> pa.Array:
    texts = pc.utf8_trim_whitespace(texts)
    iso = pc.replace_substring_regex(texts, r"^(\d{2}):?(\d{2}):?(\d{2})$", r"\1:\2:\3")
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), iso)


def _numbers(field: Field, texts: pa.Array) -> pa.Array:
    texts = pc.utf8_trim_whitespace(texts)
    good = pc.match_substring_regex(texts, _NUMBER)
    if pc.any(pc.invert(good)).as_py():
        raise BadColumn(field.name, str(texts.filter(pc.invert(good))[0].as_py()))
    # The steps only where a value needs them: most columns are printed plainly.
    if pc.any(pc.match_substring_regex(texts, r"[+-]$|^[+.]|\.$|^-?0\d|^-\.|^$")).as_py():
        texts = pc.replace_substring_regex(texts, r"^(.*)-$", r"-\1")
        texts = pc.replace_substring_regex(texts, r"^\+|[+.]$", "")
        texts = pc.replace_substring_regex(texts, r"^(-?)\.", r"\10.")
        texts = pc.replace_substring_regex(texts, r"^(-?)0+(\d)", r"\1\2")
        texts = pc.if_else(pc.equal(texts, ""), "0", texts)
    if pc.any(pc.match_substring_regex(texts, r"^-[0.]*$")).as_py():
        texts = pc.replace_substring_regex(texts, r"^-([0.]*)$", r"\1")
    return texts


def _integers(field: Field, numbers: pa.Array) -> pa.Array:
    try:
        return numbers.cast(pa.int64())
    except pa.ArrowInvalid as error:
        raise BadColumn(field.name, str(error)) from error


def _scaled(
    field: Field, numbers: pa.Array, currencies: pa.Array | None, decimals: Mapping[str, int]
) -> pa.Array:
    if currencies is None:
        return numbers
    odd = [
        currency
        for currency in pc.unique(currencies).to_pylist()
        if decimals.get(currency, DEFAULT_CURRENCY_DECIMALS) != field.decimals
    ]
    if not odd:
        return numbers
    # Without a row that was looked up there is no amount, whatever the currency beside it.
    which = pc.and_(pc.is_in(currencies, value_set=pa.array(odd, pa.string())), pc.is_valid(numbers))
    moved: list[Any] = [
        currency_text(number, field.decimals, decimals.get(currency, DEFAULT_CURRENCY_DECIMALS))
        for number, currency in zip(
            numbers.filter(which).to_pylist(), currencies.filter(which).to_pylist(), strict=True
        )
    ]
    return pc.replace_with_mask(numbers, which, pa.array(moved, pa.string()))
