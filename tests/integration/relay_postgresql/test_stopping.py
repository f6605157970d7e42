"""A relay that is told to stop while its PostgreSQL is away: it ends in its time, says so, and nothing is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psycopg
import pytest

from agent.errors import TransientError
from agent.protocol.events import Acked
from relay import commands
from relay.app import STOP_SECONDS
from relay.store.base import Agent, Tenant
from relay.store.postgresql.address import Address
from relay.store.postgresql.store import PostgresStore
from tests.faults.mortal_postgres import MortalPostgres, children_of
from tests.integration.relay_peer import PATIENCE_SECONDS, Peer, eventually
from tests.servers import free_port
from tests.unit.relay.making import NOW, Sender, orders

STREAM = "nav/purchase_orders"


@pytest.fixture(scope="module")
def server() -> Iterator[MortalPostgres]:
    with MortalPostgres() as running:
        yield running


class Relay:
    """In a process of its own, over that server."""

    def __init__(self, folder: Path, server: MortalPostgres) -> None:
        self.folder, self.api, self.gateway = folder, free_port(), free_port()
        done = commands.initialise(folder, gateway_port=self.gateway, api_port=self.api)
        server.create_database(f"relay_{self.api}")
        text = "\n".join(
            line for line in done.config.read_text().splitlines() if not line.startswith("tls =")
        )
        store = f'\n[store]\nurl = "{server.url(f"relay_{self.api}")}"\n'
        done.config.write_text(text + store)
        self.environment = {**os.environ, "GROUNDWIRE_STORE_PASSWORD": server.password}
        self._ask("token", "create")
        self.token = self._ask("token", "create", "--scope", "read", "--scope", "enrol").strip()
        self.log = folder / "log.jsonl"

    def _ask(self, *words: str) -> str:
        group, verb, *rest = words
        command = [sys.executable, "-m", "agent.cli", "relay", group, verb, str(self.folder), *rest]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True)
        return done.stdout

    @asynccontextmanager
    async def running(self) -> AsyncIterator[subprocess.Popen[bytes]]:
        command = [
            sys.executable,
            "-m",
            "agent.cli",
            "relay",
            "run",
            str(self.folder),
            "--log-format",
            "json",
        ]
        with self.log.open("ab") as log:
            process = subprocess.Popen(command, env=self.environment, stderr=log)
        try:
            await eventually(self._ready)
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            await asyncio.to_thread(process.wait)

    async def _ready(self) -> bool:
        try:
            async with self.client() as client:
                return (await client.get("/readyz")).status_code == 200
        except httpx.TransportError:
            return False

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.api}",
            headers={"Authorization": f"Bearer {self.token}"},
            trust_env=False,
            timeout=PATIENCE_SECONDS,
        )


@pytest.mark.slow
@pytest.mark.parametrize("away", ["refuses", "is silent"])
@pytest.mark.timeout(600)
async def test_a_relay_that_is_told_to_stop_while_its_store_is_away_ends_in_its_time_and_loses_nothing(
    server: MortalPostgres, tmp_path: Path, away: str
) -> None:
    """G231."""
    relay = await asyncio.to_thread(Relay, tmp_path / "relay", server)
    peer = Peer(f"ws://127.0.0.1:{relay.gateway}")
    async with relay.running() as process:
        async with relay.client() as client:
            code = (await client.post("/api/v1/enrolment-codes", json={})).json()["code"]
        assert await peer.enrol(code) == ""
        sender = Sender(Agent(peer.agent, "default", "plant", b"", 0, None, 1, "", NOW, None))
        first, second = sender.batch(orders(["1"])), sender.batch(orders(["2"]))
        async with peer.connected():
            await peer.send(first)
            await peer.acked(STREAM, 1)
            _go_away(server, away)
            try:
                await peer.send(second)
                begun = time.monotonic()
                process.send_signal(signal.SIGTERM)
                ended = await asyncio.to_thread(process.wait, STOP_SECONDS)
                took = time.monotonic() - begun
            finally:
                _come_back(server, away)
        assert not any(isinstance(event, Acked) and event.seq == 2 for event in peer.events)
    print(f"{away}: ended after {took:.1f} s")
    assert ended == 0
    assert '"event": "relay_stopped"' in relay.log.read_text()

    async with relay.running(), relay.client() as client:
        async with peer.connected():
            await peer.send(second)
            await peer.acked(STREAM, 2)
        assert await eventually(lambda: _keys(client, 2)) == ["1", "2"]


async def test_who_waits_for_an_answer_of_a_server_that_is_given_up_waits_no_longer(address: Address) -> None:
    """G231: neither a write that waits for its turn nor a read, and nothing is asked of it any more."""
    store = await PostgresStore.open(address)
    try:
        with psycopg.connect(**address.parameters) as other:
            other.execute("SELECT pg_advisory_xact_lock(%s)", (address.key("records"),))
            tables = f'LOCK TABLE "{address.schema}".tenants IN ACCESS EXCLUSIVE MODE'
            other.execute(tables.encode())
            writing = asyncio.create_task(store.add_tenant(Tenant("acme", NOW)))
            reading = asyncio.create_task(store.tenant("acme"))
            await eventually(lambda: _waiting(address))

            store.abandon()

            async with asyncio.timeout(PATIENCE_SECONDS):
                ends = await asyncio.gather(writing, reading, store.tenant("acme"), return_exceptions=True)
        assert all(isinstance(end, TransientError) for end in ends), ends
    finally:
        await store.aclose()
    store = await PostgresStore.open(address)
    try:
        assert await store.tenant("acme") is None
    finally:
        await store.aclose()


async def _waiting(address: Address) -> bool:
    """Whether both wait for the other's locks."""

    def count() -> int:
        with psycopg.connect(**address.parameters, autocommit=True) as connection:
            asked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            row = connection.execute(asked.encode()).fetchone()
            return 0 if row is None else int(row[0])

    return await asyncio.to_thread(count) >= 2


async def _keys(client: httpx.AsyncClient, count: int) -> list[str]:
    answer = await client.get("/api/v1/purchase-orders")
    keys = sorted(item["key"] for item in answer.json().get("items", ()))
    return keys if len(keys) >= count else []


def _go_away(server: MortalPostgres, how: str) -> None:
    if how == "refuses":
        server.kill()
        return
    for pid in (server.pid, *children_of(server.pid)):
        os.kill(pid, signal.SIGSTOP)


def _come_back(server: MortalPostgres, how: str) -> None:
    if how == "refuses":
        server.revive()
        return
    for pid in (*children_of(server.pid), server.pid):
        os.kill(pid, signal.SIGCONT)
