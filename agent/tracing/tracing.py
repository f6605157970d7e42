"""Payload tracing: what commands say and what records hold, written down for finding a fault, while trace.toml says so.

Nothing is traced by a setting, a command or a log level. See docs/audit.md for what trace.toml must be. Records are
traced as they go into the outbox: what the policy keeps back is not in the trace either.
"""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Protocol

import orjson
import structlog

from agent.audit.lines import render_moment
from agent.audit.trail import AGENT, Actor, Origin
from agent.audit.who import user_name
from agent.clock import Clock
from agent.errors import AuditUnavailable, ConfigurationError
from agent.model.payload import PayloadError, decode
from agent.model.render import to_documents
from agent.outbox.store import Entry, Outbox
from agent.protocol.frames import Command
from agent.secrets import redact
from agent.tracing.file import TraceFile, TraceFull, remove_old
from agent.tracing.order import FileFacts, TraceOrder, judge
from agent.tunnel.ports import CommandSink

log = structlog.get_logger(__name__)

TRACE_FILE: Final = "trace.toml"
LOOK_SECONDS: Final = 5.0
MAX_FILE_BYTES: Final = 64 * 1024
MAX_COMMANDS: Final = 1_000  # remembered, so that a result is traced with its connection


class TraceState(StrEnum):
    OFF = "off"
    ON = "on"
    FULL = "full"  # 64 MiB are written, or the disk takes no more; until the file is saved again
    REFUSED = "refused"  # trace.toml is there, but not as it must be


class Trail(Protocol):
    async def record(self, action: str, actor: Actor, facts: Mapping[str, Any]) -> None: ...

    async def happened(self, action: str, actor: Actor, facts: Mapping[str, Any]) -> None: ...


class Tracing:
    def __init__(
        self,
        config_dir: Path,
        state_dir: Path,
        trail: Trail,
        clock: Clock,
        connections: Callable[[], Collection[str]],
        *,
        own_user: int | None = None,
    ) -> None:
        """`own_user`: the user id of the agent, who may not own trace.toml. Default: this process's."""
        self._path = config_dir / TRACE_FILE
        self._state_dir = state_dir
        self._trail = trail
        self._clock = clock
        self._connections = connections
        self._own_user = own_user if own_user is not None else _own_user()
        self._state = TraceState.OFF
        self._order: TraceOrder | None = None
        self._file: TraceFile | None = None
        self._seen: tuple[Any, ...] | None = (
            None  # of a file that is over, full or refused: not looked at again
        )
        self._refusal: ConfigurationError | None = None
        self._writing = asyncio.Lock()

    async def watch(self) -> None:
        """For ever."""
        try:
            while True:
                await self.look()
                await self._clock.sleep(LOOK_SECONDS)
        finally:
            self._close()

    async def look(self) -> None:
        """Follow trace.toml as it is now."""
        removed = await asyncio.to_thread(self._remove_old)
        if removed:
            await self._trail.happened("trace_removed", AGENT, {"files": removed})
        if self._order is not None and self._clock.utcnow() >= self._order.until:
            await self._end("until")
        try:
            found = await asyncio.to_thread(self._read)
        except ConfigurationError as error:
            await self._refuse(error, None)
            return
        if found is None:
            await self._end("file_gone")
            self._state, self._seen, self._refusal = TraceState.OFF, None, None
            return
        facts, text = found
        if (facts, text) == self._seen:
            return
        await self._follow(facts, text)

    def wants(self, connection: str) -> bool:
        order = self._order
        return (
            order is not None
            and self._state is TraceState.ON
            and connection in order.connections
            and self._clock.utcnow() < order.until
        )

    async def write(self, connection: str, what: str, content: Callable[[], Any]) -> None:
        """Write one line, if this connection is traced. Never fails: whoever calls has other work to do."""
        if not self.wants(connection):
            return
        async with self._writing:
            if self._file is None:
                return
            moment = render_moment(self._clock.utcnow())
            try:
                await asyncio.to_thread(self._write, self._file, moment, connection, what, content)
            except TraceFull:
                await self._stop_full("full")
            except OSError as error:
                log.warning("trace_failed", error=error.strerror)
                await self._stop_full("disk")

    def status(self) -> dict[str, Any]:
        """JSON-ready, for the operator."""
        error = self._refusal
        return {
            "state": self._state.value,
            "connections": list(self._order.connections) if self._order else [],
            "until": render_moment(self._order.until) if self._order else None,
            "file": str(self._file.path) if self._file else None,
            "bytes": self._file.bytes if self._file else 0,
            "error": {"message": str(error), "hint": error.hint} if error else None,
        }

    async def _follow(self, facts: FileFacts, text: str) -> None:
        now = self._clock.utcnow()
        try:
            order = judge(
                facts,
                text,
                now=now,
                own_user=self._own_user,
                known=self._connections(),
                where=str(self._path),
            )
        except ConfigurationError as error:
            await self._refuse(error, (facts, text))
            return
        self._refusal = None
        if order.until <= now:
            await self._end("until")
            self._state, self._seen = TraceState.OFF, (facts, text)
            return
        await self._end("changed")
        actor = Actor(Origin.LOCAL, user_name(order.owner))
        told = {"connections": order.connections, "until": order.until}
        try:
            await self._trail.record("trace_started", actor, told)
            self._file = await asyncio.to_thread(TraceFile, self._state_dir, now, facts.modified)
        except (AuditUnavailable, OSError) as error:
            log.warning("trace_not_started", error=str(error))
            return
        self._order, self._state, self._seen = order, TraceState.ON, (facts, text)
        log.warning("trace_started", connections=list(order.connections), until=render_moment(order.until))

    async def _refuse(self, error: ConfigurationError, seen: tuple[Any, ...] | None) -> None:
        await self._end("refused")
        if self._refusal is None or str(self._refusal) != str(error):
            log.warning("trace_refused", error=str(error), hint=error.hint)
            await self._trail.happened("trace_refused", AGENT, {"why": error.message})
        self._state, self._refusal, self._seen = TraceState.REFUSED, error, seen

    async def _end(self, because: str) -> None:
        if self._order is None:
            return
        connections, self._order = self._order.connections, None
        written = self._file.bytes if self._file else 0
        if self._state is TraceState.ON:
            self._state = TraceState.OFF
        async with self._writing:
            self._close()
        facts = {"because": because, "connections": connections, "bytes": written}
        await self._trail.happened("trace_ended", AGENT, facts)
        log.warning("trace_ended", because=because, bytes=written)

    async def _stop_full(self, because: str) -> None:
        order, written = self._order, self._file.bytes if self._file else 0
        self._close()
        self._order, self._state = None, TraceState.FULL
        log.warning("trace_full", because=because, bytes=written)
        connections = order.connections if order else ()
        await self._trail.happened(
            "trace_ended", AGENT, {"because": because, "connections": connections, "bytes": written}
        )

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _remove_old(self) -> list[str]:
        try:
            return remove_old(self._state_dir, self._clock.utcnow())
        except OSError as error:
            log.warning("trace_not_removed", error=error.strerror)
            return []

    def _read(self) -> tuple[FileFacts, str] | None:
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        try:
            handle = os.open(self._path, flags)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigurationError(
                f"cannot be opened: {error.strerror}",
                where=str(self._path),
                hint="It must be a plain file, no link, that the agent's user may read.",
            ) from error
        with os.fdopen(handle, "rb") as file:
            found = os.fstat(handle)
            facts = FileFacts(found.st_uid, found.st_mode, datetime.fromtimestamp(found.st_mtime, UTC))
            raw = file.read(MAX_FILE_BYTES + 1)
        if len(raw) > MAX_FILE_BYTES:
            raise ConfigurationError("is too large", where=str(self._path))
        return facts, raw.decode("utf-8", "replace")

    @staticmethod
    def _write(file: TraceFile, moment: str, connection: str, what: str, content: Callable[[], Any]) -> None:
        document = {"moment": moment, "connection": connection, "what": what, "content": content()}
        text = orjson.dumps(document, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
        file.write(redact(text).encode() + b"\n")


def _own_user() -> int:
    # Without user ids nobody can be told from the agent's own user, and every file is refused.
    return os.geteuid() if hasattr(os, "geteuid") else 0


class TracedCommands:
    """The executor as the tunnel sees it, with what comes and goes traced."""

    def __init__(self, sink: CommandSink, tracing: Tracing) -> None:
        self._sink = sink
        self._tracing = tracing
        self._connections: OrderedDict[str, str] = OrderedDict()

    async def handle(self, command: Command) -> None:
        connection = command.args.get("connection")
        if isinstance(connection, str) and self._tracing.wants(connection):
            self._connections[command.id] = connection
            while len(self._connections) > MAX_COMMANDS:
                self._connections.popitem(last=False)
            content = {"id": command.id, "name": command.name, "args": command.args}
            await self._tracing.write(connection, "command", lambda: content)
        await self._sink.handle(command)

    async def result_acked(self, command: str, state: str) -> None:
        await self._sink.result_acked(command, state)

    async def result(self, command: str, state: str, result: Mapping[str, Any]) -> None:
        """To be called with each result before it is sent."""
        connection = self._connections.get(command)
        if connection is not None:
            content = {"id": command, "state": state, "result": dict(result)}
            await self._tracing.write(connection, "result", lambda: content)


class TracedOutbox:
    """The outbox as a run sees it: what is appended is traced first. Everything else is the outbox's own."""

    def __init__(self, outbox: Outbox, tracing: Tracing) -> None:
        self._outbox = outbox
        self._tracing = tracing

    async def append(self, entry: Entry) -> tuple[int, ...]:
        connection = entry.stream.partition("/")[0]
        await self._tracing.write(connection, "records", lambda: _contents(entry))
        return await self._outbox.append(entry)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._outbox, name)


def _contents(entry: Entry) -> dict[str, Any]:
    return {
        "stream": entry.stream,
        "run": entry.run,
        "batches": [
            {"kind": batch.kind.value, **_batch(batch.kind.value, batch.payload, entry.entity)}
            for batch in entry.batches
        ],
    }


def _batch(kind: str, payload: bytes, entity: str) -> dict[str, Any]:
    try:
        found = decode(kind, payload)
    except PayloadError as error:
        return {"unreadable": str(error)}
    if found.table is not None:
        rows = range(found.table.num_rows)
        return {"records": to_documents(found.table, rows, include_raw=True, entity=entity)}
    if found.report is not None:
        return {"report": found.report.to_document()}
    return {"keys": list(found.keys), "letters": [str(letter) for letter in found.letters]}
