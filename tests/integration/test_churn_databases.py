"""Real databases that are written to while they are read, through the real driver, runner and outbox."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agent.clock import ManualClock
from agent.model.run import Differences, RunTrigger
from agent.outbox.store import Outbox
from agent.sync.runner import Runner, RunResult
from agent.sync.window import WindowSettings
from drivers.contract import Mark, MarkKind, ReadMode, ReadRequest, StreamSpec
from drivers.odbc.driver import OdbcDriver
from tests.conformance.suite import keys, pages
from tests.integration.odbc_sources import Source
from tests.unit.sync.running import World, make_stream

pytestmark = pytest.mark.integration

TABLE = "churned"
SPEC = StreamSpec(
    "orders",
    "purchase_order",
    {"query": f"select no, total, changed from {TABLE}", "key": ["no"], "replication_key": "changed"},
    columns=("no", "total"),
)
LAG = timedelta(seconds=15)
OLDEST = timedelta(seconds=3)  # at its commit; the rest of the lag is for a host that stands still then
WRITERS = 4
WRITES = 120  # of each


class Site:
    """A stream of one table, read as often as somebody wants."""

    def __init__(self, source: Source, driver: OdbcDriver, outbox: Outbox, lag: timedelta) -> None:
        self.source = source
        self.driver: Any = driver
        stream = make_stream(compare=False, page_rows=7)
        self.world = World(outbox, replace(stream, spec=SPEC, window=WindowSettings(None, timedelta(0), lag)))
        self.runs = 0

    async def run(self, *, reconcile: bool = False) -> RunResult:
        self.runs += 1
        runner = Runner(self.world.stream, self.driver, self.world.outbox, self.world.clock, lambda _: None)
        source = self.driver if reconcile else None
        result = await runner.run(f"run{self.runs:05}", RunTrigger.MANUAL, reconcile=source)
        assert result.error is None
        return result

    async def copy(self) -> dict[str, Decimal]:
        return {key: Decimal(total) for key, total in (await self.world.replica()).items()}

    def there(self) -> dict[str, Decimal]:
        connection = self.source.connect()
        rows = connection.execute(f"select no, total from {TABLE}").fetchall()
        connection.close()
        return {row[0]: Decimal(row[1]) for row in rows}


@asynccontextmanager
async def site_of(source: Source, folder: Path, *, lag: timedelta = timedelta(0)) -> AsyncIterator[Site]:
    stamp = "timestamp(6)" if source.kind == "postgres" else "timestamp"
    source.run(
        f"drop table if exists {TABLE}",
        f"create table {TABLE} (no varchar(20) not null primary key, total varchar(20), changed {stamp})",
        f"create index {TABLE}_changed on {TABLE} (changed, no)",
    )
    driver = source.driver()
    async with await Outbox.open(folder / "outbox.db", clock=ManualClock()) as outbox:
        try:
            yield Site(source, driver, outbox, lag)
        finally:
            await driver.aclose()


class Writer(threading.Thread):
    """Changes records in transactions that stay open for a while, but never for as long as the lag."""

    def __init__(self, source: Source, number: int) -> None:
        super().__init__(name=f"writer {number}")
        self._source = source
        self._number = number
        self._dice = random.Random(number)
        self.late = 0  # committed behind others that were stamped later

    def run(self) -> None:
        connection = self._source.connect()
        connection.autocommit = False
        for turn in range(WRITES):
            # Its own records: nobody waits for another's lock.
            keys = {f"W{self._number}-{self._dice.randrange(40):02}" for _ in range(self._dice.randint(1, 4))}
            for key in sorted(keys):
                connection.execute(
                    f"insert into {TABLE} values (?, ?, clock_timestamp()) "
                    "on conflict (no) do update set total = excluded.total, changed = excluded.changed",
                    (key, f"{turn}.25"),
                )
            if self._dice.random() < 0.3:
                time.sleep(self._dice.random() / 3)
            age = connection.execute(
                f"select extract(epoch from clock_timestamp() - min(changed)) from {TABLE} "
                "where xmin::text = txid_current()::text"
            ).fetchval()
            if age is not None and age > OLDEST.total_seconds():
                connection.rollback()  # the host was too slow to keep what is declared of it
            else:
                connection.commit()
        connection.close()


async def test_while_others_write_changes_alone_bring_every_row_that_is_committed_within_the_lag(
    postgres_source: Source, tmp_path: Path
) -> None:
    async with site_of(postgres_source, tmp_path, lag=LAG) as site:
        writers = [Writer(postgres_source, number) for number in range(WRITERS)]
        for writer in writers:
            writer.start()
        while any(writer.is_alive() for writer in writers):
            await site.run()
            await asyncio.sleep(0.05)  # noqa: TID251 - the database's own clock goes on
        there = site.there()
        async with asyncio.timeout(100):
            while await site.copy() != there:
                await asyncio.sleep(1)  # noqa: TID251 - until the last rows are older than the lag
                await site.run()
        compared = await site.run(reconcile=True)

    assert len(there) > WRITERS * 20
    assert compared.report.differences == Differences(at_source=len(there), held=len(there))


async def test_a_row_committed_later_than_the_lag_is_told_and_repaired(
    postgres_source: Source, tmp_path: Path
) -> None:
    async with site_of(postgres_source, tmp_path) as site:
        postgres_source.run(f"insert into {TABLE} values ('A', '1.50', clock_timestamp())")
        late = postgres_source.connect()
        late.autocommit = False
        late.execute(f"insert into {TABLE} values ('LATE', '2.50', clock_timestamp())")
        await site.run()
        late.commit()
        late.close()
        postgres_source.run(f"update {TABLE} set total = '9.00' where no = 'A'")  # and leaves its stamp
        await site.run()
        passed_by = await site.copy()
        compared = await site.run(reconcile=True)
        copy = await site.copy()

    assert passed_by == {"A": Decimal("1.50")}
    assert compared.report.differences == Differences(1, 1, 0, ("A", "LATE"), at_source=2, held=2)
    assert copy == {"A": Decimal("9.00"), "LATE": Decimal("2.50")}


async def test_ten_thousand_rows_of_one_stamp_are_read_once_over_pages_of_seven(
    sqlite_source: Source, tmp_path: Path
) -> None:
    source = Source("sqlite", {**sqlite_source.attributes, "Database": str(tmp_path / "ties.db")}, {})
    async with site_of(source, tmp_path) as site:
        source.run(
            f"insert into {TABLE} with recursive n(i) as (select 1 union all select i + 1 from n where i < 10000) "
            "select printf('K%05d', i), '1.50', '2026-03-01 12:00:00.123456' from n"
        )
        mark = Mark(MarkKind.TIMESTAMP, "2026-03-01T12:00:00.123456")
        request = ReadRequest(SPEC, ReadMode.CHANGES, start=mark, end=mark, page_rows=7)
        found = keys(await pages(site.driver, request))

    assert found == [f"K{number:05}" for number in range(1, 10_001)]


async def test_rows_that_come_go_and_move_between_the_pages_of_a_file_leave_an_exact_copy(
    sqlite_source: Source, tmp_path: Path
) -> None:
    source = Source("sqlite", {**sqlite_source.attributes, "Database": str(tmp_path / "moving.db")}, {})
    dice = random.Random(7)
    async with site_of(source, tmp_path) as site:
        site.world.stream = replace(site.world.stream, deletions=make_stream(max_share=1.0).deletions)
        tick = 0

        def change() -> None:
            nonlocal tick
            connection = source.connect()
            for _ in range(dice.randint(1, 4)):
                tick += 1
                key, stamp = f"K{dice.randrange(60):02}", "strftime('%Y-%m-%d %H:%M:%f', 'now')"
                if dice.random() < 0.25:
                    connection.execute(f"delete from {TABLE} where no = ?", (key,))
                else:
                    connection.execute(
                        f"insert or replace into {TABLE} values (?, ?, {stamp})", (key, f"{tick}.5")
                    )
            connection.close()

        for _ in range(20):
            change()
        take = site.driver.read

        async def read(request: ReadRequest) -> Any:
            async for page in take(request):
                yield page
                change()

        for _ in range(6):
            site.driver.read = read
            await site.run(reconcile=dice.random() < 0.3)
            site.driver.read = take
        await site.run(reconcile=True)
        copy, there = await site.copy(), site.there()

    assert copy == there
    assert len(there) > 20
