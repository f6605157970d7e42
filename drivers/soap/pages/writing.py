"""Carries out a write: one call of a page or of a codeunit, which the system does as a whole or not at all.

What a fault says is certain: nothing was changed. What a lost or an unreadable answer leaves open is said as open, and
the agent looks the effect up.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, NoReturn, TypeVar

from drivers.contract import (
    BadConfiguration,
    CredentialsRefused,
    Message,
    NotPermitted,
    Operation,
    OperationKind,
    Outcome,
    RecordFault,
    SourceBusy,
    SourceChanged,
    StreamSpec,
    Throttled,
    Unreachable,
    WriteCommand,
)
from drivers.http.client import Redirected
from drivers.http.transport import NotSent
from drivers.recipes.outcomes import (
    Refusal,
    missing,
    not_reached,
    outcome_of,
    recipe_to_execute,
    recipe_to_look_up,
)
from drivers.recipes.recipe import operations_of
from drivers.recipes.scope import Misfit, holds, shortened
from drivers.soap.envelope import Unsendable
from drivers.soap.faults import SoapFault
from drivers.soap.pages import faults
from drivers.soap.pages.composing import Scope, called, created, key_parts, results_of, updated
from drivers.soap.pages.criteria import both, literal, quoted
from drivers.soap.pages.recipe_reader import read_writes, targets_of
from drivers.soap.pages.recipes import Form, Recipe, Step, Writes
from drivers.soap.pages.service import KEY, PageService, text_in
from drivers.soap.pages.shape import PageShape, is_filterable, plain_columns

_SYSTEM: Final = "the system"
_MOST_FOUND: Final = 20  # records whose references differ in case alone
_HINT: Final = "Name the field that holds the command's reference, such as Your_Reference."
# Errors that promise that nothing was changed, as the contract has it.
_NOTHING_CHANGED: Final = (BadConfiguration, CredentialsRefused, NotPermitted, RecordFault, SourceChanged)
_Answer = TypeVar("_Answer")


class Writer:
    def __init__(self, service: PageService, shape: Callable[[StreamSpec], Awaitable[PageShape]]) -> None:
        self._service = service
        self._shape = shape

    async def operations(self, stream: StreamSpec) -> list[Operation]:
        writes = await self._writes(stream, await self._shape(stream))
        settles = max(writes.settles_after, timedelta(seconds=self._service.options.request_seconds))
        return list(operations_of(stream, writes.recipes.values(), dict.fromkeys(writes.recipes, settles)))

    async def execute(self, command: WriteCommand) -> Outcome:
        try:
            shape = await _nothing_sent(self._shape(command.stream))
            writes = await _nothing_sent(self._writes(command.stream, shape))
            recipe = recipe_to_execute(command, writes)
            return await _Run(self._service, shape, _scope(command, writes, recipe)).outcome()
        except Refusal as refusal:
            return refusal.outcome

    async def find_effect(self, command: WriteCommand) -> Outcome | None:
        shape = await self._shape(command.stream)
        writes = await self._writes(command.stream, shape)
        recipe = recipe_to_look_up(command, writes, hint=_HINT)
        try:
            return await _Run(self._service, shape, _scope(command, writes, recipe)).found()
        except Refusal:
            return None  # a record that is refused at sight was never written

    async def _writes(self, stream: StreamSpec, shape: PageShape) -> Writes:
        where = f"streams.{stream.name}.write"
        if not stream.write:
            return Writes(stream=stream.name, recipes={}, key=shape.key)
        pages, codeunits = targets_of(stream)
        try:
            return await self._read(stream, shape, pages, codeunits)
        except (SourceChanged, BadConfiguration):
            # What is not in the WSDLs that were kept may be in the services by now.
            for page in pages:
                self._service.drifted.add(page)
            for name in codeunits:
                address = self._service.address("Codeunit", name)
                await self._service.store.refresh(address, where=where)
        return await self._read(stream, shape, pages, codeunits)

    async def _read(
        self, stream: StreamSpec, shape: PageShape, pages: list[str], codeunits: list[str]
    ) -> Writes:
        where = f"streams.{stream.name}.write"
        models = {page: await self._service.model(page, where=where) for page in pages}
        held = {
            name: await self._service.store.definitions(self._service.address("Codeunit", name), where=where)
            for name in codeunits
        }
        return read_writes(stream, shape, models, held, self._service.options)


class _Run:
    """One command."""

    def __init__(self, service: PageService, shape: PageShape, scope: Scope) -> None:
        self._service = service
        self._shape = shape
        self._scope = scope
        self._step: Step = scope.recipe.steps[0]

    async def outcome(self) -> Outcome:
        if self._scope.recipe.find is not None:
            found = await _nothing_sent(self.found())
            if found is not None:
                return found
        if not holds(self._step, self._scope):
            return outcome_of(self._scope)
        try:
            return await _FORMS[self._step.form](self)
        except Misfit as fault:
            raise Refusal(Message(fault.message, fault.code, fault.place)) from None

    async def found(self) -> Outcome | None:
        """The effect of this command, by the reference that it left, also where the stream's filter leaves it out."""
        field = self._scope.recipe.find
        if field is None:
            return None
        reference = self._scope.idempotency_key
        held = {field: quoted(reference)}
        if self._scope.recipe.kind is not OperationKind.CREATE:
            self._add_key(held)
        records = await self._service.records(
            self._shape.options.page,
            self._shape.model,
            list(held.items()),
            size=_MOST_FOUND,
            where=f"{self._scope.recipe.where}.find",
        )
        # A server may compare without regard to case, and a field of type Code keeps capitals only.
        mine = {reference, reference.upper()}
        found = next((each for each in records if text_in(each, field) in mine), None)
        return self._outcome(found) if found is not None else None

    # --- the forms

    async def _create(self) -> Outcome:
        model = self._step.model
        assert model is not None  # noqa: S101 - a page
        content = created(self._step, self._scope)
        answer = await self._sent("Create", {model.entity.name: content})
        record = (
            next((each for each in answer if each.tag == model.entity.tag), None)
            if answer is not None
            else None
        )
        if record is None:
            raise SourceBusy("the answer to Create holds no record", where=self._scope.recipe.where)
        return self._outcome(record)

    async def _update(self) -> Outcome:
        model = self._step.model
        assert model is not None  # noqa: S101 - a page
        record = await self._record()
        change = updated(self._step, self._scope, record)
        if change is None:
            return self._outcome(record)
        if change.content:
            await self._sent("Update", {model.entity.name: change.content}, key=text_in(record, KEY))
        for number, (part, key) in enumerate(change.deletes):
            await self._delete_line(part, key, begun=bool(change.content) or number > 0)
        return self._outcome(record)

    async def _delete_line(self, part: str, key: str, *, begun: bool) -> None:
        """Lines go in calls of their own; what fails behind the first leaves the write half done."""
        try:
            answer = await self._sent(f"Delete_{part}", {f"{part}_Key": key}, key=key)
        except (Refusal, *_NOTHING_CHANGED) as error:
            if not begun:
                raise
            raise SourceBusy(
                f"the record was changed, but a line of {part} was not deleted: {error}",
                where=self._scope.recipe.where,
                hint="Look at the record in the system.",
            ) from error
        if not _says_yes(answer):
            # The page's own code said so, which may have deleted it all the same.
            raise SourceBusy(
                f"the system does not say that a line of {part} was deleted",
                where=self._scope.recipe.where,
                hint="Look at the record in the system.",
            )

    async def _delete(self) -> Outcome:
        record = await self._record()
        key = text_in(record, KEY) or ""
        answer = await self._sent("Delete", {KEY: key}, key=key)
        if not _says_yes(answer) and await self._still_there():
            raise Refusal(
                Message("the system did not delete the record and does not say why", "not_deleted", "key")
            )
        return outcome_of(self._scope)

    async def _call(self) -> Outcome:
        content = called(self._step, self._scope)
        target = self._service.address("Codeunit", self._step.target)
        await self._judged(
            self._service.channel.call(
                self._step.definitions, self._step.function, content, target=target, where=self._step.where
            )
        )
        return outcome_of(self._scope)

    # --- asking and sending

    async def _record(self) -> Any:
        """The record as it is now, with its Key. Raises Refusal where it is not there."""
        records = await _nothing_sent(self._named())
        if not records:
            raise Refusal(missing(self._step, self._scope))
        return records[0]

    async def _named(self) -> list[Any]:
        step = self._step
        assert step.model is not None  # noqa: S101 - a page
        same = step.target == self._shape.options.page
        held = dict(self._shape.options.filter) if same else {}
        self._add_key(held)
        most = self._service.options.page_size
        found = await self._service.records(
            step.target, step.model, list(held.items()), size=most, where=step.where
        )
        # A server may take a value for another one that differs in case alone.
        return [each for each in found if results_of(each, self._shape.key) == dict(self._scope.key)]

    def _add_key(self, filters: dict[str, str]) -> None:
        """What is written in the service's own language is left out; who asked looks."""
        for column in self._shape.key:
            if is_filterable(column):
                name = literal(column.kind, self._scope.key[column.name])
                filters[column.name] = both(filters.get(column.name, ""), name)

    async def _still_there(self) -> bool:
        return bool(await self._named())

    async def _sent(self, operation: str, content: Mapping[str, Any], key: str | None = None) -> Any:
        step = self._step
        assert step.model is not None  # noqa: S101 - a page
        call = self._service.call(step.target, step.model, operation, content, where=step.where)
        return await self._judged(call, key)

    async def _judged(self, call: Awaitable[Any], key: str | None = None) -> Any:
        """`key`: of the record or line that the call changes."""
        try:
            return await call
        except NotSent as error:
            raise Refusal(not_reached(error, _SYSTEM)) from error
        except Unsendable as error:
            raise Refusal(Message(str(error), "not_a_text")) from error
        except (Redirected, SourceChanged) as error:
            raise SourceBusy(
                f"what became of it is not known: {error.message}", where=error.where, hint=error.hint
            ) from error
        except SoapFault as fault:
            await self._refused(fault, key)

    async def _refused(self, fault: SoapFault, key: str | None) -> NoReturn:
        """The system said no, and what it does is one transaction: nothing was changed."""
        kind = faults.kind_of(fault)
        if kind is NotPermitted:
            raise faults.translated(fault, where=self._step.where) from fault
        if faults.says_changed(fault) or (key and await self._was_updated(key)):
            raise Refusal(Message(fault.text, "changed_meanwhile", "key")) from fault
        if faults.says_not_found(fault):
            raise Refusal(Message(fault.text, "not_found")) from fault
        raise Refusal(Message(fault.text, faults.short_code(fault))) from fault

    async def _was_updated(self, key: str) -> bool:
        """Whether somebody wrote the record since its Key was read, in no language but the protocol's."""
        step = self._step
        assert step.model is not None  # noqa: S101 - a page
        if "IsUpdated" not in step.definitions.operations:
            return False
        try:
            answer = await self._service.call(
                step.target, step.model, "IsUpdated", {KEY: key}, where=step.where
            )
        except (SoapFault, Unreachable, SourceBusy, Throttled, SourceChanged):
            return False
        return _says_yes(answer)

    def _outcome(self, record: Any) -> Outcome:
        columns = list(plain_columns(self._shape.model.definitions, self._shape.model.type))
        return outcome_of(replace(self._scope, results=results_of(record, columns)))


_FORMS: Final[Mapping[Form, Callable[[_Run], Awaitable[Outcome]]]] = {
    Form.CREATE: _Run._create,  # noqa: SLF001 - the same class
    Form.UPDATE: _Run._update,  # noqa: SLF001
    Form.DELETE: _Run._delete,  # noqa: SLF001
    Form.CALL: _Run._call,  # noqa: SLF001
}


def _says_yes(answer: Any) -> bool:
    return answer is not None and any((each.text or "").strip() in {"true", "1"} for each in answer)


def _scope(command: WriteCommand, writes: Writes, recipe: Recipe) -> Scope:
    """Raises Refusal for a key that no record can have."""
    key: Mapping[str, str] | None = {}
    if recipe.kind is not OperationKind.CREATE:
        key = key_parts(str(command.record.get("key", "")), writes.key)
        if key is None:
            raise Refusal(Message("there is no such record", "not_found", "key"))
    return Scope(
        writes=writes,
        recipe=recipe,
        record=command.record,
        idempotency_key=shortened(command.idempotency_key, writes.idempotency_key_length),
        key=key or {},
    )


async def _nothing_sent(asking: Awaitable[_Answer]) -> _Answer:
    """Await a question. That it could not be answered leaves the write undone."""
    try:
        return await asking
    except (Unreachable, SourceBusy, Throttled) as error:
        raise Refusal(not_reached(error, _SYSTEM)) from error
