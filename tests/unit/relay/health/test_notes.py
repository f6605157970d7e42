"""What is seen of agents, written down and found again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.errors import StorageFull
from agent.model.run import rfc3339
from relay.health.facts import AgentFacts, ConnectionFacts, Credentials, Waiting
from relay.health.keeping import HealthStore
from relay.health.noted import Notes
from relay.health.notes import NOTES_AT_ONCE, PRESENT_SECONDS, HealthNotes
from relay.observing import Round, Settled, Word
from relay.statuses import connection_statuses
from relay.store.base import Agent, AppendOutcome, RunRow
from tests.unit.relay.making import NOW, Relay, Sender, enrolled, opened, orders

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def relay(tmp_path: Path) -> AsyncIterator[Relay]:
    async with opened(tmp_path) as relay:
        yield relay


def notes_of(relay: Relay) -> HealthNotes:
    return HealthNotes(HealthStore(relay.store.engine), relay.clock)


async def tell(
    relay: Relay, notes: HealthNotes, agent: Agent, *, health: Any = None, **connection: Any
) -> None:
    """As the link does: the status is stored, and then told."""
    told = [{"name": "nav", "state": "idle", **connection}] if connection else []
    statuses = connection_statuses(told)
    await relay.store.save_connections(agent, statuses, relay.clock.utcnow())
    notes.told(Word(agent, statuses, health))


async def facts(relay: Relay, agent: Agent) -> tuple[AgentFacts, tuple[ConnectionFacts, ...]]:
    found = await HealthStore(relay.store.engine).agent(agent.tenant, agent.id, relay.clock.utcnow())
    assert found is not None
    return found[1]


async def test_certificates_stand_until_the_agent_says_something_else_of_them(relay: Relay) -> None:
    """Also between two writes, and where writing failed in between."""
    agent, notes = await enrolled(relay.store), notes_of(relay)
    notes.agent_arrived(agent)

    async def known() -> list[tuple[str, datetime]]:
        _, (connection,) = await facts(relay, agent)
        return [(one.hop, one.expires_at) for one in connection.certificates]

    shown = [{"hop": "source", "expiresAt": rfc3339(NOW)}, {"hop": "", "expiresAt": 7}, "nonsense"]
    await tell(relay, notes, agent, certificates=shown)
    await tell(relay, notes, agent, state="running")
    await notes.write()
    assert await known() == [("source", NOW)]

    await tell(relay, notes, agent, state="idle", certificates="nonsense")
    await notes.write()
    assert await known() == []

    await tell(relay, notes, agent, certificates=shown[:1])
    await notes.write()
    await tell(relay, notes, agent, state="running")
    await notes.write()
    assert await known() == [("source", NOW)]

    await tell(relay, notes, agent, certificates=[])
    await notes.write()
    assert await known() == []


def waiting(size: int, at: datetime, **connections: int) -> dict[str, Any]:
    def some(number: int) -> dict[str, Any]:
        return {"batches": 1, "records": number, "bytes": number, "oldestAt": None}

    named = {name: some(number) for name, number in connections.items()}
    return {"at": rfc3339(at), "waiting": some(size), "connections": named}


async def test_who_is_here_is_known_and_who_left_is_known_as_gone(relay: Relay) -> None:
    agent, notes = await enrolled(relay.store), notes_of(relay)
    notes.agent_arrived(agent)
    await notes.write()
    (here, _) = await facts(relay, agent)
    relay.clock.advance(60)
    notes.agent_left(agent)
    await notes.write()
    (gone, _) = await facts(relay, agent)

    assert (here.connected, here.connected_since) == (True, NOW)
    assert (gone.connected, gone.seen_at) == (False, NOW + MINUTE)


async def test_an_agent_that_comes_and_goes_between_two_writes_is_gone(relay: Relay) -> None:
    agent, notes = await enrolled(relay.store), notes_of(relay)
    notes.agent_arrived(agent)
    relay.clock.advance(1)
    notes.agent_left(agent)
    await notes.write()

    assert not (await facts(relay, agent))[0].connected


async def test_a_session_that_ends_late_does_not_undo_the_newer_one_at_another_relay(relay: Relay) -> None:
    agent, one, other = await enrolled(relay.store), notes_of(relay), notes_of(relay)
    one.agent_arrived(agent)
    await one.write()
    relay.clock.advance(10)
    other.agent_arrived(agent)
    await other.write()
    one.agent_left(agent)
    await one.write()

    (found, _) = await facts(relay, agent)
    assert (found.connected, found.connected_since) == (True, NOW + timedelta(seconds=10))


async def test_a_relay_that_was_killed_has_nobody_after_a_minute_and_a_half(relay: Relay) -> None:
    agent, notes = await enrolled(relay.store), notes_of(relay)
    notes.agent_arrived(agent)
    await notes.write()
    for _ in range(10):
        relay.clock.advance(PRESENT_SECONDS)
        await notes.write()
    assert (await facts(relay, agent))[0].connected

    relay.clock.advance(91)

    (found, _) = await facts(relay, agent)
    assert (found.connected, found.seen_at) == (False, NOW + 10 * timedelta(seconds=PRESENT_SECONDS))


async def test_what_an_agent_tells_of_itself_is_found_with_rate_and_skew(relay: Relay) -> None:
    agent, notes = await enrolled(relay.store), notes_of(relay)
    notes.agent_arrived(agent)
    await tell(relay, notes, agent, state="idle")
    ahead = timedelta(seconds=30)
    for size in (6000, 3000):
        await tell(
            relay, notes, agent, health=waiting(size, relay.clock.utcnow() + ahead - timedelta(seconds=size / 3000), nav=size)
        )  # fmt: skip
        relay.clock.advance(30)
    await notes.write()

    (found, (connection,)) = await facts(relay, agent)
    assert found.skew == timedelta(seconds=29)  # the quicker of two frames: the rest is the way
    assert (found.waiting, connection.waiting) == (Waiting(1, 3000, 3000), Waiting(1, 3000, 3000))
    assert (found.drain and found.drain.bytes_per_second, found.empty_in) == (100.0, timedelta(seconds=30))


async def test_of_a_connection_that_is_not_named_any_more_nothing_waits(relay: Relay) -> None:
    agent, notes = await enrolled(relay.store), notes_of(relay)
    notes.agent_arrived(agent)
    await tell(relay, notes, agent, state="idle")
    await tell(relay, notes, agent, health=waiting(5, NOW, nav=5))
    await tell(relay, notes, agent, health={"at": rfc3339(NOW), "connections": {}})
    await notes.write()
    assert (await facts(relay, agent))[1][0].waiting == Waiting(1, 5, 5)

    await tell(relay, notes, agent, health=waiting(0, NOW))
    await notes.write()

    assert (await facts(relay, agent))[1][0].waiting == Waiting(0, 0, 0)


async def test_since_when_a_connection_fails_is_kept_until_it_does_not(relay: Relay) -> None:
    agent, notes = await enrolled(relay.store), notes_of(relay)
    for minute in range(3):
        await tell(relay, notes, agent, state="needs_reauthorisation", error={"code": f"e{minute}"})
        await notes.write()
        relay.clock.advance(60)
    (failing,) = (await facts(relay, agent))[1]
    await tell(relay, notes, agent, state="idle")
    await notes.write()
    (mended,) = (await facts(relay, agent))[1]

    assert (failing.error_code, failing.error_since, failing.refused_since) == ("e2", NOW, NOW)
    assert failing.credentials is Credentials.REFUSED
    assert (mended.error_code, mended.error_since, mended.credentials) == ("", None, Credentials.UNKNOWN)


def run(stream: str, number: int, status: str, letters: int, finished: datetime) -> RunRow:
    report = {"counts": {"deadLetters": letters}, "finishedAt": rfc3339(finished)}
    return RunRow(
        number,
        "acme",
        "nav",
        f"nav/{stream}",
        "purchase_order",
        f"run-{number}",
        status,
        rfc3339(NOW),
        report,
    )


def done(*runs: RunRow) -> Round:
    return Round([], runs, NOW, 0.0)


async def test_a_connection_is_as_late_as_the_stream_that_waits_longest(relay: Relay) -> None:
    agent, notes = await enrolled(relay.store), notes_of(relay)
    await tell(relay, notes, agent, streams=[{"name": "orders"}, {"name": "vendors"}, {"name": "assets"}])
    notes.materialised(
        done(
            run("orders", 1, "succeeded", 9, NOW + MINUTE),
            run("vendors", 2, "succeeded", 1, NOW + 2 * MINUTE),
            run("vendors", 3, "failed", 2, NOW + 3 * MINUTE),
        )
    )
    await notes.write()
    (three,) = (await facts(relay, agent))[1]
    await tell(relay, notes, agent, streams=[{"name": "orders"}, {"name": "vendors"}])
    await notes.write()
    (two,) = (await facts(relay, agent))[1]

    assert (three.late_since, three.last_success_at, three.dead_letters) == (NOW, NOW + 2 * MINUTE, 9)
    assert (two.late_since, two.credentials) == (NOW + MINUTE, Credentials.OK)


async def test_runs_that_are_seen_again_when_the_index_is_made_anew_change_nothing(relay: Relay) -> None:
    agent, notes = await enrolled(relay.store), notes_of(relay)
    await tell(relay, notes, agent, streams=[{"name": "orders"}])
    rows = [run("orders", number, "succeeded", number, NOW + number * MINUTE) for number in (1, 2)]
    notes.materialised(done(*rows))
    await notes.write()
    before = await facts(relay, agent)

    for row in rows:
        notes.materialised(done(row))
        await notes.write()

    assert await facts(relay, agent) == before
    assert before[1][0].dead_letters == 2


async def test_the_lag_of_a_batch_is_taken_with_the_clocks_made_equal(relay: Relay) -> None:
    agent, notes = await enrolled(relay.store), notes_of(relay)
    notes.agent_arrived(agent)
    await tell(relay, notes, agent, state="idle", health=waiting(1, NOW - timedelta(hours=1)))
    batch = Sender(agent).batch(orders(["1"]))
    relay.clock.advance(7)
    notes.settled(Settled(batch, AppendOutcome.APPENDED, rfc3339(NOW - timedelta(hours=1))))
    await notes.write()

    (found, (connection,)) = await facts(relay, agent)
    assert found.lag == connection.lag == timedelta(seconds=7)
    assert found.last_ack_at == connection.last_ack_at == NOW + timedelta(seconds=7)


class Full:
    """A store that takes nothing for a while."""

    def __init__(self, store: HealthStore) -> None:
        self.store = store
        self.full = True
        self.written: list[Notes] = []

    async def write_health(self, notes: Notes) -> None:
        if self.full:
            raise StorageFull
        self.written.append(notes)
        await self.store.write_health(notes)


async def test_what_could_not_be_written_is_written_later_under_what_came_meanwhile(relay: Relay) -> None:
    agent = await enrolled(relay.store)
    keeper = Full(HealthStore(relay.store.engine))
    notes = HealthNotes(keeper, relay.clock)
    notes.agent_arrived(agent)
    await tell(relay, notes, agent, state="idle", error={"code": "old"})
    await tell(relay, notes, agent, health=waiting(5, NOW, nav=5))
    await notes.write()
    await tell(relay, notes, agent, state="idle", error={"code": "new"})
    keeper.full = False
    await notes.write()

    (found, (connection,)) = await facts(relay, agent)
    assert (found.connected, found.waiting) == (True, Waiting(1, 5, 5))
    assert (connection.error_code, connection.waiting) == ("new", Waiting(1, 5, 5))


async def test_a_fleet_is_written_in_portions(relay: Relay) -> None:
    keeper = Full(HealthStore(relay.store.engine))
    keeper.full = False
    notes = HealthNotes(keeper, relay.clock)
    agent = await enrolled(relay.store)
    for number in range(NOTES_AT_ONCE + 1):
        notes.agent_arrived(replace(agent, id=f"agt_{number}"))
    await notes.write()

    assert [len(one.agents) for one in keeper.written] == [NOTES_AT_ONCE, 1]


async def test_another_tenant_sees_nothing_of_it(relay: Relay) -> None:
    agent, notes = await enrolled(relay.store), notes_of(relay)
    other = await enrolled(relay.store, "globex")
    notes.agent_arrived(agent)
    await tell(relay, notes, agent, state="idle", streams=[{"name": "orders"}])
    await notes.write()
    store = HealthStore(relay.store.engine)

    assert await store.agent("globex", agent.id, NOW) is None
    assert await store.connection("globex", "nav", NOW) is None
    assert [one.id for one, _ in (await store.fleet("globex", NOW))[1]] == [other.id]


@pytest.mark.parametrize(
    ("told", "read_at"),
    [
        (NOW + timedelta(hours=1), "0001-01-01T00:00:00Z"),
        (NOW - timedelta(hours=1), "9999-12-31T23:59:59Z"),
    ],
)
async def test_a_batch_from_the_ends_of_time_is_noted_like_any(
    relay: Relay, told: datetime, read_at: str
) -> None:
    agent, notes = await enrolled(relay.store), notes_of(relay)
    notes.agent_arrived(agent)
    await tell(relay, notes, agent, health=waiting(1, told))
    notes.settled(Settled(Sender(agent).batch(orders(["1"])), AppendOutcome.APPENDED, read_at))
    await notes.write()

    assert (await facts(relay, agent))[0].last_ack_at == NOW


async def test_a_run_with_more_dead_letters_than_a_store_can_count_ends_nothing(relay: Relay) -> None:
    agent, notes = await enrolled(relay.store), notes_of(relay)
    await tell(relay, notes, agent, streams=[{"name": "orders"}])
    notes.materialised(done(run("orders", 1, "failed", 2**64 - 1, NOW)))
    await notes.write()

    assert (await facts(relay, agent))[1][0].dead_letters == 2**53 - 1


class Unforeseen(HealthStore):
    """Of one agent something is noted that cannot be written."""

    async def write_health(self, notes: Notes) -> None:
        if any(note.agent == "agt_strange" for note in notes.agents):
            raise OverflowError
        await super().write_health(notes)


async def test_notes_that_cannot_be_written_do_not_end_those_that_come_after(relay: Relay) -> None:
    agent = await enrolled(relay.store)
    notes = HealthNotes(Unforeseen(relay.store.engine), relay.clock)
    notes.agent_arrived(replace(agent, id="agt_strange"))
    await notes.write()
    notes.agent_arrived(agent)
    await notes.write()

    assert (await facts(relay, agent))[0].connected
