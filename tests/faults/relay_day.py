"""A relay's store and index without sockets, a working day of changes in small, and everything that the files hold."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any
from zlib import crc32

import apsw

from agent.clock import ManualClock
from relay.documents import Documents
from relay.ingest import Ingest
from relay.lifecycle import CommandState
from relay.materialise import Materialiser
from relay.store import sessions
from relay.store.base import Agent, ConnectionStatus, NewBatch
from relay.store.database import Database
from relay.store.index import INDEX_FILE, SqliteRecordIndex
from relay.store.sqlite import SqliteStore
from tests.unit.relay.making import NOW, Sender, enrolled, orders, tombstones
from tests.unit.relay.store.test_commands import command_of

STREAMS = ("nav/purchase_orders", "nav/archive")
INDEX_ALONE = replace(INDEX_FILE, alone=True)  # a VFS in Python has no shared memory
# Of the eras each opening of the store makes its own, by chance.
NOT_COMPARED = frozenset({"state", "sqlite_sequence", "progress", "eras"})


@dataclass(frozen=True, slots=True)
class Day:
    store: SqliteStore
    index: SqliteRecordIndex
    ingest: Ingest
    materialiser: Materialiser
    agent: Agent
    sender: Sender

    async def take(self, batches: list[NewBatch]) -> list[Any]:
        """As the gateway does: queued one by one, committed as a group, answered when it is durable."""
        answers = [self.ingest.submit(batch) for batch in batches]
        self.ingest.stop()
        await self.ingest.run()
        return [answer.result() for answer in answers]

    def changes(self, random: Random, count: int) -> Iterator[Callable[[], Awaitable[object]]]:
        sent: list[NewBatch] = []
        for number in range(count):
            luck = random.random()
            if luck < 0.45 or not sent:
                group = [self._batch(random, number) for _ in range(random.randrange(1, 6))]
                sent += group
                yield lambda group=group: self.take(group)
            elif luck < 0.52:
                again = random.sample(sent, min(3, len(sent)))
                ahead = replace(sent[-1], seq=sent[-1].seq + 50, prev=sent[-1].seq + 49)
                yield lambda again=again, ahead=ahead: self.take([*again, ahead])
            elif luck < 0.75:
                yield self.materialiser.step
            else:
                yield self._other_change(random, number)

    def _batch(self, random: Random, number: int) -> NewBatch:
        keys = sorted({f"k{random.randrange(30)}" for _ in range(random.randrange(1, 9))})
        stream = random.choice(STREAMS)
        if random.random() < 0.15:
            return self.sender.batch(tombstones(keys), stream=stream, kind="tombstones")
        note = f"{number} " + random.randbytes(random.choice((5, 500, 6_000))).hex()
        return self.sender.batch(orders(keys, note=note), stream=stream)

    async def _offer_epoch(self, number: int) -> None:
        known = await self.store.agent(self.agent.id)
        await self.store.engine.write(lambda db: sessions.offer_epoch(db, known, known.epoch, number))

    def _other_change(self, random: Random, number: int) -> Callable[[], Awaitable[object]]:
        now = NOW + timedelta(seconds=number)
        command = f"cmd_{random.randrange(number + 1)}"
        return random.choice([
            lambda: self._offer_epoch(number),
            lambda: self.store.saw_agent(self.agent.id, f"test {number}", now),
            lambda: self.store.save_connections(self.agent, [ConnectionStatus("nav", state=str(number))], now),
            lambda: self.store.add_command(command_of(self.agent, f"cmd_{number}"), now, most_open=1_000),
            lambda: self.store.send_commands(self.agent, now),
            lambda: self.store.answer_command(self.agent.id, command, CommandState.SUCCEEDED, {"n": number}, now),
        ])  # fmt: skip


@asynccontextmanager
async def day(folder: Path, *, vfs: str | None = None):
    """Both files as they are in `folder`; over `vfs`, if one is named, which both must then exist for."""
    store = await SqliteStore.open(folder / "relay.db", vfs=vfs)
    try:
        async with _index(folder / "index.db", vfs) as index:
            yield await of(store, index)
    finally:
        await store.aclose()


@asynccontextmanager
async def _index(path: Path, vfs: str | None):
    if vfs is None:
        index = await SqliteRecordIndex.open(path)
        yield index
        await index.aclose()
    else:
        alone = await Database.open(path, INDEX_ALONE, vfs=vfs)
        yield SqliteRecordIndex(path, alone, alone)
        await alone.aclose()


async def of(store: SqliteStore, index: SqliteRecordIndex) -> Day:
    clock = ManualClock(NOW)
    agent = await store.agent("agt_acme_plant") or await enrolled(store)
    ingest = Ingest(store, clock=clock)
    documents = Documents(store, cache_bytes=2**20)
    ends = await store.stream_ends(agent)
    sender = Sender(agent, max((end.seq for end in ends.values()), default=0))
    sender.tails |= {stream: end.seq for stream, end in ends.items()}
    return Day(
        store, index, ingest, Materialiser(store, index, documents, ingest, clock=clock), agent, sender
    )


async def made(folder: Path) -> None:
    """Both files, with an agent, closed: a recording begins when they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    async with day(folder):
        pass


def contents(db: apsw.Connection) -> bytes:
    """A digest of every row of every table."""
    digest = sha256()
    tables: Any = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").fetchall()
    for (table,) in tables:
        if table not in NOT_COMPARED:
            rows = sorted(repr(list(map(_shortened, row))) for row in db.execute(f"SELECT * FROM {table}"))
            digest.update(repr((table, rows)).encode())
    return digest.digest()


def _shortened(value: object) -> object:
    return crc32(value) if isinstance(value, bytes) else value


async def settled(store: SqliteStore) -> bytes:
    return await asyncio.shield(store.database.read(contents))
