"""Whether the database understands the statements of a stream's writes, asked without carrying any out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from drivers.contract import CheckStep, DriverError, SourceChanged, StreamSpec
from drivers.odbc.checks import failed
from drivers.odbc.composing import Scope, compose, render, row_inserted_last, scopes
from drivers.odbc.learning import learn
from drivers.odbc.queries import Sql
from drivers.odbc.recipe_reader import read_writes
from drivers.odbc.recipes import Form, Recipe, Step
from drivers.odbc.session import Session
from drivers.odbc.writing import TABLE_FORMS, table_columns

_NAME: Final = "__gw_check"
_CALLED: Final = re.compile(r'\s*(?:(\w+|"[^"]+"|`[^`]+`)\s*\.\s*)?(\w+|"[^"]+"|`[^`]+`)\s*(?:\(|$)')
# Where the products list their procedures, schema first.
_PROCEDURES: Final = {
    "postgresql": "SELECT n.nspname, p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
    " WHERE p.prokind = 'p'",
    "mariadb": "SELECT routine_schema, routine_name FROM information_schema.routines"
    " WHERE routine_type = 'PROCEDURE' AND (routine_schema = DATABASE() OR routine_schema <> 'sys')",
}
_PROCEDURES_OF: Final = {"mysql": "mariadb"}


def check_writes(session: Session, spec: StreamSpec) -> CheckStep | None:
    """None: the stream says nothing of writing."""
    name = f"writes of {spec.name}"
    try:
        writes = read_writes(spec)
        if not writes.recipes:
            return None
        shape = learn(session, spec)
        unasked = 0
        for recipe in writes.recipes.values():
            key = {column.name: ("", column) for column in shape.key}
            scope = Scope(session.dialect, writes, recipe, {}, "", key, blank=True)
            unasked += _check_recipe(session, recipe, scope)
    except DriverError as error:
        return failed(name, error, stream=spec.name)
    words = ", ".join(kind.value for kind in writes.recipes)
    left = (
        f"; {unasked} steps can only be tried by writing"
        if unasked
        else "; the database understands each step"
    )
    return CheckStep(name, ok=True, detail=words + left, stream=spec.name)


def _check_recipe(session: Session, recipe: Recipe, scope: Scope) -> int:
    """How many of the steps the database could not be asked about."""
    unasked = 0
    for step in recipe.steps:
        columns = table_columns(session, step) if step.form in TABLE_FORMS else ()
        place = f"{step.where}.{step.form.value}"
        if step.form is Form.CALL:
            unasked += not _procedure_is_there(session, step, place)
            continue
        for one in scopes(step, scope):
            row_inserted_last(step, one, columns)
            sql = compose(step, one, columns)
            unasked += sql is not None and not prepare(session, sql, place)
    if recipe.find is not None:
        unasked += not prepare(session, render(recipe.find, scope), f"{recipe.where}.find")
    return unasked


def prepare(session: Session, sql: Sql, where: str) -> bool:
    """Have the statement parsed; False where the product offers no way. Raises the DriverError that it fails with."""
    work = _PREPARE.get(session.dialect.name)
    if work is None:
        return False
    session.use(lambda connection: work(connection, sql), where=where)
    return True


def _prepare_postgresql(connection: Any, sql: Sql) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PREPARE {_NAME} AS {numbered(sql.text)}")
    cursor.execute(f"DEALLOCATE {_NAME}")


def _prepare_mariadb(connection: Any, sql: Sql) -> None:
    cursor = connection.cursor()
    cursor.execute("SET @gw_check = ?", sql.text)
    cursor.execute(f"PREPARE {_NAME} FROM @gw_check")
    cursor.execute(f"DEALLOCATE PREPARE {_NAME}")


def _prepare_sqlite(connection: Any, sql: Sql) -> None:
    connection.execute(f"EXPLAIN {sql.text}", *[None for _ in sql.parameters]).fetchall()


_PREPARE: Final[Mapping[str, Callable[[Any, Sql], None]]] = {
    "postgresql": _prepare_postgresql,
    "mariadb": _prepare_mariadb,
    "mysql": _prepare_mariadb,
    "sqlite": _prepare_sqlite,
}


def numbered(text: str) -> str:
    """`?` as `$1`, `$2`; one in a literal or comment is left alone."""
    count = 0

    def place(found: re.Match[str]) -> str:
        nonlocal count
        if found.group() != "?":
            return found.group()
        count += 1
        return f"${count}"

    return re.sub(
        r"'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/|\$(\w*)\$.*?\$\1\$|\?", place, text, flags=re.DOTALL
    )


def _procedure_is_there(session: Session, step: Step, where: str) -> bool:
    listing = _PROCEDURES.get(_PROCEDURES_OF.get(session.dialect.name, session.dialect.name))
    called = _CALLED.match("".join(str(part) for part in step.text.parts[:1]))
    if listing is None or called is None:
        return False
    schema, name = ((part or "").strip('"`').lower() for part in called.groups())
    rows: Sequence[Any] = session.rows(Sql(listing), where=where)
    there = {(str(row[0]).lower(), str(row[1]).lower()) for row in rows}
    if not any(found == name and schema in {"", place} for place, found in there):
        raise SourceChanged(
            f"there is no procedure {called.group().strip(' (')!r}",
            where=where,
            hint="Correct its name. A function is asked by sql: select * from NAME(:field).",
        )
    return True
