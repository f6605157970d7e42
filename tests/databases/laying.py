"""Tables of a system, as far as its profile reads them, from a short notation, for MariaDB and SQLite.

A table is written as `NAME type; NAME type`; a row as its table and `COLUMN=value` pairs, in which `_` stands for a
blank. A column that a row does not give has the default of its type, as the system itself writes it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tests.servers import MariaDbServer

# Strict mode stays; names stand in double quotes and char columns keep their padding, as in SQL Server.
AS_SQL_SERVER = "SET SESSION sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES,PAD_CHAR_TO_FULL_LENGTH')"
_PAIR = re.compile(r'("[^"]+"|[\w$]+)=(\S+)')
_ROW = re.compile(r'("[^"]+"|\w+)\s+(.*)')


def create_statements(tables: Mapping[str, str], types: Mapping[str, str]) -> list[str]:
    return [
        f"create table {_quoted(table)} ({', '.join(_column(each, types) for each in columns.split(';'))})"
        for table, columns in tables.items()
    ]


def insert_statements(rows: str) -> list[str]:
    return [_insert(line) for line in rows.strip().splitlines() if line.strip()]


def lay(server: MariaDbServer, database: str, statements: list[str]) -> None:
    server.create_database(database)
    server.execute(f"{AS_SQL_SERVER};\n" + ";\n".join(statements) + ";", database)


def attributes(server: MariaDbServer, database: str) -> dict[str, str | int]:
    return server.odbc_attributes(database) | {"INITSTMT": AS_SQL_SERVER}


def columns_of(columns: str) -> set[str]:
    return {each.strip().rpartition(" ")[0].strip('"') for each in columns.split(";")}


def _column(written: str, types: Mapping[str, str]) -> str:
    name, _, kind = written.strip().rpartition(" ")
    found = re.fullmatch(r"([a-z]+)(\d*)", kind)
    assert found is not None, written
    return f"{_quoted(name)} {types[found[1]].replace('{size}', found[2])}"


def _insert(line: str) -> str:
    row = _ROW.fullmatch(line.strip())
    assert row is not None, line
    given = dict(_PAIR.findall(row[2]))
    names = ", ".join(_quoted(name) for name in given)
    values = ", ".join(_value(each) for each in given.values())
    return f"insert into {_quoted(row[1])} ({names}) values ({values})"


def _value(written: str) -> str:
    if written == "null" or written.startswith("0x"):
        return written
    return "'" + written.replace("_", " ").replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return name if name.startswith('"') else f'"{name}"'
