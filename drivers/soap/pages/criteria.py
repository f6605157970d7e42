"""Pure: conditions in NAV's own filter language."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Final

from drivers.soap.model import Kind

BLANK: Final = "''"


class NoCriterion(ValueError):
    """No record can have this value."""


def quoted(text: str) -> str:
    """The text as itself, whatever NAV's operators, wildcards and blanks in it would mean."""
    return "'" + text.replace("'", "''") + "'"


def is_asked_for(kind: Kind, *, is_option: bool) -> bool:
    """Whether a value can be written as every server understands it, whatever its language and culture."""
    return kind in {Kind.TEXT, Kind.INTEGER} and not is_option


def literal(kind: Kind, text: str) -> str:
    """Raises NoCriterion for a text that no value of the kind prints."""
    if kind is not Kind.INTEGER:
        return quoted(text)
    try:
        if str(int(text)) != text:
            raise NoCriterion(text)
    except ValueError:
        raise NoCriterion(text) from None
    return text


def any_of(literals: Iterable[str]) -> str:
    return "|".join(literals)


def both(first: str, second: str) -> str:
    return f"({first})&({second})" if first and second else first or second


def days(start: date | None, end: date | None, *, form: str, or_blank: bool = False) -> str:
    """From one day to another, both included."""
    if start is None and end is None:
        return ""
    low = start.strftime(form) if start is not None else ""
    high = end.strftime(form) if end is not None else ""
    within = f"{low}..{high}"
    return f"{BLANK}|{within}" if or_blank else within
