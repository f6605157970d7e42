"""Pure: marks and keys as literals of SuiteQL."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Final

from drivers.contract import Mark, MarkKind, SourceChanged
from drivers.netsuite.shape import Kind, StreamShape

_ID: Final = re.compile(r"0|-?[1-9]\d{0,17}")
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")


def is_id(text: object) -> bool:
    """Whether a text can be an internal id; what is none belongs to no record, and never enters a query."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def is_printed_mark(text: object, kind: Kind) -> bool:
    wanted = _DAY if kind is Kind.DATE else _MOMENT
    return isinstance(text, str) and wanted.fullmatch(text) is not None


def mark_text(mark: Mark | None, shape: StreamShape) -> str | None:
    """The mark as the replication key is printed: to the second, in UTC or in the user's own time."""
    replication = shape.replication
    if mark is None or replication is None:
        return None
    try:
        if mark.kind is not shape.mark_kind:
            raise ValueError  # noqa: TRY301 - one message for everything that does not fit
        if mark.kind is MarkKind.DATE:
            return date.fromisoformat(mark.value[:10]).isoformat()
        moment = datetime.fromisoformat(mark.value)
        if replication.kind is Kind.TIMESTAMP_TZ:
            aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            moment = aware.astimezone(UTC).replace(tzinfo=None)
        elif moment.tzinfo is not None:
            raise ValueError  # noqa: TRY301 - a local time stamp has no offset
        return moment.isoformat(sep=" ", timespec="seconds")
    except (ValueError, OverflowError):
        raise SourceChanged(
            f"the mark {mark.kind.value}:{mark.value!r} does not fit the replication key {replication.name!r}",
            where=shape.where,
            hint="The replication key was changed: run a full re-sync of this stream.",
        ) from None
