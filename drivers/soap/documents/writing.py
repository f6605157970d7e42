"""Carries out a write: one call of the document service, which AX carries out in one transaction.

AIF remembers the MessageId of each message that changes something and refuses it a second time ("Duplicate message"), so
the command's id, as a GUID, keeps what the network sent twice from having two effects. The refusal does not say what
became of the first: whoever meets it looks the effect up.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

from drivers.contract import (
    DriverError,
    Message,
    OperationKind,
    Outcome,
    SourceBusy,
    SourceChanged,
    StreamSpec,
    Throttled,
    Unreachable,
    WriteCommand,
)
from drivers.http.client import Redirected
from drivers.http.transport import NotSent
from drivers.keys import decode_key
from drivers.recipes.outcomes import (
    NOT_FOUND,
    Refusal,
    not_reached,
    outcome_of,
    recipe_to_execute,
    recipe_to_look_up,
)
from drivers.recipes.scope import Misfit, shortened
from drivers.soap.documents.composing import Composing, changed, created
from drivers.soap.documents.criteria import content_of, criterion
from drivers.soap.documents.faults import AifRefusal
from drivers.soap.documents.fetching import Fetcher
from drivers.soap.documents.port import KeyParts, Port
from drivers.soap.documents.recipe_reader import call_of, read_writes
from drivers.soap.documents.recipes import Writes
from drivers.soap.documents.shape import KEY_LIST, StreamShape

_MESSAGES: Final = uuid.UUID("6b0f6a2e-6a56-5d0e-9d5b-2f0d3a3f7c11")
_WHO: Final = "the system"
Opened = Callable[[StreamSpec], Awaitable[tuple[Port, StreamShape]]]


class Writer:
    def __init__(self, opened: Opened) -> None:
        self._opened = opened

    async def execute(self, command: WriteCommand) -> Outcome:
        try:
            try:
                port, shape = await self._opened(command.stream)
            except (Unreachable, SourceBusy, Throttled) as error:
                raise Refusal(not_reached(error, _WHO)) from error
            writes = read_writes(command.stream, shape.document)
            recipe_to_execute(command, writes)
            return await _Attempt(command, writes, port, shape).carry_out()
        except Refusal as refusal:
            return refusal.outcome
        except Misfit as misfit:
            return Refusal(Message(f"{misfit.place} {misfit.message}", misfit.code, misfit.place)).outcome

    async def find_effect(self, command: WriteCommand) -> Outcome | None:
        port, shape = await self._opened(command.stream)
        writes = read_writes(command.stream, shape.document)
        recipe_to_look_up(
            command, writes, hint="Name in find the header's field that holds the external reference."
        )
        try:
            return await _Attempt(command, writes, port, shape).looked_up()
        except (Refusal, Misfit):
            return None  # a record that is refused at sight was never written


class _Attempt:
    """One command, from the look-up of its effect to its outcome."""

    def __init__(self, command: WriteCommand, writes: Writes, port: Port, shape: StreamShape) -> None:
        self._command = command
        self._recipe = writes.recipes[command.operation]
        self._port = port
        self._shape = shape
        self._where = self._recipe.where
        self._key = self._key_of(command)
        self._scope = Composing(
            writes=writes,
            recipe=self._recipe,
            record=command.record,
            idempotency_key=shortened(command.idempotency_key, writes.idempotency_key_length),
            key=dict(zip(shape.options.key, self._key, strict=True)) if self._key else {},
        )

    async def carry_out(self) -> Outcome:
        call = call_of(self._command.operation)
        try:
            found = await self.looked_up()
            content = await self._content() if found is None else {}
        except (Unreachable, SourceBusy, Throttled) as error:
            raise Refusal(not_reached(error, _WHO)) from error
        if found is not None:
            return found
        try:
            answer = await self._port.change(call, content, message_id=self._message_id(), where=self._where)
        except AifRefusal as refusal:
            if refusal.duplicate:
                return await self._came_before()
            raise Refusal(*refusal.messages) from refusal
        except NotSent as error:
            raise Refusal(not_reached(error, _WHO)) from error
        except (Redirected, SourceChanged) as error:
            raise _open(error.message, error.where) from error
        if self._command.operation is not OperationKind.CREATE:
            return outcome_of(self._scope)
        return await self._created(answer)

    async def looked_up(self) -> Outcome | None:
        """The outcome of this very command, if its effect is there."""
        find = self._recipe.find
        if find is None:
            return None
        header = self._shape.document.entity.name
        reference = self._scope.idempotency_key
        asked = content_of(criterion(header, find.member.name, "Equal", reference))
        where = f"{self._where}.find"
        try:
            answer = await self._port.ask("find", asked, where=where)
        except AifRefusal as refusal:
            raise refusal.as_error(where) from refusal
        for record in self._port.records(answer):
            # AX finds without regard to case.
            if record.findtext(find.member.tag) == reference and self._is_meant(record):
                return outcome_of(replace(self._scope, results=self._texts(record)))
        return None

    async def _content(self) -> dict[str, Any]:
        document = self._shape.document
        if self._command.operation is OperationKind.CREATE:
            return {document.member.name: {document.entity.name: [created(self._scope)]}}
        keys = {KEY_LIST: self._port.key_list([self._key])}
        record = await self._record()
        if self._command.operation is OperationKind.DELETE:
            return keys
        return keys | {document.member.name: {document.entity.name: [changed(self._scope, record)]}}

    async def _record(self) -> Any:
        """The record as it is now, with what AIF wants to see again. Raises Refusal where there is none."""
        fetcher = Fetcher(self._port, self._shape)
        found = await fetcher.records([self._key]) if fetcher.can_be(self._key) else []
        for record in found:
            if self._is_meant(record):
                return record
        raise Refusal(NOT_FOUND)

    def _is_meant(self, record: Any) -> bool:
        """Whether it has the command's key; that of a create may be any."""
        return not self._key or all(
            record.findtext(column.path[0]) == part
            for column, part in zip(self._shape.key, self._key, strict=True)
        )

    async def _created(self, answer: Any) -> Outcome:
        """The key is in the answer; the number for people has to be read. Whatever is wrong with them, it was created."""
        try:
            keys = self._port.keys(answer, self._where)
        except DriverError:
            keys = []  # of other fields than the stream's key
        results: dict[str, Any] = dict(zip(self._shape.options.key, keys[0], strict=True)) if keys else {}
        if keys and self._recipe.reference is not None:
            try:
                (record,) = await self._port.read(keys[:1], where=self._where)
                results = self._texts(record) | results
            except (AifRefusal, DriverError, ValueError):
                pass  # the agent reads it back by its key
        return outcome_of(replace(self._scope, results=results))

    async def _came_before(self) -> Outcome:
        """AIF has seen this message before: with an effect, or as one that it refused."""
        found = await self.looked_up()
        if found is not None:
            return found
        raise _open(
            "AIF has processed a message with this id before, and its effect was not found", self._where
        )

    def _texts(self, record: Any) -> dict[str, str]:
        return {each.tag.rpartition("}")[2]: each.text or "" for each in record if not len(each)}

    def _message_id(self) -> str:
        """The same for the same command, and a GUID as AIF wants it."""
        told = f"{self._command.operation.value}:{self._command.idempotency_key}"
        return str(uuid.uuid5(_MESSAGES, told))

    def _key_of(self, command: WriteCommand) -> KeyParts:
        if command.operation is OperationKind.CREATE:
            return ()
        parts = tuple(decode_key(str(command.record.get("key", ""))))
        if len(parts) != len(self._shape.options.key):
            raise Refusal(NOT_FOUND)
        return parts


def _open(message: str, where: str) -> SourceBusy:
    """After this the effect is looked up."""
    return SourceBusy(message, where=where, hint="Look into AX for what became of the write.")
