"""A load on the scaled set-up: light agents that send versions of records, commands that ask them, and the account."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

import httpx

from agent.model.payload import decode
from examples.scaled.processes import Scaled
from relay.settings import load_settings
from relay.store.sql import Sql
from relay.store.storage import open_store
from tests.faults.fleet import CLOCK, Fleet, LightAgent
from tests.faults.invariants import Account, Asked, End, Stored, Version, Wire
from tests.unit.relay.making import orders

STREAM: Final = "erp/orders"
PATIENCE_SECONDS: Final = 240.0
RECORDS: Final = 5  # of each agent; each batch is a version of one of them
PAGE: Final = 500


@dataclass
class Load:
    scaled: Scaled
    fleet: Fleet
    agents: dict[str, LightAgent] = field(default_factory=dict)  # by id
    history: list[Version] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)  # requests, by what they met
    sending: bool = True

    def enqueue(self, agent_id: str, number: int) -> None:
        """One version of one record: its note says which."""
        agent = self.agents[agent_id]
        key = f"k{number % RECORDS}"
        payload = orders([key], note=str(number))
        agent.outbox.add(STREAM, payload)
        agent.outbox.batches[-1] = replace(agent.outbox.batches[-1], entity="purchase_order")
        self.history.append(Version(f"{agent_id}/{STREAM}", key, number, str(number)))

    async def send(self, *, pause: float = 0.1) -> None:
        """Until told to stop; an agent whose queue is long waits, as its reading would."""
        number = 0
        while self.sending:
            number += 1
            for agent_id, agent in self.agents.items():
                if len(agent.outbox.batches) - agent.outbox.acked.get(STREAM, 0) < 200:
                    self.enqueue(agent_id, number)
            await CLOCK.sleep(pause)

    async def ask(self, *, pause: float = 0.2) -> None:
        """Commands over the proxy; one that was refused is asked again with the same key, as a platform does."""
        async with self.client() as client:
            number = 0
            connections = list(await self.connections(client))
            while self.sending:
                number += 1
                connection = connections[number % len(connections)]
                answer = await self._asked(client, f"/connections/{connection}/syncs", f"key-{number}")
                self.asked.append(answer["id"])
                await CLOCK.sleep(pause)

    async def _asked(self, client: httpx.AsyncClient, path: str, key: str) -> dict[str, Any]:
        deadline = CLOCK.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer = await client.post(path, json={}, headers={"Idempotency-Key": key})
            except httpx.HTTPError as error:
                self.refused[type(error).__name__] += 1
            else:
                if answer.status_code in (200, 202):
                    return dict(answer.json())
                assert answer.status_code in (429, 502, 503), answer.text
                self.refused[str(answer.status_code)] += 1
            assert CLOCK.monotonic() < deadline, self.scaled.log_tail()
            await CLOCK.sleep(0.2)

    async def connections(self, client: httpx.AsyncClient) -> dict[str, str]:
        """By id, with the agent of each, once all are known."""
        deadline = CLOCK.monotonic() + PATIENCE_SECONDS
        while True:
            found = await self.ours(client)
            if len(found) == len(self.agents):
                return found
            assert CLOCK.monotonic() < deadline, found
            await CLOCK.sleep(0.2)

    def client(self, relay: str | None = None) -> httpx.AsyncClient:
        """Over the proxy, or straight to one relay."""
        port = self.scaled.port["api" if relay is None else f"{relay}_api"]
        return httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}/api/v1",
            headers={"Authorization": f"Bearer {self.scaled.token}"},
            timeout=60,
            trust_env=False,
        )

    async def settled(self) -> None:
        """Everything was acked, every command has its outcome, and the index shows the last batch."""
        await self.fleet.until("connected", lambda agent: agent.connected)
        await self.fleet.until("delivered", self._delivered)
        async with self.client() as client:
            deadline = CLOCK.monotonic() + PATIENCE_SECONDS
            while (open_ones := await self._open(client)) or await self._behind():
                assert CLOCK.monotonic() < deadline, f"{open_ones}\n{self.scaled.log_tail()}"
                await CLOCK.sleep(0.2)

    def _delivered(self, agent: LightAgent) -> bool:
        return agent.outbox.acked.get(STREAM, 0) == agent.outbox.last.get(STREAM, 0)

    async def _open(self, client: httpx.AsyncClient) -> list[str]:
        found = []
        for state in ("queued", "sent", "running"):
            answer = await client.get("/commands", params={"state": state, "limit": 500})
            assert answer.status_code == 200, answer.text
            found += [one["id"] for one in answer.json()["items"]]
        return found

    async def _behind(self) -> bool:
        found = self.scaled.psql(
            "select coalesce(max(position), 0) - (select position from groundwire_index.progress)"
            " from groundwire.batches"
        )
        return int(found) != 0

    async def account(self) -> Account:
        store = await open_store(load_settings(self.scaled.folder / "relay_a.toml"))
        try:
            stored = [
                one for one in await store.engine.read(_stored) if one.stream.split("/")[0] in self.agents
            ]
        finally:
            await store.aclose()
        sent, acked, ends = Counter[tuple[str, int, str]](), {}, {}
        for agent_id, agent in self.agents.items():
            stream = f"{agent_id}/{STREAM}"
            sent.update((stream, batch.seq, batch.hash) for batch in agent.outbox.batches)
            acked[stream] = agent.outbox.acked.get(STREAM, 0)
            last = agent.outbox.last.get(STREAM, 0)
            ends[stream] = End(last, acked[stream], last - acked[stream])
        async with self.client() as client:
            shown = await self._shown(client)
            outcomes = [(await client.get(f"/commands/{one}")).json()["state"] for one in self.asked]
        effects = Counter[str]()
        for agent in self.agents.values():
            effects += agent.effects
        commands = [Asked(one, effects[one], said) for one, said in zip(self.asked, outcomes, strict=True)]
        return Account(self.history, stored, ends, Wire(acked, sent), shown, commands)

    async def ours(self, client: httpx.AsyncClient) -> dict[str, str]:
        """The connections of our agents, with whose each is."""
        found = (await client.get("/connections", params={"limit": PAGE})).json()["items"]
        return {one["id"]: one["agent"] for one in found if one["agent"] in self.agents}

    async def _shown(self, client: httpx.AsyncClient) -> dict[tuple[str, str], tuple[int, str | None]]:
        owners = await self.ours(client)
        shown: dict[tuple[str, str], tuple[int, str | None]] = {}
        cursor: dict[str, str] = {}
        while True:
            page = (await client.get("/purchase-orders", params={"limit": PAGE, **cursor})).json()
            for item in page["items"]:
                if item["connection"] not in owners:
                    continue
                stream = f"{owners[item['connection']]}/{STREAM}"
                shown[stream, item["key"]] = (int(item["notes"]), item["notes"])
            if not page["hasMore"]:
                return shown
            cursor = {"cursor": page["nextCursor"]}


def _stored(db: Sql) -> list[Stored]:
    rows = db.execute(
        "SELECT s.agent, s.stream, b.seq, b.prev, b.run, b.hash, b.kind, b.payload FROM batches b"
        " JOIN streams s ON s.id = b.stream ORDER BY b.position"
    )
    found = []
    for agent, stream, seq, prev, run, digest, kind, payload in rows:
        table = decode(kind, bytes(payload)).table
        assert table is not None
        records = tuple(
            (key, int(note), note)
            for key, note in zip(table["key"].to_pylist(), table["notes"].to_pylist(), strict=True)
        )
        found.append(Stored(f"{agent}/{stream}", seq, prev, run, bytes(digest).hex(), records=records))
    return found


@asynccontextmanager
async def loaded(load: Load, *, asking: bool = True) -> AsyncIterator[None]:
    """Sending and asking go on inside the block, and have settled behind it."""
    async with asyncio.TaskGroup() as group:
        group.create_task(load.send())
        if asking:
            group.create_task(load.ask())
        try:
            yield
        finally:
            load.sending = False
    await load.settled()
