"""An ERP in memory that remembers every commit: the truth that a world is held against.

Changes are stamped when they are made and seen when they are committed, at most `lag` later; several may bear one
stamp. Each page shows the tables as they are at that moment, so rows move, appear and vanish between pages.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from random import Random
from typing import Any, Final

import pyarrow as pa

from agent.errors import CredentialsRefused, DriverCrashed, Throttled, TransientError, Unreachable
from drivers.contract import Column, Mark, MarkKind, Page, ReadMode, ReadRequest, StreamSpec
from tests.faults.invariants import Version
from tests.sim.loop import HOST

EPOCH: Final = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # half an hour before clocks go forward in Europe
BAD: Final = "n/a"  # an amount that no mapping takes
SCHEMA: Final = pa.schema({"__key": pa.string(), "amount": pa.string(), "rev": pa.int64()})


class Stamping(Enum):
    """What orders the changes of a stream."""

    TIME = "time"
    COUNTER = "counter"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a stream is like at its source."""

    name: str
    entity: str
    stamping: Stamping
    step: timedelta = timedelta(seconds=1)  # of its stamps
    late: timedelta = timedelta(0)  # the longest between stamp and commit

    @property
    def lag(self) -> timedelta:
        """What has to be declared for it: whole steps, so that only the last one may still be incomplete."""
        return -(-self.late // self.step) * self.step if self.stamping is Stamping.TIME else timedelta(0)


@dataclass(slots=True)
class Row:
    amount: str
    rev: int
    stamp: Any


@dataclass(slots=True)
class Table:
    kind: Kind
    rows: dict[str, Row] = field(default_factory=dict)
    locked: set[str] = field(default_factory=set)  # keys of changes that are not committed yet
    under_way: list[int] = field(default_factory=list)  # their counters


@dataclass(slots=True)
class Mood:
    """How the source behaves just now."""

    fails: float = 0.0  # the share of calls and pages that fail
    latency: float = 0.05


class Erp:
    def __init__(self, kinds: Sequence[Kind], random: Random) -> None:
        self.tables = {kind.name: Table(kind) for kind in kinds}
        self.history: list[Version] = []
        self.committed_at: dict[int, float] = {}  # loop time of each revision
        self.mood = Mood()
        self._random = random
        self._numbers = 0
        self._counter = 0
        self.faults: list[str] = []
        self._readers: set[tuple[Any, str]] = set()

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=asyncio.get_running_loop().time())

    async def change(self, stream: str) -> None:
        """One transaction of some rows; it may be committed late, and a bulk bears one stamp."""
        table, random = self.tables[stream], self._random
        changes = self._chosen(table, random.choice((1, 1, 2, 3, 12)))
        stamp, counter = self._stamp(table), self._counter
        table.locked |= changes.keys()
        table.under_way.append(counter)
        if random.random() < 0.4:
            await asyncio.sleep(random.random() * table.kind.late.total_seconds())  # noqa: TID251 - virtual time
        table.under_way.remove(counter)
        table.locked -= changes.keys()
        for key, amount in changes.items():
            self._commit(table, key, amount, stamp)

    def put(self, stream: str, key: str) -> int:
        """A change that is stamped and committed at once; its revision."""
        table = self.tables[stream]
        self._commit(table, key, f"{self._random.randrange(10_000)}.25", self._stamp(table))
        return self.history[-1].rev

    def _chosen(self, table: Table, count: int) -> dict[str, str | None]:
        random = self._random
        free = sorted(table.rows.keys() - table.locked)
        changes: dict[str, str | None] = {}
        for _ in range(count):
            luck = random.random()
            if not free or luck < 0.3:
                self._numbers += 1
                changes[f"K{random.randrange(100):02}-{self._numbers}"] = self._amount(table)
                continue
            key = free.pop(random.randrange(len(free)))
            changes[key] = None if luck < 0.45 else self._amount(table)
        return changes

    def _amount(self, table: Table) -> str:
        bad = table.kind.entity == "purchase_order" and self._random.random() < 0.05
        return BAD if bad else f"{self._random.randrange(10_000)}.5"

    def _stamp(self, table: Table) -> Any:
        self._counter += 1
        if table.kind.stamping is not Stamping.TIME:
            return self._counter
        return self.step_of(table)

    def step_of(self, table: Table) -> datetime:
        """The present time, as coarse as the table's stamps."""
        return EPOCH + (self.now() - EPOCH) // table.kind.step * table.kind.step

    def _commit(self, table: Table, key: str, amount: str | None, stamp: Any) -> None:
        rev = len(self.history) + 1
        if amount is None:
            table.rows.pop(key, None)
        else:
            table.rows[key] = Row(amount, rev, stamp)
        self.committed_at[rev] = asyncio.get_running_loop().time()
        self.history.append(Version(f"erp/{table.kind.name}", key, rev, amount, bad=amount == BAD))

    @contextmanager
    def reading(self, stream: str) -> Any:
        reader = (HOST.get(), stream)
        if reader in self._readers:
            self.faults.append(f"I5: {stream} is read twice at once")
        self._readers.add(reader)
        try:
            yield
        finally:
            self._readers.discard(reader)


class Source:
    """What one life of the agent sees of the ERP; keeps the driver contract."""

    def __init__(self, erp: Erp, random: Random) -> None:
        self._erp, self._random = erp, random

    async def signpost(self, stream: StreamSpec) -> Mark | None:
        await self._call()
        table = self._erp.tables[stream.name]
        match table.kind.stamping:
            case Stamping.TIME:
                # As coarse as the stamps: rows that bear it may still be committed.
                return Mark(MarkKind.TIMESTAMP, self._erp.step_of(table).isoformat())
            case Stamping.COUNTER:
                highest = min(table.under_way, default=self._erp._counter + 1) - 1
                return Mark(MarkKind.INTEGER, str(highest))
            case _:
                return None

    async def columns(self, stream: StreamSpec) -> Sequence[Column]:
        del stream
        return ()

    async def read(self, request: ReadRequest) -> AsyncGenerator[Page, None]:
        after = request.after
        with self._erp.reading(request.stream.name):
            while True:
                await self._call()
                rows = self._rows(request, after)
                page, complete = rows[: request.page_rows], len(rows) <= request.page_rows
                if complete and self._erp.mood.fails and self._random.random() < self._erp.mood.fails:
                    return  # cut short
                after = _place(request, *page[-1]) if page else None
                yield Page(_table(page, keys_only=request.mode is ReadMode.KEYS), after, complete=complete)
                if complete:
                    return

    def _rows(self, request: ReadRequest, after: str | None) -> list[tuple[str, Row]]:
        rows = sorted(self._erp.tables[request.stream.name].rows.items())
        if request.mode is ReadMode.BY_KEYS:
            wanted = set(request.keys)
            rows = [row for row in rows if row[0] in wanted]
        elif request.mode is ReadMode.CHANGES:
            assert request.start is not None
            assert request.end is not None
            low, high = _value(request.start), _value(request.end)
            rows = sorted(
                (row for row in rows if low <= row[1].stamp <= high), key=lambda row: (row[1].stamp, row[0])
            )
        return rows if after is None else [row for row in rows if _place(request, *row) > after]

    async def _call(self) -> None:
        mood = self._erp.mood
        await asyncio.sleep(mood.latency * self._random.random())  # noqa: TID251 - in virtual time
        if mood.fails and self._random.random() < mood.fails:
            trouble = self._random.choice(_TROUBLES)
            raise trouble()


def _throttled() -> Throttled:
    return Throttled("too many requests", retry_after=20.0)


_TROUBLES: Final = (Unreachable, Unreachable, TransientError, DriverCrashed, _throttled, CredentialsRefused)


def _value(mark: Mark) -> Any:
    return datetime.fromisoformat(mark.value) if mark.kind is MarkKind.TIMESTAMP else int(mark.value)


def _place(request: ReadRequest, key: str, row: Row) -> str:
    if request.mode is not ReadMode.CHANGES:
        return key
    stamp = (
        row.stamp.isoformat(timespec="microseconds") if isinstance(row.stamp, datetime) else f"{row.stamp:09}"
    )
    return f"{stamp}/{key}"


def _table(rows: list[tuple[str, Row]], *, keys_only: bool) -> pa.Table:
    keys = [key for key, _ in rows]
    if keys_only:
        return pa.table({"__key": pa.array(keys, pa.string())})
    return pa.table(
        {"__key": keys, "amount": [row.amount for _, row in rows], "rev": [row.rev for _, row in rows]},
        schema=SCHEMA,
    )
