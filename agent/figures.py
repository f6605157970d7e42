"""The figures of an agent: what waits, how fast that changes, when it would be full. Made once, shown by command line,
console and metrics alike.

Rates go by the last minutes. They are made of counters that only grow and of what waits, sampled beside the health of the
agent, so that asking costs nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Protocol

from agent.clock import Clock
from agent.health import Disk
from agent.model.run import rfc3339
from agent.outbox.values import Flow, LastAcked, Waiting

WINDOW_SECONDS: Final = 300.0  # that a rate goes by
LEAST_SECONDS: Final = 5.0  # a rate over less says nothing
MOST_SAMPLES: Final = 64


@dataclass(frozen=True, slots=True)
class Sample:
    """What had passed, and what waited, at a moment of the monotonic clock."""

    at: float
    flow: Flow
    pending_bytes: int


@dataclass(frozen=True, slots=True)
class Rates:
    """By the second, over so many seconds. `growth` is of what waits: below zero it becomes less."""

    over_seconds: float
    enqueued_records: float
    enqueued_bytes: float
    acked_records: float
    acked_bytes: float
    growth_bytes: float


def rates_of(before: Sample, now: Sample) -> Rates | None:
    """None: too little time lies between. Pure."""
    seconds = now.at - before.at
    if seconds < LEAST_SECONDS:
        return None
    enqueued, acked = (before.flow.enqueued, now.flow.enqueued), (before.flow.acked, now.flow.acked)
    return Rates(
        over_seconds=seconds,
        enqueued_records=(enqueued[1].records - enqueued[0].records) / seconds,
        enqueued_bytes=(enqueued[1].bytes - enqueued[0].bytes) / seconds,
        acked_records=(acked[1].records - acked[0].records) / seconds,
        acked_bytes=(acked[1].bytes - acked[0].bytes) / seconds,
        growth_bytes=(now.pending_bytes - before.pending_bytes) / seconds,
    )


def full_in(
    pending_bytes: int, high_water_bytes: int, disk: Disk | None, rates: Rates | None
) -> float | None:
    """Seconds until reading would pause; None: not known, or never at this rate. Pure."""
    if pending_bytes >= high_water_bytes:
        return 0.0
    if rates is None or rates.growth_bytes <= 0:
        return None
    room = high_water_bytes - pending_bytes
    return (room if disk is None else min(room, disk.free)) / rates.growth_bytes


def empty_in(pending_bytes: int, rates: Rates | None) -> float | None:
    """Seconds until nothing would wait; None: not known, or never at this rate. Pure."""
    if pending_bytes == 0:
        return 0.0
    if rates is None or rates.growth_bytes >= 0:
        return None
    return pending_bytes / -rates.growth_bytes


class Outbox(Protocol):
    """The outbox, as far as figures go."""

    @property
    def flow(self) -> Flow: ...
    @property
    def pending_bytes(self) -> int: ...
    @property
    def reading_paused(self) -> bool: ...
    async def waiting(self) -> Mapping[str, Waiting]: ...
    async def last_acked(self) -> LastAcked | None: ...


class FlowLog:
    """Remembers how the outbox stood during the last minutes."""

    def __init__(self, outbox: Outbox, clock: Clock) -> None:
        self._outbox = outbox
        self._clock = clock
        self._samples: deque[Sample] = deque(maxlen=MOST_SAMPLES)
        self.note()

    def note(self) -> None:
        """Once in a while."""
        now = self._sample()
        while len(self._samples) > 1 and now.at - self._samples[1].at >= WINDOW_SECONDS:
            self._samples.popleft()  # the one before it is old enough by itself
        self._samples.append(now)

    def rates(self) -> Rates | None:
        return rates_of(self._samples[0], self._sample())

    def _sample(self) -> Sample:
        return Sample(self._clock.monotonic(), self._outbox.flow, self._outbox.pending_bytes)


class Figures:
    """The section `figures` of the status call."""

    def __init__(
        self, outbox: Outbox, flow: FlowLog, *, high_water_bytes: int, disk: Callable[[], Disk | None]
    ) -> None:
        """`disk` is what was found when it was looked at last."""
        self._outbox = outbox
        self._flow = flow
        self._high_water_bytes = high_water_bytes
        self._disk = disk

    async def document(self) -> dict[str, Any]:
        return figures_document(
            list((await self._outbox.waiting()).values()),
            await self._outbox.last_acked(),
            self._flow.rates(),
            self._outbox.flow,
            pending_bytes=self._outbox.pending_bytes,
            high_water_bytes=self._high_water_bytes,
            disk=self._disk(),
        )


def figures_document(
    waiting: Sequence[Waiting],
    last: LastAcked | None,
    rates: Rates | None,
    flow: Flow,
    *,
    pending_bytes: int,
    high_water_bytes: int,
    disk: Disk | None,
) -> dict[str, Any]:
    """Pure. Numbers, moments and names of streams; no value of a source."""
    whole = Waiting(0, 0, 0, None)
    for one in waiting:
        whole = whole.joined(one)
    return {
        "backlog": {
            "batches": whole.batches,
            "records": whole.records,
            "bytes": whole.bytes,
            "oldest_at": rfc3339(whole.oldest_at) if whole.oldest_at else None,
            "high_water_bytes": high_water_bytes,
            "disk_free_bytes": disk.free if disk else None,
            "full_in_seconds": full_in(pending_bytes, high_water_bytes, disk, rates),
            "empty_in_seconds": empty_in(pending_bytes, rates),
        },
        "rates": asdict(rates) if rates else None,
        "since_start": asdict(flow),
        "last_acked": None
        if last is None
        else {
            "stream": last.stream,
            "seq": last.seq,
            "run": last.run,
            "kind": last.kind,
            "count": last.count,
            "enqueued_at": rfc3339(last.enqueued_at),
            "acked_at": rfc3339(last.acked_at),
        },
    }
