"""What the agent tells the relay of its own health: what waits, and what room there is. Numbers alone, never a value.

Looked at every half minute; told when something is other than it was told, and every five minutes in any case.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import structlog

from agent.clock import Clock
from agent.errors import GroundwireError
from agent.model.run import rfc3339
from agent.outbox.values import Waiting

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 30.0
TELL_SECONDS: Final = 300.0


class Outbox(Protocol):
    """The outbox, as far as its health goes."""

    async def waiting(self) -> Mapping[str, Waiting]: ...
    @property
    def file_bytes(self) -> int: ...
    @property
    def reading_paused(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Disk:
    """Bytes; `total` without what is set aside for others, as `df` counts too: nobody here could fill it."""

    total: int
    free: int


class Usage(Protocol):
    """As `shutil.disk_usage` tells it."""

    @property
    def used(self) -> int: ...
    @property
    def free(self) -> int: ...


def disk_of(folder: Path, usage: Callable[[Path], Usage] = shutil.disk_usage) -> Disk | None:
    """None: the system does not say."""
    try:
        found = usage(folder)
    except OSError:
        return None
    return Disk(found.used + found.free, found.free)


class HealthWatch:
    def __init__(
        self,
        outbox: Outbox,
        clock: Clock,
        *,
        high_water_bytes: int,
        disk: Callable[[], Disk | None],
        changed: Callable[[], None],
        note: Callable[[], None] = lambda: None,
    ) -> None:
        """`changed` is called when there is something to tell, `note` at every look. `disk` may block."""
        self._note = note
        self._outbox = outbox
        self._clock = clock
        self._high_water_bytes = high_water_bytes
        self._disk = disk
        self._changed = changed
        self._latest: Mapping[str, Any] | None = None
        self._made_at = 0.0
        self.disk: Disk | None = None  # as it was found last

    def latest(self) -> Mapping[str, Any] | None:
        """The same object until there is something new to tell."""
        return self._latest

    async def run(self) -> None:
        """For ever."""
        while True:
            await self.look()
            await self._clock.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        self._note()
        try:
            waiting = await self._outbox.waiting()
        except GroundwireError as error:
            log.debug("health_not_known", code=error.code)  # the outbox says so itself, where it matters
            return
        self.disk = disk = await asyncio.to_thread(self._disk)
        found = health_document(
            waiting,
            disk,
            high_water_bytes=self._high_water_bytes,
            file_bytes=self._outbox.file_bytes,
            reading_paused=self._outbox.reading_paused,
        )
        now = self._clock.monotonic()
        if found != self._latest or now - self._made_at >= TELL_SECONDS:
            self._latest, self._made_at = found, now
            self._changed()


def health_document(
    waiting: Mapping[str, Waiting],
    disk: Disk | None,
    *,
    high_water_bytes: int,
    file_bytes: int,
    reading_paused: bool,
) -> dict[str, Any]:
    """Pure. `waiting` by stream address; it is told by connection."""
    connections: dict[str, Waiting] = {}
    for stream, one in waiting.items():
        connection = stream.partition("/")[0]
        before = connections.get(connection)
        connections[connection] = one if before is None else before.joined(one)
    whole = Waiting(0, 0, 0, None)
    for one in connections.values():
        whole = whole.joined(one)
    outbox: dict[str, Any] = {
        "highWaterBytes": high_water_bytes,
        "fileBytes": file_bytes,
        "readingPaused": reading_paused,
    }
    if disk is not None:
        # To the MiB, so that other programs' files are no news.
        outbox |= {"diskBytes": disk.total, "diskFreeBytes": disk.free >> 20 << 20}
    return {
        "waiting": _document(whole),
        "outbox": outbox,
        "connections": {name: _document(one) for name, one in sorted(connections.items())},
    }


def _document(waiting: Waiting) -> dict[str, Any]:
    return {
        "batches": waiting.batches,
        "records": waiting.records,
        "bytes": waiting.bytes,
        "oldestAt": None if waiting.oldest_at is None else rfc3339(waiting.oldest_at),
    }
