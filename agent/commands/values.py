"""Whether one value of a record is of its field's kind, exactly as it was sent. Pure: nothing is converted."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from agent.model.entities import Field, Kind

MAX_DIGITS: Final = 38  # of an amount; what the unified model holds
MAX_TEXT_CHARS: Final = 32_000
MAX_INTEGER: Final = 2**53 - 1  # the largest whole number that every JSON reader keeps exact

_DECIMAL: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})"
)

Wrong = tuple[str, str]  # a code and a sentence


def wrong_value(field: Field, value: Any) -> Wrong | None:
    """What is wrong with a value that is not null; `field` is none of lists and objects."""
    return _CHECKS[field.kind](value)


def wrong_custom_value(value: Any) -> Wrong | None:
    """An operator's own field: its kind is known to the system alone, but a fraction is never a JSON number."""
    if isinstance(value, float):
        return _FRACTION
    if isinstance(value, bool):
        return None
    return _integer(value) if isinstance(value, int) else _text(value)


def amount_of(value: Any) -> Decimal | None:
    """The exact amount that a well-formed text stands for; None for anything else."""
    return Decimal(value) if isinstance(value, str) and _decimal(value) is None else None


_FRACTION: Final = (
    "not_a_decimal",
    'must be a text such as "12.50": a JSON number with a fraction is read as binary and loses digits',
)


def _decimal(value: Any) -> Wrong | None:
    if isinstance(value, float):
        return _FRACTION
    if not isinstance(value, str):
        return "not_a_decimal", 'must be a text such as "12.50": amounts travel as texts, to the digit'
    if not _DECIMAL.fullmatch(value):
        return (
            "not_a_decimal",
            'must be written as "12.50": digits and one point, without exponent, plus or leading zeros',
        )
    if sum(character.isdigit() for character in value) > MAX_DIGITS:
        return "too_many_digits", f"must have at most {MAX_DIGITS} digits"
    return None


def _text(value: Any) -> Wrong | None:
    if not isinstance(value, str):
        return "not_a_text", "must be a text"
    if "\0" in value:
        return "bad_character", "must not hold the character of code 0, at which many systems cut a text off"
    if len(value) > MAX_TEXT_CHARS:
        return "too_long", f"must have at most {MAX_TEXT_CHARS} characters"
    return None


def _texts(value: Any) -> Wrong | None:
    if not isinstance(value, list):
        return "not_a_list", "must be a list of texts"
    return next((wrong for wrong in map(_text, value) if wrong), None)


def _boolean(value: Any) -> Wrong | None:
    return None if isinstance(value, bool) else ("not_true_or_false", "must be true or false, not a text")


def _integer(value: Any) -> Wrong | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return "not_a_number", "must be a whole number"
    if abs(value) > MAX_INTEGER:
        return (
            "not_a_number",
            "must be at most 9007199254740991: larger JSON numbers lose digits on their way",
        )
    return None


def _date(value: Any) -> Wrong | None:
    if isinstance(value, str) and _DATE.fullmatch(value) and _exists(date.fromisoformat, value):
        return None
    return "not_a_date", 'must be a day of the calendar such as "2026-01-31"'


def _moment(value: Any) -> Wrong | None:
    if isinstance(value, str) and _MOMENT.fullmatch(value) and _exists(datetime.fromisoformat, value):
        return None
    return (
        "not_a_moment",
        'must be a moment with its offset such as "2026-01-31T08:00:00Z", with at most six digits of a second',
    )


def _exists(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


_CHECKS: Final[Mapping[Kind, Callable[[Any], Wrong | None]]] = {
    Kind.STRING: _text,
    Kind.DECIMAL: _decimal,
    Kind.DATE: _date,
    Kind.TIMESTAMP: _moment,
    Kind.BOOLEAN: _boolean,
    Kind.INTEGER: _integer,
    Kind.STRINGS: _texts,
}
