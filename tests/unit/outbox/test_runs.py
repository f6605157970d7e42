from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from agent.outbox.store import Entry, Limits, RunRecord
from tests.unit.outbox.making import STREAM, opened

START = datetime(2026, 1, 5, 12, 0, 0, 123456, tzinfo=UTC)


def record(number: int, *, stream: str = STREAM, finished: bool = True) -> RunRecord:
    started_at = START + timedelta(minutes=number)
    return RunRecord(
        run=f"run-{number:04}",
        stream=stream,
        connection="erp",
        entity="purchase_order",
        trigger="schedule",
        mode="initial",
        status="succeeded" if finished else "running",
        started_at=started_at,
        finished_at=started_at + timedelta(seconds=1) if finished else None,
        counts={"read": number},
        error={"code": "unreachable"} if number % 2 else None,
    )


async def test_runs_come_back_as_they_were_newest_first(outbox):
    for number in (1, 3, 2):
        await outbox.save_run(record(number))
    await outbox.save_run(record(4, stream="erp/vendors"))

    assert await outbox.runs(STREAM) == [record(3), record(2), record(1)]
    assert await outbox.runs(limit=2) == [record(4, stream="erp/vendors"), record(3)]


async def test_a_run_saved_again_is_replaced(outbox):
    await outbox.save_run(record(1, finished=False))
    await outbox.save_run(record(1))

    assert await outbox.runs() == [record(1)]


async def test_a_run_under_way_when_the_agent_died_is_listed_as_unfinished(path):
    async with opened(path) as outbox:
        await outbox.save_run(record(1))
        await outbox.save_run(record(2, finished=False))

    async with opened(path) as outbox:
        assert await outbox.unfinished_runs() == [record(2, finished=False)]
        await outbox.save_run(replace(record(2), status="interrupted"))
        assert await outbox.unfinished_runs() == []


async def test_the_oldest_finished_runs_of_a_stream_are_forgotten(path):
    async with opened(path, limits=Limits(runs_per_stream=3)) as outbox:
        await outbox.save_run(record(0, stream="erp/vendors"))
        await outbox.save_run(record(1, finished=False))
        for number in range(2, 8):
            await outbox.save_run(record(number))

        kept = [found.run for found in await outbox.runs()]

        assert kept == ["run-0007", "run-0006", "run-0005", "run-0001", "run-0000"]


async def test_a_run_is_saved_with_the_entry_that_ends_it(outbox):
    await outbox.append(
        Entry(stream=STREAM, run="run-0001", entity="purchase_order", checkpoint="c1", run_record=record(1))
    )

    assert await outbox.runs() == [record(1)]
    assert await outbox.checkpoint(STREAM) == "c1"


async def test_runs_are_listed_in_pages_by_connection_stream_and_outcome(outbox):
    for number in range(4):
        await outbox.save_run(record(number))
    await outbox.save_run(record(4, stream="erp/vendors", finished=False))
    await outbox.save_run(replace(record(5, stream="other/vendors"), connection="other"))

    first = await outbox.listed_runs(connection="erp", limit=3)
    rest = await outbox.listed_runs(connection="erp", before=first[-1].run, limit=3)

    assert [run.run for run in (*first, *rest)] == [
        "run-0004",
        "run-0003",
        "run-0002",
        "run-0001",
        "run-0000",
    ]
    assert await outbox.listed_runs(stream="erp/vendors", status="succeeded", limit=3) == []
    assert [run.run for run in await outbox.listed_runs(status="running", limit=3)] == ["run-0004"]


async def test_a_run_that_did_not_reach_its_end_makes_nothing_complete(outbox):
    await outbox.save_run(record(1))
    await outbox.save_run(replace(record(2), status="failed"))
    await outbox.save_run(replace(record(3, stream="other/vendors"), connection="other"))

    assert await outbox.complete_runs("erp") == {STREAM: record(1).started_at}
    assert set(await outbox.complete_runs()) == {STREAM, "other/vendors"}
