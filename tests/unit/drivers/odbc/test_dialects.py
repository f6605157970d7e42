"""What no server in our tests can be asked: the statements of SQL Server, DB2, HANA and Oracle, as text."""

from __future__ import annotations

from typing import Any

import pytest

from drivers.contract import BadConfiguration
from drivers.odbc import queries
from drivers.odbc.dialects import DB2, DIALECTS, HANA, ORACLE, SQLSERVER
from drivers.odbc.learning import query_columns
from drivers.odbc.options import ConnectionOptions, DialectName, StreamOptions
from drivers.odbc.queries import Sql
from drivers.odbc.session import Session
from drivers.odbc.shape import Kind, LineShape, QueryColumn, StreamShape


def printed(column: QueryColumn) -> str:
    return queries.printed(SQLSERVER, column, "h")


def test_the_options_name_every_dialect() -> None:
    assert set(DialectName.__args__) == set(DIALECTS)


def test_each_dialect_says_how_to_ask_for_the_time_in_each_way_that_a_stream_may_need() -> None:
    for dialect in DIALECTS.values():
        assert {"local", "utc", "date"} <= set(dialect.now), dialect.name


def test_sql_server_prints_its_types_without_loss() -> None:
    assert printed(QueryColumn("a", Kind.DECIMAL, "money", 19, 4)) == (
        "CONVERT(varchar(60), CAST(h.[a] AS decimal(38,4)))"
    )
    assert printed(QueryColumn("a", Kind.TIMESTAMP_TZ, "datetimeoffset", 34, 7)) == (
        "CONVERT(varchar(27), CAST(SWITCHOFFSET(h.[a], '+00:00') AS datetime2(7)), 121) + '+00:00'"
    )
    assert "varbinary(max)" in printed(QueryColumn("a", Kind.BINARY, "timestamp"))


def test_decimals_keep_to_the_digits_that_a_product_has() -> None:
    wide = QueryColumn("a", Kind.DECIMAL, "", 0, 5)

    assert queries.bind(DB2, wide) == "CAST(? AS decimal(31,5))"
    assert queries.bind(SQLSERVER, wide) == "CAST(? AS decimal(38,5))"


@pytest.mark.parametrize(
    ("native", "kind", "text", "place", "sent"),
    [
        (
            "datetime",
            Kind.TIMESTAMP,
            "2026-01-02 03:04:05.003",
            "CONVERT(datetime, CONVERT(datetime2(3), ?, 121))",
            "2026-01-02 03:04:05.003",
        ),
        ("varchar", Kind.TEXT, "PO-1", "CAST(? AS varchar(8000))", "PO-1"),
        (
            "nvarchar",
            Kind.TEXT,
            "Ł😀",
            "CONVERT(nvarchar(4000), CONVERT(varbinary(8000), ?, 2))",
            "41013dd800de",
        ),
        ("timestamp", Kind.BINARY, "00000000000007e3", "CONVERT(binary(8), ?, 2)", "00000000000007e3"),
    ],
)
def test_sql_server_compares_a_column_with_values_of_its_own_type(
    native: str, kind: Kind, text: str, place: str, sent: str
) -> None:
    column = QueryColumn("a", kind, native)

    assert queries.compare(SQLSERVER, [column], ">", [text], "h") == Sql(f"h.[a] > {place}", (sent,))
    assert queries.one_of(SQLSERVER, [column], [[text]], "h") == Sql(f"h.[a] IN ({place})", (sent,))
    assert queries.in_window(SQLSERVER, column, text, "h").parameters == (sent,)
    lines = LineShape("lines", "select 1", (column,), (column,), ("a",))
    hint = queries.parent_range(SQLSERVER, of_key(column), lines, [text], [text])
    assert hint is None or hint.parameters == (sent, sent)


def of_key(column: QueryColumn) -> StreamShape:
    options = StreamOptions(query="select 1", key=(column.name,))
    return StreamShape("s", options, "select 1", (column,), (column,), None, None, ())


def test_the_safe_rowversion_is_reckoned_in_all_eight_bytes() -> None:
    """An int beside a binary makes the binary an int: from 2**31 on the result would be another number."""
    assert "CONVERT(bigint, MIN_ACTIVE_ROWVERSION()) - 1" in SQLSERVER.safe_rowversion


def test_oracle_orders_texts_as_it_compares_them_whatever_the_client_s_language() -> None:
    assert "ALTER SESSION SET NLS_SORT = BINARY NLS_COMP = BINARY" in ORACLE.session


class Described:
    """A session that knows what SQL Server says of a query, or that it is too old to say it."""

    dialect = SQLSERVER

    def __init__(self, *types: str) -> None:
        self._types = types

    def description(self, _sql: Sql, *, where: str) -> list[tuple[Any, ...]]:
        return [(name, str, None, None, 10, 2, True) for name in "abc"]

    def rows(self, sql: Sql, *, where: str) -> list[Any]:
        assert "dm_exec_describe_first_result_set(?, NULL, 0)" in sql.text
        if not self._types:
            raise BadConfiguration("Invalid object name")
        return [(each,) for each in self._types]


def test_sql_server_is_asked_for_its_own_names_of_types() -> None:
    session: Any = Described("datetimeoffset(7)", "timestamp", "nvarchar(50)")

    found = query_columns(session, "select 1", "w")

    assert [each.kind for each in found] == [Kind.TIMESTAMP_TZ, Kind.BINARY, Kind.TEXT]


@pytest.mark.parametrize("types", [(), ("int",)])
def test_a_server_that_cannot_tell_leaves_it_to_the_odbc_driver(types: tuple[str, ...]) -> None:
    session: Any = Described(*types)

    assert [each.kind for each in query_columns(session, "select 1", "w")] == [Kind.TEXT] * 3


def session_of(dialect: str, *, snapshot: bool) -> Session:
    options = ConnectionOptions(connection={}, dialect=dialect, snapshot=snapshot)  # type: ignore[arg-type]
    return Session(options, "", ())


def test_a_snapshot_is_asked_for_where_it_has_a_price() -> None:
    plain, asked = (session_of("sqlserver", snapshot=each)._dialect for each in (False, True))

    assert plain is not None
    assert asked is not None
    assert (plain.consistent, asked.consistent) == (False, True)
    assert asked.session[-1] == "SET TRANSACTION ISOLATION LEVEL SNAPSHOT"
    assert "SET DEADLOCK_PRIORITY LOW" in plain.session
    assert session_of("postgresql", snapshot=True)._dialect == DIALECTS["postgresql"]
    with pytest.raises(BadConfiguration) as caught:
        session_of("db2", snapshot=True)
    assert caught.value.where == "options.snapshot"


class UnknownProduct:
    """An ODBC driver, as pyodbc shows it."""

    SQL_DBMS_NAME, SQL_DBMS_VER, SQL_IDENTIFIER_QUOTE_CHAR = range(3)
    Error = Exception

    def __init__(self, quote: str) -> None:
        self._answers = ["Home-made", "1.0", quote]

    def connect(self, _text: str, **_options: Any) -> Any:
        return self

    def getinfo(self, which: int) -> str:
        return self._answers[which]

    def add_output_converter(self, _type: int, _convert: Any) -> None: ...


@pytest.mark.parametrize(("told", "written"), [("`", "h.`a b`"), ('"', 'h."a b"'), (" ", "h.a b")])
def test_an_unknown_product_is_quoted_as_its_odbc_driver_says(told: str, written: str) -> None:
    session = Session(ConnectionOptions(connection={}), "", ())

    session._connect(UnknownProduct(told))

    assert session._dialect is not None
    assert session._dialect.name == "ansi"
    assert queries.printed(session._dialect, QueryColumn("a b", Kind.TEXT), "h") == written


def test_readers_take_committed_rows_and_keep_no_lock() -> None:
    assert DB2.reading == " FOR READ ONLY WITH CS"
    assert HANA.snapshot == ("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",)
    assert ORACLE.snapshot == ("SET TRANSACTION READ ONLY",)
    assert not any("NOLOCK" in each or "UNCOMMITTED" in each for d in DIALECTS.values() for each in d.session)
