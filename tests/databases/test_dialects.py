"""The statements that a profile's streams become on the product that they are for, read by a parser that is not ours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlglot
from sqlglot import exp

from agent.systems import profile
from drivers.contract import MarkKind, StreamSpec
from drivers.odbc import queries
from drivers.odbc.dialects import DB2, ORACLE, SQLSERVER, Dialect
from drivers.odbc.names import with_names
from drivers.odbc.options import LineOptions, parse_connection, parse_stream
from drivers.odbc.shape import Kind, LineShape, QueryColumn, StreamShape

READ_AS = {SQLSERVER.name: "tsql", ORACLE.name: "oracle", DB2.name: ""}
SYSTEMS = [
    ("dynamics-gp", SQLSERVER),
    ("dynamics-nav-sql", SQLSERVER),
    ("dynamics-ax2012-sql", SQLSERVER),
    *(("maximo", dialect) for dialect in (SQLSERVER, ORACLE, DB2)),
    *(("infor-eam", dialect) for dialect in (SQLSERVER, ORACLE)),
]
CASES = [
    pytest.param(system, name, dialect, id=f"{system}-{name}-{dialect.name}")
    for system, dialect in SYSTEMS
    for name in profile(system)["streams"]
]


def columns_of(query: str, dialect: Dialect) -> tuple[QueryColumn, ...]:
    statement = sqlglot.parse_one(query, read=READ_AS[dialect.name])
    assert isinstance(statement, exp.Select | exp.SetOperation)
    names = statement.named_selects
    assert len(names) == len(set(names)), "two columns of one name"
    assert "" not in names, "a column without a name"
    return tuple(QueryColumn(name, Kind.TEXT) for name in names)


def shape_of(system: str, name: str, dialect: Dialect) -> StreamShape:
    table = profile(system)
    names = {"company": "CRONUS"} | table.get("options", {}).get("names", {})
    options = parse_connection({"connection": {}, **table.get("options", {}), "names": names})
    stream = table["streams"][name]
    read = parse_stream(name, with_names(StreamSpec(name, stream["entity"], stream["read"]), options).options)
    columns = {column.name: column for column in columns_of(read.query, dialect)}
    return StreamShape(
        name,
        read,
        read.query.strip(),
        tuple(columns.values()),
        tuple(columns[each] for each in read.key),
        columns[read.replication_key] if read.replication_key else None,
        MarkKind.TIMESTAMP if read.replication_key else None,
        tuple(lines_of(each, lines, dialect) for each, lines in read.lines.items()),
    )


def lines_of(name: str, options: LineOptions, dialect: Dialect) -> LineShape:
    columns = {column.name: column for column in columns_of(options.query, dialect)}
    assert set(options.order_by) <= columns.keys()
    parent = tuple(columns[each] for each in options.parent)
    return LineShape(name, options.query.strip(), tuple(columns.values()), parent, options.order_by)


def statements(shape: StreamShape, dialect: Dialect) -> Iterator[str]:
    where = [queries.compare(dialect, shape.key, ">", ["a"] * len(shape.key), "h")]
    for by_replication in {False, shape.replication is not None}:
        yield queries.header_page(
            dialect, shape, shape.columns, where, by_replication=by_replication, rows=5
        ).text
    yield queries.rows_by_key(dialect, shape, [["a"] * len(shape.key)]).text
    for lines in shape.lines:
        yield queries.lines_of(dialect, shape, lines, where, None).text


@pytest.mark.parametrize(("system", "name", "dialect"), CASES)
def test_what_the_driver_asks_is_sql_of_the_product(system: str, name: str, dialect: Dialect) -> None:
    shape = shape_of(system, name, dialect)

    for text in statements(shape, dialect):
        (statement,) = sqlglot.parse(text, read=READ_AS[dialect.name])
        assert isinstance(statement, exp.Select), text
