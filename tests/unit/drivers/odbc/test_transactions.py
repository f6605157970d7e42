from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pyodbc
import pytest

from drivers.odbc.dialects import MARIADB, POSTGRESQL, SQLSERVER, Dialect
from drivers.odbc.queries import Sql
from drivers.odbc.session import Session
from drivers.odbc.transactions import (
    ATTEMPTS,
    CommitUnanswered,
    NotUndone,
    RolledBack,
    Transaction,
    Transactions,
)

WORK = "update po set x = 1"


class Cursor:
    description = None
    rowcount = 1

    def nextset(self) -> bool:
        return False

    def close(self) -> None: ...

    def fetchall(self) -> list[Any]:
        return []


class Connection:
    """Says what was said to it; `fails` has the error of a statement."""

    def __init__(self, said: list[str], fails: dict[str, pyodbc.Error]) -> None:
        self._said, self._fails = said, fails

    def execute(self, text: str, *_: object) -> Cursor:
        self._said.append(text)
        if text in self._fails:
            raise self._fails[text]
        return Cursor()

    def commit(self) -> None:
        self.execute("commit()")

    def rollback(self) -> None:
        self.execute("rollback()")

    def close(self) -> None:
        self._said.append("close()")


class OneDatabase:
    secrets = ()

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.said: list[str] = []
        self._fails: dict[str, pyodbc.Error] = {}

    def fail(self, text: str, error: pyodbc.Error) -> None:
        self._fails[text] = error

    def open_writing(self) -> Connection:
        self.said.append("open()")
        return Connection(self.said, self._fails)


def error(state: str, native: int, text: str = "no") -> pyodbc.Error:
    return pyodbc.Error(state, f"[{state}] {text} ({native}) (SQLExecDirectW)")


def work(transaction: Transaction) -> str:
    transaction.run(Sql(WORK))
    return "done"


def run(
    database: OneDatabase, task: Callable[[Transaction], str] = work, *, whole: bool = True, **more: Any
) -> str:
    made = Transactions(cast("Session", database), lambda _seconds: None)
    return made.run(task, where="streams.s.write.create", whole=whole, **more)


def test_each_write_has_a_connection_of_its_own() -> None:
    database = OneDatabase(SQLSERVER)

    run(database)
    run(database)

    assert database.said == ["open()", WORK, "commit()", "close()"] * 2


def test_a_transaction_is_watched_where_it_may_end_in_silence() -> None:
    database = OneDatabase(MARIADB)
    run(database)
    assert database.said[1:-1] == ["SAVEPOINT gw_write", WORK, "RELEASE SAVEPOINT gw_write", "commit()"]

    unwatched = OneDatabase(MARIADB)
    run(unwatched, whole=False)
    assert unwatched.said[1:-1] == [WORK, "commit()"]


@pytest.mark.parametrize("dialect", [MARIADB, SQLSERVER])
def test_a_transaction_that_a_step_ended_is_not_committed_and_not_called_undone(dialect: Dialect) -> None:
    database = OneDatabase(dialect)
    database.fail("RELEASE SAVEPOINT gw_write", error("42000", 1305))
    if dialect is SQLSERVER:
        database.fail(WORK, error("25000", 266, "Transaction count after EXECUTE"))

    with pytest.raises(NotUndone, match="commits_itself"):
        run(database)

    assert "commit()" not in database.said


def test_a_deadlock_that_took_the_savepoint_with_it_is_tried_again() -> None:
    database = OneDatabase(MARIADB)
    database.fail(WORK, error("40001", 1213, "Deadlock found"))
    database.fail("RELEASE SAVEPOINT gw_write", error("42000", 1305))

    with pytest.raises(RolledBack):
        run(database)

    assert database.said.count("open()") == ATTEMPTS


def test_what_may_not_be_repeated_is_tried_once() -> None:
    database = OneDatabase(POSTGRESQL)
    database.fail(WORK, error("40P01", 1, "deadlock detected"))

    with pytest.raises(RolledBack):
        run(database, may_repeat=lambda: False)

    assert database.said.count("open()") == 1


def test_only_a_commit_that_was_not_answered_leaves_its_end_open() -> None:
    lost, refused = OneDatabase(POSTGRESQL), OneDatabase(POSTGRESQL)
    lost.fail("COMMIT", error("08S01", 35, "the connection has been lost"))
    refused.fail("COMMIT", error("23503", 1, "violates foreign key constraint"))

    with pytest.raises(CommitUnanswered):
        run(lost)
    with pytest.raises(RolledBack):
        run(refused)

    assert lost.said.count("COMMIT") == 1
