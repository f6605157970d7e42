"""A source that is left alone in its quiet hours: what was read stands, and the rest comes when they end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.clock import ManualClock
from agent.configuration.hours import parse_quiet_hours
from agent.errors import QuietHours
from agent.model.run import RunTrigger
from agent.outbox.store import Outbox
from agent.sync.cursor import read_checkpoint
from agent.sync.quiet import Rest, Spared
from agent.sync.runner import Runner, RunResult
from drivers.contract import Page, ReadMode, ReadRequest, StreamSpec
from tests.unit.sync.running import ADDRESS, World, make_stream
from tests.unit.sync.table_source import TableSource

BEGIN = Rest("UTC", (parse_quiet_hours("12:10-13:00"),))  # ten minutes after the manual clock's start


class SlowSource(TableSource):
    """Each page takes six minutes of the site's clock."""

    clock: ManualClock

    async def read(self, request: ReadRequest) -> AsyncGenerator[Page, None]:
        async with aclosing(super().read(request)) as pages:
            async for page in pages:
                self.clock.advance(360)
                yield page


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with await Outbox.open(tmp_path / "outbox.db", clock=ManualClock()) as outbox:
        made = World(outbox, make_stream())
        source = SlowSource()
        source.clock = made.clock
        for number in range(12):
            source.put(f"K{number:02}", "1")
        made.source = source
        yield made


async def scheduled(world: World, name: str) -> RunResult:
    spared = Spared(world.source, BEGIN, world.clock, ADDRESS)  # type: ignore[arg-type]
    return await Runner(world.stream, spared, world.outbox, world.clock, lambda _: None).run(
        name, RunTrigger.SCHEDULE
    )


async def test_a_run_ends_behind_a_durable_page_and_the_next_goes_on_there(world: World) -> None:
    first = await scheduled(world, "r1")
    under_way = read_checkpoint(await world.outbox.last_checkpoint(ADDRESS)).under_way

    assert first.error is not None
    assert (first.report.status.value, first.error.code) == ("cancelled", "quiet_hours")
    assert first.report.counts.pages == 2
    assert under_way is not None
    assert under_way.cursor == "K05"

    world.clock.advance(3_600)
    second = await scheduled(world, "r2")

    assert second.error is None
    assert second.report.counts.read == 6
    assert sorted(await world.replica()) == [f"K{number:02}" for number in range(12)]


async def test_nothing_at_all_is_asked_where_the_hours_have_begun(world: World) -> None:
    world.clock.advance(900)

    with pytest.raises(QuietHours):
        await Spared(world.source, BEGIN, world.clock, ADDRESS).signpost(world.stream.spec)  # type: ignore[arg-type]
    result = await scheduled(world, "r1")

    assert result.report.counts.pages == 0
    assert world.source.requests == []


@given(
    rows=st.integers(0, 40),
    page_rows=st.integers(1, 10),
    begins=st.integers(0, 60),
)
def test_whenever_they_begin_the_pages_before_and_after_are_the_whole(
    rows: int, page_rows: int, begins: int
) -> None:
    import asyncio

    clock = ManualClock(datetime(2026, 1, 5, 12, 0, tzinfo=UTC))
    at = clock.utcnow() + timedelta(minutes=begins)
    rest = Rest("UTC", (parse_quiet_hours(f"{at:%H:%M}-{at + timedelta(hours=8):%H:%M}"),))
    source = SlowSource()
    source.clock = clock
    for number in range(rows):
        source.put(f"K{number:02}", "1")

    async def live() -> list[str]:
        found: list[str] = []
        cursor: str | None = None
        while True:
            request = ReadRequest(StreamSpec("s", "vendor"), ReadMode.SCAN, after=cursor, page_rows=page_rows)
            try:
                async for page in Spared(source, rest, clock, "erp/s").read(request):  # type: ignore[arg-type]
                    found += page.table["__key"].to_pylist()
                    cursor = page.cursor or cursor
                    if page.complete:
                        return found
            except QuietHours:
                clock.advance(3_600)

    assert asyncio.run(live()) == [f"K{number:02}" for number in range(rows)]
