"""The whole set held against what was sent: every difference is told, and repaired."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.clock import ManualClock
from agent.configuration.hours import parse_quiet_hours
from agent.errors import DeletionsHeld, QuietHours, TransientError, Unreachable
from agent.model.run import Differences, RunStatus, RunTrigger
from agent.outbox.store import Outbox
from agent.sync import reconciliation
from agent.sync.cursor import read_checkpoint
from agent.sync.quiet import OnlyWithin, Source, Spared
from agent.sync.reconcile import DeletionSettings
from agent.sync.reconciliation import ReconcileSettings
from agent.sync.runner import Runner, RunResult
from drivers.contract import Mark, MarkKind, Page, ReadMode, ReadRequest
from tests.unit.sync.running import ADDRESS, World, make_stream
from tests.unit.sync.table_source import TableSource

NIGHT = OnlyWithin("Europe/Berlin", (parse_quiet_hours("22:00-05:00"),))


class BusySource(TableSource):
    """Others go on writing while everything is walked."""

    meanwhile: Any = None
    during: ReadMode = ReadMode.SCAN

    async def read(self, request: ReadRequest) -> AsyncGenerator[Page, None]:
        async with aclosing(super().read(request)) as pages:
            async for page in pages:
                if self.meanwhile is not None and request.mode is self.during:
                    self.meanwhile()
                    self.meanwhile = None
                yield page


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with await Outbox.open(tmp_path / "outbox.db", clock=ManualClock()) as outbox:
        world = World(outbox, make_stream())
        world.source = BusySource()
        for number in range(20):
            world.source.put(f"K{number:02}", f"{number}.50")
        await world.run()
        await world.travelled()
        yield world


def quietly(world: World, key: str, total: str, *, stamp: int = 1) -> None:
    """A change that no stamp tells of, or one that was committed long after its stamp."""
    world.source.rows[key] = (total, stamp)


async def reconciled(world: World, through: Source | None = None, **options: Any) -> RunResult:
    world.clock.advance(60)
    runner = Runner(world.stream, world.source, world.outbox, world.clock, lambda _: None)  # type: ignore[arg-type]
    source: Any = through or world.source
    return await runner.run(f"rec{world.clock.monotonic()}", RunTrigger.MANUAL, reconcile=source, **options)


async def test_every_difference_is_counted_named_and_repaired(world: World) -> None:
    quietly(world, "K03", "99.00")
    quietly(world, "LATE", "5.00")
    world.source.remove("K05")
    world.stream = replace(world.stream, deletions=DeletionSettings(True, timedelta(days=1), 0.5))

    result = await reconciled(world)

    assert result.error is None
    assert result.report.differences == Differences(1, 1, 1, ("K03", "LATE", "K05"), at_source=20, held=20)
    assert await world.travelled() == (["K03", "LATE"], ["K05"])
    assert (await reconciled(world)).report.differences == Differences(at_source=20, held=20)
    assert await world.travelled() == ([], [])


async def test_what_it_found_is_in_the_report_to_the_relay_and_in_the_checkpoint(world: World) -> None:
    quietly(world, "K03", "99.00")

    result = await reconciled(world)
    told = (await world.new_batches())[-1].report
    kept = read_checkpoint(await world.outbox.last_checkpoint(ADDRESS)).reconciled

    assert told is not None
    assert kept is not None
    assert told.differences == kept.found == Differences(changed=1, examples=("K03",), at_source=20, held=20)
    assert kept.at == result.report.started_at
    assert result.reconciled == kept


@pytest.mark.parametrize("during", [ReadMode.CHANGES, ReadMode.SCAN])
async def test_what_changed_since_the_sync_is_no_difference(world: World, during: ReadMode) -> None:
    """Before the walk, which then shows it, or behind it."""

    def others_write() -> None:
        world.source.put("K00", "7.00")  # behind the walk, and told by its stamp
        world.source.put("K19", "8.00")
        world.source.put("NEW", "9.00")

    world.source.meanwhile, world.source.during = others_write, during  # type: ignore[attr-defined]
    world.source.requests.clear()

    result = await reconciled(world)

    assert result.report.differences == Differences(at_source=21, held=21)
    modes = [request.mode for request in world.source.requests]
    assert modes == [ReadMode.CHANGES, ReadMode.SCAN, ReadMode.CHANGES], "nothing is read to be repaired"
    assert sorted((await world.travelled())[0]) == ["K00", "K19", "NEW"]


async def test_what_the_lag_still_holds_back_is_no_difference(world: World) -> None:
    """A row that is younger than the lag was not to be sent yet: its stamp lies before the source's present time."""
    world.source.put("YOUNG", "1.00")
    checkpoint = read_checkpoint(await world.outbox.last_checkpoint(ADDRESS))
    signpost = world.source.signpost

    async def held_back(stream: Any) -> Mark | None:
        world.source.signpost = signpost  # type: ignore[method-assign]
        return checkpoint.floor

    world.source.signpost = held_back  # type: ignore[method-assign]

    result = await reconciled(world)

    assert result.report.differences == Differences(at_source=21, held=21)
    assert (await world.travelled())[0] == ["YOUNG"]


async def test_a_row_that_is_committed_later_than_the_lag_is_told_by_any_comparison_of_keys(
    world: World,
) -> None:
    quietly(world, "LATE", "5.00")
    world.source.put("NEW", "1.00")

    result = await world.run()

    assert result.report.differences == Differences(missing=1, examples=("LATE",))
    assert sorted((await world.travelled())[0]) == ["LATE", "NEW"]


async def test_many_differences_are_repaired_by_one_more_walk(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciliation, "MAX_NAMED", 5)
    for number in range(12):
        quietly(world, f"K{number:02}", "1.25")
    world.source.requests.clear()

    result = await reconciled(world)

    assert result.report.differences is not None
    assert (result.report.differences.changed, len(result.report.differences.examples)) == (12, 10)
    assert (await world.travelled())[0] == [f"K{number:02}" for number in range(12)]
    modes = [request.mode for request in world.source.requests]
    assert modes == [ReadMode.CHANGES, ReadMode.SCAN, ReadMode.CHANGES, ReadMode.SCAN]


async def test_a_walk_that_is_cut_short_concludes_and_repairs_nothing(world: World) -> None:
    quietly(world, "K01", "99.00")
    world.source.remove("K19")
    world.stream = replace(world.stream, deletions=DeletionSettings(True, timedelta(days=1), 0.5))
    ended_early = TableSource(world.source.rows, now=world.source.now, cut_short=True)
    unreachable = TableSource(world.source.rows, now=world.source.now, fail_at_page=3)
    unreachable.fault = lambda: Unreachable("scripted")

    for source in (ended_early, unreachable):
        result = await reconciled(world, source)

        assert isinstance(result.error, TransientError)
        assert result.report.differences is None
        assert result.reconciled is None
        assert await world.travelled() == ([], [])


async def test_too_many_deletions_are_told_and_wait_for_a_person(world: World) -> None:
    world.stream = make_stream(max_share=0.1, every=timedelta(days=1))
    for number in range(11):
        world.source.remove(f"K{number:02}")

    held = await reconciled(world)
    assert isinstance(held.error, DeletionsHeld)
    assert held.report.differences is not None
    assert held.report.differences.gone == 11
    assert await world.travelled() == ([], [])

    accepted = await reconciled(world, accept_deletions=True)
    assert accepted.error is None
    assert len((await world.travelled())[1]) == 11


async def test_where_deletions_are_not_passed_on_they_are_told_and_nothing_more(world: World) -> None:
    world.stream = make_stream(compare=False)
    world.source.remove("K05")

    result = await reconciled(world)

    assert result.report.differences == Differences(gone=1, examples=("K05",), at_source=19, held=20)
    assert await world.travelled() == ([], [])


async def test_records_before_the_first_syncs_window_are_no_differences(tmp_path: Path) -> None:
    """What has not changed for longer than the window was never to be sent."""
    async with await Outbox.open(tmp_path / "outbox.db", clock=ManualClock()) as outbox:
        world = World(outbox, make_stream())
        world.source = DatedSource()
        for day in range(1, 29):
            world.source.put_on(day, f"D{day:02}", "1.00")
        world.stream = replace(
            world.stream, window=replace(world.stream.window, initial_window=timedelta(days=7))
        )
        await world.run()
        sent = (await world.travelled())[0]
        world.source.rows["D25"] = ("2.00", 25)  # within, without a new stamp
        world.source.rows["D26b"] = ("2.00", 26)  # within, committed late
        world.source.rows["D03"] = ("2.00", 3)  # before
        del world.source.rows["D27"]

        result = await reconciled(world)

        assert sent == [f"D{day:02}" for day in range(21, 29)]
        assert result.report.differences == Differences(1, 1, 1, ("D25", "D26b", "D27"), at_source=8, held=8)
        assert await world.travelled() == (["D25", "D26b"], ["D27"])


async def test_a_checkpoint_of_an_older_version_compares_what_is_known_and_sends_nothing_else(
    world: World,
) -> None:
    """It does not say where the first sync's window began, so an unknown record may lie before it."""
    checkpoint = read_checkpoint(await world.outbox.last_checkpoint(ADDRESS))
    older = replace(checkpoint, covers_everything=False)
    world.outbox.checkpoint = lambda _: answer(older.to_text())  # type: ignore[method-assign,assignment]
    quietly(world, "K03", "99.00")
    quietly(world, "OLD", "5.00")

    result = await reconciled(world)

    assert result.report.differences == Differences(changed=1, examples=("K03",), held=20)
    assert await world.travelled() == (["K03"], [])


async def test_a_stream_without_stamps_is_compared_by_its_sync_and_once(world: World) -> None:
    world.source.stamped = False
    quietly(world, "K03", "99.00")
    world.source.remove("K05")
    world.source.requests.clear()

    result = await reconciled(world)

    assert result.report.differences == Differences(at_source=19, held=19)
    assert await world.travelled() == (["K03"], ["K05"])
    assert [request.mode for request in world.source.requests] == [ReadMode.SCAN, ReadMode.BY_KEYS]


async def test_it_ends_with_its_hours_and_begins_anew_with_the_next(world: World) -> None:
    quietly(world, "K01", "99.00")
    at = world.clock.utcnow() + timedelta(minutes=1)
    closed = OnlyWithin(
        "UTC", (parse_quiet_hours(f"{at + timedelta(hours=1):%H:%M}-{at + timedelta(hours=2):%H:%M}"),)
    )

    ended = await reconciled(world, Spared(world.source, closed, world.clock, ADDRESS))  # type: ignore[arg-type]

    assert isinstance(ended.error, QuietHours)
    assert (ended.report.status, ended.reconciled) == (RunStatus.CANCELLED, None)

    world.clock.advance(3_600)
    through = await reconciled(world, Spared(world.source, closed, world.clock, ADDRESS))  # type: ignore[arg-type]
    assert through.report.differences == Differences(changed=1, examples=("K01",), at_source=20, held=20)


@pytest.mark.parametrize(
    ("last", "now", "due"),
    [
        (None, "2026-01-05T21:00:00", True),  # 22:00 in Berlin
        (None, "2026-01-05T20:59:00", False),
        (None, "2026-01-06T03:59:59", True),
        (None, "2026-01-06T04:00:00", False),
        ("2025-12-29T21:00:01", "2026-01-05T21:00:00", True),  # a week ago, but for a moment
        ("2025-12-30T21:00:00", "2026-01-05T21:00:00", False),
        ("2026-01-07T21:00:00", "2026-01-05T21:00:00", True),  # the clock was set back
        ("2025-12-30T03:59:00", "2026-01-05T21:00:00", True),  # a week ago but for its wait in that night
        (None, "2026-03-29T01:30:00", True),  # the night in which an hour is skipped
    ],
)
def test_it_is_due_in_its_hours_when_the_last_time_is_long_enough_ago(
    last: str | None, now: str, due: bool
) -> None:
    moments = [datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None for text in (last, now)]
    assert moments[1] is not None

    assert ReconcileSettings(timedelta(days=7), NIGHT).due(moments[0], moments[1]) is due


def test_one_that_waited_late_into_its_night_puts_no_other_off_and_is_not_begun_again() -> None:
    each_night = ReconcileSettings(timedelta(days=1), NIGHT)
    begin, late = datetime(2026, 1, 5, 21, tzinfo=UTC), datetime(2026, 1, 6, 3, 59, tzinfo=UTC)

    assert each_night.due(late, begin + timedelta(days=1))
    assert not each_night.due(begin, late)


def test_without_a_time_between_two_it_is_due_each_time_its_hours_begin_and_never_outside_of_them() -> None:
    """`reconcile_every = "0s"`."""
    always = ReconcileSettings(timedelta(0), NIGHT)
    begin, later = datetime(2026, 1, 5, 21, tzinfo=UTC), datetime(2026, 1, 6, 3, tzinfo=UTC)

    assert always.due(None, begin)
    assert always.due(begin, later)
    assert always.due(later, later)
    assert not always.due(None, datetime(2026, 1, 6, 4, tzinfo=UTC))
    assert not ReconcileSettings(timedelta(0)).due(None, begin)


def test_without_hours_it_is_never_due() -> None:
    assert not ReconcileSettings().due(None, datetime(2026, 1, 5, tzinfo=UTC))


class DatedSource(TableSource):
    """`changed` is a day of June."""

    def put_on(self, day: int, key: str, total: str) -> None:
        self.rows[key], self.now = (total, day), day

    async def signpost(self, stream: Any) -> Mark | None:
        return Mark(MarkKind.DATE, f"2026-06-{self.now:02}")

    def _chosen(self, request: ReadRequest) -> list[tuple[str, str, int]]:
        first = int(request.start.value[-2:]) if request.start is not None else 0
        if request.mode is ReadMode.WINDOW:
            rows = super()._chosen(replace(request, mode=ReadMode.SCAN, start=None))
            return [row for row in rows if row[2] >= first]
        if request.mode is ReadMode.CHANGES:
            assert request.end is not None
            numbers = [Mark(MarkKind.INTEGER, str(day)) for day in (first, int(request.end.value[-2:]))]
            return super()._chosen(replace(request, start=numbers[0], end=numbers[1]))
        return super()._chosen(request)


async def answer(text: str) -> str:
    return text
