"""What is told of connections, commands and agents, in the transaction in which it happens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from relay.bus.memory import MemoryBus
from relay.events import Event
from relay.lifecycle import Command, CommandState, Step
from relay.members import Members, Own, new_process
from relay.store.base import Agent, ConnectionStatus
from relay.store.events import EventFilter
from relay.telling import GRACE, PresenceTeller
from relay.webhooks.store import EventStore
from tests.unit.relay.making import NOW, Relay, enrolled, opened


class Site:
    def __init__(self, relay: Relay, agent: Agent) -> None:
        self.relay = relay
        self.agent = agent
        self.events = EventStore(relay.store.engine)
        self._seen = 0

    async def status(self, state: str, code: str = "", *, message: str = "") -> list[str]:
        error = {"code": code, "message": message, "hint": "look"} if code else None
        told = ConnectionStatus("nav", state=state, error=error)
        await self.relay.store.save_connections(self.agent, [told], NOW)
        return [one.type.value for one in await self.new()]

    async def new(self) -> list[Event]:
        """What was told since the last look."""
        found = await self.events.find("acme", EventFilter(), self._seen, 100, indexed=0, now=NOW)
        self._seen = found.reached
        return [one.event for one in found.events]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with opened(tmp_path) as relay:
        yield Site(relay, await enrolled(relay.store))


CHANGED = "connection.status_changed"


async def test_a_connection_that_works_says_so_once_however_often_it_runs(site: Site) -> None:
    assert await site.status("idle") == [CHANGED]
    for _ in range(3):
        assert await site.status("running") == []
        assert await site.status("idle") == []


async def test_one_that_fails_says_so_once_however_often_it_is_tried(site: Site) -> None:
    await site.status("idle")

    assert await site.status("retrying", "unreachable") == [CHANGED, "connection.error"]
    for _ in range(3):
        assert await site.status("running", "unreachable") == []
        assert await site.status("retrying", "unreachable") == []
    assert await site.status("retrying", "throttled") == ["connection.error"]
    assert await site.status("idle") == [CHANGED]
    assert await site.status("retrying", "unreachable") == [CHANGED, "connection.error"]


async def test_refused_credentials_have_an_event_of_their_own(site: Site) -> None:
    assert await site.status("needs_reauthorisation", "credentials_refused", message="no") == [
        CHANGED, "connection.needs_reauthorisation",
    ]  # fmt: skip
    assert await site.status("needs_reauthorisation", "credentials_refused") == []
    assert await site.status("needs_person", "source_changed") == [CHANGED, "connection.error"]


async def test_the_event_says_from_what_to_what_and_why(site: Site) -> None:
    await site.status("idle")
    told = ConnectionStatus("nav", state="needs_person", error={"code": "x", "hint": "y", "other": "z"})
    await site.relay.store.save_connections(site.agent, [told], NOW)

    changed, _ = (await site.new())[-2:]
    assert changed.data == {
        "from": "idle", "to": "needs_person", "error": {"code": "x", "hint": "y"},
    }  # fmt: skip
    assert (changed.connection, changed.agent, changed.tenant) == ("nav", site.agent.id, "acme")


def command(site: Site, state: CommandState = CommandState.QUEUED) -> Command:
    return Command(
        id="cmd_1",
        tenant="acme",
        agent=site.agent.id,
        connection="nav",
        kind="sync",
        args={},
        idempotency_key=None,
        request_hash=b"",
        state=state,
        created_at=NOW,
        updated_at=NOW,
        deadline=NOW + timedelta(hours=1),
        history=(Step(state, NOW),),
    )


async def test_a_command_that_ends_is_told_of_with_each_outcome_and_nothing_before(site: Site) -> None:
    store = site.relay.store
    await store.add_command(command(site), NOW, most_open=10)
    await store.answer_command(site.agent.id, "cmd_1", CommandState.RUNNING, {}, NOW)
    assert await site.new() == []

    outcomes: list[tuple[CommandState, dict[str, Any]]] = [
        (CommandState.IN_DOUBT, {"code": "lost", "record": "value"}),
        (CommandState.SUCCEEDED, {}),
        (CommandState.FAILED, {"code": "late"}),
    ]
    for state, result in outcomes:
        for _ in range(2):
            await store.answer_command(site.agent.id, "cmd_1", state, result, NOW)

    told = await site.new()
    assert [(one.type.value, one.data["state"], one.data["code"]) for one in told] == [
        ("command.finished", "in_doubt", "lost"), ("command.finished", "succeeded", None),
    ]  # fmt: skip
    assert "value" not in str(told)


async def test_a_command_that_nobody_took_is_told_of_when_it_expires(site: Site) -> None:
    await site.relay.store.add_command(command(site), NOW, most_open=10)
    await site.relay.store.expire_commands(NOW + timedelta(hours=2))

    assert [one.data["state"] for one in await site.new()] == ["expired"]


class Presence:
    def __init__(self, site: Site) -> None:
        self.site = site
        clock, engine = site.relay.clock, site.relay.store.engine
        self.members = Members(engine, MemoryBus(clock), new_process("r", clock), alone=True, clock=clock)
        self._teller = PresenceTeller(engine, MemoryBus(clock), clock=clock)

    async def comes(self) -> None:
        site = self.site
        site.agent = await self._known()
        epoch = site.agent.epoch + 1
        assert await self.members.offer(site.agent, site.agent.epoch, epoch)
        assert await self.members.confirm(Own(site.agent, epoch, f"ses_{epoch}"))
        self.session = f"ses_{epoch}"

    async def goes(self) -> None:
        await self.members.left(self.site.agent, self.session)

    async def _known(self) -> Agent:
        found = await self.site.relay.store.agent(self.site.agent.id)
        assert found is not None
        return found

    async def look(self, after: timedelta = timedelta(0)) -> list[str]:
        self.site.relay.clock.advance(after.total_seconds())
        await self._teller.look()
        return [one.type.value for one in await self.site.new()]


async def test_an_agent_that_comes_is_told_of_once(site: Site) -> None:
    presence = Presence(site)
    await presence.members.join()
    assert await presence.look() == []
    await presence.comes()

    assert [await presence.look() for _ in range(2)] == [["agent.online"], []]


async def test_one_that_comes_back_soon_was_never_away_and_one_that_does_not_is_told_of(site: Site) -> None:
    presence = Presence(site)
    await presence.members.join()
    await presence.comes()
    await presence.look()
    await presence.goes()
    assert await presence.look() == []
    await presence.comes()
    assert await presence.look(after=2 * GRACE) == []

    await presence.goes()
    assert await presence.look() == []
    assert await presence.look(after=GRACE - timedelta(seconds=1)) == []
    assert await presence.look(after=timedelta(seconds=1)) == ["agent.offline"]
    assert await presence.look(after=GRACE) == []
    await presence.comes()
    assert await presence.look() == ["agent.online"]


async def test_a_relay_that_starts_anew_waits_for_its_agents_and_tells_of_those_that_stay_away(
    site: Site,
) -> None:
    """A relay that was killed told nobody that they went: what was told last is in the store."""
    presence = Presence(site)
    await presence.members.join()
    await presence.comes()
    await presence.look()
    await presence.members.join()  # the next life: sessions of the one before are over

    assert await presence.look() == []
    assert await presence.look(after=GRACE) == ["agent.offline"]


async def test_a_clock_that_jumps_back_begins_the_grace_anew(site: Site) -> None:
    presence = Presence(site)
    await presence.members.join()
    await presence.comes()
    await presence.look()
    await presence.goes()
    await presence.look()
    site.relay.clock.step_wall_clock(-86_400)
    assert await presence.look() == []

    assert await presence.look(after=GRACE) == ["agent.offline"]
