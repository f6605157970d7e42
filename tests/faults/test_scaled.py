"""The set-up of docs/relay-scaled.md as it is documented: real PostgreSQL, NATS, haproxy and two relays, killed under load.

GROUNDWIRE_SCALED_ROUNDS: how often each process is killed. GROUNDWIRE_SCALED_AGENTS: how many agents there are.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from agent.tunnel import reconnect
from examples.scaled.processes import RELAYS, Missing, Scaled
from tests.conftest import _skip_or_fail
from tests.faults.fleet import CLOCK, enrol, running
from tests.faults.invariants import judge
from tests.faults.scaled_load import Load, loaded

ROUNDS = int(os.environ.get("GROUNDWIRE_SCALED_ROUNDS", "1"))
AGENTS = int(os.environ.get("GROUNDWIRE_SCALED_AGENTS", "4"))
HEALED_SECONDS = 60.0  # generous: the machine runs other things
CALM_SECONDS = 1.0

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600 * ROUNDS)]


@pytest.fixture(scope="module")
def scaled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scaled]:
    made = Scaled(tmp_path_factory.mktemp("scaled"), durable=False)
    try:
        made.__enter__()
    except Missing as error:
        _skip_or_fail(str(error))
    try:
        yield made
    finally:
        made.stop_all()


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Agents come back within tenths of a second, so that a test sees many reconnections."""
    monkeypatch.setattr(reconnect, "BASE_SECONDS", 0.2)
    monkeypatch.setattr(reconnect, "CAP_SECONDS", 0.5)
    monkeypatch.setattr(reconnect, "MAX_RETRY_AFTER_SECONDS", 0.5)


@asynccontextmanager
async def fleet_of(scaled: Scaled, folder: Path) -> AsyncIterator[Load]:
    identities = await enrol(
        Path(scaled.relay_file("relay_a")), folder, scaled.gateway_url, AGENTS, prefix=folder.name
    )
    async with running(identities, scaled.gateway_url, scaled.authority) as fleet:
        load = Load(scaled, fleet)
        for identity, agent in zip(identities, fleet.agents, strict=True):
            load.agents[identity.load().agent] = agent
        await fleet.until("connected", lambda agent: agent.connected)
        for agent in load.agents:
            load.enqueue(agent, 0)  # with it the relay knows the connection
        yield load


async def until(what: str, condition: Callable[[], object]) -> float:
    """How long it took."""
    begun = CLOCK.monotonic()
    while not condition():
        assert CLOCK.monotonic() < begun + HEALED_SECONDS * 4, f"not {what}"
        await CLOCK.sleep(0.05)
    return CLOCK.monotonic() - begun


def sessions(scaled: Scaled) -> dict[str, str]:
    """The name of the relay that has each agent."""
    rows = scaled.psql(
        "select s.agent, r.name from groundwire.sessions s join groundwire.relays r on r.id = s.relay"
    )
    return dict(row.split("|") for row in rows.split())


async def test_agents_are_spread_and_seen_on_both_relays_and_commands_find_them(
    scaled: Scaled, tmp_path: Path
) -> None:
    async with fleet_of(scaled, tmp_path) as load:
        ours = set(load.agents)
        placed = {agent: relay for agent, relay in sessions(scaled).items() if agent in ours}
        assert set(placed) == ours
        assert set(placed.values()) == set(RELAYS)
        for relay in RELAYS:
            async with load.client(relay) as client:
                await _all_seen(client, ours)
                connections = {agent: one for one, agent in (await load.connections(client)).items()}
                other = next(agent for agent, name in placed.items() if name != relay)
                answer = await client.post(
                    f"/connections/{connections[other]}/syncs", json={},
                    headers={"Prefer": "wait=30", "Idempotency-Key": f"{tmp_path.name}-{relay}"},
                )  # fmt: skip
                assert (answer.status_code, answer.json()["state"]) == (200, "succeeded")


async def _all_seen(client: httpx.AsyncClient, agents: set[str]) -> None:
    deadline = CLOCK.monotonic() + HEALED_SECONDS
    while True:
        items = (await client.get("/agents")).json()["items"]
        if agents <= {one["id"] for one in items if one["connected"]}:
            return
        assert CLOCK.monotonic() < deadline, items
        await CLOCK.sleep(0.1)


async def test_whichever_process_is_killed_under_load_nothing_is_lost_and_nothing_comes_twice(
    scaled: Scaled, tmp_path: Path
) -> None:
    """`kill -9` of each relay, of NATS and of the proxy; PostgreSQL restarted; NATS wiped."""
    healed: dict[str, list[float]] = {}
    async with fleet_of(scaled, tmp_path) as load:
        async with loaded(load):
            for _ in range(ROUNDS):
                for name in (*RELAYS, "nats", "proxy", "postgres", "wiped"):
                    await CLOCK.sleep(CALM_SECONDS)
                    healed.setdefault(name, []).append(await _trouble(scaled, load, name))
        faults = judge(await load.account())
    print(
        f"{len(load.history)} versions, {len(load.asked)} commands, refused on the way: {dict(load.refused)}"
    )
    for name, seconds in healed.items():
        print(f"{name}: every agent has a new batch acked after {max(seconds):.1f} s at most")
    assert faults == []


async def _trouble(scaled: Scaled, load: Load, name: str) -> float:
    """Seconds from the kill until each agent has had something acked that it enqueued behind it."""
    begun = CLOCK.monotonic()
    if name == "wiped":
        scaled.wipe_nats()
        scaled.spawn("nats")
    elif name == "postgres":
        await asyncio.to_thread(scaled.stop, name)
        scaled.spawn(name)
    else:
        scaled.kill(name)
        if name not in RELAYS:
            scaled.spawn(name)
    marks = {agent_id: agent.outbox.next_seq for agent_id, agent in load.agents.items()}
    await until(
        f"healed after {name}",
        lambda: all(load.agents[one].outbox.acked.get("erp/orders", 0) > mark for one, mark in marks.items()),
    )
    took = CLOCK.monotonic() - begun
    if name in RELAYS:
        await _up_again(scaled, name)
    return took


async def _up_again(scaled: Scaled, relay: str) -> None:
    scaled.spawn(relay)
    await until("ready", lambda: scaled.alive(relay) and scaled.ready(relay))


async def test_relays_are_upgraded_one_after_the_other_and_no_request_is_refused(
    scaled: Scaled, tmp_path: Path
) -> None:
    async with fleet_of(scaled, tmp_path) as load:
        refused: list[str] = []
        async with loaded(load, asking=False), _reading(load, refused):
            for relay in RELAYS:
                await asyncio.to_thread(scaled.stop, relay)
                await until("everywhere", lambda: all(a.connected for a in load.fleet.agents))
                await _up_again(scaled, relay)
                await CLOCK.sleep(3.0)  # the proxy looks each second
        faults = judge(await load.account())
    assert refused == []
    assert faults == []


@asynccontextmanager
async def _reading(load: Load, refused: list[str]) -> AsyncIterator[None]:
    """A platform that asks over the proxy, all the time."""
    done = asyncio.Event()

    async def read() -> None:
        async with load.client() as client:
            while not done.is_set():
                try:
                    answer = await client.get("/agents")
                except httpx.HTTPError as error:
                    refused.append(type(error).__name__)
                else:
                    if answer.status_code != 200:
                        refused.append(f"{answer.status_code}: {answer.text[:200]}")
                await CLOCK.sleep(0.05)

    async with asyncio.TaskGroup() as group:
        group.create_task(read())
        yield
        done.set()
