"""What the tunnel needs of other rooms."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from agent.protocol.frames import Command


class PendingBatch(Protocol):
    """A batch as the outbox stores it."""

    @property
    def seq(self) -> int: ...
    @property
    def prev(self) -> int: ...
    @property
    def stream(self) -> str: ...
    @property
    def entity(self) -> str: ...
    @property
    def run(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def count(self) -> int: ...
    @property
    def hash(self) -> str: ...
    @property
    def payload(self) -> bytes: ...
    @property
    def enqueued_at(self) -> datetime: ...


class BatchQueue(Protocol):
    """The outbox, as far as the link uses it."""

    async def pending(
        self, after_seq: int, *, limit_batches: int, limit_bytes: int
    ) -> Sequence[PendingBatch]:
        """Unacked batches in seq order; at least one, whatever its size, if there is any."""
        ...

    async def mark_acked(self, stream: str, seq: int) -> int:
        """Cumulative; raises UnknownAck for a seq that the outbox never gave out."""
        ...

    async def holds(self, stream: str, seq: int, digest: str | None) -> bool:
        """Whether the relay's newest batch of the stream came from this outbox; `digest` begins its hash."""
        ...

    async def rewound(self, stream: str, relay_seq: int) -> None:
        """The relay is ahead of the outbox: number on from there, and read the stream again."""
        ...

    async def replay(self, stream: str, relay_seq: int) -> int:
        """The relay is behind what it acked: make the batches since pending again, as one chain from there."""
        ...

    async def stats(self) -> QueueStats: ...

    @property
    def changed(self) -> asyncio.Event:
        """Set when a batch became pending; the link alone waits on it and clears it."""
        ...


class StreamPosition(Protocol):
    @property
    def acked_seq(self) -> int: ...


class QueueStats(Protocol):
    @property
    def streams(self) -> Mapping[str, StreamPosition]: ...


class CommandSink(Protocol):
    async def handle(self, command: Command) -> None:
        """Take one command; quick, and safe to be called again with the same one."""
        ...

    async def result_acked(self, command: str, state: str) -> None:
        """The relay has stored this result; it need not be sent again."""
        ...


class StatusProvider(Protocol):
    def connections(self) -> Sequence[Mapping[str, Any]]:
        """One JSON-ready object per connection, each with `connection`; no values from the source."""
        ...
