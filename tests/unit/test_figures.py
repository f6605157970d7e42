from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.clock import ManualClock
from agent.figures import (
    WINDOW_SECONDS,
    Figures,
    FlowLog,
    Rates,
    Sample,
    empty_in,
    full_in,
    rates_of,
)
from agent.health import Disk
from agent.outbox.store import BatchKind, Flow
from agent.outbox.values import LastAcked, Moved, Waiting
from tests.unit.outbox.making import STREAM, entry, opened

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def growing(by: float) -> Rates:
    return Rates(60.0, 0.0, 0.0, 0.0, 0.0, by)


@pytest.mark.parametrize(
    ("pending", "disk", "growth", "seconds"),
    [
        (400, None, 2.0, 300.0),
        (400, Disk(1_000, 100), 2.0, 50.0),  # the disk is nearer
        (400, None, 0.0, None),
        (400, None, -2.0, None),
        (1_000, None, -2.0, 0.0),  # it is full now
    ],
)
def test_the_time_to_full_goes_by_the_nearer_bound_and_the_present_rate(
    pending: int, disk: Disk | None, growth: float, seconds: float | None
) -> None:
    assert full_in(pending, 1_000, disk, growing(growth)) == seconds


def test_without_a_rate_nothing_is_foretold() -> None:
    assert full_in(400, 1_000, None, None) is None
    assert empty_in(400, None) is None
    assert empty_in(0, None) == 0.0


@pytest.mark.parametrize(("growth", "seconds"), [(-4.0, 100.0), (0.0, None), (4.0, None)])
def test_the_time_to_empty_goes_by_the_present_rate(growth: float, seconds: float | None) -> None:
    assert empty_in(400, growing(growth)) == seconds


def test_a_rate_over_too_short_a_time_is_none() -> None:
    sample = Sample(10.0, Flow(), 0)

    assert rates_of(sample, Sample(12.0, Flow(Moved(1, 9, 90)), 90)) is None


class Moving:
    """An outbox into which ten records a second are written, and eight a second acked, of ten bytes each."""

    reading_paused = False

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.still = False

    @property
    def flow(self) -> Flow:
        seconds = 0 if self.still else int(self._clock.monotonic())
        return Flow(Moved(seconds, 10 * seconds, 100 * seconds), Moved(seconds, 8 * seconds, 80 * seconds))

    @property
    def pending_bytes(self) -> int:
        return self.flow.enqueued.bytes - self.flow.acked.bytes

    async def waiting(self) -> dict[str, Waiting]:
        return {"a/x": Waiting(1, 20, 200, NOON), "b/y": Waiting(2, 30, 300, None)}

    async def last_acked(self) -> LastAcked | None:
        return LastAcked("a/x", 7, "run", "records", 5, NOON, NOON)


async def test_rates_are_those_of_the_last_minutes_and_bounded_in_memory() -> None:
    clock = ManualClock()
    outbox = Moving(clock)
    flow = FlowLog(outbox, clock)
    for _ in range(1_000):
        clock.advance(30)
        flow.note()

    rates = flow.rates()

    assert rates == Rates(WINDOW_SECONDS, 10.0, 100.0, 8.0, 80.0, 20.0)


async def test_the_document_says_what_waits_how_fast_it_grows_and_what_was_acked_last() -> None:
    clock = ManualClock()
    outbox = Moving(clock)
    flow = FlowLog(outbox, clock)
    clock.advance(100)
    figures = Figures(outbox, flow, high_water_bytes=4_000, disk=lambda: None)

    found = await figures.document()

    assert found["backlog"] == {
        "batches": 3,
        "records": 50,
        "bytes": 500,
        "oldest_at": "2026-01-05T12:00:00Z",
        "high_water_bytes": 4_000,
        "disk_free_bytes": None,
        "full_in_seconds": 100.0,
        "empty_in_seconds": None,
    }
    assert found["rates"]["acked_records"] == 8.0
    assert found["last_acked"]["seq"] == 7
    assert found["since_start"]["enqueued"]["records"] == 1_000


async def test_the_outbox_counts_what_went_in_and_what_was_acked(tmp_path: Path) -> None:
    clock = ManualClock(NOON)
    async with opened(tmp_path / "o.db", clock=clock) as outbox:
        first, second = await outbox.append(entry(b"12345", b"123"))
        await outbox.append(entry(b"report", kind=BatchKind.RUN, run="run-2"))
        assert await outbox.last_acked() is None

        clock.advance(5)
        await outbox.mark_acked(STREAM, first)
        await outbox.mark_acked(STREAM, first)
        assert outbox.flow == Flow(Moved(3, 2, 14), Moved(1, 1, 5))
        last = await outbox.last_acked()

    assert last is not None
    assert (last.seq, last.run, last.acked_at) == (first, "run-1", clock.utcnow())
    assert second > first


async def test_what_could_not_be_committed_was_not_counted(tmp_path: Path) -> None:
    async with opened(tmp_path / "o.db") as outbox:
        with pytest.raises(Exception, match="never enqueued"):
            await outbox.mark_acked(STREAM, 5)

        assert outbox.flow == Flow()
