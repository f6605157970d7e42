"""Pure: ABAP's texts into exact values and back.

Every way of calling a function prints the same value in its own form: a date is 20260131 over RFC and 2026-01-31 over
SOAP, a negative number has its sign behind it in a table read and in front of it in a BAPI. What comes out here is one
form, and nothing is rounded, cut or guessed: what cannot be a value of its type raises `NotConvertible`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any, Final

from drivers.rfc.abap import Field, Kind

INITIAL_DATE: Final = "00000000"
DEFAULT_CURRENCY_DECIMALS: Final = 2  # of every currency that TCURX does not name
_NUMBER: Final = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?([+-]?)", re.ASCII)
_DATE: Final = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})", re.ASCII)
_TIME: Final = re.compile(r"(\d{2}):?(\d{2}):?(\d{2})", re.ASCII)
_DIGITS_AT_MOST: Final = 100  # of a floating-point number printed in full


class NotConvertible(ValueError):
    """A text that is no value of its type."""


def units(text: str) -> int:
    """Its length as ABAP counts: in UTF-16 units."""
    return len(text) + sum(character > "\uffff" for character in text)


# --- conversion exits


def alpha_in(text: str, length: int) -> str:
    """As ALPHA keeps it: digits alone are padded with zeros, anything else stays on the left."""
    text = text.strip(" ")
    if text.isascii() and text.isdigit() and len(text) <= length:
        return text.rjust(length, "0")
    return text


def alpha_out(text: str) -> str:
    text = text.strip(" ")
    if text.isascii() and text.isdigit():
        return text.lstrip("0") or "0"
    return text


# --- from ABAP


def char(value: Any) -> str:
    """Blanks at the end are padding and mean nothing in ABAP."""
    return str(value).rstrip(" ")


def date_text(value: Any) -> str | None:
    """ISO; None for the initial date. A text that is no date stays as it is, for the record alone is at fault."""
    if value is None:
        return None
    if isinstance(value, date):
        return value.isoformat()[:10]
    text = str(value).strip()
    found = _DATE.fullmatch(text)
    if not text or text.replace("-", "").strip("0") == "":
        return None
    return "-".join(found.groups()) if found else text


def time_text(value: Any) -> str | None:
    """`HH:MM:SS`, 24:00:00 at the end of a day."""
    if value is None:
        return None
    if isinstance(value, time):
        return value.isoformat("seconds")
    text = str(value).strip()
    found = _TIME.fullmatch(text)
    if not text:
        return None
    return ":".join(found.groups()) if found else text


def decimal_text(value: Any) -> str:
    """Exact digits as the source printed them, the sign in front: `" 1.24140-"` is -1.24140."""
    if isinstance(value, Decimal):
        value = format(value, "f")
    text = str(value).strip()
    found = _NUMBER.fullmatch(text)
    if found is None or (found.group(1) and found.group(4)):
        raise NotConvertible(f"{text[:40]!r} is no number")
    whole, fraction = found.group(2) or "", found.group(3)
    if not whole and not fraction:
        if text:
            raise NotConvertible(f"{text[:40]!r} is no number")
        return "0"
    whole = whole.lstrip("0") or "0"
    digits = f"{whole}.{fraction}" if fraction else whole
    negative = "-" in (found.group(1), found.group(4)) and digits.strip("0.") != ""
    return f"-{digits}" if negative else digits


def currency_text(value: Any, decimals: int, currency_decimals: int) -> str:
    """The real amount of a CURR field, whose digits are kept as if every currency had the field's own decimals."""
    text = decimal_text(value)
    if decimals == currency_decimals:
        return text
    sign = "-" if text.startswith("-") else ""
    whole, _, fraction = text.lstrip("-").partition(".")
    unscaled = whole + fraction.ljust(decimals, "0")[:decimals]
    if fraction[decimals:].strip("0"):
        raise NotConvertible(f"{text[:40]!r} has more than {decimals} decimals")
    if currency_decimals == 0:
        return decimal_text(sign + unscaled)
    unscaled = unscaled.rjust(currency_decimals + 1, "0")
    return decimal_text(f"{sign}{unscaled[:-currency_decimals]}.{unscaled[-currency_decimals:]}")


def float_text(value: Any) -> str:
    """A floating-point number in full, without exponent."""
    text = str(value).strip()
    try:
        number = Decimal(text) if text else Decimal(0)
    except InvalidOperation as error:
        raise NotConvertible(f"{text[:40]!r} is no number") from error
    if not number.is_finite() or abs(number.adjusted()) > _DIGITS_AT_MOST:
        return text
    plain = format(number, "f")
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if plain in {"-0", ""} else plain


def raw_text(value: Any) -> str:
    """Hexadecimal in capitals, as ABAP prints it."""
    return value.hex().upper() if isinstance(value, bytes | bytearray) else str(value).strip().upper()


def raw_in_reply(value: Any, length: int) -> str:
    """RAW of a function's answer, which is base64 over SOAP. Of no length do both have the same number of digits."""
    text = raw_text(value)
    if re.fullmatch(r"[0-9A-F]*", text) and len(text) in {0, 2 * length}:
        return text
    try:
        return base64.b64decode(str(value).strip(), validate=True).hex().upper()
    except ValueError as error:
        raise NotConvertible(f"{str(value)[:40]!r} is neither hexadecimal nor base64") from error


def integer(value: Any) -> int:
    text = decimal_text(value)
    if "." in text:
        raise NotConvertible(f"{text[:40]!r} is no whole number")
    return int(text)


def from_abap(
    field: Field, value: Any, *, currency_decimals: int = DEFAULT_CURRENCY_DECIMALS
) -> str | int | None:
    """One value as a page holds it."""
    if field.kind is Kind.CURRENCY:
        return currency_text(value, field.decimals, currency_decimals)
    return _FROM.get(field.kind, _text)(value)


def _text(value: Any) -> str:
    return "" if value is None else char(value)


_FROM: Final[Mapping[Kind, Callable[[Any], str | int | None]]] = {
    Kind.INTEGER: integer,
    Kind.DECIMAL: decimal_text,
    Kind.FLOAT: float_text,
    Kind.DATE: date_text,
    Kind.TIME: time_text,
    Kind.RAW: raw_text,
}


# --- into ABAP


def to_abap(field: Field, value: Any) -> str | int | Decimal | date | time:
    """A value of the unified model for a parameter. Raises NotConvertible for what the field would alter."""
    kind = field.kind
    if kind is Kind.DATE:
        return _day(value)
    if kind is Kind.TIME:
        return _clock(value)
    if kind in {Kind.DECIMAL, Kind.CURRENCY}:
        return decimal_in(value, field.length, field.decimals)
    if kind is Kind.INTEGER:
        return integer(value)
    text = ("X" if value else "") if isinstance(value, bool) else str(value)
    if kind is Kind.DIGITS:
        return digits_in(text, field.length)
    if field.conversion == "ALPHA":
        text = alpha_in(text, field.length)
    if kind is not Kind.LONG and field.length and units(text) > field.length:
        raise NotConvertible(f"takes at most {field.length} characters")
    return text


def decimal_in(value: Any, length: int, decimals: int) -> Decimal:
    try:
        with localcontext() as context:
            context.prec = 60
            number = Decimal(str(value))
            if not number.is_finite() or "_" in str(value):
                raise NotConvertible("is no decimal")
            fitted = number.quantize(Decimal(1).scaleb(-decimals))
            if fitted != number:
                raise NotConvertible(f"takes at most {decimals} digits after the point")
    except InvalidOperation:
        raise NotConvertible("is no decimal, or too large") from None
    if length and len(fitted.as_tuple().digits) > length:
        raise NotConvertible(f"takes at most {length} digits, {decimals} of them after the point")
    return fitted


def digits_in(text: str, length: int) -> str:
    text = text.strip()
    if not (text.isascii() and text.isdigit()):
        raise NotConvertible("takes digits only")
    text = text.lstrip("0").rjust(length, "0")
    if length and len(text) > length:
        raise NotConvertible(f"takes at most {length} digits")
    return text


def _day(value: Any) -> date | str:
    """A date; of a moment its own day. The empty text is the initial date."""
    text = str(value)
    if not text:
        return INITIAL_DATE
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise NotConvertible("is no date") from None


def plain_day(value: Any) -> str:
    """`20260401`, for fields of text that hold a date; of a moment its own day. Raises NotConvertible."""
    day = _day(value)
    return "" if isinstance(day, str) else f"{day:%Y%m%d}".rjust(8, "0")


def _clock(value: Any) -> time | str:
    text = str(value)
    try:
        if "T" in text or " " in text:
            return datetime.fromisoformat(text).time().replace(microsecond=0, tzinfo=None)
        return time.fromisoformat(text)
    except ValueError:
        raise NotConvertible("is no time") from None
