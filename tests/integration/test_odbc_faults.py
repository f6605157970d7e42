"""What goes wrong at a real source, and what the operator is told. Nothing is lost or read twice meanwhile."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from datetime import date, datetime
from typing import Any

import pytest

from drivers.contract import (
    BadConfiguration,
    CredentialsRefused,
    DriverError,
    NotPermitted,
    ReadMode,
    ReadRequest,
    SourceBusy,
    SourceChanged,
    StreamSpec,
    Unreachable,
)
from drivers.odbc.driver import OdbcDriver
from tests.conformance.suite import keys, pages, rows
from tests.integration.odbc_sources import ORDER_KEYS, Source, orders
from tests.servers import PostgresServer, free_port

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


def scan(spec: StreamSpec, **changes: Any) -> ReadRequest:
    return ReadRequest(spec, ReadMode.SCAN, **changes)


def of(query: str, *key: str, **options: Any) -> StreamSpec:
    return StreamSpec("s", "vendor", {"query": query, "key": list(key), **options})


async def failure(driver: OdbcDriver, spec: StreamSpec, **changes: Any) -> DriverError:
    with pytest.raises(DriverError) as caught:
        await pages(driver, scan(spec, **changes))
    assert caught.value.hint
    assert caught.value.where
    return caught.value


@pytest.mark.parametrize("page_rows", [1, 2, 3, 100])
async def test_a_key_that_occurs_twice_is_named_wherever_the_page_ends(
    source: Source, make: Make, page_rows: int
) -> None:
    query = "select 1 as k, 'a' as v union all select 2, 'b' union all select 2, 'c' union all select 3, 'd'"

    error = await failure(make(source), of(query, "k"), page_rows=page_rows)

    assert isinstance(error, SourceChanged)
    assert "'2'" in error.message


async def test_keys_that_the_source_takes_for_one_are_named_where_the_page_ends_between_them(
    mariadb_source: Source, make: Make
) -> None:
    mariadb_source.run(
        "create or replace table folded (k varchar(20)) character set utf8mb4 collate utf8mb4_general_ci",
        "insert into folded values ('aa'), ('bb'), ('BB'), ('cc')",
    )
    error = await failure(make(mariadb_source), of("select k from folded", "k"), page_rows=2)

    assert isinstance(error, SourceChanged)


@pytest.mark.parametrize("page_rows", [1, 100])
async def test_a_row_without_key_is_an_error_and_not_silently_left_out(
    source: Source, make: Make, page_rows: int
) -> None:
    query = "select 'a' as k, 1 as n union all select null, 2 union all select 'c', 3"

    error = await failure(make(source), of(query, "k"), page_rows=page_rows)

    assert isinstance(error, SourceChanged)
    assert "key" in error.message


async def test_a_missing_column_is_named_with_the_nearest_ones(source: Source, make: Make) -> None:
    error = await failure(make(source), orders(key=["order_nr"]))

    assert isinstance(error, SourceChanged)
    assert "order_nr" in error.message
    assert "order_no" in error.hint


async def test_a_missing_table_and_a_missing_column_in_the_query_are_changes_of_the_source(
    source: Source, make: Make
) -> None:
    driver = make(source)

    assert isinstance(await failure(driver, of("select * from no_such_table", "k")), SourceChanged)
    assert isinstance(await failure(driver, of("select no_such_column as k from orders", "k")), SourceChanged)
    assert rows(await pages(driver, scan(orders()))), "the driver goes on working"


async def test_a_query_over_its_time_limit_is_ended_and_may_be_tried_again(
    postgres_source: Source, make: Make
) -> None:
    driver = make(postgres_source, query_seconds=1)

    error = await failure(driver, of("select k from (select 1 as k, pg_sleep(30)) s where k = 1", "k"))

    assert isinstance(error, SourceBusy)


async def test_a_date_that_is_none_costs_its_own_record_and_day_zero_is_null(
    mariadb_source: Source, make: Make
) -> None:
    """As a date of its own kind it would end the whole process that reads it."""
    mariadb_source.run(
        "set sql_mode = 'ALLOW_INVALID_DATES'",
        "create or replace table days (no integer primary key, d date, t datetime(6))",
    )
    server = mariadb_source.connect()
    server.execute("set sql_mode = 'ALLOW_INVALID_DATES'")
    server.execute(
        "insert into days values (1, '2026-01-05', '2026-01-05 10:00:00.123456'), (2, '2024-00-15', '2024-02-31 10:00:00'),"
        " (3, '0000-00-00', '0000-00-00 00:00:00'), (4, '0000-01-01', null)"
    )
    server.close()
    driver = make(mariadb_source)

    found = rows(await pages(driver, scan(of("select no, d, t from days", "no"))))
    good = rows(await pages(driver, scan(of("select no, d, t from days where no in (1, 3)", "no"))))

    assert [row["d"] for row in found] == ["2026-01-05", "2024-00-15", None, "0000-01-01"]
    assert [row["t"] for row in found][1:] == ["2024-02-31 10:00:00.000000", None, None]
    assert [row["d"] for row in good] == [date(2026, 1, 5), None]
    assert [row["t"] for row in good] == [datetime(2026, 1, 5, 10, 0, 0, 123456), None]

    unknown = of("select cast(no as char(3)) as k, d, t from days", "k")
    unforeseen = rows(await pages(make(mariadb_source, dialect="ansi"), scan(unknown)))

    assert [row["d"] for row in unforeseen][:2] == ["2026-01-05", "2024-00-15"]
    assert [row["t"] for row in unforeseen] == [
        "2026-01-05 10:00:00.123456",
        "2024-02-31 10:00:00.000000",
        "0000-00-00 00:00:00.000000",
        None,
    ]


async def test_a_moment_in_a_key_is_written_with_six_digits_however_few_its_column_keeps(
    mariadb_source: Source, make: Make
) -> None:
    """As it always was: written otherwise, each record would be another one after an upgrade, and the old one deleted."""
    mariadb_source.run(
        "create or replace table moments (a datetime not null, b datetime(3) not null, primary key (a, b))",
        "insert into moments values ('2026-01-05 10:00:00', '2026-01-05 10:00:00.5')",
    )

    found = await pages(make(mariadb_source), scan(of("select a, b from moments", "a", "b")))

    assert keys(found) == ["2026-01-05 10:00:00.000000~2026-01-05 10:00:00.500000"]


async def test_a_syntax_error_names_the_stream(source: Source, make: Make) -> None:
    error = await failure(make(source), of("select order_no as k frm orders where", "k"))

    assert isinstance(error, BadConfiguration)
    assert error.where.startswith("streams.s.read")


async def test_two_columns_of_one_name_are_refused(postgres_source: Source, make: Make) -> None:
    error = await failure(
        make(postgres_source), of("select order_no, vendor as order_no from orders", "order_no")
    )

    assert isinstance(error, BadConfiguration)


async def test_a_query_can_write_nothing_in_postgres(postgres_source: Source, make: Make) -> None:
    query = "with gone as (delete from ties returning a) select a as k from gone"

    await failure(make(postgres_source), of(query, "k"))

    assert postgres_source.connect().execute("select count(*) from ties").fetchone()[0] == 1_000


async def test_a_refused_password_is_told_apart_and_never_shown(source: Source, make: Make) -> None:
    if source.kind == "sqlite":
        pytest.skip("SQLite knows no passwords")
    secret = "s3cret;}{' \"x"
    driver = make(Source(source.kind, source.attributes, {"Pwd": secret}))

    with pytest.raises(CredentialsRefused) as caught:
        await pages(driver, scan(orders()))
    steps = await driver.check()

    assert secret not in repr(caught.value) + str(steps) + repr(driver) + repr(driver._session)
    assert [step.ok for step in steps] == [True, True, True, True, False]
    assert steps[-1].name == "sign-in"


@pytest.mark.parametrize(
    "password", ["a;b", "a}b", "a{b", "a}};Database=x", "per%cent%41", "q'uo\"te", "+a@b!=", "ünï😀"]
)
async def test_any_password_gets_through_the_connection_string(
    postgres_server: PostgresServer, postgres_source: Source, make: Make, password: str
) -> None:
    quoted = password.replace("'", "''")
    postgres_server.execute(
        f"drop role if exists odd; create role odd login password '{quoted}'; grant select on ties to odd",
        "odbc",
    )
    driver = make(Source("postgres", {**postgres_source.attributes, "Uid": "odd"}, {"Pwd": password}))
    try:
        assert all(step.ok for step in await driver.check())
        ties = of("select a, b from ties", "a", "b")
        assert len(rows(await pages(driver, scan(ties)))) == 1_000
        with pytest.raises(NotPermitted):
            await pages(driver, scan(orders()))
    finally:
        await driver.aclose()
        postgres_server.execute("drop owned by odd; drop role odd", "odbc")


async def test_check_stops_at_the_hop_that_fails(postgres_source: Source, make: Make) -> None:
    good = postgres_source.attributes
    no_driver = await make(Source("postgres", {**good, "Driver": "No Such"}, {})).check()
    no_name = await make(Source("postgres", {**good, "Server": "no-such-host.invalid"}, {})).check()
    no_port = await make(Source("postgres", {**good, "Port": free_port()}, {})).check()

    assert (no_driver[-1].name, no_driver[-1].ok) == ("odbc driver", False)
    assert "PostgreSQL Unicode" in no_driver[-1].hint
    assert (no_name[-1].name, no_name[-1].ok) == ("host name", False)
    assert (no_port[-1].name, no_port[-1].ok) == ("port", False)


async def test_nobody_listening_is_unreachable(source: Source, make: Make) -> None:
    if source.kind == "sqlite":
        pytest.skip("SQLite is a file")

    driver = make(Source(source.kind, {**source.attributes, "Port": free_port()}, source.secrets))

    with pytest.raises(Unreachable):
        await driver.signpost(orders())


@pytest.mark.timeout(60)
async def test_a_server_that_takes_the_call_and_says_nothing_is_unreachable_in_time(
    source: Source, make: Make
) -> None:
    if source.kind == "sqlite":
        pytest.skip("SQLite is a file")

    with socket.create_server(("127.0.0.1", 0)) as mute:
        attributes = {**source.attributes, "Port": mute.getsockname()[1]}
        driver = make(Source(source.kind, attributes, source.secrets), connect_seconds=1)

        assert isinstance(await failure(driver, orders()), Unreachable)


async def test_check_tells_of_each_stream_what_was_found_and_what_is_wrong(
    source: Source, make: Make
) -> None:
    misspelt, fine = orders(replication_key="chnged"), orders()

    steps = await make(source).check([misspelt, fine])
    bad, good = (step for step in steps if step.stream)

    assert good.ok
    assert "key order_no" in good.detail
    assert not bad.ok
    assert "changed" in bad.hint
    assert bad.code == "source_changed"


async def test_a_connection_that_died_while_idle_is_replaced(
    postgres_server: PostgresServer, postgres_source: Source, make: Make
) -> None:
    driver = make(postgres_source)
    await pages(driver, scan(orders()))

    postgres_server.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'odbc' and pid <> pg_backend_pid()"
    )

    assert len(rows(await pages(driver, scan(orders())))) == len(ORDER_KEYS)


async def test_a_server_that_restarts_in_the_middle_is_unreachable_and_the_read_resumes(
    postgres_server: PostgresServer, postgres_source: Source, make: Make
) -> None:
    driver = make(postgres_source)
    whole = keys(await pages(driver, scan(orders())))
    reading = driver.read(scan(orders(), page_rows=7))
    first = await anext(reading)
    postgres_server.restart()

    seen = [*keys([first])]
    cursor = first.cursor
    try:
        async for page in reading:
            seen += keys([page])
            cursor = page.cursor
    except Unreachable:
        seen += keys(await pages(driver, scan(orders(), page_rows=7, after=cursor)))

    assert seen == whole


async def test_lines_and_header_of_a_page_are_of_one_state(postgres_source: Source, make: Make) -> None:
    """A writer that keeps the number of lines in the header never shows a header that disagrees with its lines."""
    postgres_source.run(
        "drop table if exists h, l",
        "create table h (k int primary key, n int)",
        "create table l (k int, i int, primary key (k, i))",
        "insert into h select i, 0 from generate_series(1, 50) i",
    )
    driver = make(postgres_source)
    spec = of(
        "select k, n from h",
        "k",
        lines={"ls": {"query": "select k, i from l", "parent": ["k"], "order_by": ["i"]}},
    )
    writer = postgres_source.connect()
    writer.autocommit = False

    for turn in range(1, 6):
        reading = driver.read(scan(spec, page_rows=5))
        found = [await anext(reading)]
        writer.execute("insert into l select k, ? from h", turn)
        writer.execute("update h set n = n + 1")
        writer.commit()
        found += [page async for page in reading]
        assert all(row["n"] == len(row["ls"]) for row in rows(found))
    writer.close()


async def test_discover_shows_tables_keys_and_a_probable_replication_key(source: Source, make: Make) -> None:
    catalogue = await make(source).discover()

    table = next(table for table in catalogue.tables if table.name.split(".")[-1] == "orders")
    lines = next(table for table in catalogue.tables if table.name.split(".")[-1] == "order_lines")
    assert [column.name for column in table.columns] == [
        "order_no",
        "vendor",
        "amount",
        "note",
        "changed",
        "rev",
    ]
    assert table.key == ("order_no",)
    assert lines.key == ("order_no", "line_no")
    assert table.replication_key == "changed"


@pytest.mark.parametrize("kind", ["postgres", "mariadb"])
async def test_a_read_that_is_cancelled_stops_at_the_source_and_the_driver_works_on(
    request: pytest.FixtureRequest, make: Make, kind: str
) -> None:
    source: Source = request.getfixturevalue(f"{kind}_source")
    sleep, running = {
        "postgres": ("pg_sleep(90)", "select count(*) from pg_stat_activity where query like '%pg_sleep(90)%' and state = 'active' and now() - query_start > interval '0.5 s'"),
        "mariadb": ("sleep(90)", "select count(*) from information_schema.processlist where info like '%sleep(90)%' and command <> 'Sleep' and time_ms > 500"),
    }[kind]  # fmt: skip  # what is prepared beforehand is over sooner than this
    driver = make(source)
    slow = of(f"select a, b, cast({sleep} as char(10)) as c from ties where a = 1", "a", "b")
    watcher = source.connect()
    reading = driver.read(scan(slow, page_rows=2))

    async with asyncio.timeout(60):
        asking = asyncio.ensure_future(anext(reading))
        while not await asyncio.to_thread(lambda: watcher.execute(running).fetchone()[0]):
            assert not asking.done()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await reading.aclose()

    assert watcher.execute(running).fetchone()[0] == 0
    assert len(rows(await pages(driver, scan(orders(), page_rows=10)))) == len(ORDER_KEYS)
    watcher.close()
