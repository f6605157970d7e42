"""What no server in our tests can be asked: the statements of SQL Server, DB2, HANA and Oracle, as text."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from drivers.contract import BadConfiguration, StreamSpec
from drivers.odbc import queries
from drivers.odbc.dialects import ANSI, DB2, DIALECTS, HANA, ORACLE, SQLSERVER, Dialect
from drivers.odbc.learning import learn, query_columns
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

    def __init__(self, quote: str, prints: str = "") -> None:
        self._answers = ["Home-made", "1.0", quote]
        self._prints = prints  # a moment, where it has the word that is asked for
        self.word = ""

    def connect(self, _text: str, **_options: Any) -> Any:
        return self

    def getinfo(self, which: int) -> str:
        return self._answers[which]

    def add_output_converter(self, _type: int, _convert: Any) -> None: ...

    def execute(self, sql: str) -> Any:
        if not self._prints or self.word not in sql:
            raise self.Error(sql)
        return self

    def fetchone(self) -> tuple[Any, str]:
        return datetime(2026, 2, 3, 4, 5, 6, 789012), self._prints


@pytest.mark.parametrize(("told", "written"), [("`", "h.`a b`"), ('"', 'h."a b"'), (" ", "h.a b")])
def test_an_unknown_product_is_quoted_as_its_odbc_driver_says(told: str, written: str) -> None:
    session = Session(ConnectionOptions(connection={}), "", ())

    session._connect(UnknownProduct(told))

    assert session._dialect is not None
    assert session._dialect.name == "ansi"
    assert queries.printed(session._dialect, QueryColumn("a b", Kind.TEXT), "h") == written


@pytest.mark.parametrize(
    ("word", "prints", "printed_by"),
    [
        ("varchar", "2026-02-03 04:05:06.789012", 'CAST(h."t" AS varchar(40))'),
        ("AS char", "2026-02-03 04:05:06.789012" + " " * 14, 'CAST(h."t" AS char(40))'),
        ("varchar", "2026-02-03 04:05:06.789", 'h."t"'),  # digits would be lost
        ("varchar", "Feb  3 2026  4:05AM", 'h."t"'),
        ("varchar", "2026-02-03-04.05.06.789012", 'h."t"'),
        ("varchar", "", 'h."t"'),
    ],
)
def test_of_an_unknown_product_moments_are_asked_for_as_texts_where_it_prints_them_exactly(
    word: str, prints: str, printed_by: str
) -> None:
    session = Session(ConnectionOptions(connection={}), "", ())
    product = UnknownProduct('"', prints)
    product.word = word

    session._connect(product)

    assert session._dialect is not None
    assert queries.printed(session._dialect, QueryColumn("t", Kind.TIMESTAMP, "", 26, 6), "h") == printed_by
    assert (
        queries.bind(session._dialect, QueryColumn("t", Kind.TIMESTAMP, "", 26, 6)) == "CAST(? AS timestamp)"
    )


@pytest.mark.parametrize(
    ("dialect", "scale", "asked", "bound"),
    [
        (
            ORACLE,
            9,
            "TO_CHAR(h.\"t\", 'YYYY-MM-DD HH24:MI:SS.FF9')",
            "TO_TIMESTAMP(?, 'YYYY-MM-DD HH24:MI:SS.FF9')",
        ),
        (DB2, 12, "VARCHAR_FORMAT(h.\"t\", 'YYYY-MM-DD HH24:MI:SS.FF12')", "CAST(? AS timestamp(12))"),
        (HANA, 7, "TO_VARCHAR(h.\"t\", 'YYYY-MM-DD HH24:MI:SS.FF7')", "CAST(? AS timestamp)"),
        (ANSI, 9, 'h."t"', "CAST(? AS timestamp(9))"),
        (ORACLE, 6, 'h."t"', "TO_TIMESTAMP(?, 'YYYY-MM-DD HH24:MI:SS.FF6')"),
        (DB2, 6, 'h."t"', "CAST(? AS timestamp)"),
    ],
)
def test_moments_finer_than_a_microsecond_are_read_and_bound_to_their_last_digit(
    dialect: Dialect, scale: int, asked: str, bound: str
) -> None:
    """Bound to six digits, two rows of one microsecond would lie on one side of a page's end: one is passed over."""
    column = QueryColumn("t", Kind.TIMESTAMP, "", 20 + scale, scale)

    assert queries.printed(dialect, column, "h") == asked
    assert queries.bind(dialect, column) == bound


def test_a_moment_is_bound_with_the_digits_that_its_column_keeps() -> None:
    """A key has nine of seven, and HANA takes no more than seven."""
    moment = QueryColumn("t", Kind.TIMESTAMP, "", 27, 7)
    text = QueryColumn("n", Kind.TEXT, "", 40)

    assert queries.sent(HANA, [moment, text], ["2026-01-02 03:04:05.123456700", "1.500000000"]) == (
        "2026-01-02 03:04:05.1234567",
        "1.500000000",
    )
    assert queries.sent(HANA, [moment], ["2026-01-02 03:04:05.123456789"]) == (
        "2026-01-02 03:04:05.123456789",
    )


def test_a_key_of_more_digits_than_can_be_read_is_refused() -> None:
    class OfTwelveDigits:
        dialect = ANSI

        def description(self, _sql: Sql, *, where: str) -> list[tuple[Any, ...]]:
            return [("t", datetime, None, 32, 32, 12, False), ("n", int, None, 10, 10, 0, False)]

    session: Any = OfTwelveDigits()
    options = {"query": "select t, n from x", "key": ["t"]}

    with pytest.raises(BadConfiguration, match="12 digits of a second"):
        learn(session, StreamSpec("s", "vendor", options))
    assert learn(session, StreamSpec("s", "vendor", {**options, "key": ["n"]})).key[0].name == "n"


def test_readers_take_committed_rows_and_keep_no_lock() -> None:
    assert DB2.reading == " FOR READ ONLY WITH CS"
    assert HANA.snapshot == ("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",)
    assert ORACLE.snapshot == ("SET TRANSACTION READ ONLY",)
    assert not any("NOLOCK" in each or "UNCOMMITTED" in each for d in DIALECTS.values() for each in d.session)
