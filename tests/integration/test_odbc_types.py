"""What each database holds arrives exactly: decimals, time stamps, texts of any length, and values that drivers garble."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import UTC, date, datetime, time
from typing import Any

import pyarrow as pa
import pytest

from drivers.contract import ReadMode, ReadRequest, SourceChanged, StreamSpec
from drivers.odbc.driver import OdbcDriver
from tests.conformance.suite import keys, pages, rows
from tests.integration.odbc_sources import Source

pytestmark = pytest.mark.integration

Make = Callable[..., OdbcDriver]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    made: list[OdbcDriver] = []

    def _make(source: Source, **options: Any) -> OdbcDriver:
        made.append(source.driver(**options))
        return made[-1]

    yield _make
    for driver in made:
        await driver.aclose()


def stream(query: str, key: str = "k", **options: Any) -> StreamSpec:
    return StreamSpec("values", "vendor", {"query": query, "key": [key], **options})


async def table_of(driver: OdbcDriver, query: str) -> pa.Table:
    found = await pages(driver, ReadRequest(stream(query), ReadMode.SCAN))
    return pa.concat_tables([page.table for page in found])


async def test_postgres_values_arrive_as_they_are(postgres_source: Source, make: Make) -> None:
    query = """
        select 1 as k,
          12345678901234567890.123456789012345678901234567890 as free_numeric,
          cast('123456789012345678.12345678901234567890' as numeric(38,20)) as wide_numeric,
          cast('NaN' as numeric(10,2)) as not_a_number,
          cast('-92233720368547758.08' as money) as money,
          cast('ab' as char(10)) as padded,
          cast('deadbeef00' as text) as plain, decode('deadbeef00', 'hex') as bytes,
          cast('60075b50-8ee5-4f18-a961-e6db658ed87c' as uuid) as id,
          true as yes, cast(null as boolean) as unknown,
          date '2026-01-02' as day, time '10:11:12.123456' as hour,
          timestamp '2026-01-01 10:11:12.123456' as local_stamp,
          timestamptz '2026-01-01 10:11:12.123456+02' as zoned_stamp,
          cast(0.1 as double precision) as double, cast(0.1 as real) as single,
          9223372036854775807 as big, '{"a": "ü😀"}'::jsonb as json, array[1,2] as list,
          interval '1 day 2 hours' as gap, '' as empty, cast(null as text) as missing,
          repeat('😀', 20)::varchar(20) as emoji
    """
    row = (await table_of(make(postgres_source), query)).to_pylist()[0]

    assert row == {
        "__key": "1",
        "k": 1,
        "free_numeric": "12345678901234567890.123456789012345678901234567890",
        "wide_numeric": "123456789012345678.12345678901234567890",
        "not_a_number": "NaN",
        "money": "-92233720368547758.08",
        "padded": "ab        ",
        "plain": "deadbeef00",
        "bytes": "deadbeef00",
        "id": "60075b50-8ee5-4f18-a961-e6db658ed87c",
        "yes": True,
        "unknown": None,
        "day": date(2026, 1, 2),
        "hour": time(10, 11, 12, 123456),
        "local_stamp": datetime(2026, 1, 1, 10, 11, 12, 123456),
        "zoned_stamp": datetime(2026, 1, 1, 8, 11, 12, 123456, tzinfo=UTC),
        "double": 0.1,
        "single": 0.1,
        "big": 9223372036854775807,
        "json": '{"a": "ü😀"}',
        "list": "{1,2}",
        "gap": "1 day 02:00:00",
        "empty": "",
        "missing": None,
        "emoji": "😀" * 20,
    }


async def test_postgres_dates_outside_the_calendar_stay_text_instead_of_becoming_another_day(
    postgres_source: Source, make: Make
) -> None:
    query = "select k, d, t from (values (1, date 'infinity', timestamp '0044-03-15 BC'), (2, date '2026-01-01', timestamp '2026-01-01')) v(k, d, t)"

    found = (await table_of(make(postgres_source), query)).to_pylist()

    assert [row["d"] for row in found] == ["infinity", "2026-01-01"]
    assert [row["t"] for row in found] == ["0044-03-15 00:00:00 BC", "2026-01-01 00:00:00"]


async def test_mariadb_values_arrive_as_they_are(mariadb_source: Source, make: Make) -> None:
    mariadb_source.run(
        "create or replace table kinds (k int primary key, wide decimal(38,20), widest decimal(65,30), small decimal(5,2),"
        " padded char(10), bytes varbinary(20), blobs longblob, day date, stamp datetime(6), hour time(6), yes boolean,"
        " bits bit(1), small_unsigned smallint unsigned, big bigint, huge bigint unsigned, real_number double, long_text longtext, kind enum('a','b'),"
        " doc json, missing varchar(10)) character set utf8mb4",
        "insert into kinds values (1, '123456789012345678.12345678901234567890',"
        " '12345678901234567890123456789012345.123456789012345678901234567890', '-0.01', 'ab', x'deadbeef00', x'00ff',"
        " '2026-01-02', '2026-01-01 10:11:12.123456', '110:11:12.123456', true, b'1', 65535, 9223372036854775807,"
        " 18446744073709551615, 0.1, '😀 ü', 'b', '{\"a\": 1}', null)",
    )

    row = (await table_of(make(mariadb_source), "select * from kinds")).to_pylist()[0]

    assert row["wide"] == "123456789012345678.12345678901234567890"
    assert row["widest"] == "12345678901234567890123456789012345.123456789012345678901234567890"
    assert row["small"] == "-0.01"
    assert (row["bytes"], row["blobs"]) == ("deadbeef00", "00ff")
    assert row["day"] == date(2026, 1, 2)
    assert row["stamp"] == datetime(2026, 1, 1, 10, 11, 12, 123456)
    assert row["big"] == 9223372036854775807
    assert row["huge"] == 18446744073709551615
    assert row["real_number"] == 0.1
    assert (row["long_text"], row["kind"], row["doc"], row["missing"]) == ("😀 ü", "b", '{"a": 1}', None)
    assert row["hour"] == "110:11:12.123456"
    assert (row["yes"], row["bits"], row["small_unsigned"]) == (1, True, 65535)


async def test_sqlite_texts_keep_every_digit(sqlite_source: Source, make: Make) -> None:
    sqlite_source.run(
        "drop table if exists kinds",
        "create table kinds (k integer primary key, amount text, stamp timestamp, day date, note varchar(5))",
        "insert into kinds values (1, '12345678901234.56789012345', '2026-01-01 10:11:12.123456', '2026-01-02',"
        " 'longer than declared ü'), (2, null, 'soon', null, '')",
    )

    first, second = (await table_of(make(sqlite_source), "select * from kinds")).to_pylist()

    assert first["amount"] == "12345678901234.56789012345"
    assert first["stamp"] == "2026-01-01 10:11:12.123456"
    assert first["day"] == date(2026, 1, 2)
    assert first["note"] == "longer than declared ü"
    assert (second["amount"], second["stamp"], second["note"]) == (None, "soon", "")


@pytest.mark.parametrize("kind", ["postgres", "mariadb"])
async def test_a_text_longer_than_the_first_buffer_is_read_whole(
    kind: str, request: pytest.FixtureRequest, make: Make
) -> None:
    source: Source = request.getfixturevalue(f"{kind}_source")
    long = "repeat('xü', 20000)"

    found = await table_of(
        make(source), f"select 1 as k, {long} as t, 'z' as u union all select 2, 'short', 'z'"
    )

    assert sorted(found.column("t").to_pylist(), key=len) == ["short", "xü" * 20_000]


async def test_a_text_longer_than_sqlite_s_driver_declares_is_an_error_and_never_cut(
    sqlite_source: Source, make: Make
) -> None:
    with pytest.raises(SourceChanged, match="longer than the source declares"):
        await table_of(make(sqlite_source), "select 1 as k, replace(hex(zeroblob(200000)), '00', 'x') as t")


async def test_a_text_longer_than_the_limit_is_an_error_that_says_so_and_never_cut(
    source: Source, make: Make
) -> None:
    long = "replace(hex(zeroblob(3000)), '00', 'x')" if source.kind == "sqlite" else "repeat('x', 3000)"
    driver = make(source, max_text_bytes=2048)

    with pytest.raises(SourceChanged, match="max_text_bytes"):
        await table_of(driver, f"select 1 as k, {long} as t")


async def test_a_zoned_change_stamp_pages_exactly_whatever_the_server_s_zone(
    postgres_source: Source, make: Make
) -> None:
    postgres_source.run(
        "drop table if exists zoned",
        "create table zoned (k int primary key, at timestamptz)",
        "insert into zoned select i, timestamptz '2026-03-29 00:59:59.999990+00' + i * interval '1 microsecond' from generate_series(1, 50) i",
        "alter database odbc set timezone = 'America/Sao_Paulo'",
    )
    try:
        driver = make(postgres_source)
        spec = stream("select * from zoned", replication_key="at")
        signpost = await driver.signpost(spec)
        found = await pages(driver, ReadRequest(spec, ReadMode.CHANGES, end=signpost, page_rows=3))
    finally:
        postgres_source.run("alter database odbc reset timezone")

    assert keys(found) == [str(k) for k in range(1, 51)]
    assert signpost is not None
    assert signpost.value.endswith("+00:00")
    assert rows(found)[0]["at"] == datetime(2026, 3, 29, 0, 59, 59, 999991, tzinfo=UTC)


async def test_integer_and_date_replication_keys_have_marks_of_their_own(source: Source, make: Make) -> None:
    driver = make(source)
    spec = StreamSpec(
        "orders",
        "purchase_order",
        {"query": "select * from orders", "key": ["order_no"], "replication_key": "rev"},
    )

    signpost = await driver.signpost(spec)
    assert signpost is not None
    found = await pages(driver, ReadRequest(spec, ReadMode.CHANGES, start=signpost, end=signpost))

    assert (signpost.kind, signpost.value) == ("integer", "59")
    assert len(rows(found)) == 1


async def test_a_read_left_after_one_page_gives_its_connections_back(source: Source, make: Make) -> None:
    driver = make(source)
    spec = stream("select order_no as k from orders")
    for _ in range(5):
        async with aclosing(driver.read(ReadRequest(spec, ReadMode.SCAN, page_rows=1))) as reading:  # type: ignore[type-var]
            await anext(reading)

    assert 1 <= len(driver._session._idle) <= 2  # one for each page that was under way


async def test_postgres_texts_that_look_like_the_packing_of_a_row_arrive_as_they_are(
    postgres_source: Source, make: Make
) -> None:
    odd = [
        "",
        " ",
        '"',
        '""',
        "\\",
        "\\\\",
        "a,b",
        "(0,x,0)",
        "line\nfeed",
        "cr\r\n",
        "tab\t",
        "NULL",
        "\\N",
        "t",
        "'",
    ]
    postgres_source.run(
        "drop table if exists packing", "create table packing (k int primary key, a text, b text)"
    )
    connection = postgres_source.connect()
    for number, text in enumerate(odd):
        connection.execute(
            "insert into packing values (?, ?, ?)", number, text, None if number % 2 else text[::-1]
        )
    connection.close()

    found = (await table_of(make(postgres_source), "select * from packing")).to_pylist()

    assert [row["a"] for row in found] == odd
    assert [row["b"] for row in found] == [None if n % 2 else text[::-1] for n, text in enumerate(odd)]
