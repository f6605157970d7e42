"""Pure: a step and what is known of the command -> one statement with its parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from drivers.contract import BadConfiguration
from drivers.keys import decode_key
from drivers.odbc.binding import Bound, Type, bound, place, type_of
from drivers.odbc.dialects import Dialect, Returning
from drivers.odbc.learning import find
from drivers.odbc.positions import exists_as
from drivers.odbc.queries import Sql, join, quote
from drivers.odbc.recipes import Assignment, Form, Recipe, Step, Writes
from drivers.odbc.shape import QueryColumn
from drivers.odbc.statements import Parameter, Statement
from drivers.recipes.scope import ABSENT, Misfit
from drivers.recipes.scope import Scope as CommandScope
from drivers.recipes.values import Unfit
from drivers.recipes.words import GIVEN, KEY, RESERVED, field_of


@dataclass(frozen=True, kw_only=True)
class Scope(CommandScope[Writes, Recipe]):
    """What the parameters of a step stand for."""

    dialect: Dialect
    columns: Mapping[str, QueryColumn] = field(default_factory=dict)  # of the stream's key

    def result(self, name: str) -> Any:
        return self.results.get(name.lower())

    def bound(self, name: str, kind: Type | None = None, *, plain: bool = False) -> Bound:
        """Raises Misfit. `kind`: what the column of a table asks for."""
        head, _, rest = name.partition(".")
        if head == KEY:
            return self._bound_key(rest, plain=plain)
        found = self.value(name)
        value = None if found is ABSENT else found
        own = None if head in RESERVED else self.writes.types.get(field_of(name, self.writes.keys) or name)
        wanted = kind if kind is not None and not (own and own.is_key) else own
        if self.blank and head != GIVEN:
            empty = bound(self.dialect, None, wanted, UTC, plain=plain)
            return Bound(empty.place, None)
        try:
            checked = own if own is not None and own.limited else wanted
            if checked is not wanted:
                bound(self.dialect, value, checked, self.writes.zone)
            return bound(self.dialect, value, wanted, self.writes.zone, plain=plain)
        except Unfit as fault:
            raise Misfit(self.place(name), fault.code, fault.message) from None

    def _bound_key(self, column: str, *, plain: bool) -> Bound:
        name = column or next(iter(self.columns))
        text = self.key.get(name)
        stands = "?" if plain else place(self.dialect, type_of(self.columns[name]), text)
        return Bound(stands, None if self.blank else text)


def key_parts(key: str, columns: Sequence[QueryColumn], dialect: Dialect) -> Mapping[str, str] | None:
    """The parts of a record's key by column; None: no record of the source can have it."""
    parts = decode_key(key)
    if len(parts) != len(columns):
        return None
    if not all(
        exists_as(column, part, nul_in_text=dialect.nul_in_text, largest=dialect.largest_integer)
        and "\0" not in part
        for part, column in zip(parts, columns, strict=True)
    ):
        return None
    return {column.name: part for part, column in zip(parts, columns, strict=True)}


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
        field_of(name, scope.writes.keys) is None
        or name.startswith(f"{GIVEN}.")
        or scope.given(field_of(name, scope.writes.keys) or name)
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
