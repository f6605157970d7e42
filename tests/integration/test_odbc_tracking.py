"""SQL Server's ways to tell changes, over a stand-in: whatever the order of commits, nothing is lost."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.sync.cursor import PassKind
from drivers.contract import Mark, MarkKind, NotPermitted, ReadMode, ReadRequest, SourceChanged, StreamSpec
from drivers.odbc.driver import OdbcDriver
from tests.integration.odbc_sources import Source, listening
from tests.integration.odbc_stand_in import ORDERS, ROWVERSIONS, TRACKED, Follower, TrackedBook

pytestmark = pytest.mark.integration


@pytest.fixture
def file(tmp_path: Path, sqlite_source: Source) -> Source:
    return Source("sqlite", {**sqlite_source.attributes, "Database": str(tmp_path / "book.db")}, {})


@pytest.fixture
def book(file: Source) -> Iterator[TrackedBook]:
    made = TrackedBook(file)
    yield made
    made.close()


@pytest.fixture
async def driver(file: Source) -> AsyncIterator[OdbcDriver]:
    made = OdbcDriver("stand-in", {"connection": dict(file.attributes)}, {}, dialect=TRACKED)
    yield made
    await made.aclose()


def fill(book: TrackedBook, number: int = 10) -> None:
    for key in range(1, number + 1):
        with book.commit() as connection:
            connection.execute("insert into orders values (?, ?)", key, f"V{key}")
            connection.execute("insert into lines values (?, 1, '1'), (?, 2, '2')", key, key)


def held(follower: Follower) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {
        key: (row["vendor"], tuple(line["qty"] for line in row["lines"]))
        for key, row in follower.held.items()
    }


async def test_changes_of_a_record_and_of_its_lines_are_read_and_nothing_else(
    book: TrackedBook, driver: OdbcDriver
) -> None:
    fill(book)
    follower = Follower(driver, ORDERS)
    assert await follower.sync() is PassKind.INITIAL

    with book.commit() as connection:
        connection.execute("update orders set vendor = 'new' where id = 3")
    with book.commit() as connection:
        connection.execute("update lines set qty = '9' where order_id = 5 and no = 2")
    with book.commit() as connection:
        connection.execute("delete from lines where order_id = 7 and no = 1")
    with book.commit() as connection:
        connection.execute("insert into orders values (11, 'V11')")
        connection.execute("delete from orders where id = 1")
        connection.execute("delete from lines where order_id = 1")

    assert await follower.sync() is PassKind.CHANGES
    # The newest change that was read before is read again, as every floor is.
    assert follower.read == 5
    await follower.compare_keys()
    assert held(follower) == book.content()


async def test_changes_that_the_source_forgot_are_made_up_for_by_reading_every_row(
    book: TrackedBook, driver: OdbcDriver
) -> None:
    fill(book)
    follower = Follower(driver, ORDERS)
    await follower.sync()
    with book.commit() as connection:
        connection.execute("update orders set vendor = 'lost' where id = 2")
    book.clean_up(11)

    with listening("drivers.odbc.tracking") as said:
        await follower.sync()

    assert follower.read == 10
    assert held(follower) == book.content()
    assert [text.partition(": every")[0] for text in said] == [
        "stream orders: changes are asked from version 10 on, and the source keeps those from 11 to 11"
    ]
    with listening("drivers.odbc.tracking") as said:
        await follower.sync()
    assert (follower.read, said) == (0, [])


async def test_a_database_that_came_back_from_a_backup_is_read_anew_until_its_versions_are_beyond_those_known(
    book: TrackedBook, driver: OdbcDriver
) -> None:
    fill(book)
    follower = Follower(driver, ORDERS)
    await follower.sync()

    book.restore()
    with book.commit() as connection:
        connection.execute("update orders set vendor = 'after' where id = 4")
    await follower.sync()

    assert held(follower) == book.content()


async def test_a_pass_goes_on_behind_its_last_page_although_the_changes_were_forgotten_meanwhile(
    book: TrackedBook, driver: OdbcDriver
) -> None:
    fill(book)
    with book.commit() as connection:
        connection.execute("update orders set vendor = 'x' where id in (9, 10)")
    request = ReadRequest(
        ORDERS, ReadMode.CHANGES, Mark(MarkKind.INTEGER, "2"), Mark(MarkKind.INTEGER, "11"), page_rows=3
    )
    pages = driver.read(request)
    first = await anext(pages)
    await pages.aclose()
    assert not first.complete
    book.clean_up(11)

    seen = set(first.table.column("__key").to_pylist())
    async for page in driver.read(replace(request, after=first.cursor)):
        seen |= set(page.table.column("__key").to_pylist())

    assert {str(key) for key in range(2, 11)} <= seen


async def test_random_days_of_an_order_book_end_with_what_is_there(file: Source, driver: OdbcDriver) -> None:
    book = TrackedBook(file)
    luck = random.Random(20)
    follower = Follower(driver, ORDERS, page_rows=2)
    for day in range(30):
        for _ in range(luck.randrange(4)):
            key = luck.randrange(12)
            with book.commit() as connection:
                match luck.randrange(4):
                    case 0:
                        connection.execute("insert or replace into orders values (?, ?)", key, f"D{day}")
                    case 1:
                        connection.execute("update orders set vendor = ? where id = ?", f"U{day}", key)
                    case 2:
                        connection.execute("delete from orders where id = ?", key)
                        connection.execute("delete from lines where order_id = ?", key)
                    case 3:
                        connection.execute(
                            "insert or replace into lines values (?, ?, ?)", key, luck.randrange(3), f"Q{day}"
                        )
        if luck.random() < 0.2:
            book.clean_up(luck.randrange(60))
        await follower.sync()
        await follower.compare_keys()
        assert held(follower) == book.content(), day
    book.close()


async def test_a_table_whose_changes_are_not_tracked_is_named(book: TrackedBook, driver: OdbcDriver) -> None:
    stream = replace(ORDERS, options={**ORDERS.options, "change_tracking": {"vendors": ["id"]}})

    (step,) = [step for step in await driver.check([stream]) if step.stream]
    with pytest.raises(NotPermitted) as caught:
        async for _ in driver.read(ReadRequest(stream, ReadMode.CHANGES, Mark(MarkKind.INTEGER, "1"))):
            pass

    assert (step.ok, step.code) == (False, "not_permitted")
    assert "ENABLE CHANGE_TRACKING" in caught.value.hint


async def test_a_mark_of_another_kind_is_refused(book: TrackedBook, driver: OdbcDriver) -> None:
    with pytest.raises(SourceChanged, match="does not fit"):
        async for _ in driver.read(
            ReadRequest(ORDERS, ReadMode.CHANGES, Mark(MarkKind.TIMESTAMP, "2026-01-01T00:00:00"))
        ):
            pass


async def test_check_tells_by_what_changes_are_told(book: TrackedBook, driver: OdbcDriver) -> None:
    fill(book, 2)

    (step,) = [step for step in await driver.check([ORDERS]) if step.stream]

    assert step.ok, step.detail
    assert "changes tracked in orders, lines" in step.detail


# --- rowversion

ROWS = StreamSpec(
    "orders",
    "purchase_order",
    {
        "query": "select id, vendor, rv from rows_",
        "key": ["id"],
        "replication_key": "rv",
        "replication_kind": "binary",
    },
)


class Versions:
    """Rowversions as SQL Server gives them: at the change, so that a commit may come behind later ones.

    What is not committed nobody sees; `safe` is MIN_ACTIVE_ROWVERSION() - 1.
    """

    def __init__(self, source: Source) -> None:
        self._connection = source.connect()
        self._connection.execute("create table rows_ (id integer primary key, vendor text, rv text)")
        self._connection.execute("create table rv_state (safe text)")
        self._last = 0
        self._open: dict[int, tuple[int, str]] = {}
        self._tell()
        self._connection.execute("insert into rv_state values (?)", _hex(0))

    def change(self, key: int, vendor: str) -> None:
        self._last += 1
        self._open[self._last] = (key, vendor)
        self._tell()

    def commit(self, version: int) -> None:
        key, vendor = self._open.pop(version)
        self._connection.execute("insert or replace into rows_ values (?, ?, ?)", key, vendor, _hex(version))
        self._tell()

    @property
    def uncommitted(self) -> list[int]:
        return sorted(self._open)

    def locked(self, key: int) -> bool:
        return any(each == key for each, _ in self._open.values())

    def content(self) -> dict[str, str]:
        return {str(row[0]): row[1] for row in self._connection.execute("select id, vendor from rows_")}

    def close(self) -> None:
        self._connection.close()

    def _tell(self) -> None:
        safe = min(self._open, default=self._last + 1) - 1
        self._connection.execute("update rv_state set safe = ?", _hex(safe))


def _hex(number: int) -> str:
    return f"{number:016x}"


@pytest.mark.parametrize(("safe", "loses"), [(True, False), (False, True)])
async def test_a_rowversion_that_is_committed_late_is_read_because_the_signpost_stays_before_it(
    file: Source, *, safe: bool, loses: bool
) -> None:
    """With the highest value as signpost, which is what the driver does not do, rows are lost: the test can tell."""
    dialect = (
        ROWVERSIONS
        if safe
        else replace(ROWVERSIONS, safe_rowversion="coalesce(max(rv), '0000000000000000') FROM rows_")
    )
    source = Versions(file)
    driver = OdbcDriver("stand-in", {"connection": dict(file.attributes)}, {}, dialect=dialect)
    follower = Follower(driver, ROWS)
    luck = random.Random(4)
    for day in range(40):
        for _ in range(luck.randrange(5)):
            key = luck.randrange(20)
            if source.uncommitted and luck.random() < 0.5:
                source.commit(luck.choice(source.uncommitted))
            elif not source.locked(key):
                source.change(key, f"D{day}")
        await follower.sync()
    for version in source.uncommitted:
        source.commit(version)
    await follower.sync()

    lost = {
        key for key, vendor in source.content().items() if follower.held.get(key, {}).get("vendor") != vendor
    }
    assert bool(lost) is loses
    await driver.aclose()
    source.close()


# --- local time


@pytest.mark.parametrize(
    ("clock", "zone", "signpost"),
    [
        ("2026-10-25 02:40:00.500", "Europe/Berlin", "2026-10-25T02:00:00.000000"),
        ("2026-10-25 02:40:00.500", "", "2026-10-25T02:40:00.500000"),
        ("2026-10-25 03:10:00.000", "Europe/Berlin", "2026-10-25T03:10:00.000000"),
        ("2026-11-01 01:20:00.000", "America/New_York", "2026-11-01T01:00:00.000000"),
    ],
)
async def test_while_clocks_are_put_back_the_signpost_stays_before_the_hour_that_comes_twice(
    file: Source, clock: str, zone: str, signpost: str
) -> None:
    dialect = replace(TRACKED, now={**TRACKED.now, "local": f"'{clock}'"})
    file.run("create table stamped (id integer primary key, at timestamp)")
    options = {
        "query": "select id, at from stamped",
        "key": ["id"],
        "replication_key": "at",
        "time_zone": zone,
    }
    driver = OdbcDriver("stand-in", {"connection": dict(file.attributes)}, {}, dialect=dialect)

    found = await driver.signpost(StreamSpec("s", "vendor", options))

    assert found == Mark(MarkKind.TIMESTAMP, signpost)
    await driver.aclose()


async def test_a_plan_counts_what_changed(book: TrackedBook, driver: OdbcDriver) -> None:
    fill(book)
    with book.commit() as connection:
        connection.execute("update orders set vendor = 'x' where id in (3, 4)")
    marks = (Mark(MarkKind.INTEGER, "11"), Mark(MarkKind.INTEGER, "11"))

    plan = await driver.plan(ReadRequest(ORDERS, ReadMode.CHANGES, *marks))

    assert (plan.rows, plan.exact) == (2, True)
