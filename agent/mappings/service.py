"""Mappings that change at run time: read, tried on real rows, put in force, taken back. Read this first.

The connection file stays the base; what is changed at run time lies over it, in versions (`versions.py`). A change is
tried on real rows before it is in force, and what it would break refuses it. The audit log knows of it first.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import orjson
import structlog

from agent.audit.trail import Actor, AuditTrail
from agent.clock import Clock
from agent.errors import ConfigurationError, GroundwireError, MoreRejects, Stale
from agent.mapping.compile import CompiledMapping, compile_mapping
from agent.mapping.overlay import (
    Change,
    Overlay,
    apply,
    changed,
    changes_between,
    differing,
    overlay_to_plain,
)
from agent.mapping.paths import text_of
from agent.mappings.preview import Comparison, Leave, compare
from agent.mappings.probe import Probed, column_names, refuse_missing, rows, with_line_sets
from agent.mappings.versions import MAX_OVERLAY_BYTES, History, Version, VersionStore
from agent.settings import ConnectionSettings, StreamSettings
from agent.unbroken import to_its_end

log = structlog.get_logger(__name__)

PREVIEW_ROWS: Final = 20
MAX_PREVIEW_ROWS: Final = 500
MAX_LOGGED: Final = 50  # names in one line of the log

Aside = Callable[[str], AbstractAsyncContextManager[Probed]]
Files = Callable[[], Mapping[str, ConnectionSettings]]
Allow = Callable[["Reading", CompiledMapping], None]  # raises PolicyDenied for a mapping that is not to be


def allow_all(_reading: Reading, _wanted: CompiledMapping) -> None:
    """For whoever sits at this host."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A stream's mapping as it is in force."""

    stream: StreamSettings  # with the file's own table
    history: History
    table: Mapping[str, Any]  # in force
    mapping: CompiledMapping | None  # None: it does not compile
    error: GroundwireError | None = None

    @property
    def overlay(self) -> Overlay:
        return self.history.overlay

    @property
    def edited(self) -> tuple[str, ...]:
        """Fields that were edited in the file since, without effect: a change at run time covers them."""
        return tuple(text_of(path) for path in self.history.edited(self.stream.map))

    def in_file(self) -> CompiledMapping | None:
        """What the file alone says; None: that does not compile."""
        try:
            return compile_mapping(self.stream.map, entity=self.stream.entity, where=self.stream.name)
        except ConfigurationError:
            return None


@dataclass(frozen=True, slots=True)
class Changed:
    version: int  # in force now
    paths: tuple[str, ...]  # that this version changed; none: it was so before
    comparison: Comparison | None = None


def amend(store: VersionStore, settings: ConnectionSettings, *, telling: bool = False) -> ConnectionSettings:
    """Lay what was changed at run time over a connection's file. Raises where the changes cannot be read.

    With `telling`, the log says which edits of the file have no effect.
    """
    streams = {}
    for name, stream in settings.streams.items():
        history = store.history(settings.name, name)
        overlay = history.overlay
        if telling and (edited := history.edited(stream.map)):
            fields = [text_of(path) for path in edited[:MAX_LOGGED]]
            log.warning("mapping_edits_without_effect", stream=f"{settings.name}/{name}", fields=fields)
        streams[name] = replace(stream, map=apply(stream.map, overlay)) if overlay else stream
    return replace(settings, streams=streams)


class Mappings:
    def __init__(
        self,
        state_dir: Path,
        clock: Clock,
        audit: AuditTrail,
        *,
        files: Files,
        aside: Aside,
        restart: Callable[[str], Awaitable[None]],
    ) -> None:
        """`files`: the connections as their files say. `restart` puts one in force anew."""
        self._store = VersionStore(state_dir)
        self._clock = clock
        self._audit = audit
        self._files = files
        self._aside = aside
        self._restart = restart
        self._one_at_a_time = asyncio.Lock()

    def read(self, connection: str, stream: str) -> Reading:
        """Raises ConfigurationError for a name that is not there."""
        settings = self._stream(connection, stream)
        history = self._store.history(connection, stream)
        table = apply(settings.map, history.overlay)
        try:
            mapping = _compiled(connection, settings, table)
        except ConfigurationError as error:
            return Reading(settings, history, table, None, error)
        return Reading(settings, history, table, mapping)

    def every(self) -> list[tuple[str, str]]:
        """Each (connection, stream) that is configured."""
        return [(name, stream) for name, one in self._files().items() for stream in one.streams]

    async def columns(self, connection: str, stream: str) -> tuple[str, ...]:
        """What the source has, by its driver."""
        settings = self._stream(connection, stream)
        async with self._aside(connection) as driver:
            return await column_names(driver, settings)

    async def sample(
        self, connection: str, stream: str, count: int, keys: Sequence[str] = ()
    ) -> tuple[Comparison | None, Any]:
        """The first records, or those of `keys`, as the mapping in force makes them, and the source's rows."""
        reading = self.read(connection, stream)
        async with self._aside(connection) as driver:
            page = await rows(driver, reading.stream, None, min(count, MAX_PREVIEW_ROWS), keys)
        if reading.mapping is None:
            return None, page
        return await asyncio.to_thread(compare, None, reading.mapping, page), page

    async def preview(
        self,
        connection: str,
        stream: str,
        changes: Sequence[Change],
        *,
        count: int = PREVIEW_ROWS,
        keys: Sequence[str] = (),
        allow: Allow = allow_all,
        leave: Leave | None = None,
    ) -> Comparison:
        """What these changes would make of real rows. Raises what would refuse them, but for more rejects.

        With `leave`, what it takes out of the records that are made now is not looked at either.
        """
        reading = self.read(connection, stream)
        overlay = changed(reading.stream.map, reading.overlay, changes)
        return await self._try(connection, reading, overlay, count, keys, allow=allow, leave=leave)

    async def change(
        self,
        connection: str,
        stream: str,
        changes: Sequence[Change],
        actor: Actor,
        *,
        based_on: int | None = None,
        note: str = "",
        accept_rejects: bool = False,
        command: str = "",
        allow: Allow = allow_all,
    ) -> Changed:
        """Put changes in force. `based_on`: the version that their author saw.

        Raises Stale where another is in force by now, ConfigurationError, SourceChanged or MoreRejects where they
        would not work, what `allow` raises, and AuditUnavailable; then nothing is changed.
        """
        async with self._one_at_a_time:
            reading = self.read(connection, stream)
            _refuse_stale(reading.history, based_on)
            overlay = changed(reading.stream.map, reading.overlay, changes)
            return await self._put(
                connection,
                reading,
                overlay,
                actor,
                note=note,
                accept_rejects=accept_rejects,
                command=command,
                allow=allow,
            )

    async def revert(
        self,
        connection: str,
        stream: str,
        to: int,
        actor: Actor,
        *,
        note: str = "",
        accept_rejects: bool = False,
        command: str = "",
        allow: Allow = allow_all,
    ) -> Changed:
        """Put an older version in force again, as a new one; 0: what the file says. Raises as `change` does."""
        async with self._one_at_a_time:
            reading = self.read(connection, stream)
            overlay = self._overlay_at(reading.history, to, f"{connection}/{stream}")
            return await self._put(
                connection,
                reading,
                overlay,
                actor,
                note=note or f"back to version {to}",
                accept_rejects=accept_rejects,
                command=command,
                allow=allow,
            )

    async def adopt(self, connection: str, stream: str, actor: Actor) -> Changed:
        """Let go of what the file says by now; what is in force stays the same."""
        async with self._one_at_a_time:
            reading = self.read(connection, stream)
            overlay = differing(reading.stream.map, reading.overlay)
            return await to_its_end(
                self._write(connection, reading, overlay, actor, note="taken into the file")
            )

    def find(self, connection: str, stream: str, command: str) -> Version | None:
        """The version that a command made, if it came so far."""
        versions = self._store.history(connection, stream).versions
        return next((one for one in versions if one.command == command), None)

    def judge(
        self,
        connection: str,
        stream: str,
        changes: Sequence[Change],
        based_on: int | None,
        allow: Allow = allow_all,
    ) -> None:
        """Raise what refuses these changes before any row is read."""
        reading = self.read(connection, stream)
        _refuse_stale(reading.history, based_on)
        table = apply(reading.stream.map, changed(reading.stream.map, reading.overlay, changes))
        allow(reading, _compiled(connection, reading.stream, table))

    def judge_revert(self, connection: str, stream: str, to: int, allow: Allow = allow_all) -> None:
        """Raise what refuses this version before any row is read."""
        reading = self.read(connection, stream)
        overlay = self._overlay_at(reading.history, to, f"{connection}/{stream}")
        allow(reading, _compiled(connection, reading.stream, apply(reading.stream.map, overlay)))

    async def _put(
        self,
        connection: str,
        reading: Reading,
        overlay: Overlay,
        actor: Actor,
        *,
        note: str,
        accept_rejects: bool,
        command: str,
        allow: Allow,
    ) -> Changed:
        if not changes_between(reading.overlay, overlay):
            return Changed(reading.history.number, ())
        comparison = await self._try(connection, reading, overlay, PREVIEW_ROWS, (), allow=allow)
        if comparison.more_rejects and not accept_rejects:
            raise _more_rejects(comparison, where=f"{connection}/{reading.stream.name}")
        if self._stream(connection, reading.stream.name) != reading.stream:
            raise Stale("the connection file was changed while this was tried")
        done = await to_its_end(self._put_in_force(connection, reading, overlay, actor, note, command))
        return replace(done, comparison=comparison)

    async def _put_in_force(
        self, connection: str, reading: Reading, overlay: Overlay, actor: Actor, note: str, command: str
    ) -> Changed:
        done = await self._write(connection, reading, overlay, actor, note=note, command=command)
        await self._restart(connection)
        return done

    async def _write(
        self,
        connection: str,
        reading: Reading,
        overlay: Overlay,
        actor: Actor,
        *,
        note: str,
        command: str = "",
    ) -> Changed:
        if not changes_between(reading.overlay, overlay):
            return Changed(reading.history.number, ())
        if len(orjson.dumps(overlay_to_plain(overlay))) > MAX_OVERLAY_BYTES:
            raise ConfigurationError(
                f"the changes of one mapping are larger than {MAX_OVERLAY_BYTES // 1024} KiB",
                where=f"{connection}/{reading.stream.name}",
                hint="Take them into the connection file: `groundwire mapping export`, then `adopt`.",
            )
        version = reading.history.next(
            reading.stream.map, overlay, at=self._clock.utcnow(), actor=actor, note=note, command=command
        )
        facts = _facts(connection, reading, version)
        await self._audit.record("mapping_changed", actor, facts)
        try:
            await asyncio.to_thread(self._store.add, connection, reading.stream.name, version)
        except GroundwireError as error:
            await self._audit.record("mapping_not_changed", actor, {**facts, "code": error.code})
            raise
        log.info("mapping_changed", **{name: facts[name] for name in ("connection", "stream", "version")})
        return Changed(version.number, tuple(text_of(change.path) for change in version.changes))

    async def _try(
        self,
        connection: str,
        reading: Reading,
        overlay: Overlay,
        count: int,
        keys: Sequence[str],
        *,
        allow: Allow,
        leave: Leave | None = None,
    ) -> Comparison:
        stream, where = reading.stream, f"{connection}/{reading.stream.name}"
        after = _compiled(connection, stream, apply(stream.map, overlay))
        allow(reading, after)
        async with self._aside(connection) as driver:
            present = await column_names(driver, stream)
            refuse_missing(after.source_columns, present, where=where)
            before = reading.mapping.source_columns if reading.mapping is not None else frozenset()
            needed = after.source_columns | (before & with_line_sets(present))
            page = await rows(driver, stream, needed, max(1, min(count, MAX_PREVIEW_ROWS)), keys)
        return await asyncio.to_thread(compare, reading.mapping, after, page, leave)

    def _stream(self, connection: str, stream: str) -> StreamSettings:
        connections = self._files()
        if connection not in connections:
            raise ConfigurationError(
                f"there is no connection named {connection!r}",
                hint=f"There are: {', '.join(connections) or 'none'}.",
            )
        streams = connections[connection].streams
        if stream not in streams:
            raise ConfigurationError(
                f"the connection {connection} has no stream named {stream!r}",
                hint=f"There are: {', '.join(streams) or 'none'}.",
            )
        return streams[stream]

    def _overlay_at(self, history: History, to: int, where: str) -> Overlay:
        overlay = history.overlay_at(to)
        if overlay is None:
            kept = ", ".join(str(one.number) for one in history.versions[-10:])
            raise ConfigurationError(
                f"version {to} is not kept", where=where, hint=f"There are: 0 (the file), {kept}."
            )
        return overlay


def table_hash(table: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(table, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _compiled(connection: str, stream: StreamSettings, table: Mapping[str, Any]) -> CompiledMapping:
    return compile_mapping(table, entity=stream.entity, where=f"{connection}/{stream.name}")


def _refuse_stale(history: History, based_on: int | None) -> None:
    if based_on is not None and based_on != history.number:
        raise Stale(f"version {history.number} is in force, and the change was made for version {based_on}")


def _more_rejects(comparison: Comparison, where: str) -> MoreRejects:
    after = comparison.after
    before = len(comparison.before.rejected) if comparison.before is not None else 0
    (name, reason), _ = max(after.reasons.items(), key=lambda item: item[1])
    return MoreRejects(
        f"of {comparison.tried} records {len(after.rejected)} would be rejected, and {before} are now; "
        f"most often {name}: {reason}",
        where=where,
    )


def _facts(connection: str, reading: Reading, version: Version) -> dict[str, Any]:
    return {
        "connection": connection,
        "stream": reading.stream.name,
        "version": version.number,
        "paths": [text_of(change.path) for change in version.changes],
        "before": table_hash(reading.table),
        "after": table_hash(apply(reading.stream.map, version.overlay)),
        "note": version.note,
    }
