from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agent.outbox.journal import CommandTooLarge, JournalConflict, JournalFull, Receipt
from agent.outbox.opening import MIGRATIONS, open_database
from agent.outbox.store import Limits
from tests.unit.outbox.making import opened

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)  # where a ManualClock begins
DEADLINE = NOW + timedelta(hours=1)


async def receive(
    outbox, command_id: str = "c1", body_hash: str = "h1", *, name: str = "sync", body: bytes = b"{}"
):
    return await outbox.journal.receive(command_id, body_hash, name, NOW, DEADLINE, body=body)


async def test_a_new_command_is_written_down_as_it_came(outbox):
    received = await receive(outbox, body=b'{"full": true}')

    assert received.receipt is Receipt.NEW
    assert received.command == await outbox.journal.get("c1")
    assert received.command.body == b'{"full": true}'
    assert (received.command.deadline, received.command.received_at) == (DEADLINE, NOW)
    assert not received.command.finished
    assert await outbox.journal.get("c2") is None


async def test_a_repeat_gets_what_is_stored(outbox):
    await receive(outbox)
    await outbox.journal.start("c1")
    await outbox.journal.finish("c1", "succeeded", {"run": "r1"})

    again = await receive(outbox)

    assert again.receipt is Receipt.REPEAT
    assert again.command.finished
    assert (again.command.state, again.command.result) == ("succeeded", {"run": "r1"})


@pytest.mark.parametrize(("body_hash", "name"), [("h2", "sync"), ("h1", "write")])
async def test_another_command_under_the_same_id_is_a_conflict(outbox, body_hash, name):
    await receive(outbox)

    assert (await receive(outbox, body_hash=body_hash, name=name)).receipt is Receipt.CONFLICT
    assert (await outbox.journal.get("c1")).body_hash == "h1"


async def test_a_command_starts_once(outbox):
    await receive(outbox)
    await outbox.journal.start("c1")

    with pytest.raises(JournalConflict, match="is started"):
        await outbox.journal.start("c1")
    with pytest.raises(JournalConflict, match="never received"):
        await outbox.journal.start("c2")


async def test_what_was_started_when_the_agent_died_is_listed_as_unfinished(path):
    async with opened(path) as outbox:
        for command_id in ("c1", "c2", "c3"):
            await receive(outbox, command_id)
        await outbox.journal.start("c1")
        await outbox.journal.start("c2")
        await outbox.journal.finish("c2", "failed", None)

    async with opened(path) as outbox:
        found = {command.id: command.state for command in await outbox.journal.unfinished()}
        assert found == {"c1": "started", "c3": "received"}
        assert [command.id for command in await outbox.journal.unacked()] == ["c2"]


async def test_an_outcome_stays_except_one_in_doubt(outbox):
    await receive(outbox)
    await outbox.journal.start("c1")
    await outbox.journal.finish("c1", "in_doubt", {"a": 1})
    await outbox.journal.acked("c1")
    await outbox.journal.finish("c1", "succeeded", {"a": 2})

    assert [command.result for command in await outbox.journal.unacked()] == [{"a": 2}]
    await outbox.journal.finish("c1", "succeeded", {"a": 3})
    assert (await outbox.journal.get("c1")).result == {"a": 2}
    with pytest.raises(JournalConflict, match="is succeeded"):
        await outbox.journal.finish("c1", "failed", None)


async def test_a_command_can_be_refused_without_being_started(outbox):
    await receive(outbox)

    await outbox.journal.finish("c1", "refused", {"code": "expired"})

    assert (await outbox.journal.get("c1")).state == "refused"


@pytest.mark.parametrize("state", ["received", "started"])
async def test_a_state_on_the_way_is_no_outcome(outbox, state):
    await receive(outbox)

    with pytest.raises(JournalConflict, match="not an outcome"):
        await outbox.journal.finish("c1", state, None)


async def test_a_command_never_received_has_no_outcome(outbox):
    with pytest.raises(JournalConflict, match="never received"):
        await outbox.journal.finish("c1", "failed", None)


async def test_only_a_finished_command_is_acked_and_repeating_is_harmless(outbox, clock):
    await receive(outbox)
    await outbox.journal.acked("c1")
    assert (await outbox.journal.get("c1")).acked_at is None

    await outbox.journal.finish("c1", "failed", None)
    await outbox.journal.acked("c1")
    clock.advance(60)
    await outbox.journal.acked("c1")

    assert (await outbox.journal.get("c1")).acked_at == NOW
    assert await outbox.journal.unacked() == []


async def test_an_acked_command_is_forgotten_after_its_retention_and_its_deadline(path, clock):
    limits = Limits(command_retention=timedelta(minutes=10))
    async with opened(path, clock=clock, limits=limits) as outbox:
        for command_id in ("acked", "unacked"):
            await receive(outbox, command_id)
            await outbox.journal.finish(command_id, "failed", None)
        await outbox.journal.acked("acked")

        clock.advance(30 * 60)
        await outbox.prune()
        assert (await receive(outbox, "acked")).receipt is Receipt.REPEAT

        clock.advance(31 * 60)
        await outbox.prune()
        assert await outbox.journal.get("acked") is None
        assert await outbox.journal.get("unacked") is not None


async def test_commands_and_answers_larger_than_a_frame_are_refused(outbox):
    with pytest.raises(CommandTooLarge):
        await receive(outbox, body=b"x" * 65_537)
    await receive(outbox)
    with pytest.raises(CommandTooLarge):
        await outbox.journal.finish("c1", "failed", "x" * 65_536)

    assert [command.state for command in await outbox.journal.unfinished()] == ["received"]


async def test_too_many_open_commands_make_the_relay_wait(path):
    async with opened(path, limits=Limits(open_commands=2)) as outbox:
        await receive(outbox, "c1")
        await receive(outbox, "c2")
        with pytest.raises(JournalFull):
            await receive(outbox, "c3")
        assert (await receive(outbox, "c1")).receipt is Receipt.REPEAT

        await outbox.journal.finish("c1", "failed", None)
        await outbox.journal.acked("c1")
        assert (await receive(outbox, "c3")).receipt is Receipt.NEW


async def write(
    outbox, command_id: str, *, connection: str = "erp", entity: str = "vendor", start: bool = True
):
    await outbox.journal.receive(
        command_id, "h", "create", NOW, DEADLINE, connection=connection, entity=entity, writes=True
    )
    if start:
        await outbox.journal.start(command_id)


async def test_started_writes_are_counted_per_connection_and_entity_also_after_a_restart(path, clock):
    async with opened(path, clock=clock) as outbox:
        await write(outbox, "c1")
        await write(outbox, "c2", entity="asset")
        await write(outbox, "c3", connection="mes")
        await write(outbox, "c4", start=False)
        await receive(outbox, "c5")
        await outbox.journal.start("c5")
        await outbox.journal.finish("c1", "failed", {})
        clock.advance(3_600)
        await write(outbox, "c6")

    async with opened(path, clock=clock) as outbox:
        count = outbox.journal.writes_since
        assert await count("erp", "vendor", NOW) == 2
        assert await count("erp", None, NOW) == 3
        assert await count("mes", None, NOW) == 1
        assert await count("erp", None, NOW + timedelta(seconds=1)) == 1
        assert await count("erp", None, NOW + timedelta(hours=2)) == 0


async def test_commands_are_listed_newest_first_and_by_state(outbox):
    for number in range(5):
        await receive(outbox, f"c{number}")
    await outbox.journal.start("c3")
    await outbox.journal.finish("c3", "in_doubt", {})

    assert [one.id for one in await outbox.journal.recent(3)] == ["c4", "c3", "c2"]
    assert [one.id for one in await outbox.journal.recent(3, "in_doubt")] == ["c3"]


async def test_the_order_of_arrival_outlives_a_wall_clock_that_steps_back(outbox):
    for number, moment in enumerate((NOW, NOW - timedelta(days=1), NOW + timedelta(days=1))):
        await outbox.journal.receive(f"c{9 - number}", "h", "sync", moment, DEADLINE)

    assert [one.id for one in await outbox.journal.unfinished()] == ["c9", "c8", "c7"]


async def test_only_what_is_in_doubt_is_settled(outbox):
    await receive(outbox)
    await outbox.journal.start("c1")
    with pytest.raises(JournalConflict, match="is started"):
        await outbox.journal.settle("c1", "failed", {})
    await outbox.journal.finish("c1", "in_doubt", {})
    await outbox.journal.audited("c1")
    await outbox.journal.acked("c1", "in_doubt")
    await outbox.journal.settle("c1", "failed", {"by": "person"})

    with pytest.raises(JournalConflict):
        await outbox.journal.settle("c1", "succeeded", {})
    assert [one.state for one in await outbox.journal.unacked()] == ["failed"]
    assert [one.id for one in await outbox.journal.unaudited()] == ["c1"]


async def test_the_ack_of_an_answer_that_was_replaced_settles_nothing(outbox):
    await receive(outbox)
    await outbox.journal.start("c1")
    await outbox.journal.finish("c1", "in_doubt", {})
    await outbox.journal.settle("c1", "succeeded", {})
    await outbox.journal.acked("c1", "in_doubt")
    assert len(await outbox.journal.unacked()) == 1

    await outbox.journal.acked("c1", "succeeded")
    assert await outbox.journal.unacked() == []


async def test_a_command_in_doubt_is_kept_until_a_person_has_settled_it(outbox, clock):
    for command_id, state in (("c1", "in_doubt"), ("c2", "failed")):
        await receive(outbox, command_id)
        await outbox.journal.start(command_id)
        await outbox.journal.finish(command_id, state, {})
        await outbox.journal.acked(command_id, state)
    clock.advance(30 * 86_400)
    await outbox.prune()

    assert [one.id for one in await outbox.journal.recent(10)] == ["c1"]


async def test_a_pause_outlives_a_restart_and_a_repeat_keeps_its_beginning(path, clock):
    async with opened(path, clock=clock) as outbox:
        await outbox.pause("erp")
        clock.advance(60)
        await outbox.pause("erp")
        await outbox.pause("mes")
        await outbox.resume("mes")
    async with opened(path, clock=clock) as outbox:
        assert await outbox.paused() == {"erp": NOW}


async def test_a_journal_of_version_1_is_brought_forward_with_its_commands(tmp_path):
    path = tmp_path / "outbox.db"
    db = open_database(path, wal_bytes=2**20, migrations=MIGRATIONS[:1])
    with db.transaction():
        db.run(
            "INSERT INTO command (id, name, body_hash, body, state, received_at, finished_at, result)"
            " VALUES ('c1', 'sync', 'h', x'7b7d', 'succeeded', 1, 2, '{}'), ('c2', 'sync', 'h', x'7b7d', 'received', 3, NULL, NULL)"
        )
    db.close()

    async with opened(path) as outbox:
        assert [one.id for one in await outbox.journal.unfinished()] == ["c2"]
        assert [one.id for one in await outbox.journal.unacked()] == ["c1"]
        assert await outbox.journal.unaudited() == []
        assert await outbox.journal.writes_since("erp", None, NOW) == 0
