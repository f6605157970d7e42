"""The outbox as the link sees it."""

from __future__ import annotations

from collections.abc import Sequence

from agent.outbox.store import Outbox, StoredBatch


class OutboxQueue:
    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    async def pending(self, after_seq: int, *, limit_batches: int, limit_bytes: int) -> Sequence[StoredBatch]:
        return await self._outbox.pending(after_seq, limit_batches=limit_batches, limit_bytes=limit_bytes)

    async def mark_acked(self, stream: str, seq: int) -> int:
        return await self._outbox.mark_acked(stream, seq)

    async def rewound(self, stream: str, seq: int) -> None:
        """The relay's chain ends elsewhere than ours: behind it batches are sent again, ahead of it ours restarts."""
        stats = await self._outbox.stats()
        known = stats.streams.get(stream)
        if known is not None and seq <= known.last_seq:
            await self._outbox.replay(stream, seq)
        else:
            await self._outbox.rewound(stream, seq)

    async def wait_for_batches(self, after_seq: int) -> None:
        """Return at once when something is pending above `after_seq`, else when something new is."""
        self._outbox.changed.clear()
        if await self._outbox.pending(after_seq, limit_batches=1, limit_bytes=1):
            return
        await self._outbox.changed.wait()
