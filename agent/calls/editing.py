"""A mapping edited as text: what is wrong with it, what it would make of real records, and what saving it would do.

    mapping_text  {connection, stream, add?}  -> {text, version}: the table in force, to be edited; with a column that
                  no field uses as a custom field
    mapping_try   {connection, stream, text, based_on?, rows?, keys?}
                  -> {version, faults: [{line, place, message, hint}], changes, preview, more_rejects, error, effects}

Nothing is changed here: the changes that `mapping_try` finds are put in force by `mapping_change`, with its guards.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any, Protocol

from agent.calls.arguments import maybe_text, number, text, texts
from agent.calls.mappings import comparison_document
from agent.control import Handler, Progress, error_document
from agent.errors import GroundwireError, SourceChanged, Stale
from agent.mapping.compile import compile_mapping
from agent.mapping.describe import describe
from agent.mapping.editing import Edited, EditFault, editable, line_of, read_edited, with_column
from agent.mapping.overlay import Action, Change, apply, changed, to_plain
from agent.mapping.paths import text_of
from agent.mappings.probe import with_line_sets
from agent.mappings.service import PREVIEW_ROWS, Mappings, Reading
from agent.model.entities import ENTITIES
from agent.outbox.values import Choice, LetterGroup
from agent.policy.model import Policy
from agent.policy.treatment import Treatment, treatment_of
from agent.sync.cursor import read_checkpoint


class Outbox(Protocol):
    """What of the outbox is told beside a change."""

    async def last_checkpoint(self, stream: str) -> str | None: ...

    async def letter_groups(self, choice: Choice, *, limit: int = 100) -> list[LetterGroup]: ...


class EditingCalls:
    def __init__(self, mappings: Mappings, policy: Callable[[], Policy], outbox: Outbox) -> None:
        self._mappings = mappings
        self._policy = policy
        self._outbox = outbox

    def handlers(self) -> Mapping[str, Handler]:
        return {"mapping_text": self._text, "mapping_try": self._try}

    async def _text(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        reading = self._mappings.read(text(args, "connection"), text(args, "stream"))
        added = maybe_text(args, "add")
        table = with_column(reading.table, added) if added else reading.table
        return {"text": editable(table), "version": reading.history.number}

    async def _try(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        connection, stream, written = (
            text(args, "connection"),
            text(args, "stream"),
            str(args.get("text", "")),
        )
        reading = self._mappings.read(connection, stream)
        edited = read_edited(written, reading.table, entity=reading.stream.entity)
        answer: dict[str, Any] = {
            "version": reading.history.number,
            "changes": to_plain(edited.changes),
            "preview": None,
            "more_rejects": False,
            "error": None,
            "effects": None,
        }
        based_on = args.get("based_on")
        if based_on is not None and based_on != reading.history.number:
            answer["error"] = error_document(_stale(reading.history.number, based_on))
        faults = list(edited.faults)
        if edited.changes:
            try:
                comparison = await self._mappings.preview(
                    connection,
                    stream,
                    edited.changes,
                    count=number(args, "rows", PREVIEW_ROWS),
                    keys=texts(args, "keys"),
                )
            except SourceChanged as error:
                faults += await self._missing(connection, reading, edited, written)
                answer["error"] = None if faults else error_document(error)
            except GroundwireError as error:
                # What was typed is judged all the same; whoever reads this decides about the rest.
                answer["error"] = error_document(error)
            else:
                answer["preview"] = comparison_document(comparison)
                answer["more_rejects"] = comparison.more_rejects
            answer["effects"] = await self._effects(connection, reading, edited.changes)
        return {**answer, "faults": [asdict(fault) for fault in faults]}

    async def _missing(
        self, connection: str, reading: Reading, edited: Edited, written: str
    ) -> list[EditFault]:
        """Each field that is made of a column that the source has not."""
        present = await self._mappings.columns(connection, reading.stream.name)
        return list(missing_columns(reading, edited.changes, present, written))

    async def _effects(
        self, connection: str, reading: Reading, changes: tuple[Change, ...]
    ) -> dict[str, Any]:
        address = f"{connection}/{reading.stream.name}"
        checkpoint = read_checkpoint(await self._outbox.last_checkpoint(address))
        letters = await self._outbox.letter_groups(Choice(stream=address))
        return {
            "restarts": connection,
            "records_sent": checkpoint.initial_done,
            "dead_letters": sum(group.count for group in letters),
            "stays": kept_here(self._policy(), connection, reading.stream.entity, changes),
        }


def missing_columns(
    reading: Reading, changes: tuple[Change, ...], present: tuple[str, ...], written: str
) -> Iterator[EditFault]:
    """Pure."""
    overlay = changed(reading.stream.map, reading.overlay, changes)
    table = apply(reading.stream.map, overlay)
    entity = reading.stream.entity
    mapping = compile_mapping(table, entity=entity, where=reading.stream.name)
    there = with_line_sets(present)
    for line in describe(entity, table, overlay, mapping).lines:
        for column in line.columns:
            if column not in there:
                near = difflib.get_close_matches(column, sorted(there), n=1)
                hint = (
                    f"Did you mean {near[0]}?"
                    if near
                    else "The columns that it has are listed with the mapping."
                )
                where = line_of(written, line.path)
                yield EditFault(where, line.field, f"the source has no column {column!r}", hint)


def kept_here(policy: Policy, connection: str, entity: str, changes: tuple[Change, ...]) -> list[str]:
    """Of the fields that are made otherwise, those that the policy does not let leave as they are. Pure."""
    made = [text_of(change.path) for change in changes if change.action is not Action.REMOVE]
    fields = [name for name in made if not name.startswith(("defaults.", "lookups."))]
    rule = None if policy.fault else policy.leave(connection, entity)
    if rule is None:
        return fields
    kind = ENTITIES[entity]
    return [name for name in fields if treatment_of(rule, kind, name).treatment is not Treatment.LEAVES]


def _stale(version: int, based_on: Any) -> Stale:
    return Stale(f"version {version} is in force, and this was written for version {based_on}")
