from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from agent.clock import ManualClock
from agent.errors import StorageFull
from agent.model.payload import decode
from agent.model.run import RunStatus
from agent.outbox.store import Outbox, RunRecord
from agent.sync.interrupted import close_interrupted_runs

LEFT_OPEN = RunRecord(
    run="r1",
    stream="erp/orders",
    connection="erp",
    entity="purchase_order",
    trigger="schedule",
    mode="initial",
    status="running",
    started_at=datetime(2026, 1, 5, tzinfo=UTC),
    counts={"read": 3},
)


async def test_the_relay_too_learns_that_a_run_ended_with_its_process(tmp_path: Path) -> None:
    clock = ManualClock()
    async with await Outbox.open(tmp_path / "outbox.db", clock=clock) as outbox:
        await outbox.save_run(LEFT_OPEN)
        await outbox.save_run(replace(LEFT_OPEN, run="r2", status="succeeded", finished_at=clock.utcnow()))

        await close_interrupted_runs(outbox, clock)
        await close_interrupted_runs(outbox, clock)

        (batch,) = await outbox.pending(0, limit_batches=10, limit_bytes=2**20)
        told = decode(batch.kind, batch.payload).report
        assert told is not None
        assert (told.run, told.status, told.finished_at) == ("r1", RunStatus.CANCELLED, clock.utcnow())
        assert told.counts.read == 3
        assert await outbox.unfinished_runs() == []


async def test_a_full_disk_does_not_keep_the_agent_from_starting(tmp_path: Path) -> None:
    async with await Outbox.open(tmp_path / "outbox.db", clock=ManualClock()) as outbox:
        await outbox.save_run(LEFT_OPEN)

        async def refuse(_entry: object) -> tuple[int, ...]:
            raise StorageFull

        outbox.append = refuse  # type: ignore[method-assign]
        await close_interrupted_runs(outbox, ManualClock())

        assert [record.run for record in await outbox.unfinished_runs()] == ["r1"]
