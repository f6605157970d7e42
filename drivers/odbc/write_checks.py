"""Whether the database understands the statements of a stream's writes, asked without carrying any out."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from drivers.check_steps import failed
from drivers.contract import CheckStep, DriverError, StreamSpec
from drivers.odbc.composing import Scope, compose, render, row_inserted_last
from drivers.odbc.errors import translate
from drivers.odbc.learning import learn
from drivers.odbc.native import load_pyodbc
from drivers.odbc.procedures import check_procedure, require_transactions
from drivers.odbc.queries import Sql
from drivers.odbc.recipe_reader import read_writes
from drivers.odbc.recipes import Form, Recipe
from drivers.odbc.session import Session
from drivers.odbc.transactions import Transaction
from drivers.odbc.writing import TABLE_FORMS, require_columns_of_find, table_columns
from drivers.recipes.scope import runs_of

_NAME: Final = "__gw_check"


def check_writes(session: Session, spec: StreamSpec) -> CheckStep | None:
    """None: the stream says nothing of writing."""
    name = f"writes of {spec.name}"
    try:
        writes = read_writes(spec)
        if not writes.recipes:
            return None
        shape = learn(session, spec)
        unasked, notes = 0, list[str]()
        for recipe in writes.recipes.values():
            columns = {column.name: column for column in shape.key}
            scope = Scope(
                writes=writes, recipe=recipe, record={}, idempotency_key="",
                dialect=session.dialect, columns=columns, blank=True,
            )  # fmt: skip
            unasked += _check_recipe(session, recipe, scope, notes)
    except DriverError as error:
        return failed(name, error, stream=spec.name)
    words = ", ".join(kind.value for kind in writes.recipes)
    left = (
        f"; {unasked} steps can only be tried by writing"
        if unasked
        else "; the database understands each step"
    )
    return CheckStep(name, ok=True, detail="; ".join([words + left, *notes]), stream=spec.name)


def _check_recipe(session: Session, recipe: Recipe, scope: Scope, notes: list[str]) -> int:
    """How many of the steps the database could not be asked about. `notes`: what is right and worth knowing."""
    unasked = 0
    for step in recipe.steps:
        columns = table_columns(session, step) if step.form in TABLE_FORMS else ()
        place = f"{step.where}.{step.form.value}"
        if step.form is Form.CALL:
            unasked += not check_procedure(session, step, notes, commits_itself=recipe.commits_itself)
            continue
        if step.form in TABLE_FORMS and not recipe.commits_itself:
            require_transactions(session, step)
        for one in runs_of(step, scope):
            row_inserted_last(step, one, columns)
            sql = compose(step, one, columns)
            unasked += sql is not None and not prepare(session, sql, place)
    if recipe.find is not None:
        _try_find(session, recipe, scope)
    return unasked


def _try_find(session: Session, recipe: Recipe, scope: Scope) -> None:
    """Ask for the effect of a command that there is not: it has to work on the day that somebody needs it."""
    where = f"{recipe.where}.find"
    asked = render(recipe.find, scope) if recipe.find is not None else Sql("")
    with contextlib.closing(session.open_writing()) as connection:
        try:
            answers = Transaction(connection).run(asked)
            connection.rollback()
        except load_pyodbc().Error as error:
            raise translate(error, where=where, hidden=session.secrets) from error
    require_columns_of_find(recipe, answers)


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
