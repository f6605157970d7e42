"""`Sql` on PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

import psycopg
from psycopg.types.numeric import Int8BinaryDumper, IntLoader

from relay.store.sql import Parameters, Value

NUL: Final = "\0"  # in no text of PostgreSQL; an agent may send one all the same
ESCAPE: Final = "\U0010ffff"  # no character, and never will be
_ASIDE: Final = re.compile(r"('(?:[^']|'')*')")
_PLACE: Final = re.compile(r"\?(\d*)")
_TYPES: Final = {int: "int8", str: "text", bytes: "bytea"}


def adapt(connection: psycopg.Connection[Any]) -> None:
    """Whole numbers are of 64 bits, whatever their size, and so are truths, and the sums of such numbers."""
    connection.adapters.register_dumper(int, Int8BinaryDumper)
    connection.adapters.register_dumper(bool, Int8BinaryDumper)
    connection.adapters.register_loader("numeric", IntLoader)


@lru_cache(maxsize=2_000)
def placed(statement: str) -> bytes:
    """`?`, or `?1`, as `$1`."""
    count = 0

    def place(match: re.Match[str]) -> str:
        nonlocal count
        count += 1
        return f"${match[1] or count}"

    parts = _ASIDE.split(statement)
    parts[::2] = [_PLACE.sub(place, part) for part in parts[::2]]
    return "".join(parts).encode()


def told(value: Value) -> Value:
    if isinstance(value, str) and (NUL in value or ESCAPE in value):
        return value.replace(ESCAPE, f"{ESCAPE}1").replace(NUL, f"{ESCAPE}0")
    return value


def heard(value: Any) -> Any:
    if isinstance(value, str) and ESCAPE in value:
        return value.replace(f"{ESCAPE}0", NUL).replace(f"{ESCAPE}1", ESCAPE)
    return value


class PostgresSql:
    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._cursor = psycopg.RawCursor(connection)

    def execute(self, statement: str, parameters: Parameters = ()) -> list[Any]:
        self._cursor.execute(placed(statement), [told(value) for value in parameters])
        if self._cursor.description is None:
            return []
        return [tuple(map(heard, row)) for row in self._cursor]

    def row(self, statement: str, parameters: Parameters = ()) -> Any | None:
        return next(iter(self.execute(statement, parameters)), None)

    def value(self, statement: str, parameters: Parameters = ()) -> Any:
        found = self.row(statement, parameters)
        return None if found is None else found[0]

    def change(self, statement: str, parameters: Parameters = ()) -> int:
        self._cursor.execute(placed(statement), [told(value) for value in parameters])
        return self._cursor.rowcount

    def load(self, table: str, columns: Mapping[str, type[Any]], rows: Iterable[Parameters]) -> None:
        statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)"
        with self._cursor.copy(statement.encode()) as copy:
            copy.set_types([_TYPES[kind] for kind in columns.values()])
            for row in rows:
                copy.write_row([told(value) for value in row])

    def change_many(self, statement: str, rows: Iterable[Parameters]) -> None:
        self._cursor.executemany(placed(statement), ([told(value) for value in row] for row in rows))
