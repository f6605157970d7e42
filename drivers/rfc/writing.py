"""Carries out a write: the calls of its recipe and the commit, in one session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final
from zoneinfo import ZoneInfo

from drivers.contract import (
    BadConfiguration,
    DriverError,
    Message,
    OperationKind,
    Outcome,
    OutcomeStatus,
    SourceBusy,
    StreamSpec,
    Throttled,
    Unreachable,
    WriteCommand,
)
from drivers.keys import decode_key, encode_key
from drivers.recipes.outcomes import NOT_FOUND, Refusal, recipe_to_execute, recipe_to_look_up
from drivers.recipes.scope import Misfit, holds, shortened
from drivers.recipes.words import KEY, RESULT
from drivers.rfc.caller import CallFailed, Reply, Session, Trouble, rows, structure, text
from drivers.rfc.calling import CallComposer, Composed, Scope
from drivers.rfc.changes import plan_of
from drivers.rfc.conditions import Compare
from drivers.rfc.conversions import alpha_out
from drivers.rfc.engine import Engine
from drivers.rfc.errors import masked, translate
from drivers.rfc.positions import can_be
from drivers.rfc.recipes import Recipe, Writes, writes_of
from drivers.rfc.returns import Said, messages
from drivers.rfc.write_options import CallTable

COMMIT: Final = "BAPI_TRANSACTION_COMMIT"
ROLLBACK: Final = "BAPI_TRANSACTION_ROLLBACK"
# The call did not begin, and a person has to act.
_FOR_A_PERSON: Final = frozenset(
    {
        Trouble.LOGON, Trouble.LOCKED, Trouble.EXPIRED, Trouble.CLIENT, Trouble.ROUTE, Trouble.AUTHORITY, Trouble.MISSING,
        Trouble.SETUP,
    }
)  # fmt: skip


# Told of the commit, or of a function that commits by itself, these too mean that it did not begin. What else there is
# may have come after it: a gateway's own 500, a redirect, a reply that is too large.
_NOT_BEGUN: Final = frozenset({Trouble.UNREACHED, Trouble.LOGON, Trouble.AUTHORITY})


class Writer:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._composer = CallComposer(engine.dictionary)
        zone = engine.options.time_zone
        self._zone = ZoneInfo(zone) if zone else None

    def execute(self, command: WriteCommand) -> Outcome:
        try:
            return self._execute(command)
        except Refusal as refusal:
            return refusal.outcome
        except Misfit as fault:
            told = Message(f"{fault.place} {fault.message}", fault.code, fault.place)
            return Outcome(OutcomeStatus.FAILED, messages=(told,))

    def find_effect(self, command: WriteCommand) -> Outcome | None:
        writes = writes_of(command.stream)
        recipe = recipe_to_look_up(
            command, writes, hint="Name the table and the column that keep idempotencyKey."
        )
        return self._found(command, writes, recipe)

    def check(self, stream: StreamSpec) -> str:
        """What can be written, each call held against the system without making it; empty: nothing.

        Raises DriverError with the place of what does not fit.
        """
        writes = writes_of(stream)
        kept = shortened("check", writes.idempotency_key_length)
        for recipe in writes.recipes.values():
            for number, call in enumerate(recipe.steps):
                where = f"{recipe.where}.calls[{number}]"
                scope = Scope(
                    writes=writes, recipe=recipe, record={}, idempotency_key=kept, zone=self._zone, blank=True
                )
                self._composer.compose(call, scope, where)
                self._composer.require(call, call.test_run, f"{where}.test_run")
            if not recipe.commits_itself:
                self._require_sessions()
            # It has to work on the day that somebody needs it.
            self._found(WriteCommand(recipe.kind, stream.entity, {}, "check", stream), writes, recipe)
        words = ", ".join(kind.value for kind in writes.recipes)
        return f"{words}; the system has each function and field" if words else ""

    def _require_sessions(self) -> None:
        try:
            with self._engine.caller.session() as session:
                session.call("RFC_PING")
        except CallFailed as error:
            raise translate(error, where="options.way", hidden=self._engine.secrets) from error

    def _execute(self, command: WriteCommand) -> Outcome:
        writes = writes_of(command.stream)
        recipe = recipe_to_execute(command, writes)
        try:
            scope = self._scope(command, writes, recipe)
            # Also finds out, before anything is done, whether the system can be reached and the recipe fits it.
            first = self._composer.compose(recipe.steps[0], scope, f"{recipe.where}.calls[0]")
            found = self._found(command, writes, recipe) if recipe.find is not None else None
        except (Unreachable, SourceBusy, Throttled) as error:
            raise Refusal(_not_reached(error)) from error
        return found or self._carry_out(recipe, scope, first)

    def _carry_out(self, recipe: Recipe, scope: Scope, first: Composed) -> Outcome:
        run = _Run(self._engine, self._composer, recipe, scope)
        try:
            with self._engine.caller.session() as session:
                run.calls(session, first)
                run.commit(session)
        except CallFailed as error:
            return self._judged(error, recipe, run)
        except DriverError as error:
            if run.may_have_an_effect:
                return Outcome(OutcomeStatus.IN_DOUBT, messages=(Message(error.message, error.code),))
            raise
        return run.outcome()

    def _judged(self, error: CallFailed, recipe: Recipe, run: _Run) -> Outcome:
        told = Message(
            masked(error.text, self._engine.secrets),
            str(error.message_id) or error.key or error.trouble.value,
        )
        if run.may_have_an_effect and error.trouble not in _NOT_BEGUN:
            return Outcome(OutcomeStatus.IN_DOUBT, messages=(told,))
        if error.trouble in _FOR_A_PERSON:
            raise translate(error, where=recipe.where, hidden=self._engine.secrets) from error
        if error.trouble in {Trouble.LOST, Trouble.UNREACHED}:
            text_of = "the connection to SAP broke before anything was committed; nothing was changed"
            raise Refusal(Message(text_of, "unreachable")) from error
        raise Refusal(told) from error

    def _scope(self, command: WriteCommand, writes: Writes, recipe: Recipe) -> Scope:
        shape = self._engine.shape(replace(command.stream, columns=()))
        key: Mapping[str, str] = {}
        if recipe.kind is not OperationKind.CREATE:
            parts = decode_key(str(command.record.get(KEY, "")))
            if not can_be(shape.key_fields, parts):
                raise Refusal(NOT_FOUND)
            key = dict(zip(shape.key, parts, strict=True))
        return Scope(
            writes=writes,
            recipe=recipe,
            record=command.record,
            idempotency_key=shortened(command.idempotency_key, writes.idempotency_key_length),
            key=key,
            zone=self._zone,
        )

    def _found(self, command: WriteCommand, writes: Writes, recipe: Recipe) -> Outcome | None:
        find = recipe.find
        if find is None:
            return None
        where = f"{recipe.where}.find"
        dictionary = self._engine.dictionary
        table = dictionary.table(find.table, where=where)
        shape = self._engine.shape(replace(command.stream, columns=()))
        names = find.key or tuple(field.name for field in shape.key_fields)
        fields = [dictionary.field(table.name, name, where=where) for name in names]
        column = dictionary.field(table.name, find.column, where=where)
        kept = shortened(command.idempotency_key, writes.idempotency_key_length)
        if len(kept) > column.length:
            raise BadConfiguration(
                f"{table.name}-{column.name} has room for {column.length} characters, the reference has {len(kept)}",
                where=where,
                hint=f"Set idempotency_key_length = {max(column.length, 12)}, or choose a longer column.",
            )
        plan = plan_of(table, [*fields, column], Compare(column.name, "=", kept), where)
        for part in self._engine.tables().every(plan):
            for values in zip(*(part.column(name).to_pylist() for name in names), strict=True):
                return Outcome(OutcomeStatus.SUCCEEDED, key=encode_key(values), reference=_shown(values))
        return None


class _Run:
    """One carrying out: results so far, what SAP said, and how far it came."""

    def __init__(self, engine: Engine, composer: CallComposer, recipe: Recipe, scope: Scope) -> None:
        self._engine = engine
        self._composer = composer
        self._recipe = recipe
        self._scope = scope
        self._said: list[Message] = []
        self.may_have_an_effect = False

    def calls(self, session: Session, first: Composed) -> None:
        for number, call in enumerate(self._recipe.steps):
            if not holds(call, self._scope):
                continue
            where = f"{self._recipe.where}.calls[{number}]"
            composed = first if number == 0 else self._composer.compose(call, self._scope, where)
            if call.test_run is not None:
                tried = session.call(call.function, **composed.parameters, **{call.test_run: "X"})
                self._refuse_failed(session, call, composed, tried)
            self.may_have_an_effect = self._recipe.commits_itself
            reply = session.call(call.function, **composed.parameters)
            self._refuse_failed(session, call, composed, reply)
            self._said += [_message(said, composed) for said in messages(reply, call.messages)]
            results = {name: _returned(reply, told) for name, told in call.returns.items()}
            self._scope = replace(self._scope, results={**self._scope.results, **results})

    def commit(self, session: Session) -> None:
        if self._recipe.commits_itself:
            return
        self._refuse_keyless()
        self.may_have_an_effect = True
        reply = session.call(COMMIT, WAIT="X")
        failed = next((said for said in messages(reply) if said.failed), None)
        if failed is not None:
            raise CallFailed(Trouble.FAILURE, failed.text, function=COMMIT)

    def outcome(self) -> Outcome:
        if self._recipe.kind is OperationKind.CREATE:
            parts = [self._result(name) for name in self._recipe.key]
        else:
            parts = list(self._scope.key.values())
        return Outcome(
            OutcomeStatus.SUCCEEDED,
            key=encode_key(parts),
            reference=_shown(parts),
            messages=tuple(self._said),
        )

    def _refuse_failed(self, session: Session, call: CallTable, composed: Composed, reply: Reply) -> None:
        said = messages(reply, call.messages)
        if not any(each.failed for each in said):
            return
        if not self._recipe.commits_itself:
            with suppress(
                CallFailed
            ):  # the end of the session undoes it as well, and SAP's reason is what counts
                session.call(ROLLBACK)
        # The first often says no more than that nothing was done; the reasons come behind it.
        failed = [_message(each, composed) for each in said if each.failed]
        raise Refusal(*failed)

    def _refuse_keyless(self) -> None:
        """Without a number there is nothing that a commit should keep."""
        if self._recipe.kind is OperationKind.CREATE and not all(map(self._result, self._recipe.key)):
            raise Refusal(Message("the system gave no number for the new record", "no_key"))

    def _result(self, name: str) -> str:
        head, _, rest = name.partition(".")
        if head == RESULT:
            return self._scope.results.get(rest, "")
        return str(self._scope.record.get(name) or "")


def _returned(reply: Reply, told: str) -> str:
    """A parameter, a field of a structure, or of the first row of a table."""
    parameter, _, member = told.partition(".")
    if not member:
        return text(reply, parameter)
    found = rows(reply, parameter)
    return text(found[0] if found else structure(reply, parameter), member)


def _message(said: Said, composed: Composed) -> Message:
    place = composed.origin(said.parameter, said.row, said.field)
    return Message(said.text or said.code, said.code, place)


def _shown(parts: Sequence[str]) -> str:
    """The record's number as SAP's users know it."""
    return "/".join(alpha_out(part) for part in parts)


def _not_reached(error: DriverError) -> Message:
    code = "unreachable" if isinstance(error, Unreachable) else "busy"
    return Message(f"SAP was not reached, and nothing was changed: {error.message}", code)
