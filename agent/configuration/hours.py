"""When a stream may run: quiet hours, cron expressions and time zones, checked as far as text can be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

QUIET_HOURS_PATTERN: Final = r"^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$"
_QUIET_HOURS: Final = re.compile(QUIET_HOURS_PATTERN)

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_CRON_FIELDS: Final[tuple[tuple[str, int, int, Mapping[str, int]], ...]] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of the month", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, start=1)}),
    ("day of the week", 0, 7, {name: number for number, name in enumerate(_WEEKDAYS)}),
)
_CRON_PART: Final = re.compile(r"^(\*|[0-9a-z]+)(?:-([0-9a-z]+))?(?:/([0-9]{1,2}))?$")


@dataclass(frozen=True, slots=True)
class QuietHours:
    """A part of the day in which no sync starts: [start, end) on the site's clock; may pass midnight."""

    start: time
    end: time

    def covers(self, moment: time) -> bool:
        if self.start < self.end:
            return self.start <= moment < self.end
        return moment >= self.start or moment < self.end

    @property
    def length(self) -> timedelta:
        """On a day in which no clock is changed."""
        between = datetime.combine(date.min, self.end) - datetime.combine(date.min, self.start)
        return between % timedelta(days=1)

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"


def parse_quiet_hours(text: object) -> QuietHours:
    """Read "22:00-05:00"."""
    if isinstance(text, QuietHours):
        return text
    if not isinstance(text, str) or not _QUIET_HOURS.fullmatch(text):
        raise ValueError('hours are written "HH:MM-HH:MM", such as "22:00-05:00"')
    start, end = (time.fromisoformat(part) for part in text.split("-"))
    if start == end:
        raise ValueError(
            "the hours begin and end at the same minute; for no sync at all write manual = true, for a whole day"
            ' "00:00-23:59"'
        )
    return QuietHours(start, end)


def check_time_zone(name: str) -> str:
    """Return `name` if the time zone database knows it."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError('unknown time zone; write a name such as "Europe/Berlin" or "UTC"') from error
    return name


def check_cron(expression: str) -> str:
    """Return the five-field cron expression with single spaces, if each field is in its range.

    Day of the week: 0 and 7 are Sunday, 1 is Monday, as cron has it.
    """
    fields = expression.lower().split()
    if len(fields) != len(_CRON_FIELDS):
        raise ValueError(
            'a cron expression has five fields: minute hour day month weekday, such as "0 6 * * 1-5"'
        )
    for field, (what, low, high, names) in zip(fields, _CRON_FIELDS, strict=True):
        for part in field.split(","):
            _check_cron_part(part, what, low, high, names)
    return " ".join(fields)


def _check_cron_part(part: str, what: str, low: int, high: int, names: Mapping[str, int]) -> None:
    found = _CRON_PART.match(part)
    if found is None or (found[1] == "*" and found[2] is not None):
        raise ValueError(f"the cron field for the {what} cannot be read")
    if found[3] is not None and int(found[3]) == 0:
        raise ValueError(f"the cron field for the {what} has a step of 0")
    if found[1] == "*":
        return
    first = _cron_number(found[1], what, low, high, names)
    if found[2] is not None and _cron_number(found[2], what, low, high, names) < first:
        raise ValueError(f"the cron field for the {what} has a range that runs backwards")


def _cron_number(text: str, what: str, low: int, high: int, names: Mapping[str, int]) -> int:
    number = names.get(text)
    if number is None:
        number = int(text) if text.isdecimal() else -1
    if not low <= number <= high:
        raise ValueError(f"the cron field for the {what} goes from {low} to {high}")
    return number
