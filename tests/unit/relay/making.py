"""Batches, tenants and agents as the relay's tests need them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from agent.clock import ManualClock
from agent.model.payload import (
    DeadLetterRecord,
    RunCounts,
    RunMode,
    RunReport,
    RunStatus,
    RunTrigger,
    encode_dead_letters,
    encode_records,
    encode_run,
    encode_tombstones,
)
from relay.documents import Documents
from relay.ingest import Ingest
from relay.materialise import Materialiser
from relay.store.base import Agent, Enrolment, EnrolmentCode, NewBatch, Tenant
from relay.store.index import SqliteRecordIndex
from relay.store.sqlite import SqliteStore

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
LATER = datetime(2027, 1, 1, tzinfo=UTC)


def orders(keys: Sequence[str], *, note: str = "", stamp: datetime | None = NOW, **columns: Any) -> bytes:
    count = len(keys)
    made: dict[str, Any] = {
        "key": pa.array(keys, pa.string()),
        "order_no": pa.array([f"PO-{key}" for key in keys], pa.string()),
        "notes": pa.array([note] * count, pa.string()),
        "updated_at": pa.array([stamp] * count, pa.timestamp("us", "UTC")),
    }
    made |= {name: pa.array([value] * count, pa.string()) for name, value in columns.items()}
    return encode_records(pa.table(made), {"entity": "purchase_order", "connection": "nav"})


def vendors(keys: Sequence[str]) -> bytes:
    table = pa.table({"key": pa.array(keys, pa.string()), "name": pa.array(keys, pa.string())})
    return encode_records(table, {"entity": "vendor", "connection": "nav"})


def tombstones(keys: Sequence[str], when: datetime = NOW) -> bytes:
    return encode_tombstones(list(keys), when, {"entity": "purchase_order", "connection": "nav"})


def dead_letters(*keys: str) -> bytes:
    letters = [DeadLetterRecord(key, "orderNo", "required", "orderNo is missing", 7) for key in keys]
    return encode_dead_letters(letters, {"entity": "purchase_order", "connection": "nav"})


def run_report(run: str, status: RunStatus = RunStatus.SUCCEEDED) -> bytes:
    report = RunReport(
        run, "purchase_orders", "nav", "purchase_order", RunTrigger.SCHEDULE, RunMode.INITIAL, status, NOW, NOW,
        RunCounts(read=3),
    )  # fmt: skip
    return encode_run(report)


def count_of(kind: str, payload: bytes) -> int:
    from agent.model.payload import decode

    return decode(kind, payload).count


@dataclass
class Sender:
    """Numbers the batches of one agent as its outbox would."""

    agent: Agent
    seq: int = 0
    tails: dict[str, int] = field(default_factory=dict)

    def batch(
        self,
        payload: bytes,
        *,
        stream: str = "nav/purchase_orders",
        kind: str = "records",
        entity: str = "purchase_order",
        run: str = "run-1",
    ) -> NewBatch:
        self.seq += 1
        prev = self.tails.get(stream, 0)
        self.tails[stream] = self.seq
        return NewBatch(
            tenant=self.agent.tenant,
            agent=self.agent.id,
            lineage=self.agent.lineage,
            epoch=self.agent.epoch,
            stream=stream,
            entity=entity,
            run=run,
            kind=kind,
            seq=self.seq,
            prev=prev,
            count=count_of(kind, payload),
            hash=hashlib.sha256(payload).hexdigest(),
            payload=payload,
            received_at=NOW,
        )


async def enrolled(
    store: SqliteStore,
    tenant: str = "acme",
    name: str = "plant",
    *,
    bound: str | None = None,
    key: bytes = b"",
) -> Agent:
    await store.add_tenant(Tenant(tenant, NOW))
    code = f"{tenant}-{name}-{key.hex()}"
    await store.add_code(EnrolmentCode(code, "00" * 32, tenant, bound, NOW, LATER))
    public_key = key or f"{tenant}/{name}".encode().ljust(32, b".")
    agent = await store.enrol(code, Enrolment(f"agt_{tenant}_{name}", name, public_key, "test"), NOW)
    assert agent is not None
    return agent


@dataclass
class Relay:
    """The relay without sockets."""

    store: SqliteStore
    index: SqliteRecordIndex
    documents: Documents
    ingest: Ingest
    materialiser: Materialiser
    clock: ManualClock


async def open_store(folder: Path) -> SqliteStore:
    """Looked up at each call: tests/integration/relay_postgresql puts another form in its place."""
    return await SqliteStore.open(folder / "relay.db")


async def open_index(folder: Path) -> SqliteRecordIndex:
    return await SqliteRecordIndex.open(folder / "index.db")


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Relay]:
    clock = ManualClock(NOW)
    store = await open_store(folder)
    try:
        index = await open_index(folder)
        try:
            documents = Documents(store, cache_bytes=2**20)
            ingest = Ingest(store, clock=clock)
            yield Relay(
                store,
                index,
                documents,
                ingest,
                Materialiser(store, index, documents, ingest, clock=clock),
                clock,
            )
        finally:
            await index.aclose()
    finally:
        await store.aclose()


async def settled(condition: asyncio.Future[Any]) -> Any:
    async with asyncio.timeout(10):
        return await condition
