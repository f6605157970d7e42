"""Texts in no character set over real ODBC: the record is known, the others are what they are, and nothing stops."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from agent.mapping.compile import CompiledMapping, Mapped, compile_mapping
from drivers.contract import (
    KEY_COLUMN,
    Page,
    ReadMode,
    ReadRequest,
    StreamSpec,
)
from drivers.odbc.driver import OdbcDriver
from tests.canaries import canary
from tests.conformance.suite import keys, pages, rows
from tests.integration.odbc_sources import Source, ties
from tests.servers import MariaDbServer, PostgresServer

pytestmark = pytest.mark.integration
BAD = "M%FCller"


@dataclass
class Place:
    """A database with texts that are none: Müller in Latin-1, where UTF-8 is declared."""

    source: Source
    bad: str  # the expression for it
    setup: tuple[str, ...] = ()

    def run(self, *statements: str) -> None:
        self.source.run(*self.setup, *statements)


@pytest.fixture(scope="session")
def raw_postgres(postgres_server: PostgresServer) -> Place:
    postgres_server.execute(
        "create database raw template template0 encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C'"
    )
    source = Source("postgres", postgres_server.odbc_attributes("raw"), postgres_server.odbc_secrets())
    return Place(source, "convert_from(decode('4dfc6c6c6572', 'hex'), 'SQL_ASCII')")


@pytest.fixture(scope="session")
def raw_mariadb(mariadb_server: MariaDbServer) -> Place:
    """The connection declares Latin-1, and what comes is read as UTF-8."""
    mariadb_server.create_database("raw")
    attributes = {**mariadb_server.odbc_attributes("raw"), "CHARSET": "latin1"}
    source = Source("mariadb", attributes, mariadb_server.odbc_secrets())
    return Place(source, "convert(x'4dfc6c6c6572' using latin1)")


@pytest.fixture(scope="session")
def raw_sqlite(tmp_path_factory: pytest.TempPathFactory, sqlite_source: Source) -> Place:
    path = tmp_path_factory.mktemp("raw") / "raw.db"
    source = Source("sqlite", {**sqlite_source.attributes, "Database": str(path)}, {})
    return Place(source, "cast(x'4dfc6c6c6572' as text)")


@pytest.fixture(scope="session", params=["postgres", "mariadb", "sqlite"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(f"raw_{request.param}")
    bad = found.bad
    amount = "text" if request.param == "sqlite" else "decimal(12,2)"
    found.run(
        f"create table people (no integer not null primary key, name varchar(60), other varchar(60),"
        f" amount {amount}, born date, code varchar(60))",
        "create table notes (no integer, line_no integer, note varchar(60))",
        "create table named (name varchar(60) not null primary key, no integer)",
    )
    filled = []
    for no in range(1, 21):
        name = bad if no in (7, 20) else "'X''41'''"  # which one of the drivers takes for hex digits
        other, note = (bad if no == 11 else "null"), (bad if no == 3 else "null")
        key = bad if no == 7 else f"'n{no:02}'"
        filled += [
            f"insert into people values ({no}, {name}, {other}, '{no}.50', '2026-01-{no:02}', 'c{no}')",
            f"insert into notes values ({no}, 1, 'first'), ({no}, 2, {note})",
            f"insert into named values ({key}, {no})",
        ]
    found.run(*filled)
    return found


Make = Callable[..., OdbcDriver]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    made: list[OdbcDriver] = []

    def _make(place: Place, **options: Any) -> OdbcDriver:
        made.append(place.source.driver(**options))
        return made[-1]

    yield _make
    for driver in made:
        await driver.aclose()


PEOPLE = StreamSpec(
    "people",
    "vendor",
    {
        "query": "select no, name, other, amount, born, code from people",
        "key": ["no"],
        "lines": {
            "notes": {
                "query": "select no, line_no, note from notes",
                "parent": ["no"],
                "order_by": ["line_no"],
            }
        },
    },
)
NAMED = StreamSpec("named", "vendor", {"query": "select name, no from named", "key": ["name"]})


def mapping(**fields: Any) -> CompiledMapping:
    return compile_mapping({"name": "code", **fields}, entity="vendor", where="erp/people")


def mapped(found: list[Page], rule: CompiledMapping) -> list[Mapped]:
    return [rule.apply(page.table) for page in found]


@pytest.mark.parametrize("page_rows", [1, 7, 100])
async def test_a_text_in_no_character_set_costs_its_own_record_alone(
    place: Place, make: Make, page_rows: int
) -> None:
    found = await pages(make(place), ReadRequest(PEOPLE, ReadMode.SCAN, page_rows=page_rows))
    results = mapped(found, mapping(name="name"))
    rejects = [reject for result in results for reject in result.rejects]
    good = [row for result in results for row in result.records.to_pylist()]

    assert keys(found) == [str(no) for no in range(1, 21)]
    assert [(reject.key, reject.field, reject.reason) for reject in rejects] == [
        ("7", "name", "unreadable_text"),
        ("20", "name", "unreadable_text"),
    ]
    assert rejects[0].message == (
        "column name: byte 2 of 6 is in no character set that the connection declares"
    )
    assert b'"name":"M\\\\xfcller"' in rejects[0].raw
    assert {row["name"] for row in good} == {"X'41'"}
    assert len(good) == 18


async def test_every_other_value_of_its_page_is_what_bulk_reading_gives(place: Place, make: Make) -> None:
    driver = make(place)
    fine = StreamSpec(
        "people",
        "vendor",
        {
            "query": f"{PEOPLE.options['query']} where no not in (7, 11, 20)",
            "key": ["no"],
            "lines": {
                "notes": {
                    **PEOPLE.options["lines"]["notes"],
                    "query": "select no, line_no, note from notes where no <> 3",
                }
            },
        },
    )
    bulk = {row[KEY_COLUMN]: row for row in rows(await pages(driver, ReadRequest(fine, ReadMode.SCAN)))}
    (page,) = await pages(driver, ReadRequest(PEOPLE, ReadMode.SCAN))
    slowly = {row[KEY_COLUMN]: row for row in page.table.to_pylist()}

    assert {key: row for key, row in slowly.items() if key in bulk and key != "3"} == {
        key: row for key, row in bulk.items() if key != "3"
    }


async def test_a_column_that_no_mapping_uses_does_no_harm_and_a_line_is_told_by_its_place(
    place: Place, make: Make
) -> None:
    found = await pages(make(place), ReadRequest(PEOPLE, ReadMode.SCAN))

    (unused,) = mapped(found, mapping())
    (of_notes,) = mapped(found, mapping(custom={"note": {"lookup": {"lines": "notes", "take": "note"}}}))

    assert unused.rejects == ()
    assert unused.records.num_rows == 20
    assert [reject.key for reject in of_notes.rejects] == ["3"]
    assert of_notes.rejects[0].message.startswith("line 2: column note: byte 2 of 6")


async def test_once_it_is_mended_the_record_passes_and_the_others_have_not_changed(
    place: Place, make: Make
) -> None:
    driver, rule = make(place), mapping(name="name")
    (before,) = mapped(await pages(driver, ReadRequest(PEOPLE, ReadMode.SCAN)), rule)
    place.run("update people set name = 'mended' where no in (7, 20)")
    try:
        (after,) = mapped(await pages(driver, ReadRequest(PEOPLE, ReadMode.SCAN)), rule)
    finally:
        place.run(f"update people set name = {place.bad} where no in (7, 20)")

    assert after.rejects == ()
    hashes = dict(zip(after.records["key"].to_pylist(), after.hashes.tolist(), strict=True))
    assert dict(zip(before.records["key"].to_pylist(), before.hashes.tolist(), strict=True)) == {
        key: number for key, number in hashes.items() if key not in ("7", "20")
    }


@pytest.mark.parametrize("page_rows", [1, 3, 100])
async def test_a_key_in_no_character_set_is_read_past_named_by_its_bytes_and_found_again(
    place: Place, make: Make, page_rows: int
) -> None:
    driver = make(place)
    wanted = sorted([BAD, *(f"n{no:02}" for no in range(1, 21) if no != 7)])

    found = await pages(driver, ReadRequest(NAMED, ReadMode.SCAN, page_rows=page_rows))
    compared = await pages(driver, ReadRequest(NAMED, ReadMode.KEYS, page_rows=page_rows))
    again = await pages(
        driver, ReadRequest(NAMED, ReadMode.BY_KEYS, keys=("n01", BAD, "%FE", "none"), page_rows=2)
    )
    rejects = [r for result in mapped(found, named_mapping()) for r in result.rejects]

    assert sorted(keys(found)) == wanted
    assert sorted(keys(compared)) == wanted
    assert sorted(keys(again)) == [BAD, "n01"]
    assert [(reject.key, reject.field, reject.reason) for reject in rejects] == [
        (BAD, "key", "unreadable_text")
    ]
    for page in found:
        assert page.cursor is not None
        page.cursor.encode()


def named_mapping() -> CompiledMapping:
    return compile_mapping({"name": "no"}, entity="vendor", where="erp/named")


async def test_a_read_goes_on_behind_a_key_in_no_character_set(place: Place, make: Make) -> None:
    driver = make(place)
    whole = keys(await pages(driver, ReadRequest(NAMED, ReadMode.SCAN, page_rows=1)))
    found = await pages(driver, ReadRequest(NAMED, ReadMode.SCAN, page_rows=whole.index(BAD) + 1))

    rest = await pages(driver, ReadRequest(NAMED, ReadMode.SCAN, after=found[0].cursor))

    assert keys(found[:1])[-1] == BAD
    assert keys(rest) == whole[whole.index(BAD) + 1 :]


async def test_a_key_with_bytes_that_no_text_has_finds_nothing_and_harms_nothing(
    source: Source,
) -> None:
    driver = source.driver()
    try:
        found = await pages(
            driver, ReadRequest(ties(), ReadMode.BY_KEYS, keys=("1~k1", "1~%FCk", "%FC~k1", "1~k2"))
        )
    finally:
        await driver.aclose()

    assert sorted(keys(found)) == ["1~k1", "1~k2"]


async def test_a_character_that_the_servers_own_set_lacks_costs_its_own_record_alone(
    postgres_server: PostgresServer, make: Make
) -> None:
    postgres_server.execute(
        "create database win template template0 encoding 'WIN1252' lc_collate 'C' lc_ctype 'C'"
    )
    source = Source("postgres", postgres_server.odbc_attributes("win"), postgres_server.odbc_secrets())
    win = Place(source, "")
    win.run(
        "create table people (no integer primary key, name text, code text)",
        "insert into people values (1, 'Müller', 'ü'), (3, 'Ende', 'ß')",
        "insert into people select 2, convert_from(decode('81', 'hex'), 'WIN1252'), 'c'",
    )
    spec = StreamSpec("people", "vendor", {"query": "select no, name, code from people", "key": ["code"]})

    (page,) = await pages(make(win), ReadRequest(spec, ReadMode.SCAN))
    result = mapping(name="name").apply(page.table)
    again = await pages(make(win), ReadRequest(spec, ReadMode.BY_KEYS, keys=("ß", "c")))

    assert [(row["key"], row["name"]) for row in result.records.to_pylist()] == [
        ("ß", "Ende"),
        ("ü", "Müller"),
    ]
    assert [(reject.key, reject.reason) for reject in result.rejects] == [("c", "unreadable_text")]
    assert sorted(keys(again)) == ["c", "ß"]


@pytest.mark.parametrize("place", ["postgres"], indirect=True)
async def test_a_source_that_gives_one_connection_for_reading_is_read_whole_and_never_found_busy(
    place: Place, make: Make, postgres_server: PostgresServer
) -> None:
    """Beside the driver's own for single answers. The server notices late that one was closed, and counts it until then."""
    password = canary()
    postgres_server.execute(f"create role narrow login password '{password}' connection limit 2", "raw")
    postgres_server.execute("grant select on people, notes, named to narrow", "raw")
    narrow = Place(
        Source("postgres", {**place.source.attributes, "Uid": "narrow"}, {"Pwd": password}), place.bad
    )
    whole = keys(await pages(make(place), ReadRequest(PEOPLE, ReadMode.SCAN, page_rows=100)))

    driver = make(narrow)

    for page_rows in (1, 2, 7):
        found = await pages(driver, ReadRequest(PEOPLE, ReadMode.SCAN, page_rows=page_rows))
        assert keys(found) == whole
