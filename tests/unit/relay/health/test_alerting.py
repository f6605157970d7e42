"""Alerts from the store's facts, kept through restarts, each raised once and cleared once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from agent.model.run import rfc3339
from relay.events import EventType
from relay.health.alerting import Alerting
from relay.health.alerts import Alert, raised
from relay.health.facts import Certificate
from relay.health.keeping import HealthStore
from relay.health.notes import HealthNotes
from relay.health.rules import DEFAULTS, Measure, Rule, Rules, Setting
from relay.observing import Word
from relay.statuses import connection_statuses
from relay.store.events import EventFilter, find
from relay.store.health import AgentWithConnections
from tests.unit.relay.making import NOW, Relay, enrolled, opened

HOUR = 3600.0


@pytest.fixture
async def relay(tmp_path: Path) -> AsyncIterator[Relay]:
    async with opened(tmp_path) as relay:
        yield relay


def alerting(relay: Relay, **more: object) -> Alerting:
    """As a relay makes it at its start."""
    return Alerting(HealthStore(relay.store.engine), relay.clock, **more)  # type: ignore[arg-type]


async def all_alerts(relay: Relay, tenant: str = "acme") -> list[Alert]:
    store = HealthStore(relay.store.engine)
    return await store.alerts(tenant, standing=None, agent="", connection="", before="", limit=100)


async def events(relay: Relay, tenant: str = "acme") -> list[EventType]:
    found = await relay.store.engine.read(lambda db: find(db, tenant, EventFilter(), 0, 1000, 1000))
    return [one.event.type for one in found.events]


async def test_an_agent_that_stays_away_is_one_alert_and_one_event_however_often_it_is_looked_at(
    relay: Relay,
) -> None:
    agent = await enrolled(relay.store)
    relay.clock.advance(HOUR)
    for _ in range(3):
        await alerting(relay).look()  # each as if the relay had been started anew
        relay.clock.advance(60)

    (found,) = await all_alerts(relay)
    assert (found.rule, found.agent, found.value, found.cleared_at) == (
        Rule.AGENT_OFFLINE, agent.id, 60, None,
    )  # fmt: skip
    assert await events(relay) == [EventType.ALERT_RAISED]


async def test_it_is_cleared_once_when_the_agent_is_back_and_raised_anew_the_next_time(relay: Relay) -> None:
    agent = await enrolled(relay.store)
    notes = HealthNotes(HealthStore(relay.store.engine), relay.clock)
    relay.clock.advance(HOUR)
    await alerting(relay).look()
    notes.agent_arrived(agent)
    await notes.write()
    await alerting(relay).look()
    await alerting(relay).look()
    relay.clock.advance(HOUR)
    await alerting(relay).look()

    newest, first = await all_alerts(relay)
    assert (first.cleared_at, newest.cleared_at) == (NOW + timedelta(hours=1), None)
    assert await events(relay) == [EventType.ALERT_RAISED, EventType.ALERT_CLEARED, EventType.ALERT_RAISED]


async def test_each_tenant_has_rules_and_alerts_of_its_own(relay: Relay) -> None:
    await enrolled(relay.store)
    await enrolled(relay.store, "globex")
    await HealthStore(relay.store.engine).set_rule(
        "globex", Rule.AGENT_OFFLINE, Setting(15, enabled=False), NOW
    )
    relay.clock.advance(HOUR)
    await alerting(relay).look()

    assert len(await all_alerts(relay)) == 1
    assert await all_alerts(relay, "globex") == []
    assert await events(relay, "globex") == []


async def test_a_changed_rule_counts_at_the_next_look_and_the_default_comes_back(relay: Relay) -> None:
    await enrolled(relay.store)
    store = HealthStore(relay.store.engine)
    relay.clock.advance(HOUR)
    await store.set_rule("acme", Rule.AGENT_OFFLINE, Setting(600), NOW)
    await alerting(relay).look()
    assert await all_alerts(relay) == []

    await store.set_rule("acme", Rule.AGENT_OFFLINE, None, NOW)
    assert await store.rules("acme") == DEFAULTS
    await alerting(relay).look()
    assert len(await all_alerts(relay)) == 1


async def test_two_that_look_at_once_raise_one_alert_and_tell_one_event(relay: Relay) -> None:
    agent = await enrolled(relay.store)
    store = HealthStore(relay.store.engine)
    measure = Measure(Rule.AGENT_OFFLINE, 60, agent.id)
    both = [
        raised(measure, alert_id=f"alt_{number}", tenant="acme", rules=DEFAULTS, now=NOW) for number in (1, 2)
    ]

    assert [await store.change_alerts([one], [], NOW) for one in both] == [1, 0]
    (standing,) = await store.standing("acme")
    assert [await store.change_alerts([], [standing], NOW) for _ in range(2)] == [1, 0]
    assert await events(relay) == [EventType.ALERT_RAISED, EventType.ALERT_CLEARED]


async def test_the_relays_own_certificate_is_looked_at_for_every_tenant_with_agents(relay: Relay) -> None:
    await enrolled(relay.store)
    told: list[str] = []
    ending = Certificate("relay", NOW + timedelta(days=3))

    await alerting(relay, certificate=lambda: ending, changed=lambda: told.append("news")).look()

    found = await all_alerts(relay)
    assert {(one.rule, one.agent, one.connection, one.value) for one in found} == {
        (Rule.CERTIFICATE_EXPIRES, "", "", 3),
        (Rule.CERTIFICATE_URGENT, "", "", 3),
    }
    assert told == ["news"]


async def test_a_sources_certificate_is_alerted_and_its_renewal_takes_that_back(relay: Relay) -> None:
    agent = await enrolled(relay.store)
    notes = HealthNotes(HealthStore(relay.store.engine), relay.clock)
    notes.agent_arrived(agent)

    async def tell(**status: Any) -> list[tuple[str, str, bool]]:
        statuses = connection_statuses([{"name": "nav", "state": "idle", **status}])
        await relay.store.save_connections(agent, statuses, NOW)
        notes.told(Word(agent, statuses, None))
        await notes.write()
        await alerting(relay).look()
        found = await all_alerts(relay)
        return sorted((one.rule.value, one.connection, one.cleared_at is None) for one in found)

    def ending(days: int) -> list[dict[str, str]]:
        return [{"hop": "source", "expiresAt": rfc3339(NOW + timedelta(days=days))}]

    assert await tell(certificates=ending(15)) == [("certificate_expires", "nav", True)]
    both = [("certificate_expires", "nav", True), ("certificate_urgent", "nav", True)]
    assert await tell(certificates=ending(5)) == both
    assert await tell() == both  # an agent that has just started has seen none yet
    assert await tell(certificates=ending(90)) == [(rule, name, False) for rule, name, _ in both]
    told = [event for event in await events(relay) if event.value.startswith("alert.")]
    assert told == [EventType.ALERT_RAISED] * 2 + [EventType.ALERT_CLEARED] * 2


async def test_an_agent_whose_clock_has_no_later_moment_stops_no_alert(relay: Relay) -> None:
    """Its clock shows the last second that there is, and something waits that does not become less."""
    agent = await enrolled(relay.store)
    await enrolled(relay.store, "globex")
    notes = HealthNotes(HealthStore(relay.store.engine), relay.clock)
    notes.agent_arrived(agent)
    some = {"batches": 1, "records": 1, "bytes": 1, "oldestAt": "2026-01-01T00:00:00Z"}
    notes.told(Word(agent, [], {"at": "9999-12-31T23:59:59.999999Z", "waiting": some}))
    await notes.write()
    relay.clock.advance(HOUR)
    await alerting(relay).look()

    assert Rule.CLOCK_SKEW in {one.rule for one in await all_alerts(relay)}
    assert [one.rule for one in await all_alerts(relay, "globex")] == [Rule.AGENT_OFFLINE]


class OneBroken(HealthStore):
    """What the agents of the first tenant have said cannot be read."""

    async def fleet(self, tenant: str, now: datetime) -> tuple[Rules, list[AgentWithConnections]]:
        if tenant == "acme":
            raise OverflowError
        return await super().fleet(tenant, now)


async def test_a_tenant_of_which_nothing_can_be_made_does_not_end_the_alerts_of_others(relay: Relay) -> None:
    for tenant in ("acme", "globex"):
        await enrolled(relay.store, tenant)
    relay.clock.advance(HOUR)
    with capture_logs() as lines:
        await Alerting(OneBroken(relay.store.engine), relay.clock).look()

    assert [one.rule for one in await all_alerts(relay, "globex")] == [Rule.AGENT_OFFLINE]
    assert ("alerts_crashed", "acme") in [(line["event"], line.get("tenant")) for line in lines]
