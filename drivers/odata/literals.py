"""Pure: values as OData writes them in a URL, and as JSON carries them back.

A value enters a URL only through `literal` and `encode`: quotes are doubled, everything that is not a letter, a digit
or one of `-._~` is percent-encoded as UTF-8. A blank is `%20`, never `+`, and `/` is `%2F`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final
from urllib.parse import quote
from uuid import UUID

from drivers.odata.edm import Kind

V4: Final = 4
INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1
_JSON_DATE: Final = re.compile(r"/Date\((-?\d{1,17})(?:([+-])(\d{1,4}))?\)/")
_ISO: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2}(?::\d{2}(?:\.\d{1,12})?)?)(Z|[+-]\d{2}:\d{2})?)?"
)
_DURATION: Final = re.compile(r"PT(?:(\d{1,4})H)?(?:(\d{1,4})M)?(?:(\d{1,5})(?:\.(\d{1,7}))?S)?")
_MOST_DIGITS: Final = 1_000
_DECIMAL: Final = re.compile(r"-?\d{1,60}(\.\d{1,60})?")
_FLOAT: Final = re.compile(r"-?\d{1,30}(\.\d{1,30})?([eE][+-]?\d{1,3})?")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")
_ENUM: Final = re.compile(r"[\w.]{1,200}")
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - V2's own local time


class NoLiteral(ValueError):
    """The text is no value of its type."""


def encode(text: str) -> str:
    return quote(text, safe="")


def literal(kind: Kind, text: str, version: int, *, type_: str = "") -> str:
    """The text of a value (see `drivers/odata/decoding.py`) as a literal, not yet percent-encoded.

    Raises NoLiteral for a text that cannot be a value of this type: it can belong to no record.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise NoLiteral(text) from None
    if "\0" in text:
        raise NoLiteral(text)
    if kind is Kind.ENUM:
        if _ENUM.fullmatch(text) is None:
            raise NoLiteral(text)
        return f"{type_}'{text}'"
    written = (_V4 if version == V4 else _V2).get(kind)
    if written is None:
        raise NoLiteral(text)
    return written(text, type_)


def moment_of(text: str) -> datetime:
    """An ISO or V2 JSON moment; aware where it names an offset. Finer than a microsecond is cut."""
    found = _JSON_DATE.fullmatch(text)
    if found is not None:
        return _from_json_date(found)
    parts = _ISO.fullmatch(text)
    if parts is None:
        raise NoLiteral(text)
    day, time, zone = parts.group(1), parts.group(2) or "00:00:00", parts.group(3) or ""
    whole, _, fraction = time.partition(".")
    try:
        return datetime.fromisoformat(
            f"{day}T{whole}{f'.{fraction[:6]:0<6}' if fraction else ''}{zone.replace('Z', '+00:00')}"
        )
    except ValueError:
        raise NoLiteral(text) from None


def _from_json_date(found: re.Match[str]) -> datetime:
    """The milliseconds are those of the clock that the offset, in minutes, belongs to."""
    try:
        moment = _EPOCH + timedelta(milliseconds=int(found.group(1)))
        if found.group(2) is None:
            return moment
        minutes = int(found.group(3)) * (-1 if found.group(2) == "-" else 1)
        utc = moment - timedelta(minutes=minutes)
    except OverflowError:
        raise NoLiteral(found.group()) from None
    return utc.replace(tzinfo=_UTC)


def iso(moment: datetime) -> str:
    """Without an offset, with as many digits as it has."""
    text = moment.replace(tzinfo=None).isoformat(timespec="microseconds")
    return text.rstrip("0").rstrip(".") if "." in text else text


_UTC: Final = datetime.fromisoformat("2000-01-01T00:00:00+00:00").tzinfo


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _integer(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise NoLiteral(text) from None
    if text != str(number) or not INT64_MIN <= number <= INT64_MAX:
        raise NoLiteral(text)
    return number


def _decimal(text: str) -> str:
    if _DECIMAL.fullmatch(text) is None or not text.isascii():
        raise NoLiteral(text)
    return text


def _float(text: str) -> str:
    if _FLOAT.fullmatch(text) is None or not text.isascii():
        raise NoLiteral(text)
    return text


def _boolean(text: str) -> str:
    if text not in {"true", "false"}:
        raise NoLiteral(text)
    return text


def _guid(text: str) -> str:
    try:
        found = UUID(text)
    except ValueError:
        raise NoLiteral(text) from None
    if str(found) != text.lower():
        raise NoLiteral(text)
    return text


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat() if len(text) == 10 else moment_of(text).date().isoformat()  # noqa: PLR2004 - an ISO date
    except ValueError:
        raise NoLiteral(text) from None


def _naive(text: str) -> str:
    moment = moment_of(text)
    if moment.tzinfo is not None:
        raise NoLiteral(text)
    return moment.isoformat(timespec="microseconds" if moment.microsecond else "seconds")


def _aware(text: str) -> str:
    """As it was printed, where that is ISO already: digits beyond a microsecond count in a comparison."""
    moment = moment_of(text)
    if moment.tzinfo is None:
        raise NoLiteral(text)
    if _JSON_DATE.fullmatch(text) is None:
        return text
    try:
        utc = moment.astimezone(_UTC).replace(tzinfo=None)
    except OverflowError:
        raise NoLiteral(text) from None
    return utc.isoformat(timespec="milliseconds" if utc.microsecond else "seconds") + "Z"


def time_of(text: str) -> str:
    """V2's PT10H30M00S, or V4's 10:30:00, as hh:mm:ss with the fraction that it has."""
    found = _DURATION.fullmatch(text)
    if found is None or text == "PT":
        if re.fullmatch(r"\d{2}:\d{2}(:\d{2}(\.\d{1,12})?)?", text) is None or not text.isascii():
            raise NoLiteral(text)
        return text
    hours, minutes, seconds = (int(part or 0) for part in found.groups()[:3])
    if minutes > 59 or seconds > 59:  # noqa: PLR2004 - of a clock
        raise NoLiteral(text)
    fraction = f".{found.group(4)}" if found.group(4) else ""
    return f"{hours:02}:{minutes:02}:{seconds:02}{fraction}"


def _v2_time(text: str) -> str:
    hours, minutes, seconds = [*time_of(text).split(":"), "00"][:3]
    return f"time'PT{hours}H{minutes}M{seconds}S'"


def _base64(text: str) -> str:
    if _BASE64.fullmatch(text) is None or not text.isascii():
        raise NoLiteral(text)
    return text


def _hex(text: str) -> str:
    import base64  # noqa: PLC0415 - rare: a key of bytes

    try:
        return base64.b64decode(_base64(text), validate=True).hex().upper()
    except ValueError:
        raise NoLiteral(text) from None


_Writer = Callable[[str, str], str]
_V2: Final[Mapping[Kind, _Writer]] = {
    Kind.TEXT: lambda text, _: _quoted(text),
    Kind.BOOLEAN: lambda text, _: _boolean(text),
    Kind.INTEGER: lambda text, type_: f"{_integer(text)}{'L' if type_ == 'Edm.Int64' else ''}",
    Kind.DECIMAL: lambda text, _: f"{_decimal(text)}m",
    Kind.FLOAT: lambda text, type_: f"{_float(text)}{'f' if type_ == 'Edm.Single' else 'd'}",
    Kind.DATE: lambda text, _: f"datetime'{_naive(text)}'",
    Kind.TIMESTAMP: lambda text, _: f"datetime'{_naive(text)}'",
    Kind.TIMESTAMP_TZ: lambda text, _: f"datetimeoffset'{_aware(text)}'",
    Kind.TIME: lambda text, _: _v2_time(text),
    Kind.GUID: lambda text, _: f"guid'{_guid(text)}'",
    Kind.BINARY: lambda text, _: f"X'{_hex(text)}'",
}
_V4: Final[Mapping[Kind, _Writer]] = {
    Kind.TEXT: lambda text, _: _quoted(text),
    Kind.BOOLEAN: lambda text, _: _boolean(text),
    Kind.INTEGER: lambda text, _: str(_integer(text)),
    Kind.DECIMAL: lambda text, _: _decimal(text),
    Kind.FLOAT: lambda text, _: _float(text),
    Kind.DATE: lambda text, _: _date(text),
    Kind.TIMESTAMP_TZ: lambda text, _: _aware(text),
    Kind.TIME: lambda text, _: time_of(text),
    Kind.GUID: lambda text, _: _guid(text),
    Kind.BINARY: lambda text, _: f"binary'{_base64(text)}'",
    Kind.DURATION: lambda text, _: f"duration{_quoted(text)}",
}


def canonical_decimal(text: str) -> str:
    """A decimal without exponent, as a literal takes it. One of endless zeros is none."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise NoLiteral(text) from None
    if not number.is_finite() or abs(number.adjusted()) > _MOST_DIGITS or len(text) > _MOST_DIGITS:
        raise NoLiteral(text)
    return format(number, "f")
