"""Entries and outboxes for the tests of this room."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa

from agent.clock import ManualClock
from agent.outbox.store import BatchDraft, BatchKind, DeadLetter, Entry, Limits, Outbox, Segment

STREAM = "erp/orders"


def hash_of(key: str) -> int:
    return (int.from_bytes(key.encode(), "little") * 0x9E3779B97F4A7C15) % 2**64


def segment(contents: dict[str, int], *, removed: bool = False) -> Segment:
    return Segment(
        key_hashes=np.array([hash_of(key) for key in contents], dtype=np.uint64),
        content_hashes=np.array(list(contents.values()), dtype=np.uint64),
        keys=pa.array(list(contents), pa.string()),
        removed=removed,
    )


def draft(payload: bytes = b"payload", *, kind: BatchKind = BatchKind.RECORDS, count: int = 1) -> BatchDraft:
    return BatchDraft(kind=kind, count=count, payload=payload)


def entry(
    *payloads: bytes,
    stream: str = STREAM,
    checkpoint: str | None = None,
    fingerprints: Segment | None = None,
    letters: Sequence[DeadLetter] = (),
    kind: BatchKind = BatchKind.RECORDS,
    run: str = "run-1",
) -> Entry:
    return Entry(
        stream=stream,
        run=run,
        entity="purchase_order",
        batches=tuple(draft(payload, kind=kind) for payload in payloads),
        checkpoint=checkpoint,
        dead_letters=tuple(letters),
        segment=fingerprints,
    )


def letter(key: str, field: str = "total", *, raw: bytes = b"{}") -> DeadLetter:
    return DeadLetter(key=key, field=field, reason="not_a_number", message="no", raw_hash=2**64 - 1, raw=raw)


@asynccontextmanager
async def opened(
    path: Path, *, clock: ManualClock | None = None, limits: Limits | None = None, vfs: str | None = None
):
    outbox = await Outbox.open(path, clock=clock or ManualClock(), limits=limits, vfs=vfs)
    try:
        yield outbox
    finally:
        await outbox.aclose()


async def all_pending(outbox: Outbox):
    return await outbox.pending(0, limit_batches=10_000, limit_bytes=2**40)


async def turn() -> None:
    """Let everything that can run take one step."""
    await asyncio.sleep(0)  # noqa: TID251 - waits for nothing
