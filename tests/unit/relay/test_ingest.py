from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.clock import ManualClock
from agent.errors import StorageFull
from relay import ingest as room
from relay.ingest import Ingest, examine
from relay.store.base import Appended, AppendOutcome, NewBatch
from relay.store.sqlite import SqliteStore
from tests.unit.relay.making import NOW, Sender, enrolled, opened, orders, run_report


class ScriptedStore(SqliteStore):
    """Counts the commits, and fails the first ones."""

    def __init__(self, store: SqliteStore, *, failures: int = 0) -> None:
        super().__init__(store.database)
        self.groups: list[int] = []
        self.failures = failures

    async def append_batches(self, new: Sequence[NewBatch]) -> list[Appended]:
        self.groups.append(len(new))
        if self.failures:
            self.failures -= 1
            raise StorageFull
        return await super().append_batches(new)


async def test_what_waits_together_is_committed_together(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        sender = Sender(await enrolled(relay.store))
        store = ScriptedStore(relay.store)
        ingest = Ingest(store, clock=relay.clock)
        done = [ingest.submit(sender.batch(orders([str(number)]))) for number in range(5)]

        ingest.stop()
        await ingest.run()

        assert [future.result().last_seq for future in done] == [1, 2, 3, 4, 5]
        assert store.groups == [5]


async def test_nothing_is_acked_while_the_disk_refuses(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        sender = Sender(await enrolled(relay.store))
        store = ScriptedStore(relay.store, failures=3)
        clock = ManualClock(NOW)
        ingest = Ingest(store, clock=clock)
        done = ingest.submit(sender.batch(orders(["1"])))
        undone_at_failure: list[bool] = []
        ingest.stop()
        task = asyncio.create_task(ingest.run())
        while store.failures:
            await asyncio.sleep(0)  # noqa: TID251 - a turn for the others
            undone_at_failure.append(not done.done())
        await task

        assert all(undone_at_failure)
        assert done.result() == Appended(AppendOutcome.APPENDED, 1)
        assert clock.monotonic() == 3 * room.RETRY_SECONDS


async def test_a_full_queue_lets_no_session_read_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_QUEUED_BYTES", 10)
    async with opened(tmp_path) as relay:
        sender = Sender(await enrolled(relay.store))
        relay.ingest.submit(sender.batch(orders(["1"])))

        waiting = asyncio.create_task(relay.ingest.room())
        await asyncio.sleep(0)  # noqa: TID251 - a turn for the others
        assert not waiting.done()

        relay.ingest.stop()
        await relay.ingest.run()
        await waiting


@pytest.mark.parametrize(
    "damage",
    [
        {"count": 2},
        {"payload": b"garbage"},
        {"entity": "vendor"},
        {"entity": "spaceship"},
        {"kind": "tombstones"},
        {"kind": "run"},
    ],
)
async def test_a_payload_that_is_not_what_its_header_says_is_marked_and_kept_as_it_came(
    tmp_path: Path, damage: dict[str, object]
) -> None:
    async with opened(tmp_path) as relay:
        batch = Sender(await enrolled(relay.store)).batch(orders(["1"]))

        sent = dataclasses.replace(batch, **damage)
        examined = await examine(sent)

        assert examined.damaged
        assert dataclasses.replace(examined, damaged="") == sent


async def test_a_payload_as_its_header_says_is_not_marked(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        sender = Sender(await enrolled(relay.store))

        assert (await examine(sender.batch(orders(["1"])))).damaged == ""
        assert (await examine(sender.batch(run_report("run-1"), kind="run"))).damaged == ""


async def test_a_report_of_another_run_is_marked(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        batch = Sender(await enrolled(relay.store)).batch(run_report("run-2"), kind="run", run="run-1")

        assert "another run" in (await examine(batch)).damaged


async def test_bytes_that_break_the_reader_are_marked_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("nobody foresaw this")

    monkeypatch.setattr(room, "decode", broken)
    async with opened(tmp_path) as relay:
        batch = Sender(await enrolled(relay.store)).batch(orders(["1"]))

        assert (await examine(batch)).damaged == "the reader failed with RuntimeError"
