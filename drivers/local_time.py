"""Pure: a source's own clock as a position that changes cannot fall behind."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

_MINUTE: Final = timedelta(minutes=1)  # clocks are put back at the beginning of one


def settled(local: datetime, zone: ZoneInfo) -> datetime:
    """The local time, without its offset; while an hour comes twice, the beginning of that hour.

    What is stamped in the second one would lie behind a position that was reached in the first.
    """
    if not _comes_twice(local, zone):
        return local
    begin = local.replace(second=0, microsecond=0)
    while _comes_twice(begin - _MINUTE, zone):
        begin -= _MINUTE
    return begin


def _comes_twice(local: datetime, zone: ZoneInfo) -> bool:
    first, second = (local.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    return first is not None and second is not None and first > second
