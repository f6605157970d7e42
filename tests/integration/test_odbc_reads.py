"""Windows, changes and lines on real databases: exactly the rows that are meant, with all of their lines."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from drivers.contract import Mark, MarkKind, ReadMode, ReadRequest, StreamSpec
from drivers.odbc.driver import OdbcDriver
from tests.conformance.suite import keys, pages, rows
from tests.integration.odbc_sources import Source

pytestmark = pytest.mark.integration

STAMPS = {
    1: "2026-01-01 00:00:00.000000",
    2: "2026-01-01 00:00:00.000001",
    3: None,
    4: "2026-01-02 00:00:00.500000",
    5: "2026-01-02 00:00:00.500000",
    6: "2026-01-03 00:00:00.000000",
}


def lay_out(source: Source) -> None:
    stamp = {"postgres": "timestamp", "mariadb": "datetime(6)", "sqlite": "timestamp"}[source.kind]
    source.run(
        "drop table if exists wide",
        "drop table if exists wide_lines",
        f"create table wide (company varchar(10) not null, no_ integer not null, changed {stamp}, primary key (company, no_))",
        "create table wide_lines (company varchar(10) not null, no_ integer not null, line_no integer not null,"
        " primary key (company, no_, line_no))",
        *_inserts(),
    )


@pytest.fixture
async def driver(source: Source) -> AsyncIterator[OdbcDriver]:
    lay_out(source)
    made = source.driver()
    yield made
    await made.aclose()


def _inserts() -> list[str]:
    found = []
    for company in ("A", "B''s"):
        for number, stamp in STAMPS.items():
            value = "null" if stamp is None else f"'{stamp.removesuffix('.000000')}'"
            found.append(f"insert into wide values ('{company}', {number}, {value})")
            found += [
                f"insert into wide_lines values ('{company}', {number}, {line})"
                for line in range(number, 0, -1)
            ]
    return found


SPEC = StreamSpec(
    "wide",
    "purchase_order",
    {
        "query": "select company, no_, changed from wide -- with a comment",
        "key": ["company", "no_"],
        "replication_key": "changed",
        "lines": {
            "ls": {
                "query": "select company, no_, line_no from wide_lines;",
                "parent": ["company", "no_"],
                "order_by": ["line_no"],
            }
        },
    },
)


def mark(value: str) -> Mark:
    return Mark(MarkKind.TIMESTAMP, value.replace(" ", "T"))


def lines_are_whole(found: list[dict[str, object]]) -> bool:
    return all([line["line_no"] for line in row["ls"]] == list(range(1, row["no_"] + 1)) for row in found)  # type: ignore[attr-defined,operator,call-overload]


@pytest.mark.parametrize("page_rows", [1, 2, 5, 100])
async def test_a_scan_by_a_key_of_two_columns_has_every_row_and_line(
    driver: OdbcDriver, page_rows: int
) -> None:
    found = rows(await pages(driver, ReadRequest(SPEC, ReadMode.SCAN, page_rows=page_rows)))

    assert [row["__key"] for row in found] == [f"{c}~{n}" for c in ("A", "B's") for n in STAMPS]
    assert lines_are_whole(found)


@pytest.mark.parametrize("page_rows", [1, 3, 100])
async def test_a_window_has_what_changed_since_its_start_and_what_has_no_stamp(
    driver: OdbcDriver, page_rows: int
) -> None:
    request = ReadRequest(SPEC, ReadMode.WINDOW, start=mark(STAMPS[2] or ""), page_rows=page_rows)

    found = rows(await pages(driver, request))

    assert [row["__key"] for row in found] == [f"{c}~{n}" for c in ("A", "B's") for n in (2, 3, 4, 5, 6)]
    assert lines_are_whole(found)


@pytest.mark.parametrize("page_rows", [1, 2, 3, 100])
async def test_changes_include_both_ends_to_the_microsecond(driver: OdbcDriver, page_rows: int) -> None:
    request = ReadRequest(
        SPEC, ReadMode.CHANGES, start=mark(STAMPS[2] or ""), end=mark(STAMPS[4] or ""), page_rows=page_rows
    )

    found = rows(await pages(driver, request))

    assert [row["__key"] for row in found] == ["A~2", "B's~2", "A~4", "A~5", "B's~4", "B's~5"]
    assert lines_are_whole(found)


async def test_one_key_of_two_columns_is_found_with_its_lines(driver: OdbcDriver) -> None:
    found = await pages(
        driver, ReadRequest(SPEC, ReadMode.BY_KEYS, keys=["B's~4", "B's", "A~x", "A~1~2", "~"])
    )

    assert keys(found) == ["B's~4"]
    assert lines_are_whole(rows(found))


async def test_lines_find_their_header_by_the_source_s_own_equality(
    source: Source, driver: OdbcDriver
) -> None:
    """The lines spell the header's number as a decimal; to the source, and so to us, it is the same."""
    spec = StreamSpec(
        "s",
        "vendor",
        {
            "query": "select no_ from wide where company = 'A'",
            "key": ["no_"],
            "lines": {
                "ls": {
                    "query": "select no_ + 0.0 as parent, line_no from wide_lines where company = 'A'",
                    "parent": ["parent"],
                    "order_by": ["line_no"],
                }
            },
        },
    )

    found = rows(await pages(driver, ReadRequest(spec, ReadMode.SCAN, page_rows=4)))

    assert [len(row["ls"]) for row in found] == list(STAMPS)


async def test_a_product_that_nobody_foresaw_is_read_in_standard_sql(postgres_source: Source) -> None:
    lay_out(postgres_source)
    known, unknown = postgres_source.driver(), postgres_source.driver(dialect="ansi")
    requests = [
        ReadRequest(SPEC, ReadMode.SCAN, page_rows=5),
        ReadRequest(SPEC, ReadMode.WINDOW, start=mark(STAMPS[2] or ""), page_rows=3),
        ReadRequest(
            SPEC, ReadMode.CHANGES, start=mark(STAMPS[2] or ""), end=mark(STAMPS[6] or ""), page_rows=2
        ),
        ReadRequest(SPEC, ReadMode.KEYS, page_rows=7),
        ReadRequest(SPEC, ReadMode.BY_KEYS, keys=["B's~4", "A~9"]),
    ]

    for request in requests:
        assert rows(await pages(unknown, request)) == rows(await pages(known, request)), request.mode
    here, there = await unknown.signpost(SPEC), await known.signpost(SPEC)
    steps = await unknown.check([SPEC])
    await known.aclose()
    await unknown.aclose()

    assert here is not None
    assert there is not None
    assert here.kind is there.kind
    assert all(step.ok for step in steps), steps
    assert "options.dialect" in next(step.detail for step in steps if step.name == "sign-in")


async def test_keys_in_the_upper_half_of_unsigned_integers_are_paged_over_and_found(
    mariadb_source: Source,
) -> None:
    mariadb_source.run(
        "create or replace table unsigned_keys (k bigint unsigned not null primary key, rev bigint unsigned not null)",
        "insert into unsigned_keys values (5, 1), (9223372036854775807, 2), (9223372036854775808, 18446744073709551614),"
        " (18446744073709551615, 18446744073709551615)",
    )
    spec = StreamSpec(
        "unsigned",
        "vendor",
        {"query": "select k, rev from unsigned_keys", "key": ["k"], "replication_key": "rev"},
    )
    wanted = ("18446744073709551615", "9223372036854775808", "18446744073709551616")
    driver = mariadb_source.driver()
    try:
        paged = await pages(driver, ReadRequest(spec, ReadMode.SCAN, page_rows=1))
        found = await pages(driver, ReadRequest(spec, ReadMode.BY_KEYS, keys=wanted))
        start, end = Mark(MarkKind.INTEGER, str(2**64 - 2)), Mark(MarkKind.INTEGER, str(2**64 - 1))
        changed = await pages(driver, ReadRequest(spec, ReadMode.CHANGES, start, end))
    finally:
        await driver.aclose()

    assert keys(paged) == ["5", "9223372036854775807", "9223372036854775808", "18446744073709551615"]
    assert sorted(keys(found)) == ["18446744073709551615", "9223372036854775808"]
    assert keys(changed) == ["9223372036854775808", "18446744073709551615"]
