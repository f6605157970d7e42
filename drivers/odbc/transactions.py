"""A write's transaction, on a connection of its own. Everything here blocks.

Until COMMIT is sent nothing is changed, whatever happens: what fails before it may be tried again. A COMMIT without an
answer is the one moment after which nobody here knows. No connection serves two writes: what the procedures of one
leave behind (settings, temporary tables, locks of the session) never meets the next.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from drivers.contract import Unreachable
from drivers.odbc.errors import parts_of, translate
from drivers.odbc.native import load_pyodbc
from drivers.odbc.queries import Sql
from drivers.odbc.session import Session
from drivers.odbc.verdicts import Judgement, Verdict, judge, undone

ATTEMPTS: Final = 3
FIRST_PAUSE: Final = 0.2  # seconds; whoever holds the lock is often done by then
SAVEPOINT: Final = "gw_write"
ENDED: Final = (
    "a step committed or rolled back by itself, so the write was not one transaction;"
    " state commits_itself = true in its recipe if that is meant"
)
_SAVEPOINT_GONE: Final = 1305
_NOT_ROLLED_BACK: Final = 1196  # a warning: a table without transactions was changed
_COUNT_MISMATCH: Final = 266  # SQL Server: a procedure committed or rolled back what its caller had begun
_ROLLS_BACK_ALL: Final = frozenset({1020, 1213})  # errors that end the transaction, its savepoints with it
ROWS_KEPT: Final = 10_000  # of one answer; a write that asks for more asks for the wrong thing

_Result = TypeVar("_Result")


class RolledBack(Exception):
    """The transaction failed, and nothing was changed."""

    def __init__(self, judgement: Judgement, error: BaseException) -> None:
        super().__init__(judgement.message.text)
        self.judgement = judgement
        self.error = error


class NotUndone(Exception):
    """The transaction ended before its end, or not all of it can be undone: nobody knows what was changed."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class CommitUnanswered(Unreachable):
    """The connection broke while the database was committing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One of the answers to a statement: rows, or how many were affected."""

    columns: tuple[str, ...]  # empty: no rows
    rows: tuple[tuple[Any, ...], ...]
    affected: int  # -1: not known


class Transaction:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def run(self, sql: Sql) -> list[Answer]:
        """Every answer, to the last: a procedure may fail behind its first rows."""
        cursor = self._connection.execute(sql.text, *sql.parameters)
        answers = []
        while True:
            names = tuple(str(column[0]) for column in cursor.description or ())
            rows = tuple(tuple(row) for row in cursor.fetchmany(ROWS_KEPT)) if names else ()
            answers.append(Answer(names, rows, cursor.rowcount))
            if not cursor.nextset():
                cursor.close()
                return answers


class Transactions:
    def __init__(self, session: Session, pause: Callable[[float], None]) -> None:
        self._session = session
        self._pause = pause
        self._lock = threading.Lock()

    def run(
        self,
        work: Callable[[Transaction], _Result],
        *,
        where: str,
        commit: bool = True,
        whole: bool = True,
        may_repeat: Callable[[], bool] = lambda: True,
    ) -> _Result:
        """Run `work` and commit; again a few times where a lock or a broken connection was in the way.

        `whole`: nothing in `work` is meant to commit by itself. Raises RolledBack where the transaction failed,
        NotUndone where that did not undo all of it, CommitUnanswered where its end is not known, what connecting
        raises, and what `work` raises, after rolling back.
        """
        with self._lock:
            for attempt in range(ATTEMPTS):
                try:
                    return self._once(work, where, commit=commit, watched=commit and whole)
                except RolledBack as fault:
                    again = fault.judgement.verdict in {Verdict.AGAIN, Verdict.LOST}
                    if not again or not may_repeat() or attempt == ATTEMPTS - 1:
                        raise
                self._pause(FIRST_PAUSE * 2**attempt)
        raise AssertionError("the last attempt returns or raises")

    def close(self) -> None:
        """Returns when no write is under way."""
        with self._lock:
            return

    def _once(
        self, work: Callable[[Transaction], _Result], where: str, *, commit: bool, watched: bool
    ) -> _Result:
        pyodbc = load_pyodbc()
        with contextlib.closing(self._session.open_writing()) as connection:
            watch = _Watch(connection) if watched and self._session.dialect.ends_unasked else _NoWatch()
            try:
                watch.begin()
                result = work(Transaction(connection))
                if commit:
                    watch.end()
                    self._commit(connection, where)
            except pyodbc.Error as error:
                judgement = judge(error, hidden=self._session.secrets)
                if watched and parts_of(error)[1] == _COUNT_MISMATCH:
                    raise NotUndone(ENDED) from error
                if judgement.verdict is not Verdict.LOST:
                    self._roll_back(connection, watch, error)
                raise RolledBack(judgement, error) from error
            except (CommitUnanswered, NotUndone):
                raise
            except Exception as error:
                self._roll_back(connection, watch, error)
                raise
            return result

    def _commit(self, connection: Any, where: str) -> None:
        try:
            if self._session.dialect.commit:
                connection.execute(self._session.dialect.commit)
            else:
                connection.commit()
        except load_pyodbc().Error as error:
            if undone(error):
                raise
            told = translate(error, where=where, hidden=self._session.secrets)
            raise CommitUnanswered(
                f"the commit was not answered, so nobody knows yet whether it took effect: {told.message}",
                where=where,
                hint="Whether it did is looked up with `find`, where the stream's write names one.",
            ) from error

    def _roll_back(self, connection: Any, watch: _NoWatch, error: BaseException) -> None:
        with contextlib.suppress(
            load_pyodbc().Error
        ):  # the end of a connection undoes its transaction as well
            watch.look(error)
            connection.rollback()
            watch.look_behind()


class _NoWatch:
    """For products that say so themselves when a transaction ends before its time."""

    def begin(self) -> None: ...

    def end(self) -> None: ...

    def look(self, error: BaseException) -> None: ...

    def look_behind(self) -> None: ...


class _Watch(_NoWatch):
    """For MariaDB and MySQL, where a procedure may commit or roll back in silence, any DDL commits as well, and
    tables of some engines know no transactions. A savepoint set at the beginning is gone where the transaction ended.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def begin(self) -> None:
        self._connection.execute(f"SAVEPOINT {SAVEPOINT}")

    def end(self) -> None:
        try:
            self._connection.execute(f"RELEASE SAVEPOINT {SAVEPOINT}")
        except load_pyodbc().Error as error:
            if parts_of(error)[1] != _SAVEPOINT_GONE:
                raise
            raise NotUndone(ENDED) from None

    def look(self, error: BaseException) -> None:
        if parts_of(error)[1] not in _ROLLS_BACK_ALL:
            self.end()

    def look_behind(self) -> None:
        warnings = self._connection.execute("SHOW WARNINGS").fetchall()
        if any(int(row[1]) == _NOT_ROLLED_BACK for row in warnings):
            raise NotUndone(
                "the write failed, and a table without transactions keeps what it was given;"
                " its engine has to be InnoDB"
            )
