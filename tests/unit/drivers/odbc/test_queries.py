from __future__ import annotations

import itertools
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.odbc import queries
from drivers.odbc.dialects import DIALECTS, MARIADB, POSTGRESQL, SQLITE, SQLSERVER, Dialect, dialect_of
from drivers.odbc.options import StreamOptions
from drivers.odbc.shape import Kind, LineShape, QueryColumn, StreamShape

A, B, C = (QueryColumn(name, Kind.INTEGER) for name in "abc")
TEXT = QueryColumn("t", Kind.TEXT)


def shape(*key: QueryColumn, lines: tuple[LineShape, ...] = ()) -> StreamShape:
    options = StreamOptions(query="select 1", key=tuple(column.name for column in key))
    return StreamShape("s", options, "select * from x", (A, B, C, TEXT), key, None, None, lines)


@pytest.mark.parametrize("operator", [">", ">=", "<", "<="])
@pytest.mark.parametrize("width", [1, 2, 3])
@pytest.mark.parametrize("row_values", [True, False])
def test_row_comparison_means_what_python_s_tuples_mean(operator: str, width: int, row_values: bool) -> None:
    """Both ways of writing it, run by a database, against every pair of small tuples."""
    dialect = Dialect(
        "t", (), SQLITE.limit, row_values=row_values, binds={Kind.INTEGER: "CAST(? AS INTEGER)"}
    )
    database = sqlite3.connect(":memory:")
    database.execute("create table x (a integer, b integer, c integer)")
    rows = list(itertools.product(range(3), repeat=3))
    database.executemany("insert into x values (?, ?, ?)", rows)

    for bound in itertools.product(range(3), repeat=width):
        sql = queries.compare(dialect, (A, B, C)[:width], operator, [str(v) for v in bound], "h")
        found = database.execute(f"select a, b, c from x h where {sql.text}", sql.parameters).fetchall()
        meant = {">": tuple.__gt__, ">=": tuple.__ge__, "<": tuple.__lt__, "<=": tuple.__le__}[operator]
        assert set(found) == {row for row in rows if meant(row[:width], bound)}
    database.close()


@given(
    values=st.lists(st.text(min_size=1), min_size=2, max_size=2), dialect=st.sampled_from(sorted(DIALECTS))
)
def test_no_value_ever_enters_the_text_of_a_statement(values: list[str], dialect: str) -> None:
    marked = [f"§{value}§" for value in values]
    found = DIALECTS[dialect]
    statements = [
        queries.compare(found, (A, TEXT), ">", marked, "h"),
        queries.one_of(found, (A, TEXT), [marked], "h"),
        queries.key_count(found, shape(A, TEXT), marked),
        queries.in_window(found, A, marked[0], "h"),
    ]

    for sql in statements:
        assert not any(value in sql.text for value in marked)
        assert sql.text.count("?") == len(sql.parameters)


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)
def test_paging_is_by_key_and_never_by_offset(dialect: Dialect) -> None:
    behind = queries.compare(dialect, (A, B), ">", ["1", "2"], "h")

    sql = queries.header_page(dialect, shape(A, B), (A, B), [behind], by_replication=False, rows=11)

    assert "OFFSET" not in sql.text.upper()
    assert "11" in sql.text
    assert sql.text.count("?") == len(sql.parameters)
    assert "ORDER BY h." in sql.text


@pytest.mark.parametrize(
    ("dialect", "quoted"), [(POSTGRESQL, '"a""b]`"'), (MARIADB, '`a"b]```'), (SQLSERVER, '[a"b]]`]')]
)
def test_a_column_s_name_cannot_leave_its_quotes(dialect: Dialect, quoted: str) -> None:
    assert queries.quote(dialect, 'a"b]`') == quoted


def test_a_comment_at_the_end_of_a_query_swallows_nothing() -> None:
    assert queries.derived("select 1 -- all", "h") == "(select 1 -- all\n) h"


def test_a_range_over_lines_is_repeated_only_where_both_sides_sort_alike() -> None:
    def lines(parent: QueryColumn) -> LineShape:
        return LineShape("ls", "select 1", (parent,), (parent,), ("n",))

    plain = QueryColumn("p", Kind.TEXT, "character varying")
    padded = QueryColumn("p", Kind.TEXT, "character")

    def hint(mine: QueryColumn, theirs: QueryColumn) -> queries.Sql | None:
        return queries.parent_range(POSTGRESQL, shape(mine), lines(theirs), ["1"], ["9"])

    assert hint(A, B) == queries.Sql('l."b" >= CAST(? AS bigint) AND l."b" <= CAST(? AS bigint)', ("1", "9"))
    assert hint(plain, plain) is not None
    assert hint(plain, padded) is None
    assert hint(TEXT, TEXT) is None, "a text of unknown collation"
    assert hint(A, plain) is None


@pytest.mark.parametrize(
    ("product", "name"),
    [
        ("PostgreSQL", "postgresql"),
        ("MariaDB", "mariadb"),
        ("MySQL", "mysql"),
        ("Microsoft SQL Server", "sqlserver"),
        ("SQLite", "sqlite"),
        ("Oracle", "oracle"),
        ("DB2/LINUXX8664", "db2"),
        ("HDB", "hana"),
        ("Adaptive Server Nobody Knows", "ansi"),
    ],
)
def test_the_dialect_follows_from_the_product_s_own_name(product: str, name: str) -> None:
    assert dialect_of(product).name == name


def test_sql_server_limits_with_top_in_the_first_place() -> None:
    sql = queries.header_page(SQLSERVER, shape(A), (A,), [], by_replication=False, rows=3)

    assert sql.text.startswith("SELECT TOP (3) h.[a]")
