"""Pure: marks as texts that SAP's columns are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

from drivers.contract import Mark, MarkKind, SourceChanged
from drivers.rfc.abap import Field, Kind
from drivers.rfc.conditions import Unwritable, quoted
from drivers.rfc.shape import Stamp

# A row may be written with yesterday's date after midnight: of a day nobody can tell when it is over.
DATE_OVERLAP: Final = timedelta(days=1)
_DATE: Final = "%Y%m%d"
_TIME: Final = "%H%M%S"


def stamp_texts(mark: Mark, stamp: Stamp, *, expected: MarkKind, lower: bool, where: str) -> tuple[str, ...]:
    """The mark as the texts of the stamp's columns; of a date the lower bound lies a day earlier."""
    try:
        if mark.kind is not expected:
            raise ValueError  # noqa: TRY301 - one message for everything that does not fit
        if mark.kind is MarkKind.DATE:
            day = date.fromisoformat(mark.value[:10])
            day = day - DATE_OVERLAP if lower and day > date.min else day
            return _of_day(day, stamp, lower=lower)
        moment = datetime.fromisoformat(mark.value)
        if (moment.tzinfo is not None) is not stamp.utc:
            raise ValueError  # noqa: TRY301
    except ValueError:
        raise SourceChanged(
            f"the mark {mark.kind.value}:{mark.value!r} does not fit the replication key",
            where=where,
            hint="The replication key was changed: run a full re-sync of this stream.",
        ) from None
    if stamp.utc:
        return (_utc_text(moment, stamp.day),)
    return moment.strftime(_DATE).rjust(8, "0"), moment.strftime(_TIME)


def _of_day(day: date, stamp: Stamp, *, lower: bool) -> tuple[str, ...]:
    text = day.strftime(_DATE).rjust(8, "0")
    if stamp.clock is None:
        return (text,)
    return text, "000000" if lower else "240000"


def _utc_text(moment: datetime, field: Field) -> str:
    moment = moment.astimezone(UTC)
    whole = moment.strftime(f"{_DATE}{_TIME}").rjust(14, "0")
    if not field.decimals:
        return whole
    return f"{whole}.{moment.microsecond:06d}".ljust(15 + field.decimals, "0")[: 15 + field.decimals]


def mark_at(moment: datetime, kind: MarkKind) -> Mark:
    if kind is MarkKind.DATE:
        return Mark(kind, moment.date().isoformat())
    return Mark(kind, moment.isoformat(timespec="microseconds"))


def can_be(fields: Sequence[Field], parts: Sequence[str]) -> bool:
    """Whether a key can belong to a row at all; one that cannot is not asked for."""
    return len(parts) == len(fields) and all(
        _fits(field, part) for field, part in zip(fields, parts, strict=True)
    )


def _fits(field: Field, part: str) -> bool:
    if len(part) > max(field.length * (2 if field.kind is Kind.RAW else 1), 1) or part.endswith(" "):
        return False
    if field.kind in {Kind.DIGITS, Kind.DATE, Kind.TIME} and not (part.isascii() and part.isdigit()):
        return False
    try:
        quoted(part)
    except Unwritable:
        return False
    return True
