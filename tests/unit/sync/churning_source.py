"""An ERP in memory that others write to all the time: its own clock, late commits, stamps as coarse as real ones.

What is read is what is committed at that moment, page by page: between two pages rows come, go and move.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa

from drivers.contract import Mark, MarkKind, Page, ReadMode, ReadRequest, StreamSpec
from drivers.local_time import settled

FAR_AHEAD = datetime(2099, 12, 31, tzinfo=UTC)
Stamp = datetime | date


@dataclass(frozen=True)
class StampedBy:
    """How the change column is kept: on which clock, how finely."""

    zone: str | None = None  # None: moments with their time zone
    day_only: bool = False
    step: timedelta = timedelta(microseconds=1)

    def stamp(self, now: datetime) -> Stamp:
        local = now if self.zone is None else now.astimezone(ZoneInfo(self.zone)).replace(tzinfo=None)
        if self.day_only:
            return local.date()
        start = datetime(2000, 1, 1, tzinfo=local.tzinfo)
        return start + (local - start) // self.step * self.step

    def signpost(self, now: datetime) -> Mark:
        """As the drivers take it: no change that comes later is stamped before it."""
        stamp = self.stamp(now)
        if not isinstance(stamp, datetime):
            return Mark(MarkKind.DATE, stamp.isoformat())
        if self.zone is not None:
            stamp = settled(stamp, ZoneInfo(self.zone))
        return Mark(MarkKind.TIMESTAMP, stamp.isoformat())

    def read(self, mark: Mark) -> Stamp:
        return date.fromisoformat(mark.value) if self.day_only else datetime.fromisoformat(mark.value)


@dataclass(frozen=True)
class Change:
    """What a transaction does to one record; None: it deletes it."""

    key: str
    total: str | None
    stamp: Stamp | None  # None: it leaves the stamp as it is
    commit_at: datetime


@dataclass
class ChurningSource:
    stamps: StampedBy
    now: datetime
    rows: dict[str, tuple[str, Stamp]] = field(default_factory=dict)
    open: list[Change] = field(default_factory=list)
    between_pages: list[Callable[[], None]] = field(
        default_factory=list
    )  # what others do, one after each page
    page_took: timedelta = timedelta(0)
    fault: Callable[[], Exception] | None = None
    fail_at_page: int = 0
    cut_short: bool = False

    def write(self, key: str, total: str, *, late: timedelta = timedelta(0)) -> None:
        """A change stamped now and committed so much later; a record that is being changed is locked."""
        if all(change.key != key for change in self.open):
            self._begin(Change(key, total, self.stamps.stamp(self.now), self.now + late))

    def write_ahead(self, key: str, total: str) -> None:
        """A record dated far into the future."""
        if all(change.key != key for change in self.open):
            self._begin(Change(key, total, self.stamps.stamp(FAR_AHEAD), self.now))

    def write_unstamped(self, key: str, total: str) -> None:
        if key in self.rows and all(change.key != key for change in self.open):
            self._begin(Change(key, total, None, self.now))

    def delete(self, key: str) -> None:
        if key in self.rows and all(change.key != key for change in self.open):
            self._begin(Change(key, None, None, self.now))

    def advance(self, span: timedelta) -> None:
        self.now += span
        self._commit()

    def _begin(self, change: Change) -> None:
        self.open.append(change)
        self._commit()

    def _commit(self) -> None:
        for change in [change for change in self.open if change.commit_at <= self.now]:
            self.open.remove(change)
            if change.total is None:
                self.rows.pop(change.key, None)
                continue
            there = self.rows.get(change.key)
            stamp = change.stamp if change.stamp is not None else there[1] if there else None
            assert stamp is not None
            self.rows[change.key] = (change.total, stamp)

    async def signpost(self, stream: StreamSpec) -> Mark:
        return self.stamps.signpost(self.now)

    async def read(self, request: ReadRequest) -> AsyncGenerator[Page, None]:
        after = _place(request.after)
        number = 0
        while True:
            number += 1
            if self.fault is not None and number == self.fail_at_page:
                raise self.fault()
            rows = [row for row in self._chosen(request) if after is None or _order(request, row) > after]
            page, last = rows[: request.page_rows], len(rows) <= request.page_rows
            if last and self.cut_short:
                return
            if page:
                after = _order(request, page[-1])
            yield Page(_table(page, request), "|".join(after) if page and after else None, complete=last)
            if last:
                return
            self.advance(self.page_took)
            if self.between_pages:
                self.between_pages.pop(0)()

    def _chosen(self, request: ReadRequest) -> list[tuple[str, str, Stamp]]:
        rows = [(key, total, stamp) for key, (total, stamp) in self.rows.items()]
        if request.mode is ReadMode.BY_KEYS:
            rows = [row for row in rows if row[0] in set(request.keys)]
        if request.mode is ReadMode.CHANGES:
            assert request.start is not None
            assert request.end is not None
            low, high = self.stamps.read(request.start), self.stamps.read(request.end)
            rows = [row for row in rows if low <= row[2] <= high]  # type: ignore[operator]
        return sorted(rows, key=lambda row: _order(request, row))


def _order(request: ReadRequest, row: tuple[str, str, Stamp]) -> tuple[str, ...]:
    if request.mode is not ReadMode.CHANGES:
        return (row[0],)
    # Microseconds always, so that texts are in the order of the moments.
    stamp = row[2].isoformat(timespec="microseconds") if isinstance(row[2], datetime) else row[2].isoformat()
    return (stamp, row[0])


def _place(cursor: str | None) -> tuple[str, ...] | None:
    return tuple(cursor.split("|")) if cursor is not None else None


def _table(rows: list[tuple[str, str, Stamp]], request: ReadRequest) -> pa.Table:
    columns = {"__key": pa.array([row[0] for row in rows], pa.string())}
    if request.mode is not ReadMode.KEYS:
        columns |= {"no": columns["__key"], "total": pa.array([row[1] for row in rows], pa.string())}
    return pa.table(columns)
