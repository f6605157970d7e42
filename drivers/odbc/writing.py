"""Carries out a write: the steps of its recipe, in one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from drivers.contract import (
    BadConfiguration,
    DriverError,
    Message,
    OperationKind,
    Outcome,
    OutcomeStatus,
    SourceBusy,
    SourceChanged,
    Throttled,
    Unreachable,
    WriteCommand,
)
from drivers.odbc.binding import key_text
from drivers.odbc.composing import (
    Scope,
    compose,
    key_parts,
    looks_only,
    render,
    row_inserted_last,
)
from drivers.odbc.errors import translate
from drivers.odbc.learning import as_declared, learn, query_columns
from drivers.odbc.queries import Sql
from drivers.odbc.recipe_reader import read_writes
from drivers.odbc.recipes import Form, Recipe, Step, Writes
from drivers.odbc.session import Session
from drivers.odbc.shape import QueryColumn
from drivers.odbc.statements import table_name
from drivers.odbc.transactions import (
    Answer,
    CommitUnanswered,
    NotUndone,
    RolledBack,
    Transaction,
    Transactions,
)
from drivers.odbc.verdicts import Verdict
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
from drivers.recipes.words import KEY, RESULT

_DATABASE: Final = "the database"
TABLE_FORMS: Final = frozenset({Form.INSERT, Form.UPDATE, Form.DELETE})
Columns = Mapping[str, Sequence[QueryColumn]]  # by the step's place


class Writer:
    def __init__(self, session: Session, *, pause: Callable[[float], None] = time.sleep) -> None:
        self._session = session
        self._transactions = Transactions(session, pause)

    def execute(self, command: WriteCommand) -> Outcome:
        try:
            return self._execute(command)
        except Refusal as refusal:
            return refusal.outcome

    def find_effect(self, command: WriteCommand) -> Outcome | None:
        writes = read_writes(command.stream)
        recipe = recipe_to_look_up(command, writes, hint="Name the query that finds it by :idempotencyKey.")
        try:
            scope = self._scope(command, writes, recipe)
        except Refusal:
            return None  # a record that is refused at sight was never written
        try:
            return self._transactions.run(
                lambda transaction: _found(transaction, scope), where=f"{recipe.where}.find", commit=False
            )
        except RolledBack as fault:
            raise translate(
                fault.error, where=f"{recipe.where}.find", hidden=self._session.secrets
            ) from fault

    def close(self) -> None:
        self._transactions.close()

    def _execute(self, command: WriteCommand) -> Outcome:
        writes = read_writes(command.stream)
        recipe = recipe_to_execute(command, writes)
        try:
            scope = self._scope(command, writes, recipe)
            columns = self._columns(recipe)
        except (Unreachable, SourceBusy, Throttled) as error:
            raise Refusal(not_reached(error, _DATABASE)) from error
        return self._carry_out(scope, columns, recipe)

    def _carry_out(self, scope: Scope, columns: Columns, recipe: Recipe) -> Outcome:
        runs: list[_Run] = []

        def work(transaction: Transaction) -> Outcome:
            # Also finds out, before anything is done, whether the connection is alive.
            found = _found(transaction, scope)
            if found is not None:
                return found
            runs.append(_Run(transaction, scope, columns))
            return runs[-1].outcome()

        def undoable() -> bool:
            return not (recipe.commits_itself and any(run.sent for run in runs))

        try:
            return self._attempt(work, recipe, undoable)
        except NotUndone as fault:
            return Outcome(OutcomeStatus.IN_DOUBT, messages=(Message(fault.message, "not_undone"),))
        except Refusal as refusal:
            if undoable():
                raise
            return Outcome(OutcomeStatus.IN_DOUBT, messages=refusal.messages)
        except (BadConfiguration, SourceChanged, ValueError, OverflowError) as error:
            if undoable():
                raise
            # These would promise that nothing was changed; an answer that no library can read would be told as one of them.
            return Outcome(OutcomeStatus.IN_DOUBT, messages=(_said(error),))

    def _attempt(
        self, work: Callable[[Transaction], Outcome], recipe: Recipe, undoable: Callable[[], bool]
    ) -> Outcome:
        try:
            return self._transactions.run(
                work, where=recipe.where, whole=not recipe.commits_itself, may_repeat=undoable
            )
        except RolledBack as fault:
            if not undoable():
                raise Refusal(fault.judgement.message) from fault
            raise self._rolled_back(fault, recipe) from fault
        except Misfit as fault:
            raise Refusal(Message(fault.message, fault.code, fault.place)) from None
        except CommitUnanswered:
            raise
        except (Unreachable, SourceBusy) as error:
            raise Refusal(not_reached(error, _DATABASE)) from error

    def _rolled_back(self, fault: RolledBack, recipe: Recipe) -> Refusal | DriverError:
        judgement = fault.judgement
        if judgement.verdict is Verdict.PERSON:
            return translate(fault.error, where=recipe.where, hidden=self._session.secrets)
        if judgement.verdict is Verdict.LOST:
            return Refusal(
                Message(
                    "the connection to the database broke before anything was committed; nothing was changed",
                    "unreachable",
                )
            )
        if judgement.verdict is Verdict.AGAIN:
            return Refusal(
                Message(
                    "others hold what is to be changed; it was tried several times and nothing was changed",
                    "busy",
                )
            )
        return Refusal(judgement.message)

    def _scope(self, command: WriteCommand, writes: Writes, recipe: Recipe) -> Scope:
        shape = learn(self._session, command.stream)
        key = None
        if recipe.kind is not OperationKind.CREATE:
            key = key_parts(str(command.record.get(KEY, "")), shape.key, self._session.dialect)
            if key is None:
                raise Refusal(NOT_FOUND)
        return Scope(
            writes=writes,
            recipe=recipe,
            record=command.record,
            idempotency_key=shortened(command.idempotency_key, writes.idempotency_key_length, capitals=False),
            key=key or {},
            dialect=self._session.dialect,
            columns={column.name: column for column in shape.key},
        )

    def _columns(self, recipe: Recipe) -> Columns:
        return {
            step.where: table_columns(self._session, step)
            for step in recipe.steps
            if step.form in TABLE_FORMS
        }


def _said(error: Exception) -> Message:
    if isinstance(error, DriverError):
        return Message(error.message, error.code)
    return Message("the database's answer cannot be understood", "unreadable")


def table_columns(session: Session, step: Step) -> Sequence[QueryColumn]:
    table = "".join(str(part) for part in step.text.parts).strip()
    where = f"{step.where}.{step.form.value}"
    columns = query_columns(session, f"SELECT * FROM {table}", where)  # noqa: S608 - the operator's own table
    if not session.dialect.declared_types:
        return columns
    *_, name = table_name(table, where=where)
    declared = session.rows(Sql(session.dialect.declared_types, (name,)), where=where)
    return tuple(as_declared(column, dict(map(tuple, declared))) for column in columns)


class _Run:
    """One walk over the steps, in one transaction."""

    def __init__(self, transaction: Transaction, scope: Scope, columns: Columns) -> None:
        self._transaction = transaction
        self._scope = scope
        self._columns = columns
        self._results: dict[str, Any] = {}
        self.sent = False  # whether a step may have reached the database

    def outcome(self) -> Outcome:
        for step in self._scope.recipe.steps:
            for scope in runs_of(step, self._with_results()):
                self._step(step, scope)
        return outcome_of(self._with_results())

    def _with_results(self) -> Scope:
        return replace(self._scope, results=self._results)

    def _step(self, step: Step, scope: Scope) -> None:
        columns = self._columns.get(step.where, ())
        sql = compose(step, scope, columns)
        if sql is None:
            return
        self.sent = True
        answers = self._transaction.run(sql)
        if step.expect_rows is not None:
            _expect(step, scope, answers, counted=looks_only(step, scope))
        if not step.returns:
            return
        asked = row_inserted_last(step, scope, columns)
        if asked is not None:
            answers = self._transaction.run(asked)
        self._results |= _returned(step, scope, answers)


def _found(transaction: Transaction, scope: Scope) -> Outcome | None:
    """What `find` says of the effect of this command; nothing where there is none."""
    if scope.recipe.find is None:
        transaction.run(Sql(f"SELECT 1 AS one{scope.dialect.row_source}"))
        return None
    answers = transaction.run(render(scope.recipe.find, scope))
    require_columns_of_find(scope.recipe, answers)
    for answer in answers:
        if answer.columns and answer.rows:
            return outcome_of(replace(scope, results=_results(answer.columns, answer.rows[0])))
    return None


def require_columns_of_find(recipe: Recipe, answers: Sequence[Answer]) -> None:
    """Raises BadConfiguration where an outcome could not be made of what `find` gives, whether or not it found."""
    given = next((answer.columns for answer in answers if answer.columns), ())
    names = {name.lower() for name in given}
    for wanted in (*recipe.key, *([recipe.reference] if recipe.reference else [])):
        head, _, column = wanted.partition(".")
        if head == RESULT and column.lower() not in names:
            raise BadConfiguration(
                f"find gives no column {column!r}, which the outcome is made of",
                where=f"{recipe.where}.find",
                hint=f"It gives {', '.join(given) or 'none'}.",
            )


def _expect(step: Step, scope: Scope, answers: Sequence[Answer], *, counted: bool) -> None:
    with_rows = next((answer for answer in answers if answer.columns), None)
    if counted and with_rows is not None:
        count = int(with_rows.rows[0][0])
    elif with_rows is not None:
        count = len(with_rows.rows)
    elif step.form is Form.SQL:
        count = max(answer.affected for answer in answers)
    else:
        # A trigger of SQL Server tells its own counts before that of the statement which set it off.
        count = next((answer.affected for answer in reversed(answers) if answer.affected >= 0), -1)
    if count < 0:
        raise BadConfiguration(
            "the database does not say how many rows there were",
            where=f"{step.where}.expect_rows",
            hint="Select the row in a step of its own, and expect it there.",
        )
    if count != step.expect_rows:
        raise Refusal(_otherwise(step, scope, count))


def _otherwise(step: Step, scope: Scope, count: int) -> Message:
    changes = step.for_each is not None or scope.recipe.kind is not OperationKind.CREATE
    if step.otherwise is not None or (count == 0 and changes):
        return missing(step, scope)
    return Message(
        f"{count} rows were met where {step.expect_rows or 1} were expected; nothing was changed",
        "unexpected_rows",
    )


def _returned(step: Step, scope: Scope, answers: Sequence[Answer]) -> dict[str, Any]:
    wanted = [name.lower() for name in step.returns]
    for answer in answers:
        names = [name.lower() for name in answer.columns]
        if set(wanted) <= set(names):
            if len(answer.rows) != 1:
                raise Refusal(_otherwise(step, scope, len(answer.rows)))
            given = _results(answer.columns, answer.rows[0])
            return {name: given[name] for name in wanted}
    gives = sorted({name for answer in answers for name in answer.columns})
    raise SourceChanged(
        f"the step gives no row with {', '.join(step.returns)}",
        where=f"{step.where}.returns",
        hint=f"It gives {', '.join(gives) or 'no rows at all'}.",
    )


def _results(columns: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    """What a step gave, as the texts that keys and positions are made of."""
    return {
        name.lower(): value if value is None or isinstance(value, bool) else key_text(value)
        for name, value in zip(columns, row, strict=True)
    }
