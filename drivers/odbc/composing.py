"""Pure: a step and what is known of the command -> one statement with its parameters."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC
from typing import Any, Final

from drivers.contract import BadConfiguration, OperationKind
from drivers.keys import decode_key
from drivers.odbc.binding import Bound, Type, Unfit, bound, key_text, place, type_of
from drivers.odbc.dialects import Dialect, Returning
from drivers.odbc.learning import find
from drivers.odbc.positions import exists_as
from drivers.odbc.queries import Sql, join, quote
from drivers.odbc.recipes import (
    GIVEN,
    IDEMPOTENCY_KEY,
    KEY,
    LINE_NUMBER,
    RESULT,
    Assignment,
    Form,
    Recipe,
    Step,
    Writes,
    field_of,
)
from drivers.odbc.shape import QueryColumn
from drivers.odbc.statements import Parameter, Statement

_ABSENT: Final = object()


class Misfit(Exception):
    """The record cannot be written as it is: one of its fields, by its place."""

    def __init__(self, place: str, code: str, message: str) -> None:
        super().__init__(message)
        self.place = place
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Scope:
    """What the parameters of a step stand for."""

    dialect: Dialect
    writes: Writes
    recipe: Recipe
    record: Mapping[str, Any]
    idempotency_key: str
    key: Mapping[str, tuple[str, QueryColumn]] = field(default_factory=dict)  # by column of the stream's key
    results: Mapping[str, Any] = field(default_factory=dict)  # column (lower case): value
    list_name: str | None = None
    line: Mapping[str, Any] = field(default_factory=dict)
    line_index: int = 0
    blank: bool = False  # for a check: every field is there, without a value

    def given(self, name: str) -> bool:
        return self.blank or self._field(name) is not _ABSENT

    def value(self, name: str) -> tuple[Any, Type | None]:
        head, _, rest = name.partition(".")
        if name == IDEMPOTENCY_KEY:
            return self.idempotency_key, None
        if name == LINE_NUMBER:
            return self.line_index + 1, None
        if head == GIVEN:
            return self.given(rest), None
        if head == RESULT:
            found = self.results.get(rest.lower())
            return (found if found is None or isinstance(found, bool) else key_text(found)), None
        unified = field_of(name, self.writes.types) or name
        kind = self.writes.types.get(unified)
        found = self._field(unified)
        found = None if found is _ABSENT else found
        if kind is not None and kind.is_key and isinstance(found, str):
            found = _part_of_key(found, name, unified)
        if self.recipe.kind is OperationKind.SET_STATUS and unified == "status":
            found = self.recipe.statuses.get(str(found))
        return found, kind

    def bound(self, name: str, kind: Type | None = None, *, plain: bool = False) -> Bound:
        """Raises Misfit. `kind`: what the column of a table asks for."""
        head, _, rest = name.partition(".")
        if head == KEY:
            return self._bound_key(rest, plain=plain)
        value, own = self.value(name)
        wanted = kind if kind is not None and not (own and own.is_key) else own
        if self.blank and head != GIVEN:
            empty = bound(self.dialect, None, wanted, UTC, plain=plain)
            return Bound(empty.place, None)
        try:
            checked = own if own is not None and own.limited else wanted
            if checked is not wanted:
                bound(self.dialect, value, checked, self._zone)
            return bound(self.dialect, value, wanted, self._zone, plain=plain)
        except Unfit as fault:
            raise Misfit(self.place(name), fault.code, fault.message) from None

    def place(self, name: str) -> str:
        """Where the field stands in the record."""
        head, _, rest = name.partition(".")
        return f"{head}[{self.line_index}].{rest}" if head == self.list_name else name

    @property
    def _zone(self) -> Any:
        return self.writes.zone or UTC

    def _field(self, name: str) -> Any:
        head, _, rest = name.partition(".")
        holder = self.line if head == self.list_name and rest else self.record.get(head, _ABSENT)
        if not rest:
            return holder
        return holder.get(rest, _ABSENT) if isinstance(holder, Mapping) else _ABSENT

    def _bound_key(self, column: str, *, plain: bool) -> Bound:
        text, shape = self.key[column] if column else next(iter(self.key.values()))
        stands = "?" if plain else place(self.dialect, type_of(shape), text)
        return Bound(stands, None if self.blank else text)


def key_parts(
    key: str, columns: Sequence[QueryColumn], dialect: Dialect
) -> Mapping[str, tuple[str, QueryColumn]] | None:
    """The parts of a record's key by column; None: no record of the source can have it."""
    parts = decode_key(key)
    if len(parts) != len(columns):
        return None
    if not all(
        exists_as(column, part, nul_in_text=dialect.nul_in_text) and "\0" not in part
        for part, column in zip(parts, columns, strict=True)
    ):
        return None
    return {column.name: (part, column) for part, column in zip(parts, columns, strict=True)}


def shortened(idempotency_key: str, length: int | None) -> str:
    """The external reference: the key itself, or a hash of it that fits a narrow column."""
    if length is None:
        return idempotency_key
    digest = hashlib.sha256(idempotency_key.encode()).digest()
    return base64.b32encode(digest).decode().rstrip("=").lower()[:length]


def scopes(step: Step, scope: Scope) -> Iterator[Scope]:
    """One per run of the step: for each line, or once; none where its condition does not hold."""
    each = [scope]
    if step.for_each is not None:
        lines = scope.record.get(step.for_each)
        each = [
            replace(scope, list_name=step.for_each, line=line, line_index=index)
            for index, line in enumerate([{}] if scope.blank else lines or ())
        ]
    for one in each:
        if scope.blank or (
            (step.when is None or one.given(step.when))
            and (step.unless is None or not one.given(step.unless))
        ):
            yield one


def render(statement: Statement, scope: Scope, *, plain: bool = False) -> Sql:
    text, parameters = [], []
    for part in statement.parts:
        if isinstance(part, Parameter):
            bound_part = scope.bound(part.name, plain=plain)
            text.append(bound_part.place)
            parameters.append(bound_part.text)
        else:
            text.append(part)
    return Sql("".join(text), tuple(parameters))


def compose(step: Step, scope: Scope, columns: Sequence[QueryColumn] = ()) -> Sql | None:
    """The statement; None: nothing is to be done. `columns` are those of the step's table. Raises Misfit."""
    match step.form:
        case Form.SQL:
            return render(step.text, scope)
        case Form.CALL:
            call = render(step.text, scope, plain=scope.dialect.plain_arguments)
            return Sql(scope.dialect.call.replace("{call}", call.text.strip()), call.parameters)
        case Form.INSERT:
            return _insert(step, scope, columns)
        case Form.UPDATE:
            return _update(step, scope, columns)
        case Form.DELETE:
            return Sql(f"DELETE FROM {_table(step)} WHERE ") + _conditions(step, scope, columns)  # noqa: S608


def looks_only(step: Step, scope: Scope) -> bool:
    """Whether an update of a table has nothing to set, so that only its rows are counted."""
    return step.form is Form.UPDATE and not any(_is_given(each, scope) for each in step.values)


def row_inserted_last(step: Step, scope: Scope, columns: Sequence[QueryColumn]) -> Sql | None:
    """The query for what an insert made up, where the insert itself cannot answer it."""
    if step.form is not Form.INSERT or not step.returns:
        return None
    names = [_found(step, columns, name, ".returns").name for name in step.returns]
    quoted = ", ".join(quote(scope.dialect, name) for name in names)
    if scope.dialect.returning is Returning.ROW_ID:
        return Sql(f"SELECT {quoted} FROM {_table(step)} WHERE rowid = last_insert_rowid()")  # noqa: S608
    if scope.dialect.returning is Returning.LAST_ID and len(names) == 1:
        return Sql(f"SELECT LAST_INSERT_ID() AS {quoted}")
    if scope.dialect.returning in {Returning.CLAUSE, Returning.OUTPUT}:
        return None
    raise BadConfiguration(
        f"an insert returns nothing of this on {scope.dialect.name}",
        where=f"{step.where}.returns",
        hint="Ask for it in a step of its own: a SELECT with `returns`.",
    )


def _insert(step: Step, scope: Scope, columns: Sequence[QueryColumn]) -> Sql:
    given = [each for each in step.values if _is_given(each, scope)]
    if not given:
        raise Misfit("", "nothing_to_write", f"none of the fields of {_table(step)} is given")
    names = ", ".join(_column(each, step, scope, columns) for each in given)
    values = join([_assigned(each, scope, step, columns) for each in given], ", ")
    returned = ", ".join(
        quote(scope.dialect, _found(step, columns, name, ".returns").name) for name in step.returns
    )
    clause = output = ""
    if returned and scope.dialect.returning is Returning.CLAUSE:
        clause = f" RETURNING {returned}"
    if returned and scope.dialect.returning is Returning.OUTPUT:
        output = " OUTPUT " + ", ".join(f"inserted.{name}" for name in returned.split(", "))
    opening = Sql(f"INSERT INTO {_table(step)} ({names}){output} VALUES (")  # noqa: S608 - names only
    return opening + values + Sql(f"){clause}")


def _update(step: Step, scope: Scope, columns: Sequence[QueryColumn]) -> Sql | None:
    where = _conditions(step, scope, columns)
    given = [each for each in step.values if _is_given(each, scope)]
    if not given:
        if step.expect_rows is None:
            return None
        return Sql(f"SELECT COUNT(*) FROM {_table(step)} WHERE ") + where  # noqa: S608
    assignments = join(
        [
            Sql(f"{_column(each, step, scope, columns)} = ") + _assigned(each, scope, step, columns)
            for each in given
        ],
        ", ",
    )
    return Sql(f"UPDATE {_table(step)} SET ") + assignments + Sql(" WHERE ") + where  # noqa: S608


def _conditions(step: Step, scope: Scope, columns: Sequence[QueryColumn]) -> Sql:
    parts = []
    for each in step.conditions:
        value = _assigned(each, scope, step, columns)
        if not scope.blank and each.field is not None and value.parameters == (None,):
            raise Misfit(scope.place(each.field), "required", "is needed to find what is to be changed")
        parts.append(Sql(f"{_column(each, step, scope, columns)} = ") + value)
    return join(parts, " AND ")


def _found(step: Step, columns: Sequence[QueryColumn], name: str, place: str = "") -> QueryColumn:
    """A column of the step's table. Raises SourceChanged."""
    return find(columns, name, f"{step.where}{place}", of=f"the table {_table(step)} has")


def _is_given(assignment: Assignment, scope: Scope) -> bool:
    """Whether every field that the value is made of is in the record; constants always are."""
    return all(
        field_of(name, scope.writes.types) is None
        or name.startswith(f"{GIVEN}.")
        or scope.given(field_of(name, scope.writes.types) or name)
        for name in assignment.value.names
    )


def _assigned(assignment: Assignment, scope: Scope, step: Step, columns: Sequence[QueryColumn]) -> Sql:
    column = _found(step, columns, assignment.column)
    if assignment.is_constant:
        try:
            made = bound(scope.dialect, assignment.constant, type_of(column), UTC)
        except Unfit as fault:
            raise BadConfiguration(
                f"the constant for {column.name!r} {fault.message}", where=step.where
            ) from None
        return Sql(made.place, (made.text,))
    if assignment.field is not None:
        made = scope.bound(assignment.field, type_of(column))
        return Sql(made.place, (made.text,))
    return render(assignment.value, scope)


def _column(assignment: Assignment, step: Step, scope: Scope, columns: Sequence[QueryColumn]) -> str:
    return quote(scope.dialect, _found(step, columns, assignment.column).name)


def _table(step: Step) -> str:
    """As the connection file writes it, which quotes it where that is needed."""
    return "".join(part for part in step.text.parts if isinstance(part, str)).strip()


def _part_of_key(key: str, name: str, unified: str) -> str:
    parts = decode_key(key)
    number = int(name.rpartition(".")[2]) if name != unified else 1
    if not 1 <= number <= len(parts) or (name == unified and len(parts) != 1):
        raise Misfit(unified, "not_a_key", "is not a key of the records it refers to")
    return parts[number - 1]
