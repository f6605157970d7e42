"""One life of a relay: the real store, ingest, gateway and materialiser; only the listening is left out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeVar

import apsw
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.clock import Clock, ManualClock
from agent.model.payload import decode
from agent.outbox.store import Outbox
from relay.bus.memory import MemoryBus
from relay.documents import Documents
from relay.gateway import Gateway
from relay.ingest import Ingest
from relay.lifecycle import Command, CommandState, Step
from relay.materialise import Materialiser
from relay.members import Members, new_process
from relay.settings import Gateway as GatewaySettings
from relay.store.base import Agent, Place, RecordFilter
from relay.store.index import SqliteRecordIndex
from relay.store.sqlite import SqliteStore
from relay.watch import CommandWatch
from tests.faults.invariants import Report, Stored
from tests.sim.agent import Parts
from tests.sim.disk import Drive
from tests.sim.loop import Host
from tests.sim.network import RelayEnd
from tests.unit.relay.making import enrolled

KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes(32))
MadeT = TypeVar("MadeT")
MANY: Final = 1_000_000
MIB: Final = 1024 * 1024


@cache
def new_store() -> tuple[dict[str, bytes], Agent]:
    """A relay's file in which the agent is enrolled."""

    async def make(folder: Path) -> Agent:
        store = await SqliteStore.open(folder / "relay.db")
        agent = await enrolled(store, key=KEY.public_key().public_bytes_raw())
        await store.aclose()
        return agent

    return made_by(make)


@cache
def new_outbox() -> dict[str, bytes]:
    async def make(folder: Path) -> None:
        outbox = await Outbox.open(folder / "outbox.db", clock=ManualClock())
        await outbox.aclose()

    return made_by(make)[0]


def made_by(make: Callable[[Path], Coroutine[Any, Any, MadeT]]) -> tuple[dict[str, bytes], MadeT]:
    """The files that it makes in a folder, and its answer."""
    with TemporaryDirectory() as name:
        loop = asyncio.new_event_loop()
        try:
            answer = loop.run_until_complete(make(Path(name)))
        finally:
            loop.close()
        return {file.name: file.read_bytes() for file in Path(name).iterdir()}, answer


@dataclass(eq=False)
class RelayLife:
    host: Host
    drive: Drive
    clock: Clock
    credit: int
    parts: Parts = field(default_factory=Parts)
    gateway: Any = None
    store: Any = None

    def __post_init__(self) -> None:
        self.stopping = asyncio.Event()
        self.up = asyncio.Event()

    async def run(self) -> None:
        self.store = await SqliteStore.open(self.drive.folder / "relay.db", vfs=self.drive.name)
        ingest = (self.parts.ingest or Ingest)(self.store, clock=self.clock)
        members = Members(
            self.store.engine,
            MemoryBus(self.clock),
            new_process("simulated", self.clock),
            alone=True,
            clock=self.clock,
        )
        await members.join()
        self.gateway = Gateway(
            GatewaySettings(credit_batches=self.credit),
            name="simulated",
            store=self.store,
            ingest=ingest,
            members=members,
            waiters=CommandWatch(self.clock),
            clock=self.clock,
        )
        async with asyncio.TaskGroup() as group:
            ingesting = group.create_task(ingest.run())
            watching = group.create_task(self._watch())
            self.up.set()
            await self.stopping.wait()
            self.up.clear()
            for link in list(self.gateway._links):
                link.drain()
            await self.clock.sleep(2.0)
            for link in list(self.gateway._links):
                link.end("going_away", "the relay stops", retry_after=1.0)
            ingest.stop()
            await asyncio.wait({ingesting})
            watching.cancel()
        await self.store.aclose()

    def let_go(self) -> None:
        """Close what a dead process can not: its drive is going to be taken away."""
        if self.store is not None:
            self.store.database._connection.close(force=True)

    async def serve(self, end: RelayEnd) -> None:
        await self.gateway.serve_one(end)

    async def ask(self, command: str, seconds: float) -> None:
        """What the API does with a request to create a record."""
        now = self.clock.utcnow()
        _, agent = new_store()
        asked = Command(
            id=command,
            tenant=agent.tenant,
            agent=agent.id,
            connection="erp",
            kind="create",
            args={"connection": "erp", "entity": "purchase_order", "record": {"title": "a pump"}},
            idempotency_key=command,
            request_hash=command.encode(),
            state=CommandState.QUEUED,
            created_at=now,
            updated_at=now,
            deadline=now + timedelta(seconds=seconds),
            history=(Step(CommandState.QUEUED, now),),
        )
        await self.store.add_command(asked, now, most_open=1_000)
        await self.gateway.dispatch(asked)

    async def _watch(self) -> None:
        raise await self.store.failure()


class Reading:
    """The whole store, in its order, as the oracle takes it; what was read once is not read again."""

    def __init__(self) -> None:
        self._known: dict[str, Stored] = {}
        self._store: SqliteStore | None = None
        self._found: list[Stored] = []
        self._position = 0

    async def of(self, store: SqliteStore) -> list[Stored]:
        """While a store lives nothing but more comes to it; another life's may have lost its end."""
        if store is not self._store:
            self._store, self._found, self._position = store, [], 0
        behind = self._position
        chain: list[Any] = await store.database.read(lambda db: db.execute(_CHAIN, (behind,)).fetchall())
        for position, stream, seq, prev, digest in chain:
            name = f"{stream} {seq} {prev} {digest.hex()}"
            if name not in self._known:
                batch = await store.batch(position)
                assert batch is not None
                self._known[name] = _stored(batch.header, batch.payload, prev, digest)
            self._found.append(self._known[name])
            self._position = position
        return list(self._found)


_CHAIN: Final = "select position, stream, seq, prev, hash from batches where position > ? order by position"


def ends_in(folder: Path, files: dict[str, bytes]) -> dict[str, int]:
    """The newest batch of each stream in what a crash left of the store."""
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    with closing(apsw.Connection(str(folder / "relay.db"))) as db:
        return dict(db.execute("select stream, last_seq from streams").fetchall())


def _stored(header: Any, payload: bytes, prev: int, digest: bytes) -> Stored:
    decoded = decode(header.kind, payload, count=header.count)
    records: tuple[tuple[str, int, str | None], ...] = ()
    if decoded.table is not None:
        table = decoded.table
        body = "total_net_value" if header.entity == "purchase_order" else "name"
        records = tuple(
            (key, int(custom["rev"]), _text(value))
            for key, custom, value in zip(
                table["key"].to_pylist(),
                table["custom_fields"].to_pylist(),
                table[body].to_pylist(),
                strict=True,
            )
        )
    report = decoded.report
    return Stored(
        header.stream,
        header.seq,
        prev,
        header.run,
        digest.hex(),
        whole=not header.damaged,
        records=records,
        gone=decoded.keys,
        letters=tuple(letter.key for letter in decoded.letters),
        report=None
        if report is None
        else Report(report.status.value, report.counts.enqueued, report.counts.dead_letters),
    )


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else format(value.normalize(), "f")


async def shown_by(
    store: SqliteStore, folder: Path, entities: dict[str, str], clock: Clock
) -> dict[tuple[str, str], tuple[int, str | None]]:
    """What the index, made anew, and the documents say of each record; streams by their entity."""
    index = await SqliteRecordIndex.open(folder / "index.db")
    try:
        documents = Documents(store, cache_bytes=4 * MIB)
        await Materialiser(store, index, documents, Ingest(store, clock=clock), clock=clock).catch_up()
        shown: dict[tuple[str, str], tuple[int, str | None]] = {}
        for entity, stream in entities.items():
            found = await index.find(new_store()[1].tenant, entity, RecordFilter(), Place(), MANY)
            rendered = await documents.render(found.records, entity, include_raw=False)
            body = "totalNetValue" if entity == "purchase_order" else "name"
            for document in map(json.loads, rendered):
                rev = int(document["customFields"]["rev"])
                shown[stream, document["key"]] = (rev, document[body])
        return shown
    finally:
        await index.aclose()
