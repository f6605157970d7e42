"""The audit log of this agent: lines that are on disk before anybody acts on them.

`AuditLog` groups what several tasks write at the same moment into one fsync. It is never in the way of reading
sources: where it cannot be written, `record` raises AuditUnavailable, its caller does not act, and the next `record`
tries anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog

from agent.audit.chain import Chain, Entry
from agent.audit.disk import Disk
from agent.audit.facts import bounded, bounded_text
from agent.audit.folder import FOLDER, LOCK_FILE, refuse_newer_files
from agent.audit.lock import FileLock
from agent.audit.signing import Mark, fingerprint
from agent.audit.trail import AGENT, Actor
from agent.clock import Clock
from agent.errors import AuditUnavailable
from agent.version import SOFTWARE

log = structlog.get_logger(__name__)

Answer = TypeVar("Answer")

MAX_GROUP_LINES: Final = 64  # of one fsync
MAX_WAITING: Final = 1_000  # lines kept in memory for a disk that comes back
LOCK_SECONDS: Final = 5.0  # for a command of this host to finish its own lines
LOCK_POLL_SECONDS: Final = 0.05
MIND_SECONDS: Final = 30.0
DEFAULT_RETENTION: Final = timedelta(days=365)


@dataclass(slots=True)
class _Waiting:
    entry: Entry
    done: asyncio.Future[AuditUnavailable | None]


@dataclass(slots=True)
class _Outage:
    """Since when nothing could be written, for the line that tells of it afterwards."""

    error: AuditUnavailable
    since: Any
    refused: int = 0


@dataclass(slots=True)
class _Late:
    """What has happened already, waiting for a disk that can be written."""

    entries: list[Entry] = field(default_factory=list)
    lost: int = 0


class AuditLog:
    """Implements AuditTrail. Use one per process, and `aclose` it at the end."""

    def __init__(
        self,
        state_dir: Path,
        *,
        clock: Clock,
        retention: timedelta = DEFAULT_RETENTION,
        disk: Disk | None = None,
    ) -> None:
        self._folder = state_dir / FOLDER
        self._clock = clock
        self._chain = Chain(self._folder, disk or Disk(), retention=retention, software=SOFTWARE)
        self._lock = FileLock(state_dir / LOCK_FILE)
        self._waiting: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(
            max_workers=1, thread_name_prefix="audit"
        )  # one at a time, in order
        self._outage: _Outage | None = None
        self._late = _Late()
        self._one_late = asyncio.Lock()
        self._closed = False

    async def record(self, action: str, actor: Actor, facts: Mapping[str, Any]) -> None:
        """Write one line; when this returns it is on disk. Raises AuditUnavailable: then do not do it.

        Cancelled, it may still be written: a line then stands for something that was not done.
        """
        if self._closed:
            raise AuditUnavailable("the audit log is closed", where=str(self._folder))
        error = await asyncio.shield(self._hand_over(self._entry(action, actor, facts)))
        if error is not None:
            if self._outage is not None:
                self._outage.refused += 1
            raise error

    async def happened(self, action: str, actor: Actor, facts: Mapping[str, Any]) -> None:
        """Write of something that nobody can undo or hold back; if it cannot be written now, then later."""
        if len(self._late.entries) >= MAX_WAITING:
            self._late.lost += 1
            return
        self._late.entries.append(self._entry(action, actor, facts))
        await self._write_late()

    async def mind(self) -> None:
        """For ever: write what had to wait, begin a new file each day, remove what is older than the retention."""
        while True:
            await self._clock.sleep(MIND_SECONDS)
            await self._write_late()
            await self._quietly(lambda: self._chain.keep_house(self._clock.utcnow()))

    def status(self) -> dict[str, Any]:
        """JSON-ready, for the operator."""
        error = self._outage.error if self._outage else None
        head = self._chain.head
        return {
            "available": error is None,
            "lines": head.n if self._chain.is_open else None,
            "waiting": len(self._late.entries),
            "refused": self._outage.refused if self._outage else 0,
            "key": fingerprint(self._chain.public_key) if self._chain.is_open else None,
            "error": {"code": error.code, "message": str(error), "hint": error.hint} if error else None,
        }

    @property
    def head(self) -> Mark:
        """The newest line on disk, as far as this process wrote or found it."""
        return self._chain.head

    async def aclose(self) -> None:
        """Write what waits, sign the end, let the folder go."""
        if self._closed:
            return
        await self._write_late()
        self._closed = True
        if lost := len(self._late.entries) + self._late.lost:
            log.error(
                "audit_lines_lost", count=lost, actions=sorted({one.action for one in self._late.entries})
            )
        if self._writer is not None:
            await asyncio.shield(self._writer)
        await self._quietly(lambda: self._chain.checkpoint(self._clock.utcnow()))
        await self._in_thread(self._chain.close)
        self._thread.shutdown(wait=False)
        self._lock.free()

    def _entry(self, action: str, actor: Actor, facts: Mapping[str, Any]) -> Entry:
        named = Actor(actor.origin, bounded_text(actor.name))
        return Entry(self._clock.utcnow(), action, named, bounded(facts))

    def _hand_over(self, entry: Entry) -> asyncio.Future[AuditUnavailable | None]:
        done: asyncio.Future[AuditUnavailable | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(entry, done))
        if self._writer is None or self._writer.done():
            # Not the caller's task: a caller that is cancelled must not tear the group it shares with others.
            self._writer = asyncio.create_task(self._write_waiting(), name="audit")
        return done

    async def _write_waiting(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:MAX_GROUP_LINES], self._waiting[MAX_GROUP_LINES:]
            error: AuditUnavailable | None = AuditUnavailable("the audit log was stopped")
            try:
                error = await self._write([waiting.entry for waiting in group])
            finally:
                for waiting in group:
                    if not waiting.done.done():
                        waiting.done.set_result(error)

    async def _write(self, entries: list[Entry]) -> AuditUnavailable | None:
        """The error instead of raising it: every one of the group gets its own look at it."""
        outage = self._outage
        if outage is not None:
            entries = [_recovered(outage, entries[0]), *entries]
        try:
            await self._take_lock()
            await self._in_thread(lambda: self._chain.append(entries))
        except OSError as error:
            return self._failed(_unavailable(error, self._folder))
        except AuditUnavailable as error:
            return self._failed(error)
        if outage is not None:
            log.info("audit_available", refused=outage.refused)
            self._outage = None
        return None

    async def _take_lock(self) -> None:
        deadline = self._clock.monotonic() + LOCK_SECONDS
        while not await self._in_thread(self._lock.take):
            if self._clock.monotonic() >= deadline:
                raise AuditUnavailable(
                    "another process is writing the audit log",
                    where=str(self._folder),
                    hint="It is the agent, or another command of this host. Try again when it has ended.",
                )
            await self._clock.sleep(LOCK_POLL_SECONDS)

    def _failed(self, error: AuditUnavailable) -> AuditUnavailable:
        if self._outage is None:
            log.error("audit_unavailable", error=str(error), hint=error.hint)
            self._outage = _Outage(error, self._clock.utcnow())
        self._outage.error = error
        return AuditUnavailable(error.message, where=error.where, hint=error.hint)

    async def _write_late(self) -> None:
        async with self._one_late:
            if self._late.lost:
                self._late.entries.append(self._entry("lines_lost", AGENT, {"count": self._late.lost}))
                self._late.lost = 0
            while self._late.entries and not self._closed:
                entry = self._late.entries.pop(0)
                if await asyncio.shield(self._hand_over(entry)) is not None:
                    self._late.entries.insert(0, entry)
                    return

    async def _quietly(self, work: Callable[[], None]) -> None:
        """House-keeping: a failure is told as an outage, and costs nobody's action."""
        try:
            await self._in_thread(work)
        except OSError as error:
            self._failed(_unavailable(error, self._folder))

    async def _in_thread(self, work: Callable[[], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _recovered(outage: _Outage, first: Entry) -> Entry:
    facts = {"since": outage.since, "refused": outage.refused, "error": outage.error.message}
    return Entry(first.moment, "audit_recovered", AGENT, bounded(facts))


def _unavailable(error: OSError, folder: Path) -> AuditUnavailable:
    found = AuditUnavailable(
        f"the audit log cannot be written: {error.strerror or 'unknown fault'}",
        where=str(error.filename or folder),
    )
    found.__cause__ = error
    return found


async def refuse_newer_log(state_dir: Path) -> None:
    """Raise VersionMismatch where a newer version has gone on with the audit log: nothing is to be written behind it."""
    with suppress(OSError):  # what cannot be read is told by whoever writes
        await asyncio.to_thread(refuse_newer_files, Disk(), state_dir / FOLDER)


@asynccontextmanager
async def open_trail(state_dir: Path, clock: Clock, retention: timedelta) -> AsyncIterator[AuditLog]:
    """The audit log for one command of this host, while no agent runs. Raises VersionMismatch where it is newer."""
    await refuse_newer_log(state_dir)
    trail = AuditLog(state_dir, clock=clock, retention=retention)
    try:
        yield trail
    finally:
        await trail.aclose()


class BriefTrail:
    """For a command of this host that works long: it holds the log only while it writes what happened."""

    def __init__(self, state_dir: Path, clock: Clock, retention: timedelta) -> None:
        self._state_dir = state_dir
        self._clock = clock
        self._retention = retention
        self._one_at_a_time = asyncio.Lock()

    async def happened(self, action: str, actor: Actor, facts: Mapping[str, Any]) -> None:
        async with (
            self._one_at_a_time,
            open_trail(self._state_dir, self._clock, self._retention) as trail,
        ):
            await trail.happened(action, actor, facts)
