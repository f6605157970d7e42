"""Values as OData writes them: the JSON of both versions, the literals of keys and filters, ETags."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from tests.sap_odata.metadata import Property

EPOCH = datetime(1970, 1, 1)
_DATE = re.compile(r"/Date\((-?\d+)([+-]\d{4})?\)/")
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?)?")
INITIAL: dict[str, Any] = {"Edm.String": "", "Edm.Boolean": False}


class BadValue(ValueError):
    pass


def initial(property_: Property) -> Any:
    """What ABAP keeps where nobody wrote anything."""
    if property_.type == "Edm.Decimal":
        return Decimal(0).scaleb(-(property_.scale or 0))
    return INITIAL.get(property_.type)


def to_json(property_: Property, value: Any, version: int) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Decimal):
        return format(value, "f") if version == 2 else Digits(format(value, "f"))
    if isinstance(value, datetime):
        return _moment(value) if version == 2 else _iso(value)
    if isinstance(value, date | time):
        if isinstance(value, date) or version == 4:
            return value.isoformat()
        return f"PT{value:%HH%MM%SS}"
    as_text = isinstance(value, uuid.UUID) or (property_.type == "Edm.Int64" and version == 2)
    return str(value) if as_text else value


def from_json(property_: Property, value: Any, version: int) -> Any:
    """Raises BadValue in the way a gateway refuses a body."""
    kind = property_.type
    if value is None:
        return None
    if kind == "Edm.String":
        if not isinstance(value, str):
            raise BadValue(f"Property '{property_.name}' has invalid value '{value}'")
        if property_.length is not None and len(value) > property_.length:
            raise BadValue(f"Property '{property_.name}' has value with invalid length")
        return value.upper() if property_.capitals else value
    if kind == "Edm.Boolean" and not isinstance(value, bool):
        raise BadValue(f"Property '{property_.name}' has invalid value '{value}'")
    try:
        return _parsed(property_, value, version)
    except (ValueError, ArithmeticError) as error:
        raise BadValue(f"Property '{property_.name}' has invalid value '{value}'") from error


def _parsed(property_: Property, value: Any, version: int) -> Any:
    kind = property_.type
    if kind == "Edm.Decimal":
        if version == 2 and not isinstance(value, str):
            raise ValueError("a V2 decimal is a text")
        number = Decimal(str(value))
        if property_.scale is not None and -int(number.as_tuple().exponent) > property_.scale:
            raise ValueError("too many digits behind the point")
        return number
    if kind in {"Edm.DateTime", "Edm.DateTimeOffset"}:
        return _parsed_moment(kind, str(value), version)
    if kind == "Edm.Date":
        return date.fromisoformat(value)
    if kind in {"Edm.Time", "Edm.TimeOfDay"}:
        return duration(value) if version == 2 else time.fromisoformat(value)
    if kind == "Edm.Guid":
        return uuid.UUID(value)
    return value if kind == "Edm.Boolean" else int(value)


def _parsed_moment(kind: str, text: str, version: int) -> datetime:
    found = _DATE.fullmatch(text)
    if found and version == 2:
        moment = EPOCH + timedelta(milliseconds=int(found.group(1)))
        return moment.replace(tzinfo=UTC) if kind == "Edm.DateTimeOffset" else moment
    moment = datetime.fromisoformat(text)
    if kind == "Edm.DateTimeOffset":
        return moment.astimezone(UTC)
    return moment.replace(tzinfo=None)


def duration(text: str) -> time:
    found = _DURATION.fullmatch(text)
    if found is None:
        raise BadValue(text)
    days, hours, minutes, seconds = (int(each or 0) for each in found.groups())
    if days or hours > 23:
        raise BadValue(text)
    return time(hours, minutes, seconds)


def _moment(value: datetime) -> str:
    """To the millisecond, whatever is kept."""
    plain = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    return f"/Date({(plain - EPOCH) // timedelta(milliseconds=1)}{'+0000' if value.tzinfo else ''})/"


def _iso(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def key_literal(property_: Property, value: Any, version: int) -> str:
    """As it stands in the address of an entity."""
    if isinstance(value, str):
        return quote("'" + value.replace("'", "''") + "'", safe="'")
    if isinstance(value, datetime) and version == 2:
        word = "datetimeoffset" if value.tzinfo else "datetime"
        return quote(
            f"{word}'{value.replace(tzinfo=None).isoformat()}{'Z' if value.tzinfo else ''}'", safe="'"
        )
    return quote(_iso(value) if isinstance(value, datetime) else str(value), safe="'")


class Digits(str):
    """A decimal that V4 prints as a number with its own digits."""

    __slots__ = ()
