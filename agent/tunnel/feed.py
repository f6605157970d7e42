"""Which batch goes next: oldest first, in the order of each stream's chain, as far as credit reaches."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

import structlog

from agent.errors import StorageFull
from agent.outbox.values import UnknownAck
from agent.protocol.faults import MIB, Fault, ProtocolFault
from agent.protocol.frames import Batch, BatchKindName
from agent.protocol.session import AgentSession
from agent.telemetry.context import told_of_run
from agent.tunnel.ports import BatchQueue, PendingBatch

READ_AHEAD_BATCHES: Final = 32  # one read of the outbox; enough to keep the socket busy
READ_AHEAD_BYTES: Final = 8 * MIB  # the same in memory, whatever the size of the backlog
MAX_GAPS_PER_STREAM: Final = 8  # in one session; more means the two sides do not agree on what a gap is

log = structlog.get_logger(__name__)


# The number of the policy under which batches may be sent now; None: none may.
Gate = Callable[[], int | None]


def always() -> int:
    return 0


class BatchFeed:
    """Lives as long as one session."""

    def __init__(
        self,
        queue: BatchQueue,
        session: AgentSession,
        gate: Gate = always,
        sent: Callable[[Batch], None] = lambda _: None,
    ) -> None:
        """`sent` hears of each batch that is given to the session."""
        self._sent = sent
        self._queue = queue
        self._gate = gate
        self._allowed_by = gate()
        self._session = session
        self._ahead: deque[PendingBatch] = deque()
        self._read_to = 0  # seq up to which the outbox was read
        self._exhausted = False
        self._tail: dict[
            str, int
        ] = {}  # per stream the seq the relay has, or will have when all sent arrives
        self._gaps: dict[str, int] = {}
        self._mended: set[str] = set()
        self._blocked: set[str] = set()

    async def begin(self, positions: Mapping[str, int], hashes: Mapping[str, str]) -> None:
        """Settle what the relay has by now, and mend streams where one side went back in time."""
        self._tail = dict(positions)
        for stream, seq in positions.items():
            await self._settle(stream, seq, hashes.get(stream))
        for stream, known in (await self._queue.stats()).streams.items():
            if known.acked_seq > positions.get(stream, 0):
                await self._mend(stream)

    def taken_again(self) -> None:
        """The relay takes batches of connections that were held back: those that were passed over are due."""
        self._go_back(0)

    def more(self) -> None:
        """The outbox has new batches."""
        self._exhausted = False

    def gap(self, stream: str, last: int) -> None:
        self._gaps[stream] = self._gaps.get(stream, 0) + 1
        if self._gaps[stream] > MAX_GAPS_PER_STREAM:
            raise ProtocolFault(Fault.UNKNOWN_SEQ, f"{stream} does not get past its batch {last}")
        log.warning("gap_reported", stream=stream, last=last)
        self._tail[stream] = last
        self._go_back(last)

    async def queue_next(self) -> bool:
        """Give the session one batch; False when there is nothing to send, or nothing may be sent, just now."""
        while self._session.open and self._session.credit > 0 and self._may_send():
            if not self._ahead and not await self._read():
                return False
            # `_read` gave up control: the session may have ended, a gap may have emptied what was read, and the policy
            # may be another one.
            if (
                self._may_send()
                and self._ahead
                and self._session.open
                and await self._offer(self._ahead.popleft())
            ):
                return True
        return False

    def _may_send(self) -> bool:
        number = self._gate()
        if number is None:
            return False
        if number != self._allowed_by:
            self._allowed_by = number
            # What was read ahead may not be in the outbox any more.
            self._mended.clear()
            self._go_back(0)
        return True

    async def _read(self) -> bool:
        if self._exhausted:
            return False
        self._exhausted = True  # before the read, so that `more` during it is not lost
        after = self._read_to
        found = await self._queue.pending(
            after, limit_batches=READ_AHEAD_BATCHES, limit_bytes=READ_AHEAD_BYTES
        )
        if self._read_to != after:
            return True  # a gap moved the place back meanwhile: what was read is not next
        if not found:
            return False
        self._exhausted = False
        self._ahead.extend(found)
        self._read_to = found[-1].seq
        return True

    async def _offer(self, stored: PendingBatch) -> bool:
        tail = self._tail.get(stored.stream, 0)
        if stored.seq <= tail or stored.stream in self._blocked or not self._session.takes(stored.stream):
            return False
        if stored.prev != tail:
            await self._mend(stored.stream)
            return False
        batch = _to_frame(stored)
        if not self._session.fits(batch):
            self._block(stored.stream, "batch_above_relay_limit", stored.seq, **told_of_run(stored.run))
            return False
        self._session.send_batch(batch)
        log.debug("batch_sent", stream=stored.stream, seq=stored.seq, **told_of_run(stored.run))
        self._sent(batch)
        self._tail[stored.stream] = stored.seq
        return True

    async def _settle(self, stream: str, seq: int, digest: str | None) -> None:
        if await self._queue.holds(stream, seq, digest):
            # On a full disk it cannot be noted, and is passed over by its number all the same.
            with suppress(StorageFull):
                await self._queue.mark_acked(stream, seq)
            return
        # Another copy of this outbox sent it: what this one has under the same numbers never arrived.
        log.warning("relay_ahead_of_outbox", stream=stream, relay_seq=seq)
        await self._queue.rewound(stream, seq)

    async def _mend(self, stream: str) -> None:
        """Make the outbox's chain follow the relay's. Once: if that does not do it, nothing here will."""
        tail = self._tail.get(stream, 0)
        if stream in self._mended:
            self._block(stream, "chain_not_mended", tail)
            return
        self._mended.add(stream)
        log.warning("relay_behind_outbox", stream=stream, relay_seq=tail)
        try:
            await self._queue.replay(stream, tail)
        except UnknownAck:
            await self._queue.rewound(stream, tail)
        self._go_back(tail)

    def _go_back(self, seq: int) -> None:
        self._ahead.clear()
        self._read_to = min(self._read_to, seq)
        self._exhausted = False

    def _block(self, stream: str, why: str, seq: int, **told: str) -> None:
        self._blocked.add(stream)
        log.error("stream_blocked", stream=stream, reason=why, seq=seq, **told)


def _to_frame(stored: PendingBatch) -> Batch:
    kind: BatchKindName = str(stored.kind)  # type: ignore[assignment]  # the outbox's kinds are the wire's
    return Batch(
        stream=stored.stream,
        entity=stored.entity,
        seq=stored.seq,
        prev=stored.prev,
        run=stored.run,
        kind=kind,
        count=stored.count,
        hash=stored.hash,
        enqueued_at=stored.enqueued_at.isoformat(timespec="microseconds"),
        payload=stored.payload,
    )
