"""Carries out a write: one request to the record service, which is carried out as a whole or not at all.

What a refusal says is certain; what a lost or an unreadable reply leaves open is said as open, and the agent looks the
effect up.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, TypeVar

from drivers.contract import (
    CredentialsRefused,
    DriverError,
    Message,
    NotPermitted,
    Operation,
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
from drivers.http.messages import Answer
from drivers.http.transport import NotSent
from drivers.netsuite.composing import Change, Scope, compose, external, field_at, find_query, key_of
from drivers.netsuite.errors import LOCKED, messages_of, refusal
from drivers.netsuite.recipes import EXTERNAL_ID, ID, Recipe, Step, Writes, read_writes
from drivers.netsuite.service import FAILED, Service
from drivers.recipes import recipe as recipes
from drivers.recipes.outcomes import (
    NOT_FOUND,
    Refusal,
    missing,
    not_reached,
    outcome_of,
    recipe_to_execute,
    recipe_to_look_up,
)
from drivers.recipes.scope import Misfit, runs_of, shortened
from drivers.recipes.words import RESULT

_SYSTEM: Final = "NetSuite"
_SERVER_FAILED: Final = 500
_DONE: Final = 204  # of every write; a page of somebody else in between is a 200
_NOT_FOUND: Final = 404
_LEAVES_OPEN: Final = frozenset({408})
_SAYS_NOTHING: Final = "UNEXPECTED_ERROR"  # that something failed, and not what became of the write
_MISSING: Final = frozenset({"NONEXISTENT_ID", "RCRD_DSNT_EXIST"})
_CODES: Final[Mapping[str, str]] = {
    "RCRD_HAS_BEEN_CHANGED": "changed_meanwhile",
    "RCRD_LOCKED_BY_WF": "locked",
    "RCRD_EDITED_SINCE_RETRIEVED": "changed_meanwhile",
}

_Answer = TypeVar("_Answer")


def operations_of(stream: StreamSpec, request_limit: timedelta) -> list[Operation]:
    """`request_limit`: how long a request may take; NetSuite works on behind a line that broke."""
    writes = read_writes(stream)
    late = max(writes.settles_after, request_limit)
    return list(recipes.operations_of(stream, writes.recipes.values(), dict.fromkeys(OperationKind, late)))


class _Refused(Refusal):
    """By NetSuite, of a request that it got."""


class Writer:
    def __init__(self, service: Service) -> None:
        self._service = service

    async def execute(self, command: WriteCommand) -> Outcome:
        writes = read_writes(command.stream)
        try:
            recipe = recipe_to_execute(command, writes)
            return await self._carried_out(_scope(command, writes, recipe))
        except Refusal as fault:
            return fault.outcome
        except Misfit as fault:
            return Refusal(Message(fault.message, fault.code, fault.place)).outcome

    async def find_effect(self, command: WriteCommand) -> Outcome | None:
        writes = read_writes(command.stream)
        recipe = recipe_to_look_up(
            command, writes, hint="Name the SuiteQL query that finds it by :idempotencyKey."
        )
        try:
            return await self._found(_scope(command, writes, recipe))
        except Refusal:
            return None  # a record that is refused at sight was never written

    async def _carried_out(self, scope: Scope) -> Outcome:
        found = await self._nothing_sent(self._found(scope))
        if found is not None:
            return found
        (step,) = scope.recipe.steps
        changed = False
        for each in runs_of(step, scope):
            change = compose(step, each)
            if change is not None:
                try:
                    answer = await self._sent(step, change)
                except _Refused as refused:
                    return await self._saved_all_the_same(refused, scope)
                scope = replace(scope, results={ID: _id_of(answer)})
                changed = True
        if not changed:
            if scope.recipe.kind is OperationKind.CREATE:
                raise Misfit(
                    "", "nothing_to_write", f"the condition under which a {step.record} is made does not hold"
                )
            await self._nothing_sent(self._must_be_there(step, scope))
        return await self._outcome(scope)

    async def _saved_all_the_same(self, refused: _Refused, scope: Scope) -> Outcome:
        """A script of the account that runs behind the saving may fail when the record is there already."""
        try:
            found = await self._found(scope)
        except DriverError as error:
            raise _open(
                f"{refused}; whether it was saved all the same: {error.message}", error.where
            ) from error
        if found is None:
            raise refused
        return replace(found, messages=refused.messages)

    async def _sent(self, step: Step, change: Change) -> Answer:
        await self._nothing_sent(self._service.make_ready())
        try:
            answer = await self._service.change(change.method, change.place, change.body, where=step.where)
        except NotSent as error:
            raise Refusal(not_reached(error, _SYSTEM)) from error
        except (Redirected, SourceChanged) as error:
            raise _open(error.message, step.where) from error
        self._judge(step, answer)
        return answer

    def _judge(self, step: Step, answer: Answer) -> None:
        if answer.status < FAILED:
            if answer.status != _DONE:
                raise _open(f"the answer ({answer.status}) is none of the record service", step.where)
            return
        kind, said = self._service.refusal(answer, step.where), self._service.said(answer)
        if answer.status in _LEAVES_OPEN or any(each.code == _SAYS_NOTHING for each in said):
            raise _open(kind.message, step.where)
        open_or_certain = (CredentialsRefused, NotPermitted, Throttled)
        if answer.status >= _SERVER_FAILED or isinstance(kind, open_or_certain):
            raise kind
        messages = [_message(step, each) for each in said]
        raise _Refused(*messages or [Message(f"NetSuite refused it ({answer.status})", "refused")])

    # --- what came of it

    async def _outcome(self, scope: Scope) -> Outcome:
        """The write succeeded, whatever comes of asking for the number that NetSuite gave."""
        recipe = scope.recipe
        if recipe.kind is not OperationKind.CREATE:
            return outcome_of(scope)
        asked = (recipe.reference or "").startswith(f"{RESULT}.") and recipe.reference != f"{RESULT}.{ID}"
        if scope.results.get(ID) and not asked:
            return outcome_of(scope)
        try:
            return await self._found(scope) or outcome_of(scope)
        except DriverError:
            return outcome_of(scope)

    async def _found(self, scope: Scope) -> Outcome | None:
        """The effect of this command, if it is there; None also where nobody can tell."""
        find = scope.recipe.find
        if find is None:
            return None
        (step,) = scope.recipe.steps
        if find == EXTERNAL_ID:
            return await self._found_by_external_id(step, scope)
        where = f"{scope.recipe.where}.find"
        rows = await self._service.query(find_query(find, scope), limit=1, where=where)
        return outcome_of(replace(scope, results=rows.items[0])) if rows.items else None

    async def _found_by_external_id(self, step: Step, scope: Scope) -> Outcome | None:
        where = f"{scope.recipe.where}.steps[0].create"
        answer = await self._service.record(external(step, scope), where=where)
        if _is_missing(answer):
            return None
        record = self._service.object_of(answer, where)
        results = {name: value for name, value in record.items() if isinstance(value, str)}
        if ID not in results:
            raise SourceChanged("the record has no id", where=where)
        return outcome_of(replace(scope, results=results))

    async def _must_be_there(self, step: Step, scope: Scope) -> None:
        """An update in which nothing is given changes nothing; of a record that is not there it fails all the same."""
        answer = await self._service.record(f"{step.record}/{scope.key[ID]}", where=step.where)
        if _is_missing(answer):
            raise Refusal(missing(step, scope))
        self._service.refuse(answer, step.where)

    async def _nothing_sent(self, asking: Awaitable[_Answer]) -> _Answer:
        """Await a question. That it could not be answered leaves the write undone."""
        try:
            return await asking
        except (Unreachable, SourceBusy, Throttled) as error:
            raise Refusal(not_reached(error, _SYSTEM)) from error


def _scope(command: WriteCommand, writes: Writes, recipe: Recipe) -> Scope:
    key: Mapping[str, str] | None = {}
    if recipe.kind is not OperationKind.CREATE:
        key = key_of(command.record)
        if key is None:
            raise Refusal(NOT_FOUND)
    return Scope(
        writes=writes,
        recipe=recipe,
        record=command.record,
        idempotency_key=shortened(command.idempotency_key, writes.idempotency_key_length, capitals=False),
        key=key or {},
    )


def _message(step: Step, said: Message) -> Message:
    """NetSuite's own words and code; the field as the record calls it, and a word of ours for what all systems know."""
    if said.code in _MISSING and not said.field:
        return replace(NOT_FOUND, text=said.text)
    code = _CODES.get(said.code) or ("locked" if LOCKED.search(said.text) else said.code) or "refused"
    return Message(said.text, code, field_at(step, said.field))


def _is_missing(answer: Answer) -> bool:
    """Whether NetSuite itself says so: a 404 without its code is the page of somebody else, and says nothing of it."""
    codes = {each.code for each in messages_of(answer)} - {""}
    if codes & _MISSING:
        return True
    return (
        answer.status == _NOT_FOUND and bool(codes) and isinstance(refusal(answer, where=""), SourceChanged)
    )


def _id_of(answer: Answer) -> Any:
    """Of the record that was written: NetSuite names its place and nothing else."""
    place = answer.headers.get("location", "").rstrip("/").rpartition("/")[2]
    return place if place.isascii() and place.isdigit() else None


def _open(message: str, where: str) -> SourceBusy:
    """After this the effect is looked up."""
    return SourceBusy(message, where=where, hint="Look into NetSuite for what became of the write.")
