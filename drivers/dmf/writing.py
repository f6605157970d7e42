"""Carries out a write: one package, one import, one execution that bears the id of the command.

An import is asynchronous and replaces: what has a known key is changed, what has none is added. So the record is looked
for before, in an export, and an execution that is known already is followed and never begun again. What the API does not
tell is said as open: an execution that still runs, one that ended half-way, one that was cancelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final, TypeVar

from drivers.contract import (
    CredentialsRefused,
    DriverError,
    Message,
    NotPermitted,
    Operation,
    OperationKind,
    Outcome,
    OutcomeStatus,
    SourceBusy,
    SourceChanged,
    StreamSpec,
    Throttled,
    Unreachable,
    WriteCommand,
)
from drivers.dmf.building import package_of
from drivers.dmf.composing import (
    Part,
    Scope,
    company_of,
    compose,
    key_of,
    messages_by_field,
    target_key,
)
from drivers.dmf.deadline import Deadline
from drivers.dmf.errors import refusal
from drivers.dmf.exports import Exports
from drivers.dmf.options import ConnectionOptions
from drivers.dmf.recipes import Recipe, Writes, read_writes
from drivers.dmf.service import FAILED, Service, Status
from drivers.dmf.shape import StreamShape, of_company, shape_of
from drivers.dmf.threads import to_its_end
from drivers.http.client import Redirected
from drivers.http.messages import Answer
from drivers.http.transport import NotSent
from drivers.recipes import recipe as recipes
from drivers.recipes.outcomes import (
    NOT_FOUND,
    Refusal,
    not_reached,
    outcome_of,
    recipe_to_execute,
    recipe_to_look_up,
)
from drivers.recipes.scope import Misfit, shortened
from drivers.recipes.values import is_text

_SYSTEM: Final = "Finance & Operations"
_SERVER_FAILED: Final = 500
_LEAVES_OPEN: Final = 408
_PURPOSE: Final = "write"  # of exports in which records are looked for

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Work:
    """One command, made ready."""

    scope: Scope
    shape: StreamShape  # of the one legal entity that is written in
    company: str
    key: str
    parts: tuple[Part, ...]
    execution: str
    deadline: Deadline

    @property
    def where(self) -> str:
        return self.scope.recipe.where

    @property
    def records(self) -> int:
        return sum(len(part.rows) for part in self.parts)


class Writer:
    def __init__(
        self,
        service: Service,
        options: ConnectionOptions,
        exports: Exports,
        *,
        make_deadline: Callable[[], Deadline],
    ) -> None:
        self._service = service
        self._options = options
        self._exports = exports
        self._make_deadline = make_deadline
        self._one_at_a_time = asyncio.Lock()  # an import fails while another one is begun

    def operations_of(self, stream: StreamSpec) -> list[Operation]:
        writes = read_writes(stream)
        shape_of(stream, self._options.legal_entities)
        late = timedelta(seconds=self._options.request_seconds + self._options.appear_seconds)
        settles = max(writes.settles_after, late)
        return list(
            recipes.operations_of(stream, writes.recipes.values(), dict.fromkeys(OperationKind, settles))
        )

    async def execute(self, command: WriteCommand) -> Outcome:
        writes = read_writes(command.stream)
        try:
            work = self._work(command, writes, recipe_to_execute(command, writes))
            async with self._one_at_a_time:
                return await self._carried_out(work)
        except Refusal as fault:
            return fault.outcome
        except Misfit as fault:
            return Refusal(Message(fault.message, fault.code, fault.place)).outcome

    async def find_effect(self, command: WriteCommand) -> Outcome | None:
        writes = read_writes(command.stream)
        recipe = recipe_to_look_up(command, writes, hint="Its execution is looked up by its id.")
        try:
            if recipe.faults_of(command.record):
                return None  # refused at sight: it was never sent
            work = self._work(command, writes, recipe)
            status = await self._service.status(work.execution, where=work.where)
            if status is None:
                return None
            if not status.ended:
                raise _open("the import still runs", work.where)
            return await self._outcome(work, status)
        except (Refusal, Misfit):
            return None

    # --- one command

    def _work(self, command: WriteCommand, writes: Writes, recipe: Recipe) -> Work:
        """Raises Refusal and Misfit for what can be told without asking."""
        shape = shape_of(command.stream, self._options.legal_entities)
        known: Mapping[str, str] = {}
        if recipe.kind is not OperationKind.CREATE:
            known = key_of(command.record, shape.headers.identity)
        scope = Scope(
            writes=writes,
            recipe=recipe,
            record=command.record,
            idempotency_key=shortened(command.idempotency_key, writes.idempotency_key_length),
            key=known,
        )
        company = company_of(scope, shape)
        return Work(
            scope, of_company(shape, company), company, target_key(scope), tuple(compose(scope)),
            command.idempotency_key, self._make_deadline(),
        )  # fmt: skip

    async def _carried_out(self, work: Work) -> Outcome:
        status = await self._nothing_sent(self._service.status(work.execution, where=work.where))
        if status is None:
            await self._nothing_sent(self._check_target(work))
            if not work.parts:
                return outcome_of(work.scope)
            await self._begun(work)
        return await self._outcome(work, await self._ended(work))

    async def _check_target(self, work: Work) -> None:
        """An import would change what a create finds, and add what an update does not find."""
        there = await self._is_there(work)
        if work.scope.recipe.kind is not OperationKind.CREATE and not there:
            raise Refusal(NOT_FOUND)
        if work.scope.recipe.kind is OperationKind.CREATE and there:
            raise Refusal(Message("there is a record with this key already", "already_exists"))

    async def _is_there(self, work: Work) -> bool:
        if not is_text(work.key):
            return False
        file, token = await self._exports.obtain(work.shape, purpose=_PURPOSE, deadline=work.deadline)
        try:
            creates = work.scope.recipe.kind is OperationKind.CREATE
            return await to_its_end(partial(file.has, work.key, like=creates))
        finally:
            file.close()
            await self._exports.release(work.shape, token, _PURPOSE)

    async def _begun(self, work: Work) -> None:
        project, where = work.scope.writes.project, work.where
        package = package_of(project, work.parts)
        url = await self._nothing_sent(self._service.upload_url(f"{work.execution}.zip", where=where))
        await self._nothing_sent(self._service.upload(url, package, where=where))
        await self._nothing_sent(self._service.client.sign_in())
        await self._exports.discard_all()
        try:
            answer = await self._service.start_import(url, project, work.execution, work.company, where=where)
        except NotSent as error:
            raise Refusal(not_reached(error, _SYSTEM)) from error
        except (Redirected, SourceChanged) as error:
            raise _open(error.message, where) from error
        if answer.status >= FAILED:
            await self._judge(work, answer)

    async def _judge(self, work: Work, answer: Answer) -> None:
        """An import that was refused. The id of its execution tells whether it was begun all the same."""
        error = refusal(answer, where=work.where, hidden=self._service.secrets)
        if isinstance(error, CredentialsRefused):
            raise error
        if answer.status >= _SERVER_FAILED or answer.status == _LEAVES_OPEN:
            raise _open(error.message, work.where)
        try:
            known = await self._service.status(work.execution, where=work.where)
        except DriverError as doubt:
            raise _open(error.message, work.where) from doubt
        if known is None:
            raise error if isinstance(error, NotPermitted) else Refusal(Message(error.message, "refused"))

    async def _ended(self, work: Work) -> Status:
        while True:
            status = await self._service.status(work.execution, where=work.where)
            if status is not None and status.ended:
                return status
            if not await work.deadline.next_look():
                raise _open("the import still runs", work.where)

    # --- what came of it

    async def _outcome(self, work: Work, status: Status) -> Outcome:
        """Of an execution that has ended. Raises Refusal where nothing was changed."""
        if status is Status.SUCCEEDED:
            return outcome_of(work.scope)
        try:
            said = await self._service.errors(work.execution, where=work.where)
        except DriverError as error:
            raise _open(error.message, work.where) from error
        messages = messages_by_field(work.scope, said)
        if not messages:
            messages = [
                Message(
                    f"the import ended as {status.value}, and no reason is given: see Data management > Job history for "
                    f"{work.execution}",
                    "refused",
                )
            ]
        if await self._is_untouched(work, status):
            raise Refusal(*messages)
        half = Message(f"the import ended as {status.value}: a part of it may have been done", "partly_done")
        return Outcome(OutcomeStatus.IN_DOUBT, messages=(half, *messages))

    async def _is_untouched(self, work: Work, status: Status) -> bool:
        """Whether nothing was changed for certain: one record failed as a whole, or the new one is not there."""
        if status is Status.FAILED and work.records == 1:
            return True
        if work.scope.recipe.kind is not OperationKind.CREATE:
            return False
        try:
            return not await self._is_there(work)
        except DriverError as error:
            raise _open(error.message, work.where) from error

    async def _nothing_sent(self, asking: Awaitable[_Answer]) -> _Answer:
        """Await a question. That it could not be answered leaves the write undone."""
        try:
            return await asking
        except (Unreachable, SourceBusy, Throttled) as error:
            raise Refusal(not_reached(error, _SYSTEM)) from error


def _open(message: str, where: str) -> SourceBusy:
    """After this the effect is looked up."""
    return SourceBusy(
        message, where=where, hint="See Data management > Job history for what became of the import."
    )
