"""Batches from all agents, appended durably in groups: one commit for what arrived while the commit before it ran.

Nothing is acked before its commit returned. A slow or full disk fills the queue, the queue withholds credit, and the
agents wait: the relay's memory does not grow.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import structlog

from agent.clock import Clock
from agent.errors import TransientError
from agent.model.entities import ENTITIES
from agent.model.payload import PayloadError, decode
from relay.bus.base import Bus
from relay.bus.subjects import POSITIONS
from relay.observing import Commit, Observer
from relay.store.base import Appended, NewBatch, Store

log = structlog.get_logger()

MIB: Final = 1024 * 1024
MAX_GROUP_BATCHES: Final = 256  # of one commit; keeps the first ack of a group from waiting on the rest
MAX_GROUP_BYTES: Final = 32 * MIB
MAX_QUEUED_BYTES: Final = 256 * MIB  # of all sessions together; above it no session reads on
RETRY_SECONDS: Final = 1.0  # between attempts while the disk refuses


async def examine(batch: NewBatch) -> NewBatch:
    """Mark the batch as damaged if its payload cannot be read, or is not what its header says.

    Length, hash and order were checked on arrival: these are the bytes that the agent has, and sending them again
    would change nothing. Refused, such a batch would hold up its stream for ever; so it is kept as it is.
    """
    return replace(batch, damaged=await asyncio.to_thread(_fault_of, batch))


def _fault_of(batch: NewBatch) -> str:
    if batch.entity not in ENTITIES:
        return "the header names no entity of the unified model"
    try:
        decoded = decode(batch.kind, batch.payload, count=batch.count)
    except PayloadError as error:
        return str(error)
    except MemoryError:
        raise  # says something about this machine, not about the batch
    except Exception as error:  # noqa: BLE001 - whatever these bytes do to the reader, the next batch is to be read
        return f"the reader failed with {type(error).__name__}"
    if decoded.report is not None:
        same = (decoded.report.run, decoded.report.connection) == (batch.run, batch.connection)
        return "" if same else "the report is of another run than the header says"
    same = decoded.meta.get("entity") == batch.entity
    return "" if same else "the payload is of another entity than the header says"


@dataclass(frozen=True, slots=True)
class _Waiting:
    batch: NewBatch
    done: asyncio.Future[Appended]


class Ingest:
    def __init__(
        self, store: Store, *, clock: Clock, observer: Observer | None = None, bus: Bus | None = None
    ) -> None:
        """Whoever waits on the `bus` for batches is told of each commit."""
        self._bus = bus
        self._observer = observer or Observer()
        self._store = store
        self._clock = clock
        self._queue: deque[_Waiting] = deque()
        self._queued_bytes = 0
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._stopping = False
        self.appended = asyncio.Event()  # set after each commit; the materialiser clears it
        self.last_arrival = clock.monotonic()

    @property
    def busy(self) -> bool:
        return bool(self._queue)

    @property
    def queued_bytes(self) -> int:
        return self._queued_bytes

    @property
    def full(self) -> bool:
        return not self._room.is_set()

    async def room(self) -> None:
        await self._room.wait()

    def submit(self, batch: NewBatch) -> asyncio.Future[Appended]:
        """Queue an examined batch; the future is done when it is durable."""
        done: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(batch, done))
        self._count(len(batch.payload))
        self.last_arrival = self._clock.monotonic()
        self._arrived.set()
        return done

    async def run(self) -> None:
        """Until `stop`, and then until the queue is empty."""
        while self._queue or not self._stopping:
            await self._arrived.wait()
            self._arrived.clear()
            while self._queue:
                await self._commit(self._next_group())

    def stop(self) -> None:
        self._stopping = True
        self._arrived.set()

    def _next_group(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        size = 0
        while self._queue and len(group) < MAX_GROUP_BATCHES and size < MAX_GROUP_BYTES:
            waiting = self._queue.popleft()
            size += len(waiting.batch.payload)
            group.append(waiting)
        return group

    async def _commit(self, group: Sequence[_Waiting]) -> None:
        batches = [waiting.batch for waiting in group]
        began, begun = self._clock.monotonic(), self._clock.utcnow()
        outcomes = await self._append(batches)
        self._observer.committed(Commit(batches, begun, self._clock.monotonic() - began))
        for waiting, outcome in zip(group, outcomes, strict=True):
            self._count(-len(waiting.batch.payload))
            if not waiting.done.done():
                waiting.done.set_result(outcome)
        self.appended.set()
        if self._bus is not None:
            self._bus.publish(POSITIONS)

    async def _append(self, batches: list[NewBatch]) -> list[Appended]:
        refused = False
        while True:
            try:
                outcomes = await self._store.append_batches(batches)
            except TransientError as error:
                if not refused:
                    log.warning("append_failed", code=error.code, error=str(error), hint=error.hint)
                refused = True
                await self._clock.sleep(RETRY_SECONDS)
                continue
            if refused:
                log.info("append_recovered", batches=len(batches))
            return outcomes

    def _count(self, size: int) -> None:
        self._queued_bytes += size
        if self._queued_bytes < MAX_QUEUED_BYTES:
            self._room.set()
        else:
            self._room.clear()
