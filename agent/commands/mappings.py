"""The commands about mappings: read one, try a change on real rows, put it in force, take it back.

What a preview shows of real rows is what may leave this host anyway; a row that may not leave is not shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any, ClassVar, Final, Protocol

import pyarrow as pa
from pydantic import Field

from agent.commands.answers import RESULT_BYTES, size_of, told
from agent.commands.arguments import Name
from agent.commands.gate import JudgeCommand
from agent.commands.kind import ConnectionKind, OfConnection
from agent.commands.ports import Answer, Call, FieldFault, Refused, State
from agent.errors import ConfigurationError, GroundwireError, PolicyDenied
from agent.mapping.describe import FieldLine, describe
from agent.mapping.overlay import Change
from agent.mapping.paths import MAX_CHANGES, read_changes, text_of
from agent.mappings.preview import Comparison, Row
from agent.mappings.service import PREVIEW_ROWS, Changed, Mappings, Reading
from agent.mappings.versions import MAX_NOTE_CHARS
from agent.policy.leave import LeaveFilter

MAX_ROWS: Final = 100  # of one answer
MAX_VERSIONS: Final = 20  # told with a mapping, the newest
ROOM_BYTES: Final = 2 * 1024  # kept for what comes around a list that is cut to fit


class Leaves(Protocol):
    def __call__(self, connection: str, entity: str) -> LeaveFilter:
        """What of an entity's records leaves. Raises PolicyDenied where nothing does."""
        ...


# (connection, entity, records): what of the records may leave.
LeaveRecords = Callable[[str, str, pa.Table], pa.Table]
# (connection, stream): whether the relay may hold records of an older form.
NeedsRemap = Callable[[str, str], bool]

Changes = Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MAX_CHANGES)]
VersionNumber = Annotated[int, Field(ge=0, le=2**31)]


class OfStream(OfConnection):
    stream: Name


class PreviewArguments(OfStream):
    changes: Changes
    rows: Annotated[int, Field(ge=1, le=MAX_ROWS)] = PREVIEW_ROWS


class ChangeArguments(OfStream):
    changes: Changes
    based_on: VersionNumber
    note: Annotated[str, Field(max_length=MAX_NOTE_CHARS)] = ""


class RevertArguments(OfStream):
    to: VersionNumber


class ReadMapping(ConnectionKind):
    """The mapping in force, side by side, and its newest versions."""

    name: ClassVar[str] = "read_mapping"
    arguments: ClassVar[type[OfStream]] = OfStream

    def __init__(self, mappings: Mappings, judge: JudgeCommand) -> None:
        super().__init__(judge)
        self._mappings = mappings

    async def prepare(self, arguments: OfStream) -> None:
        self._mappings.read(arguments.connection, arguments.stream)

    async def run(self, _call: Call, arguments: OfStream) -> Answer:
        reading = self._mappings.read(arguments.connection, arguments.stream)
        return Answer(State.SUCCEEDED, mapping_document(reading))


class PreviewMapping(ConnectionKind):
    name: ClassVar[str] = "preview_mapping"
    arguments: ClassVar[type[OfStream]] = PreviewArguments

    def __init__(self, mappings: Mappings, judge: JudgeCommand, leave: LeaveRecords) -> None:
        super().__init__(judge)
        self._mappings = mappings
        self._leave = leave

    async def prepare(self, arguments: PreviewArguments) -> None:
        await _check(self._mappings, arguments, arguments.changes)

    async def run(self, _call: Call, arguments: PreviewArguments) -> Answer:
        reading = self._mappings.read(arguments.connection, arguments.stream)
        entity = reading.stream.entity
        changes = read_changes(arguments.changes, entity)
        comparison = await self._mappings.preview(
            arguments.connection, arguments.stream, changes, count=arguments.rows
        )
        rows = comparison.rows(lambda records: self._leave(arguments.connection, entity, records))
        document = {"version": reading.history.number, **comparison_document(comparison)}
        return Answer(State.SUCCEEDED, _with_rows(document, rows))


class _Changing(ConnectionKind):
    def __init__(self, mappings: Mappings, judge: JudgeCommand, needs_remap: NeedsRemap) -> None:
        super().__init__(judge)
        self._mappings = mappings
        self._needs_remap = needs_remap

    async def recover(self, call: Call, arguments: OfStream) -> Answer:
        """A version that is kept is in force since the start of this process; none is kept: nothing was changed."""
        try:
            version = self._mappings.find(arguments.connection, arguments.stream, call.id)
        except GroundwireError as error:
            return Answer(State.IN_DOUBT, told(error.code))
        if version is None:
            return await super().recover(call, arguments)
        paths = tuple(text_of(change.path) for change in version.changes)
        remap = self._needs_remap(arguments.connection, arguments.stream)
        return _done(Changed(version.number, paths), remap=remap)

    def _despite_cancelling(self, call: Call, arguments: OfStream) -> Answer:
        """A version that came so far is in force, whoever wished otherwise. Raises CancelledError where none did."""
        version = self._mappings.find(arguments.connection, arguments.stream, call.id)
        if version is None:
            raise asyncio.CancelledError
        paths = tuple(text_of(change.path) for change in version.changes)
        return _done(Changed(version.number, paths), remap=True)


class ChangeMapping(_Changing):
    name: ClassVar[str] = "change_mapping"
    arguments: ClassVar[type[OfStream]] = ChangeArguments

    async def prepare(self, arguments: ChangeArguments) -> None:
        await _check(self._mappings, arguments, arguments.changes, arguments.based_on)

    async def run(self, call: Call, arguments: ChangeArguments) -> Answer:
        entity = self._mappings.read(arguments.connection, arguments.stream).stream.entity
        work = self._mappings.change(
            arguments.connection,
            arguments.stream,
            read_changes(arguments.changes, entity),
            call.actor,
            based_on=arguments.based_on,
            note=arguments.note,
            command=call.id,
        )
        try:
            changed = await work
        except asyncio.CancelledError:
            return self._despite_cancelling(call, arguments)
        return _done(changed, remap=self._needs_remap(arguments.connection, arguments.stream))


class RevertMapping(_Changing):
    name: ClassVar[str] = "revert_mapping"
    arguments: ClassVar[type[OfStream]] = RevertArguments

    async def prepare(self, arguments: RevertArguments) -> None:
        self._mappings.overlay_at(arguments.connection, arguments.stream, arguments.to)

    async def run(self, call: Call, arguments: RevertArguments) -> Answer:
        work = self._mappings.revert(
            arguments.connection, arguments.stream, arguments.to, call.actor, command=call.id
        )
        try:
            changed = await work
        except asyncio.CancelledError:
            return self._despite_cancelling(call, arguments)
        return _done(changed, remap=self._needs_remap(arguments.connection, arguments.stream))


def mapping_kinds(
    mappings: Mappings, judge: JudgeCommand, leaving: Leaves, needs_remap: NeedsRemap
) -> list[Any]:
    """Every kind of this module, for the executor."""

    def leave(connection: str, entity: str, records: pa.Table) -> pa.Table:
        try:
            return leaving(connection, entity).apply(records).records
        except PolicyDenied:
            return records.slice(0, 0)

    return [
        ReadMapping(mappings, judge),
        PreviewMapping(mappings, judge, leave),
        ChangeMapping(mappings, judge, needs_remap),
        RevertMapping(mappings, judge, needs_remap),
    ]


def mapping_document(reading: Reading) -> dict[str, Any]:
    """What the relay is told of a mapping: what is mapped, and the names of what is not, as long as there is room."""
    view = describe(reading.stream.entity, reading.table, reading.overlay, reading.mapping)
    mapped = [_line(line) for line in view.lines if line.toml is not None or line.origin]
    document: dict[str, Any] = {
        "entity": reading.stream.entity,
        "version": reading.history.number,
        "compiles": reading.mapping is not None,
        "fields": [],
        "unmapped": [line.field for line in view.lines if line.toml is None and not line.origin],
        "versions": [],
        "truncated": False,
    }
    _fill(document, "fields", mapped)
    _fill(
        document, "versions", [one.to_document() for one in reversed(reading.history.versions)][:MAX_VERSIONS]
    )
    return document


def comparison_document(comparison: Comparison) -> dict[str, Any]:
    return {
        "tried": comparison.tried,
        "before": comparison.before.to_document() if comparison.before is not None else None,
        "after": comparison.after.to_document(),
    }


def _line(line: FieldLine) -> dict[str, Any]:
    return {
        "field": line.field,
        "path": list(line.path),
        "kind": line.kind,
        "required": line.required,
        "origin": line.origin.value,
        "columns": list(line.columns),
        "words": line.words,
        "toml": line.toml,
    }


def _with_rows(document: dict[str, Any], rows: list[Row]) -> dict[str, Any]:
    document = {**document, "rows": [], "truncated": False, "withheld": document["tried"] - len(rows)}
    _fill(
        document,
        "rows",
        [
            {
                "key": row.key,
                "rejectedBefore": row.rejected_before,
                "rejectedAfter": row.rejected_after,
                "differences": [asdict(one) for one in row.differences],
            }
            for row in rows
        ],
    )
    return document


def _fill(document: dict[str, Any], name: str, items: list[dict[str, Any]]) -> None:
    """Put in as many as fit into an answer, in order."""
    room = RESULT_BYTES - ROOM_BYTES - size_of(document)
    for item in items:
        room -= size_of(item) + 1
        if room < 0:
            document["truncated"] = True
            return
        document[name].append(item)


async def _check(
    mappings: Mappings,
    arguments: OfStream,
    plain: list[dict[str, Any]],
    based_on: int | None = None,
) -> None:
    """Raises Refused for changes that could not work, naming the field: they are what the caller sent."""
    reading = mappings.read(arguments.connection, arguments.stream)
    try:
        changes = read_changes(plain, reading.stream.entity)
    except ConfigurationError as error:
        raise Refused("bad_mapping", (FieldFault("changes", "bad_mapping", error.message),)) from error
    try:
        await mappings.judge(arguments.connection, arguments.stream, changes, based_on)
    except ConfigurationError as error:
        raise Refused("bad_mapping", _faults(error, changes)) from error


def _faults(error: GroundwireError, changes: tuple[Change, ...]) -> tuple[FieldFault, ...]:
    """The words of a mistake only where it lies in what was sent; elsewhere they could tell of this host's files."""
    for change in changes:
        if f".{'.'.join(change.path)}" in error.where:
            return (FieldFault(text_of(change.path), "bad_mapping", error.message),)
    return ()


def _done(changed: Changed, *, remap: bool) -> Answer:
    result: dict[str, Any] = {
        "version": changed.version,
        "changed": list(changed.paths),
        "remap": "offered" if remap else None,
    }
    if changed.comparison is not None:
        result |= comparison_document(changed.comparison)
    return Answer(State.SUCCEEDED, result)
