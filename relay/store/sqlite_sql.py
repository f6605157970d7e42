"""`Sql` and `Engine` on SQLite."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, TypeVar

import apsw

from relay.store.database import Database
from relay.store.sql import REMEMBERED, Parameters, Sql

T = TypeVar("T")

MOST_REMEMBERED: Final = 10_000  # answers; when there are more all are forgotten
_SELECT: Final = re.compile(r"\s*SELECT\b")
_REMEMBERED: Final = re.compile(rf"\b({'|'.join(REMEMBERED)})\b")


@lru_cache(maxsize=1_024)
def changes_remembered(statement: str) -> bool:
    """Whether what is remembered may be otherwise behind this statement. One that only reads may well be counted."""
    return _SELECT.match(statement) is None and _REMEMBERED.search(statement) is not None


class SqliteSql:
    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self.changed_remembered = False

    def execute(self, statement: str, parameters: Parameters = ()) -> list[Any]:
        self._note(statement)
        return self._connection.execute(statement, parameters).fetchall()

    def row(self, statement: str, parameters: Parameters = ()) -> Any | None:
        # All of them: a statement that changes something has done so only at its end.
        return next(iter(self.execute(statement, parameters)), None)

    def value(self, statement: str, parameters: Parameters = ()) -> Any:
        found = self.row(statement, parameters)
        return None if found is None else found[0]

    def change(self, statement: str, parameters: Parameters = ()) -> int:
        self.execute(statement, parameters)
        return self._connection.changes()

    def load(self, table: str, columns: Mapping[str, type[Any]], rows: Iterable[Parameters]) -> None:
        places = ", ".join("?" * len(columns))
        self.change_many(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", rows)  # noqa: S608 - only our own text

    def change_many(self, statement: str, rows: Iterable[Parameters]) -> None:
        self._note(statement)
        self._connection.executemany(statement, rows)

    def _note(self, statement: str) -> None:
        self.changed_remembered = self.changed_remembered or changes_remembered(statement)


class SqliteEngine:
    """One file: transactions run one after the other, on its one thread.

    What is remembered is put down and forgotten on that thread alone, so an answer that a transaction made untrue is
    gone before anybody is told of the transaction.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._memory: dict[Hashable, Any] = {}

    async def recall(self, name: Hashable, work: Callable[[Sql], T]) -> T:
        try:
            known: T = self._memory[name]
        except KeyError:
            return await self._database.read(lambda connection: self._learn(connection, name, work))
        return known

    def _learn(self, connection: apsw.Connection, name: Hashable, work: Callable[[Sql], T]) -> T:
        found = work(SqliteSql(connection))
        if len(self._memory) >= MOST_REMEMBERED:
            self._memory.clear()
        if found is not None:  # what is not there may be asked for under any name
            self._memory[name] = found
        return found

    async def read(self, work: Callable[[Sql], T]) -> T:
        return await self._database.read(lambda connection: work(SqliteSql(connection)))

    async def write(self, work: Callable[[Sql], T]) -> T:
        noting: list[SqliteSql] = []

        def noted(connection: apsw.Connection) -> T:
            noting.append(SqliteSql(connection))
            return work(noting[-1])

        def settle() -> None:
            if any(sql.changed_remembered for sql in noting):
                self._memory.clear()

        return await self._database.write(noted, behind=settle)
