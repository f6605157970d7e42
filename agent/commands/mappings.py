"""The commands about mappings: read one, try a change on real rows, put it in force, take it back.

What a preview tells of real rows is what may leave this host anyway: a row that may not is not even counted. What the
policy keeps here, alters or chooses records by is not changed from outside, see `agent.mappings.guard`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, ClassVar, Final, Protocol

import pyarrow as pa
from pydantic import Field

from agent.commands.answers import RESULT_BYTES, size_of, told
from agent.commands.arguments import Name
from agent.commands.gate import JudgeCommand
from agent.commands.kind import ConnectionKind, OfConnection
from agent.commands.ports import Answer, Call, FieldFault, Refused, State
from agent.errors import ConfigurationError, GroundwireError, SourceChanged
from agent.mapping.describe import FieldLine, describe, sample_of
from agent.mapping.overlay import Change
from agent.mapping.paths import MAX_CHANGES, read_changes, text_of
from agent.mappings.guard import KeptHere, guard
from agent.mappings.preview import Comparison, Row
from agent.mappings.service import PREVIEW_ROWS, Allow, Changed, Mappings, Reading
from agent.mappings.versions import MAX_NOTE_CHARS
from agent.model.render import to_documents
from agent.policy.decide import FIELD_NOT_ALLOWED
from agent.policy.leave import LeaveFilter

MAX_ROWS: Final = 100  # of one answer
MAX_SAMPLES: Final = 20
MAX_SAMPLE_CHARS: Final = 200  # of one value, as JSON
MAX_VERSIONS: Final = 20  # told with a mapping, the newest
ROOM_BYTES: Final = 2 * 1024  # kept for what comes around a list that is cut to fit


class Leaves(Protocol):
    def __call__(self, connection: str, entity: str) -> LeaveFilter:
        """What of an entity's records leaves. Raises PolicyDenied where nothing does."""
        ...


# (connection, stream): whether the relay may hold records of an older form.
NeedsRemap = Callable[[str, str], bool]

Changes = Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MAX_CHANGES)]
VersionNumber = Annotated[int, Field(ge=0, le=2**31)]


class OfStream(OfConnection):
    stream: Name


class ReadArguments(OfStream):
    samples: Annotated[int, Field(ge=0, le=MAX_SAMPLES)] = 0


class PreviewArguments(OfStream):
    changes: Changes
    rows: Annotated[int, Field(ge=1, le=MAX_ROWS)] = PREVIEW_ROWS


class ChangeArguments(OfStream):
    changes: Changes
    based_on: VersionNumber
    note: Annotated[str, Field(max_length=MAX_NOTE_CHARS)] = ""


class RevertArguments(OfStream):
    to: VersionNumber


class _Guarded(ConnectionKind):
    def __init__(self, mappings: Mappings, judge: JudgeCommand, leaving: Leaves) -> None:
        super().__init__(judge)
        self._mappings = mappings
        self._leaving = leaving

    def _leave(self, arguments: OfStream) -> LeaveFilter:
        """Raises PolicyDenied where nothing of the entity leaves: then there is nothing to be told or changed."""
        self._refuse_absent(arguments)
        return self._leaving(arguments.connection, self._entity(arguments))

    def _refuse_absent(self, arguments: OfStream) -> None:
        try:
            self._mappings.read(arguments.connection, arguments.stream)
        except ConfigurationError:
            fault = FieldFault("stream", "not_found", "there is no such stream, or it has no mapping now")
            raise Refused("bad_arguments", (fault,)) from None

    def _entity(self, arguments: OfStream) -> str:
        return self._mappings.read(arguments.connection, arguments.stream).stream.entity


class ReadMapping(_Guarded):
    """The mapping in force, side by side, and its newest versions."""

    name: ClassVar[str] = "read_mapping"
    arguments: ClassVar[type[OfStream]] = ReadArguments

    async def prepare(self, arguments: ReadArguments) -> None:
        self._refuse_absent(arguments)
        if arguments.samples:
            self._leave(arguments)

    async def run(self, _call: Call, arguments: ReadArguments) -> Answer:
        reading = self._mappings.read(arguments.connection, arguments.stream)
        return Answer(State.SUCCEEDED, mapping_document(reading, await self._samples(arguments)))

    async def _samples(self, arguments: ReadArguments) -> list[dict[str, Any]]:
        """The first records of the source that leave, as they leave."""
        if not arguments.samples:
            return []
        leave = self._leave(arguments)
        found, _ = await self._mappings.sample(arguments.connection, arguments.stream, MAX_ROWS)
        if found is None:
            return []
        records = leave.apply(found.after.records).records.slice(0, arguments.samples)
        return to_documents(records, range(records.num_rows), entity=found.entity)


class PreviewMapping(_Guarded):
    name: ClassVar[str] = "preview_mapping"
    arguments: ClassVar[type[OfStream]] = PreviewArguments

    async def prepare(self, arguments: PreviewArguments) -> None:
        _check(self._mappings, arguments, arguments.changes, _allow(self._leave(arguments)))

    async def run(self, _call: Call, arguments: PreviewArguments) -> Answer:
        reading = self._mappings.read(arguments.connection, arguments.stream)
        leave = self._leave(arguments)
        try:
            comparison = await self._mappings.preview(
                arguments.connection,
                arguments.stream,
                read_changes(arguments.changes, reading.stream.entity),
                count=arguments.rows,
                allow=_allow(leave),
                leave=_records(leave),
            )
        except SourceChanged as error:
            return _no_such_column(error)
        document = {"version": reading.history.number, **comparison_document(comparison)}
        return Answer(State.SUCCEEDED, _with_rows(document, comparison, comparison.rows(_records(leave))))


class _Changing(_Guarded):
    def __init__(
        self, mappings: Mappings, judge: JudgeCommand, leaving: Leaves, needs_remap: NeedsRemap
    ) -> None:
        super().__init__(mappings, judge, leaving)
        self._needs_remap = needs_remap

    async def _answer(
        self, call: Call, arguments: OfStream, leave: LeaveFilter, work: Coroutine[Any, Any, Changed]
    ) -> Answer:
        try:
            changed = await work
        except asyncio.CancelledError:
            return self._despite_cancelling(call, arguments)
        remap = self._needs_remap(arguments.connection, arguments.stream)
        # Numbers are over all rows that were tried: where only some records may leave, they stay here too.
        return _done(changed, remap=remap, numbers=not leave.chooses)

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
        allow = _allow(self._leave(arguments))
        _check(self._mappings, arguments, arguments.changes, allow, arguments.based_on)

    async def run(self, call: Call, arguments: ChangeArguments) -> Answer:
        leave, entity = self._leave(arguments), self._entity(arguments)
        work = self._mappings.change(
            arguments.connection,
            arguments.stream,
            read_changes(arguments.changes, entity),
            call.actor,
            based_on=arguments.based_on,
            note=arguments.note,
            command=call.id,
            allow=_allow(leave),
        )
        try:
            return await self._answer(call, arguments, leave, work)
        except SourceChanged as error:
            return _no_such_column(error)


class RevertMapping(_Changing):
    name: ClassVar[str] = "revert_mapping"
    arguments: ClassVar[type[OfStream]] = RevertArguments

    async def prepare(self, arguments: RevertArguments) -> None:
        allow = _allow(self._leave(arguments))
        try:
            self._mappings.judge_revert(arguments.connection, arguments.stream, arguments.to, allow)
        except KeptHere as error:
            raise _refused(error) from error
        except ConfigurationError:
            fault = FieldFault("to", "not_found", "this version cannot be put in force, or is not kept")
            raise Refused("bad_arguments", (fault,)) from None

    async def run(self, call: Call, arguments: RevertArguments) -> Answer:
        leave = self._leave(arguments)
        work = self._mappings.revert(
            arguments.connection,
            arguments.stream,
            arguments.to,
            call.actor,
            command=call.id,
            allow=_allow(leave),
        )
        return await self._answer(call, arguments, leave, work)


def mapping_kinds(
    mappings: Mappings, judge: JudgeCommand, leaving: Leaves, needs_remap: NeedsRemap
) -> list[Any]:
    """Every kind of this module, for the executor."""
    return [
        ReadMapping(mappings, judge, leaving),
        PreviewMapping(mappings, judge, leaving),
        ChangeMapping(mappings, judge, leaving, needs_remap),
        RevertMapping(mappings, judge, leaving, needs_remap),
    ]


def _allow(leave: LeaveFilter) -> Allow:
    return lambda reading, wanted: guard(leave, reading.in_file(), reading.mapping, wanted)


def _records(leave: LeaveFilter) -> Callable[[pa.Table], pa.Table]:
    return lambda records: leave.apply(records).records


def mapping_document(reading: Reading, samples: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """What the relay is told of a mapping: what is mapped, and the names of what is not, as long as there is room.

    `samples` are documents of records that leave.
    """
    view = describe(reading.stream.entity, reading.table, reading.overlay, reading.mapping)
    mapped = [_line(line, samples) for line in view.lines if line.toml is not None or line.origin]
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


def _line(line: FieldLine, samples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    values = {"samples": [_short(sample_of(one, line.field)) for one in samples]} if samples else {}
    return {
        **values,
        "field": line.field,
        "path": list(line.path),
        "kind": line.kind,
        "required": line.required,
        "origin": line.origin.value,
        "columns": list(line.columns),
        "words": line.words,
        "toml": line.toml,
    }


def _short(value: Any) -> Any:
    """A list is told by its length, a long text by its beginning."""
    if isinstance(value, list):
        return len(value)
    return value[:MAX_SAMPLE_CHARS] if isinstance(value, str) else value


def _with_rows(document: dict[str, Any], comparison: Comparison, rows: Iterator[Row]) -> dict[str, Any]:
    document = {**document, "rows": [], "truncated": False, "withheld": comparison.withheld}
    _fill(
        document,
        "rows",
        (
            {
                "key": row.key,
                "rejectedBefore": row.rejected_before,
                "rejectedAfter": row.rejected_after,
                "differences": [asdict(one) for one in row.differences],
                "more": row.more,
            }
            for row in rows
        ),
    )
    return document


def _fill(document: dict[str, Any], name: str, items: Iterable[dict[str, Any]]) -> None:
    """Put in as many as fit into an answer, in order."""
    room = RESULT_BYTES - ROOM_BYTES - size_of(document)
    for item in items:
        room -= size_of(item) + 1
        if room < 0:
            document["truncated"] = True
            return
        document[name].append(item)


def _check(
    mappings: Mappings,
    arguments: OfStream,
    plain: list[dict[str, Any]],
    allow: Allow,
    based_on: int | None = None,
) -> None:
    """Raises Refused for changes that could not work, naming the field: they are what the caller sent."""
    reading = mappings.read(arguments.connection, arguments.stream)
    try:
        changes = read_changes(plain, reading.stream.entity)
    except ConfigurationError as error:
        raise Refused("bad_mapping", (FieldFault("changes", "bad_mapping", error.message),)) from error
    try:
        mappings.judge(arguments.connection, arguments.stream, changes, based_on, allow)
    except ConfigurationError as error:
        raise Refused("bad_mapping", _faults(error, changes)) from error
    except KeptHere as error:
        raise _refused(error) from error


def _no_such_column(error: SourceChanged) -> Answer:
    """Not which: it may be a column of what else is mapped."""
    message = "with this the mapping would read a column that the source has not"
    return Answer(State.FAILED, told(error.code, [FieldFault("changes", error.code, message)]))


def _refused(error: KeptHere) -> Refused:
    message = "the policy keeps, alters or chooses by what this is made of; it is changed at the agent's host"
    return Refused(
        FIELD_NOT_ALLOWED, tuple(FieldFault(name, FIELD_NOT_ALLOWED, message) for name in error.fields)
    )


def _faults(error: GroundwireError, changes: tuple[Change, ...]) -> tuple[FieldFault, ...]:
    """The words of a mistake only where it lies in what was sent; elsewhere they could tell of this host's files."""
    for change in changes:
        if f".{'.'.join(change.path)}" in error.where:
            return (FieldFault(text_of(change.path), "bad_mapping", error.message),)
    return ()


def _done(changed: Changed, *, remap: bool, numbers: bool = True) -> Answer:
    result: dict[str, Any] = {
        "version": changed.version,
        "changed": list(changed.paths),
        "remap": "offered" if remap else None,
    }
    if changed.comparison is not None and numbers:
        result |= comparison_document(changed.comparison)
    return Answer(State.SUCCEEDED, result)
