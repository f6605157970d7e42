"""One connection for writes, and one transaction on it at a time. Everything here blocks.

Until COMMIT is sent nothing is changed, whatever happens: what fails before it may be tried again. A COMMIT without an
answer is the one moment after which nobody here knows.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from drivers.contract import Unreachable
from drivers.odbc.errors import translate
from drivers.odbc.native import load_pyodbc
from drivers.odbc.queries import Sql
from drivers.odbc.session import Session
from drivers.odbc.verdicts import Judgement, Verdict, judge, undone

ATTEMPTS: Final = 3
FIRST_PAUSE: Final = 0.2  # seconds; whoever holds the lock is often done by then
ROWS_KEPT: Final = 10_000  # of one answer; a write that asks for more asks for the wrong thing

_Result = TypeVar("_Result")


class RolledBack(Exception):
    """The transaction failed, and nothing was changed."""

    def __init__(self, judgement: Judgement, error: BaseException) -> None:
        super().__init__(judgement.message.text)
        self.judgement = judgement
        self.error = error


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
        self._connection: Any = None

    def run(
        self,
        work: Callable[[Transaction], _Result],
        *,
        where: str,
        commit: bool = True,
        may_repeat: Callable[[], bool] = lambda: True,
    ) -> _Result:
        """Run `work` and commit; again a few times where a lock or a dead connection was in the way.

        Raises RolledBack where the transaction failed, CommitUnanswered where its end is not known, what connecting
        raises, and what `work` raises, after rolling back.
        """
        with self._lock:
            for attempt in range(ATTEMPTS):
                try:
                    return self._once(work, where, commit=commit)
                except RolledBack as fault:
                    again = fault.judgement.verdict in {Verdict.AGAIN, Verdict.LOST}
                    if not again or not may_repeat() or attempt == ATTEMPTS - 1:
                        raise
                self._pause(FIRST_PAUSE * 2**attempt)
        raise AssertionError("the last attempt returns or raises")

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _once(self, work: Callable[[Transaction], _Result], where: str, *, commit: bool) -> _Result:
        pyodbc = load_pyodbc()
        connection = self._open()
        transaction = Transaction(connection)
        ended = False
        try:
            result = work(transaction)
            if commit:
                ended = True
                self._commit(connection, where)
        except pyodbc.Error as error:
            raise RolledBack(self._judge(error), error) from error
        else:
            return result
        finally:
            if not ended:
                self._roll_back(connection)

    def _commit(self, connection: Any, where: str) -> None:
        try:
            if self._session.dialect.commit:
                connection.execute(self._session.dialect.commit)
            else:
                connection.commit()
        except load_pyodbc().Error as error:
            self._drop()
            if undone(error):
                raise
            told = translate(error, where=where, hidden=self._session.secrets)
            raise CommitUnanswered(
                f"the commit was not answered, so nobody knows yet whether it took effect: {told.message}",
                where=where,
                hint="Whether it did is looked up with `find`, where the stream's write names one.",
            ) from error

    def _roll_back(self, connection: Any) -> None:
        try:
            connection.rollback()
        except load_pyodbc().Error:
            self._drop()  # the end of a connection undoes its transaction as well

    def _open(self) -> Any:
        if self._connection is None:
            self._connection = self._session.open_writing()
        return self._connection

    def _judge(self, error: BaseException) -> Judgement:
        found = judge(error, hidden=self._session.secrets)
        if found.verdict is Verdict.LOST:
            self._drop()
        return found

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.close()
