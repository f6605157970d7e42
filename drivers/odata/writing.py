"""Carries out a write: the steps of its recipe, as one request or as one changeset.

A single request is carried out by the service as a whole or not at all, and so is a changeset. What a refusal says is
certain; what a lost or an unreadable reply leaves open is said as open, and the agent looks the effect up.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

from drivers.contract import (
    BadConfiguration,
    CredentialsRefused,
    DriverError,
    Message,
    NotPermitted,
    OperationKind,
    Outcome,
    SourceBusy,
    SourceChanged,
    Throttled,
    Unreachable,
    WriteCommand,
)
from drivers.http.client import Redirected
from drivers.http.messages import Answer, Request
from drivers.http.transport import NotSent
from drivers.odata.batches import Change, answers_of, changeset
from drivers.odata.composing import (
    Scope,
    compose,
    condition,
    is_meant,
    key_parts,
    matching,
    place_in,
    record_place,
    results_of,
    scopes,
)
from drivers.odata.edm import Model
from drivers.odata.errors import messages_of, refusal
from drivers.odata.literals import V4
from drivers.odata.recipe_reader import read_writes
from drivers.odata.recipes import Form, Recipe, Step, Writes
from drivers.odata.service import FAILED, Service
from drivers.recipes.outcomes import (
    NOT_FOUND,
    Refusal,
    missing,
    not_reached,
    outcome_of,
    recipe_to_execute,
    recipe_to_look_up,
)
from drivers.recipes.scope import Misfit, shortened
from drivers.recipes.tables import place_of
from drivers.recipes.words import KEY, RESULT

_T = TypeVar("_T")

_SYSTEM: Final = "the system"
_SERVER_FAILED: Final = 500
_DONE: Final = 2  # hundred and more
_LEAVES_OPEN: Final = frozenset({408})  # the time was up, also for work that had begun
_MISSING: Final = frozenset({404, 410})
_CHANGED: Final = frozenset({"Request_EntityChanged"})  # Business Central's word, with 409
_CODES: Final = {409: "conflict", 412: "changed_meanwhile", 423: "locked", 428: "changed_meanwhile"}


# Each would promise that nothing was changed.
_PROMISES: Final = (Refusal, BadConfiguration, CredentialsRefused, NotPermitted, SourceChanged)


class Writer:
    def __init__(self, service: Callable[[str], Service], path_of: Callable[[WriteCommand], str]) -> None:
        self._service = service
        self._path_of = path_of

    async def execute(self, command: WriteCommand) -> Outcome:
        try:
            return await self._execute(command)
        except Refusal as fault:
            return fault.outcome

    async def find_effect(self, command: WriteCommand) -> Outcome | None:
        service = self._service(self._path_of(command))
        model = await service.model(where=place_of(command.stream))
        writes = read_writes(command.stream, model)
        recipe = recipe_to_look_up(command, writes, hint="Name the filter that finds it by :idempotencyKey.")
        try:
            return await _found(service, model, _scope(command, writes, recipe, model))
        except Refusal:
            return None  # a record that is refused at sight was never written

    async def _execute(self, command: WriteCommand) -> Outcome:
        service = self._service(self._path_of(command))
        try:
            model = await service.model(where=place_of(command.stream))
        except (Unreachable, SourceBusy, Throttled) as error:
            raise Refusal(not_reached(error, _SYSTEM)) from error
        writes = read_writes(command.stream, model)
        recipe = recipe_to_execute(command, writes)
        return await _Run(service, model, _scope(command, writes, recipe, model)).outcome()


class _Run:
    """One walk over the steps of one command."""

    def __init__(self, service: Service, model: Model, scope: Scope) -> None:
        self._service = service
        self._model = model
        self._scope = scope
        self._recipe = scope.recipe
        self._results: dict[str, Any] = {}
        self._done = False  # whether something was changed

    async def outcome(self) -> Outcome:
        try:
            found = await self._nothing_sent(_found(self._service, self._model, self._scope))
            if found is not None:
                return found
            if self._recipe.separately:
                await self._one_by_one()
            else:
                await self._together()
        except Misfit as fault:
            raise self._refused(Message(fault.message, fault.code, fault.place)) from None
        made = outcome_of(replace(self._scope, results=self._results))
        return made if made.key or self._recipe.find is None else await self._looked_up(made)

    async def _looked_up(self, made: Outcome) -> Outcome:
        """A service that creates without saying what it made is asked for it; the write succeeded all the same."""
        try:
            return await _found(self._service, self._model, self._scope) or made
        except DriverError:
            return made

    async def _together(self) -> None:
        changes = [each async for each in self._changes()]
        if not changes:
            return
        if len(changes) == 1:
            self._take(changes[0][0], await self._send(changes[0][1]))
            return
        answers = await self._send_together([change for _, change in changes])
        for (step, _), answer in zip(changes, answers, strict=True):
            self._take(step, answer)

    async def _changes(self) -> AsyncIterator[tuple[Step, Change]]:
        for step in self._recipe.steps:
            for scope in scopes(step, self._scope):
                change = await self._change(step, scope)
                if change is not None:
                    yield step, change

    async def _one_by_one(self) -> None:
        if not any(name.partition(".")[0] == RESULT for step in self._recipe.steps for name in step.names):
            # That a line is not there is found before anything is changed. Their marks are asked for again: changing
            # one record may change another.
            async for _ in self._changes():
                pass
        for step in self._recipe.steps:
            for scope in scopes(step, replace(self._scope, results=self._results)):
                change = await self._whole(self._change(step, scope))
                if change is not None:
                    self._take(step, await self._whole(self._send(change)))
                    self._done = True

    async def _whole(self, doing: Awaitable[_T]) -> _T:
        """What promises that nothing was changed says so of the whole write, or is no such promise."""
        try:
            return await doing
        except _PROMISES as error:
            if not self._done:
                raise
            raise _half_done(error) from error

    async def _change(self, step: Step, scope: Scope) -> Change | None:
        tag, place = "", ""
        if step.matched:
            tag, place = await self._nothing_sent(self._match(step, scope))
        change = compose(step, scope, place)
        if step.conditions and not step.matched:
            tag = await self._nothing_sent(self._etag(step, scope))
        if change is not None and tag:
            change = replace(change, headers={"If-Match": tag})
        if change is None:
            return None
        headers = {"Accept": "application/json", **change.headers}
        if change.body:
            headers["Content-Type"] = "application/json"
        if self._scope.version == V4 and change.method == "POST":
            headers["Prefer"] = "return=representation"
        path = self._service.with_parameters(self._service.within(change.path))
        return replace(change, path=path, headers=headers)

    async def _etag(self, step: Step, scope: Scope) -> str:
        """The mark of the record as it is now; empty where the service gives none. Raises Refusal where it is not there."""
        names = ",".join(each.target.name for each in step.conditions)
        place = self._service.within(record_place(step, scope))
        answer = await self._asked(self._service.address(place, {"$select": names}), step, scope)
        if answer.status in _MISSING:
            raise self._refused(missing(step, scope))
        self._refuse(answer, step)
        record = record_of(answer.body)
        if not record:
            raise _no_record(step)
        return _plain(answer.headers.get("etag", "") or _tag_of(record))

    async def _match(self, step: Step, scope: Scope) -> tuple[str, str]:
        """Mark and path of the one record that the step means. Raises Refusal where there is none, or another too."""
        type_ = self._model.type_of(step.entity_set)
        names = dict.fromkeys((*type_.key, *(each.target.name for each in step.conditions)))
        query = {"$filter": matching(step, scope), "$select": ",".join(names), "$top": "2"}
        url = self._service.address(self._service.within(step.entity_set), query)
        answer = await self._asked(url, step, scope)
        self._refuse(answer, step)
        records = _records(answer.body)
        if records is None:
            raise _no_record(step)
        place = place_in(step.entity_set, type_, records[0], scope.version) if records else None
        if place is None:
            raise self._refused(missing(step, scope))
        if len(records) > 1:
            said = f"more than one record of {step.entity_set} is meant"
            raise self._refused(Message(said, "ambiguous", scope.place(step.conditions[0].name)))
        if not is_meant(step, scope, records[0]):
            raise SourceChanged(
                f"the service gave a record of {step.entity_set} that was not asked for: it ignores $filter",
                where=step.where,
                hint="Name the whole key by `where` instead of `match`.",
            )
        return _plain(_tag_of(records[0])), place

    async def _asked(self, url: str, step: Step, scope: Scope) -> Answer:
        try:
            return await self._service.ask(url, version=scope.version, where=step.where)
        except SourceChanged as error:
            raise BadConfiguration(error.message, where=error.where, hint=error.hint) from error

    def _refuse(self, answer: Answer, step: Step) -> None:
        if answer.status >= FAILED:
            raise refusal(answer, where=step.where, hidden=self._service.secrets)

    async def _send(self, change: Change) -> Answer:
        request = Request(
            change.method,
            f"{self._service.root}/{change.path}",
            change.headers,
            change.body,
            self._recipe.where,
        )
        answer = await self._sent(request)
        self._judge(answer)
        return answer

    async def _send_together(self, changes: Sequence[Change]) -> list[Answer]:
        content_type, body = changeset(changes, uuid.uuid4().hex)
        headers = {"Content-Type": content_type, "Accept": "multipart/mixed"}
        url = f"{self._service.root}/{self._service.with_parameters('$batch')}"
        answer = await self._sent(Request("POST", url, headers, body, self._recipe.where))
        self._judge(answer)
        try:
            answers = answers_of(answer)
        except ValueError:
            answers = []
        failed = [each for each in answers if each.status >= FAILED]
        if failed and len(failed) < len(answers):
            raise _open("the service carried out a part of the changeset", self._recipe.where)
        for each in answers:
            self._judge(each)
        if len(answers) != len(changes):
            raise _open("the answer to the changeset cannot be understood", self._recipe.where)
        return answers

    async def _sent(self, request: Request) -> Answer:
        await self._nothing_sent(self._service.make_ready(where=request.where))
        try:
            return await self._service.change(request)
        except NotSent as error:
            raise self._refused(not_reached(error, _SYSTEM)) from error
        except (Redirected, SourceChanged) as error:
            raise _open(error.message, error.where) from error

    def _judge(self, answer: Answer) -> None:
        if answer.status < FAILED:
            if answer.status // 100 != _DONE or _is_page(answer):
                raise _open(f"the answer ({answer.status}) is none of an OData service", self._recipe.where)
            return
        kind = refusal(answer, where=self._recipe.where, hidden=self._service.secrets)
        if answer.status in _LEAVES_OPEN:
            raise _open(kind.message, self._recipe.where)
        if answer.status >= _SERVER_FAILED or isinstance(kind, CredentialsRefused | NotPermitted):
            raise kind
        said = messages_of(answer, hidden=self._service.secrets)
        general = _CODES.get(answer.status, "")
        if any(each.code in _CHANGED for each in said):
            general = "changed_meanwhile"
        messages = tuple(replace(each, code=each.code or general or "refused") for each in said)
        if answer.status in _CODES and messages:
            messages = (replace(messages[0], code=general), *messages[1:])
        raise Refusal(
            *messages or (Message(f"the service refused it ({answer.status})", general or "refused"),)
        )

    def _take(self, step: Step, answer: Answer) -> None:
        if step.form is not Form.CREATE or step.for_each is not None:
            return
        record = record_of(answer.body)
        self._results |= results_of(record, self._model.type_of(step.entity_set).properties)

    async def _nothing_sent(self, asking: Any) -> Any:
        """Await a question. That it could not be answered leaves the write undone."""
        try:
            return await asking
        except (Unreachable, SourceBusy, Throttled) as error:
            if self._done:
                raise
            raise Refusal(not_reached(error, _SYSTEM)) from error

    def _refused(self, message: Message) -> Refusal | DriverError:
        return _half_done(Refusal(message)) if self._done else Refusal(message)


async def _found(service: Service, model: Model, scope: Scope) -> Outcome | None:
    """What `find` says of the effect of this command; nothing where there is none."""
    recipe, writes = scope.recipe, scope.writes
    if recipe.find is None:
        return None
    query = {"$filter": condition(recipe.find, scope), "$top": "1"}
    url = service.address(service.within(writes.entity_set), query)
    where = f"{recipe.where}.find"
    answer = await service.get(url, version=scope.version, where=where)
    records = _records(answer.body)
    if records is None:
        raise SourceChanged(
            "the answer holds no list of records", where=where, hint="See that find is a filter."
        )
    if not records:
        return None
    return outcome_of(
        replace(scope, results=results_of(records[0], model.type_of(writes.entity_set).properties))
    )


def _scope(command: WriteCommand, writes: Writes, recipe: Recipe, model: Model) -> Scope:
    key: Mapping[str, str] | None = {}
    if recipe.kind is not OperationKind.CREATE:
        key = key_parts(str(command.record.get(KEY, "")), writes.key, model.version)
        if key is None:
            raise Refusal(NOT_FOUND)
    return Scope(
        version=model.version,
        writes=writes,
        recipe=recipe,
        record=command.record,
        idempotency_key=shortened(command.idempotency_key, writes.idempotency_key_length),
        key=key or {},
    )


def record_of(body: bytes) -> Mapping[str, Any]:
    """The record of an answer, numbers as they were printed; empty where there is none."""
    content = _loaded(body)
    held = content.get("d", content) if isinstance(content, dict) else {}
    return held if isinstance(held, dict) else {}


def _records(body: bytes) -> list[Any] | None:
    content = _loaded(body)
    if not isinstance(content, dict):
        return None
    held = content.get("value", content.get("d"))
    if isinstance(held, dict):
        held = held.get("results")
    return [each for each in held if isinstance(each, dict)] if isinstance(held, list) else None


def _loaded(body: bytes) -> Any:
    try:
        return json.loads(body, parse_float=str)
    except (ValueError, RecursionError):
        return None


def _is_page(answer: Answer) -> bool:
    """A logon page, or that of a proxy, answered in the service's place."""
    return answer.headers.get("content-type", "").lower().startswith("text/html")


def _tag_of(record: Mapping[str, Any]) -> str:
    inside = record.get("__metadata")
    found = inside.get("etag") if isinstance(inside, dict) else record.get("@odata.etag")
    return found if isinstance(found, str) else ""


def _no_record(step: Step) -> SourceChanged:
    """Before anything is changed: a record whose version is not known is not written over."""
    return SourceChanged(
        f"the answer of {step.entity_set} holds no record",
        where=step.where,
        hint="A logon page or a proxy may have answered in the system's place; `groundwire check` tells more.",
    )


def _plain(tag: str) -> str:
    """A mark that can stand in a header; empty otherwise."""
    return tag if tag.isprintable() and tag.isascii() else ""


def _open(message: str, where: str) -> SourceBusy:
    """After this the effect is looked up."""
    return SourceBusy(message, where=where, hint="Look into the system for what became of the write.")


def _half_done(error: Exception) -> DriverError:
    """A later step failed and an earlier one was carried out."""
    said = error.messages[0].text if isinstance(error, Refusal) else str(error)
    return _open(f"a part of the write was carried out, then: {said}", "")
