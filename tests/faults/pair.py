"""A real outbox with its link, and a real relay, in processes of their own that are killed in turn; run by test_pair.py.

The two sides are forked from one process that has imported them, so that a life costs a tenth of what a whole agent
costs, and hundreds of deaths fit into a test. What is left out is what reads and maps: the source is a number per
stream, and a record is each number up to it. At the end this process says what is wrong, line by line.

With PostgreSQL as the relay's store the database is the third that dies in its turn.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, Final

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.clock import SystemClock
from agent.errors import GroundwireError
from agent.identity import Identity, IdentityStore
from agent.model.payload import decode
from agent.outbox.limits import MiB
from agent.outbox.store import Limits, Outbox
from agent.tunnel import reconnect
from agent.tunnel.endpoint import make_endpoint
from agent.tunnel.link import Link
from relay.app import RelayApp
from relay.settings import Api, Gateway, RelaySettings, Store
from relay.store import database
from relay.store.storage import PASSWORD, open_store
from tests.faults.mortal_postgres import MortalPostgres
from tests.faults.oracle import chains, damage_of, judge_chains
from tests.integration.tunnel_peer import FakeSink, FakeStatus
from tests.servers import free_port
from tests.unit.outbox.making import entry
from tests.unit.relay.making import enrolled, orders

STREAMS: Final = ("nav/orders", "nav/archive")
LIMITS: Final = Limits(wal_bytes=64 * 1024, replay_bytes=10_000)
LONGEST_LIFE_SECONDS: Final = 0.3
SETTLE_SECONDS: Final = 120.0
TICK_SECONDS: Final = 0.02


class Pair:
    dying: tuple[str, ...] = ("agent", "relay")  # in this order
    limits = LIMITS

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.outbox = folder / "state" / "outbox.db"
        self.dice = Random(seed)
        self.ports = free_port(), free_port()
        self.source = dict.fromkeys(STREAMS, 0)
        self.lives: dict[str, int] = {}  # who is alive, with the process

    def start(self, who: str, work: Callable[[], Awaitable[None]]) -> None:
        self.lives[who] = os.fork()
        if not self.lives[who]:
            try:
                asyncio.run(work())  # type: ignore[arg-type]
            finally:
                os._exit(1)  # an end of its own is none that was asked for

    def kill(self, who: str) -> None:
        process = self.lives.pop(who)
        os.kill(process, signal.SIGKILL)
        _, status = os.waitpid(process, 0)
        assert os.WIFSIGNALED(status), f"the {who} had ended by itself"

    async def found(self) -> None:
        """An agent that the relay knows."""
        key = Ed25519PrivateKey.generate()
        self.folder.joinpath("relay").mkdir()
        store = await open_store(self.settings())
        agent = await enrolled(store, key=key.public_key().public_bytes_raw())
        await store.aclose()
        url = f"ws://127.0.0.1:{self.ports[0]}"
        IdentityStore(self.outbox.parent).save(Identity(agent.id, agent.tenant, url, 0, key))

    def settings(self) -> RelaySettings:
        gateway = Gateway(host="127.0.0.1", port=self.ports[0], heartbeat_seconds=2.0, credit_batches=4)
        api = Api(host="127.0.0.1", port=self.ports[1])
        return RelaySettings(data=self.folder / "relay", gateway=gateway, api=api, store=self.kept_in())

    def kept_in(self) -> Store:
        return Store()

    async def live_as_relay(self) -> None:
        async with RelayApp(self.settings()):
            await asyncio.Event().wait()

    async def live_as_agent(self) -> None:
        clock = SystemClock()
        outbox = await Outbox.open(self.outbox, clock=clock, limits=self.limits)
        endpoint = make_endpoint(f"ws://127.0.0.1:{self.ports[0]}", allow_plain_loopback=True)
        identities = IdentityStore(self.outbox.parent)
        link = Link(
            endpoint, identities, outbox, sink=FakeSink(), status=FakeStatus(), clock=clock, software="test"
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(link.run())
            group.create_task(self._read_on(outbox))

    async def _read_on(self, outbox: Outbox) -> None:
        """What a run does: a page behind the checkpoint, in one transaction with the next one."""
        while True:
            for stream in STREAMS:
                done = int(await outbox.checkpoint(stream) or 0)
                upto = min(self.source[stream], done + 5)
                if upto > done:
                    payload = orders([str(number) for number in range(done, upto)])
                    await outbox.append(entry(payload, stream=stream, checkpoint=str(upto)))
            if self.dice.random() < 0.2:
                await outbox.prune()
            await asyncio.sleep(TICK_SECONDS)  # noqa: TID251 - a life of its own

    def run(self, kills: int) -> list[str]:
        asyncio.run(self.found())
        sides = {"relay": self.live_as_relay, "agent": self.live_as_agent}
        self.live_on(sides, kills)
        return self.judged(sides)

    def live_on(self, sides: dict[str, Callable[[], Awaitable[None]]], kills: int) -> None:
        for number in range(kills):
            for stream in STREAMS:
                self.source[stream] += self.dice.randrange(12)
            for who, work in sides.items():
                if who not in self.lives:
                    self.start(who, work)
            time.sleep(self.dice.random() * LONGEST_LIFE_SECONDS)
            self.die(self.dying[number % len(self.dying)])

    def die(self, who: str) -> None:
        self.kill(who)

    def judged(self, sides: dict[str, Callable[[], Awaitable[None]]]) -> list[str]:
        """Let both live until everything has arrived, and look at the files when nobody writes them any more."""
        if "agent" in self.lives:
            self.kill("agent")  # one that knows all of the source
        for who, work in sides.items():
            if who not in self.lives:
                self.start(who, work)
        deadline = time.monotonic() + SETTLE_SECONDS
        faults = ["nothing was looked at"]
        while faults and time.monotonic() < deadline:
            time.sleep(TICK_SECONDS * 10)
            with suppress(OSError, sqlite3.DatabaseError):  # a file that is written while it is copied
                faults = self._faults()
        self.kill_all()
        return self.damage() + self._faults()

    def kill_all(self) -> None:
        for who in list(self.lives):
            self.kill(who)

    def damage(self) -> list[str]:
        return damage_of(self.outbox) + damage_of(self.folder / "relay" / "relay.db")

    def stored(self) -> dict[str, list[tuple[int, int, bytes, bytes]]]:
        return chains(self.folder / "relay")

    def _faults(self) -> list[str]:
        stored = self.stored()
        faults = judge_chains(stored, self.outbox)
        for stream, rows in stored.items():
            numbers = [int(key) for *_, payload in rows for key in keys_of(payload)]
            if numbers != list(range(self.source[stream])):
                faults.append(f"{stream}: {len(numbers)} records of {self.source[stream]}, or not in order")
        return faults


class PairOverPostgres(Pair):
    dying = ("agent", "relay", "database")

    def __init__(self, folder: Path, seed: int, server: MortalPostgres) -> None:
        super().__init__(folder, seed)
        self._server = server
        os.environ[PASSWORD] = server.password

    def kept_in(self) -> Store:
        return Store(url=self._server.url())

    def damage(self) -> list[str]:
        return damage_of(self.outbox)

    async def live_as_relay(self) -> None:
        """As under a service manager: started again where the database was away."""
        while True:
            try:
                await super().live_as_relay()
            except GroundwireError:
                await asyncio.sleep(TICK_SECONDS)  # noqa: TID251 - a life of its own

    def die(self, who: str) -> None:
        if who != "database":
            super().die(who)
            return
        self._server.kill()
        time.sleep(self.dice.random() * LONGEST_LIFE_SECONDS)
        self._server.revive()

    def restored(self, kills: int) -> list[str]:
        """After some kills the database is put back to what it was, as where a standby takes over that lacked the end."""
        self.limits = replace(LIMITS, replay_bytes=MiB)
        asyncio.run(self.found())
        sides = {"relay": self.live_as_relay, "agent": self.live_as_agent}
        self.live_on(sides, kills)
        self._server.kill()
        self._server.keep_copy()
        self._server.revive()
        before = self._records()
        self.live_on(sides, kills)
        while self._records() == before:
            self.live_on(sides, 1)  # something has to be lost
        self._server.kill()
        self._server.put_back()
        self._server.revive()
        self.live_on(sides, kills)
        return self.judged(sides)

    def _records(self) -> int:
        return sum(len(rows) for rows in self.stored().values())

    def stored(self) -> dict[str, list[tuple[int, int, bytes, bytes]]]:
        found: dict[str, list[tuple[int, int, bytes, bytes]]] = {stream: [] for stream in STREAMS}
        rows = self._server.psql(
            "select s.stream, b.seq, b.prev, encode(b.hash, 'hex'), encode(b.payload, 'hex')"
            " from groundwire.batches b join groundwire.streams s on s.id = b.stream order by b.position"
        )
        for stream, seq, prev, digest, payload in (row.split("\t") for row in rows.splitlines()):
            found[stream].append((int(seq), int(prev), bytes.fromhex(digest), bytes.fromhex(payload)))
        return found


def keys_of(payload: bytes) -> list[Any]:
    table = decode("records", payload).table
    assert table is not None
    return list(table.column("key").to_pylist())


def main(folder: Path, kills: int, seed: int, form: str) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    reconnect.BASE_SECONDS, reconnect.CAP_SECONDS = 0.02, 0.05  # type: ignore[misc]
    reconnect.MAX_RETRY_AFTER_SECONDS = 0.05  # type: ignore[misc]
    database.CHECKPOINT_PAGES = 40  # type: ignore[misc]
    with nullcontext() if form == "sqlite" else MortalPostgres() as server:
        pair = Pair(folder, seed) if server is None else PairOverPostgres(folder, seed, server)
        try:
            restored = form == "restored"
            faults = pair.restored(kills) if restored else pair.run(kills)
        finally:
            pair.kill_all()
    for fault in faults:
        print(fault)
    print(f"{kills} kills, {sum(pair.source.values())} records")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
