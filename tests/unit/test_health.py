from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from agent.clock import ManualClock
from agent.errors import GroundwireError, PolicyDenied, SourceChanged, StorageFull, Unreachable
from agent.health import LOOK_SECONDS, TELL_SECONDS, Disk, HealthWatch, disk_of, health_document
from agent.outbox.values import BatchKind, Waiting
from agent.protocol.frames import Status, decode, encode
from agent.stream_status import error_of
from agent.sync.supervisor import StreamState, StreamView
from agent.tunnel.statuses import health_frames
from tests.unit.outbox.making import STREAM, entry, opened

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
EARLIER = datetime(2026, 1, 5, 11, tzinfo=UTC)
MIB = 1024 * 1024


def document(waiting: Mapping[str, Waiting], disk: Disk | None = None) -> dict[str, Any]:
    return health_document(waiting, disk, high_water_bytes=100, file_bytes=7, reading_paused=False)


def test_what_waits_is_told_by_connection_and_as_a_whole() -> None:
    found = document(
        {"a/x": Waiting(1, 10, 100, NOON), "a/y": Waiting(2, 20, 200, EARLIER), "b/x": Waiting(3, 0, 5, NOON)}
    )

    assert found["waiting"] == {
        "batches": 6,
        "records": 30,
        "bytes": 305,
        "oldestAt": "2026-01-05T11:00:00Z",
    }
    assert found["connections"]["a"]["records"] == 30
    assert found["connections"]["b"] == {
        "batches": 3,
        "records": 0,
        "bytes": 5,
        "oldestAt": "2026-01-05T12:00:00Z",
    }


def test_what_other_programs_write_on_the_disk_is_no_news_below_a_mebibyte() -> None:
    before, after = (document({}, Disk(100 * MIB, free)) for free in (50 * MIB + 9, 50 * MIB + 8))

    assert before == after


def test_what_a_disk_sets_aside_for_others_is_no_room_of_the_agents(tmp_path: Path) -> None:
    usage = SimpleNamespace(total=100, used=40, free=20)

    assert disk_of(tmp_path, lambda _: usage) == Disk(total=60, free=20)


def test_a_disk_that_does_not_say_is_left_out(tmp_path: Path) -> None:
    assert "diskBytes" not in document({}, disk_of(tmp_path / "none"))["outbox"]
    assert disk_of(tmp_path) is not None


@dataclass
class FakeOutbox:
    held: dict[str, Waiting] = field(default_factory=dict)
    error: Exception | None = None
    file_bytes: int = 0
    reading_paused: bool = False

    async def waiting(self) -> Mapping[str, Waiting]:
        if self.error is not None:
            raise self.error
        return self.held


def watch(outbox: FakeOutbox, clock: ManualClock, told: list[str]) -> HealthWatch:
    return HealthWatch(
        outbox, clock, high_water_bytes=100, disk=lambda: None, changed=lambda: told.append("news")
    )


async def test_the_same_is_told_once_and_again_after_five_minutes() -> None:
    outbox, clock, told = FakeOutbox(), ManualClock(NOON), []
    health = watch(outbox, clock, told)

    await health.look()
    first = health.latest()
    clock.advance(LOOK_SECONDS)
    await health.look()
    assert health.latest() is first
    clock.advance(TELL_SECONDS)
    await health.look()

    assert told == ["news", "news"]
    assert health.latest() is not first


async def test_what_changed_is_told_at_the_next_look() -> None:
    outbox, clock, told = FakeOutbox(), ManualClock(NOON), []
    health = watch(outbox, clock, told)
    await health.look()

    outbox.held["a/x"] = Waiting(1, 1, 1, NOON)
    await health.look()

    assert told == ["news", "news"]


async def test_an_outbox_that_cannot_be_asked_leaves_what_was_known() -> None:
    outbox, clock, told = FakeOutbox(), ManualClock(NOON), []
    health = watch(outbox, clock, told)
    await health.look()
    known = health.latest()

    outbox.error = StorageFull()
    await health.look()

    assert health.latest() is known


def test_the_health_of_a_thousand_connections_travels_in_frames_that_can_be_read() -> None:
    streams = {f"c{number:062}/s": Waiting(10**9, 10**12, 10**15, NOON) for number in range(1_000)}

    frames = [decode(encode(frame)) for frame in health_frames(document(streams), "2026-01-05T12:00:00Z", {})]

    told = [frame.health for frame in frames if isinstance(frame, Status)]
    assert [one is not None and "waiting" in one for one in told] == [True] + [False] * 6
    assert sum(len(one["connections"]) for one in told if one) == 1_000
    assert {one["at"] for one in told if one} == {"2026-01-05T12:00:00Z"}


async def test_what_the_relay_has_not_acked_is_counted_by_stream(tmp_path: Path) -> None:
    """Reports and dead letters are batches, and no records."""
    clock = ManualClock(NOON)
    async with opened(tmp_path / "outbox.db", clock=clock) as outbox:
        await outbox.append(entry(b"12345", b"678"))
        clock.advance(60)
        await outbox.append(entry(b"x", kind=BatchKind.RUN))
        await outbox.append(entry(b"yz", stream="crm/vendors"))

        assert await outbox.waiting() == {
            STREAM: Waiting(3, 2, 9, NOON),
            "crm/vendors": Waiting(1, 1, 2, NOON + timedelta(minutes=1)),
        }
        await outbox.mark_acked(STREAM, 2)
        await outbox.mark_acked("crm/vendors", 4)
        assert await outbox.waiting() == {STREAM: Waiting(1, 0, 1, NOON + timedelta(minutes=1))}


def view(state: StreamState, error: GroundwireError | None) -> StreamView:
    return StreamView(state=state, error=error)


def test_the_error_of_a_connection_is_that_of_its_worst_stream_without_its_words() -> None:
    words = "order 4711 of a customer"
    views = {
        "a": view(StreamState.NEEDS_PERSON, PolicyDenied()),
        "b": view(StreamState.RETRYING, Unreachable(words)),
        "c": view(StreamState.NEEDS_PERSON, SourceChanged(words, hint=words)),
    }

    assert error_of(views) == {"code": "source_changed", "hint": SourceChanged.default_hint}
    assert error_of({"a": views["a"], "d": view(StreamState.IDLE, None)}) is None
