"""`Sql` and `Engine` on SQLite."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import apsw

from relay.store.database import Database
from relay.store.sql import Parameters, Sql

T = TypeVar("T")


class SqliteSql:
    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, parameters: Parameters = ()) -> list[Any]:
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
        self._connection.executemany(statement, rows)


class SqliteEngine:
    """One file: transactions run one after the other."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, work: Callable[[Sql], T]) -> T:
        return await self._database.read(lambda connection: work(SqliteSql(connection)))

    async def write(self, work: Callable[[Sql], T]) -> T:
        return await self._database.write(lambda connection: work(SqliteSql(connection)))
