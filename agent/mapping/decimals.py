"""Texts and numbers to exact decimals: every digit kept, or a fault. Never a rounding, never by way of a float.

Arrow's own casts to decimals wrap around without a word where a number has too many digits for the type
(38 digits cast to decimal128(38, 10) become another number), so nothing is cast here that was not counted first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from agent.mapping.casting import has_true, null_where, unify
from agent.mapping.faults import DOES_NOT_FIT, NOT_A_DECIMAL, Report
from agent.mapping.rules import DecimalForm
from agent.mapping.text import trimmed

PLAIN_DECIMAL: Final = DecimalForm()
_WIDEST: Final = 76  # digits of a decimal256
# The model's default first; the others for what it cannot hold. Readers accept any.
_LADDER: Final = (pa.decimal128(38, 10), pa.decimal128(38, 20), pa.decimal256(_WIDEST, 38))
_NUMBER: Final = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)$"
_WITH_EXPONENT: Final = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][+-]?[0-9]{1,4}$"
_MAX_NUMBER_CHARACTERS: Final = 400  # longer texts are no amounts; keeps the exponents' digits bounded too
_LETTER_E: Final = ord("e")
_LOWER_CASE_BIT: Final = 0x20
_DOES_NOT_FIT_MESSAGE: Final = "the amount has more digits than can be kept without rounding"
# See text.py: ready-made scalars save a search each time.
_EMPTY, _NOUGHT, _MINUS, _POINT = (pa.scalar(text, pa.string()) for text in ("", "0", "-", "."))
_FIRST = pa.scalar(0, pa.int32())
_SAFE_CHARACTERS = 38  # so many digits fit into 128 bits whatever their point


def to_decimal(array: pa.Array, form: DecimalForm, report: Report) -> pa.Array:
    kind = array.type
    if pa.types.is_integer(kind):
        array, kind = array.cast(pa.decimal128(20, 0)), pa.decimal128(20, 0)
    if pa.types.is_decimal(kind):
        return array if form.scale is None else rescaled(array, form.scale, report)
    if pa.types.is_floating(kind):
        # The shortest text that reads back as the same float is what the source showed its own users.
        return _parsed(array.cast(pa.string()), DecimalForm(scale=form.scale), report)
    if pa.types.is_string(kind):
        return _parsed(array, form, report)
    report(array.is_valid(), NOT_A_DECIMAL, f"a {kind} is no decimal")
    return pa.nulls(len(array), _LADDER[0])


def rescaled(array: pa.Array, scale: int, report: Report) -> pa.Array:
    """The same amounts with this many digits after the point."""
    more = scale - array.type.scale
    bad = _too_wide(array, _WIDEST - more) if more > 0 else _would_round(array, scale)
    if bad is not None:
        report(bad, DOES_NOT_FIT, _DOES_NOT_FIT_MESSAGE)
        array = null_where(array, bad)
    return narrowed(array.cast(pa.decimal256(_WIDEST, scale)))


def alike(arrays: Sequence[pa.Array], report: Report) -> list[pa.Array]:
    """The arrays in one type; of decimals that no type holds together, what does not fit is a fault."""
    try:
        return unify(arrays)
    except TypeError:
        return unify([rescaled(array, 38, report) for array in arrays])


def narrowed(array: pa.Array) -> pa.Array:
    """As decimal128 where every amount fits it."""
    scale = array.type.scale
    wide = _too_wide(array, 38) if scale <= 38 else array.is_valid()  # noqa: PLR2004 - digits of a decimal128
    return array.cast(pa.decimal128(38, scale)) if wide is None or not has_true(wide) else array


def _too_wide(array: pa.Array, digits: int) -> pa.BooleanArray | None:
    """The rows whose digits, taken without the point, are more than this; None if the type rules that out."""
    if array.type.precision <= digits:
        return None
    limit = pa.scalar(Decimal(1).scaleb(digits - array.type.scale), array.type)
    return pc.greater_equal(pc.abs(array), limit)


def _would_round(array: pa.Array, scale: int) -> pa.BooleanArray | None:
    if scale == array.type.scale:
        return None
    bad = pc.not_equal(pc.trunc(array) if scale == 0 else pc.round(array, scale, "towards_zero"), array)
    return bad if has_true(bad) else None


def _parsed(text: pa.Array, form: DecimalForm, report: Report) -> pa.Array:
    ladder = _LADDER
    if form.scale is not None:
        ladder = (
            pa.decimal128(38, form.scale),
            pa.decimal256(_WIDEST, form.scale),
            pa.decimal256(_WIDEST, form.scale),
        )
    if form.separator == "." and not form.thousands:
        plain = _cast_if_plain(text, ladder)
        if plain is not None:
            return plain
    usual = _usual_notation(trimmed(text), form)
    too_long = pc.greater(pc.binary_length(usual), _MAX_NUMBER_CHARACTERS)
    usual = _expanded(null_where(usual, too_long))
    malformed = pc.invert(pc.match_substring_regex(usual, _NUMBER))
    if has_true(malformed):
        report(malformed, NOT_A_DECIMAL, "the text is no decimal number")
    if has_true(too_long):
        report(too_long, NOT_A_DECIMAL, "the text is too long for a number")
    return _counted_cast(null_where(usual, malformed), ladder, report)


def _cast_if_plain(text: pa.Array, ladder: tuple[pa.DataType, ...]) -> pa.Array | None:
    """The usual column in one step, in the first type that holds it; None where something needs a closer look.

    Arrow wraps around where digits overflow, so they are counted first; a fraction that would be cut it refuses.
    """
    if _largest(pc.binary_length(text)) > _SAFE_CHARACTERS or _has_exponent(text):
        return None
    point = pc.find_substring(text, ".")
    most_whole = _largest(pc.if_else(pc.less(point, _FIRST), pc.binary_length(text), point))
    for kind in ladder:
        if most_whole <= kind.precision - kind.scale:
            try:
                return text.cast(kind)
            except pa.ArrowInvalid:
                continue
    return None


def _counted_cast(text: pa.Array, ladder: tuple[pa.DataType, ...], report: Report) -> pa.Array:
    parts = pc.extract_regex(text, r"^(?P<sign>[+-]?)0*(?P<whole>[0-9]*?)(?:\.(?P<fraction>[0-9]*?)0*)?$")
    whole, fraction = (
        null_where(pc.struct_field(parts, name), text.is_null()) for name in ("whole", "fraction")
    )
    whole_digits, fraction_digits = pc.binary_length(whole), pc.binary_length(fraction)
    widest = ladder[-1]
    bad = pc.or_(
        pc.greater(whole_digits, widest.precision - widest.scale), pc.greater(fraction_digits, widest.scale)
    )
    if has_true(bad):
        report(bad, DOES_NOT_FIT, _DOES_NOT_FIT_MESSAGE)
        whole_digits, fraction_digits = null_where(whole_digits, bad), null_where(fraction_digits, bad)
    most_whole, most_fraction = _largest(whole_digits), _largest(fraction_digits)
    kind = next(
        kind for kind in ladder if most_whole <= kind.precision - kind.scale and most_fraction <= kind.scale
    )
    whole = pc.if_else(pc.equal(whole, _EMPTY), _NOUGHT, whole)
    sign = pc.if_else(pc.equal(pc.struct_field(parts, "sign"), _MINUS), _MINUS, _EMPTY)
    number = pc.binary_join_element_wise(sign, whole, _POINT, fraction, _EMPTY)
    return null_where(number, bad).cast(kind)


def _largest(numbers: pa.Array) -> int:
    largest: int | None = pc.max(numbers).as_py()
    return largest or 0


def _has_exponent(text: pa.Array) -> bool:
    """Whether a letter E stands anywhere in the column."""
    offsets, data = text.buffers()[1:]
    if offsets is None or data is None:
        return False
    at = np.frombuffer(offsets, np.int32, len(text) + 1, text.offset * 4)
    letters = np.frombuffer(data, np.uint8)[at[0] : at[-1]]
    return bool(np.any((letters | _LOWER_CASE_BIT) == _LETTER_E))


def _expanded(text: pa.Array) -> pa.Array:
    """Numbers such as 1e-7 written out; by distinct values, because only floats and spreadsheets write them so."""
    with_exponent = pc.match_substring_regex(text, _WITH_EXPONENT)
    if not has_true(with_exponent):
        return text
    encoded = pc.if_else(with_exponent, text, pa.scalar(None, pa.string())).dictionary_encode()
    written = [_written_out(value) for value in encoded.dictionary.to_pylist()]
    return pc.coalesce(pa.array(written, pa.string()).take(encoded.indices), text)


def _written_out(text: str) -> str:
    number = Decimal(text)
    # Beyond these the number does not fit anyway; written out it would be as long as its exponent is large.
    if number == 0:
        return "0"
    if number.adjusted() > _WIDEST:
        return "9" * (_WIDEST + 1)
    return format(number, "f") if number.adjusted() > -_MAX_NUMBER_CHARACTERS else f"0.{'0' * _WIDEST}1"


def _usual_notation(text: pa.Array, form: DecimalForm) -> pa.Array:
    """With a point, without thousands, the sign in front. What is malformed is left so, and is found later."""
    if form.thousands:
        text = _without_thousands(text, form)
    if form.separator != ".":
        # A point that is neither separator means another notation than the mapping says.
        text = pc.if_else(pc.match_substring(text, "."), "?", text)
        text = pc.replace_substring(text, form.separator, ".")
    last = pc.utf8_slice_codeunits(text, -1)
    trailing = pc.or_(pc.equal(last, "-"), pc.equal(last, "+"))
    if not has_true(trailing):
        return text
    unsigned = pc.utf8_rtrim_whitespace(pc.utf8_slice_codeunits(text, 0, -1))
    return pc.if_else(trailing, pc.binary_join_element_wise(last, unsigned, ""), text)


def _without_thousands(text: pa.Array, form: DecimalForm) -> pa.Array:
    thousands, separator = re.escape(form.thousands), re.escape(form.separator)
    grouped = pc.match_substring_regex(
        text, rf"^[+-]?[0-9]{{1,3}}({thousands}[0-9]{{3}})+({separator}[0-9]*)?\s*[+-]?$"
    )
    # "1.5" where "." groups thousands would become 15.
    misplaced = pc.and_not(pc.match_substring(text, form.thousands), grouped)
    return pc.if_else(misplaced, "?", pc.replace_substring(text, form.thousands, ""))
