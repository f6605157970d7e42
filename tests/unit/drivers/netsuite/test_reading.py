"""The law of reading: whatever the page, whatever an answer holds, whatever moves meanwhile, no record is lost or doubled."""

from __future__ import annotations

import asyncio
import json
import re
import tracemalloc
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.contract import BadConfiguration, Mark, MarkKind, ReadMode, ReadRequest, SourceChanged
from drivers.http.messages import Answer
from drivers.netsuite.reading import PageReader
from drivers.netsuite.service import Rows
from drivers.netsuite.shape import shape_of
from tests.netsuite.company import insert
from tests.netsuite.connections import orders
from tests.netsuite.server import NetSuite

END = Mark(MarkKind.TIMESTAMP, "2026-12-31T00:00:00+00:00")
BEGIN = datetime(2026, 1, 1)


class Direct:
    """The query service of the fake, without the network between."""

    def __init__(self, account: NetSuite) -> None:
        self._account = account

    async def query(self, suiteql: str, *, limit: int, where: str) -> Rows:
        found = self._account.query(suiteql, limit, 0)
        items = [{name: each for name, each in row.items() if name != "links"} for row in found["items"]]
        return Rows(items, found["hasMore"], found["totalResults"], Answer(200, {}, b""))


def company(stamps: dict[int, int], lines: int, zone: str = "America/Los_Angeles") -> NetSuite:
    """Orders by their id, with the second of their last change."""
    account = NetSuite(orders=0, zone=zone)
    for order, second in stamps.items():
        moment = f"T:{BEGIN + timedelta(seconds=second):%Y-%m-%d %H:%M:%S}"
        insert(
            account.database,
            "transaction",
            [{"id": order, "type": "PurchOrd", "tranid": f"PO{order}", "lastmodifieddate": moment}],
        )
        insert(
            account.database,
            "transactionline",
            [
                {
                    "transaction": order,
                    "id": line,
                    "linesequencenumber": line,
                    "mainline": "F",
                    "quantity": str(line),
                }
                for line in range(1, 1 + (order * lines) % 7)
            ],
        )
    return account


def read(account: NetSuite, request: ReadRequest, rows: int) -> list[dict[str, Any]]:
    """Every row, each page by a reader of its own that goes on behind the cursor of the one before."""

    async def pages() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        after = None
        while True:
            resumed = ReadRequest(
                request.stream,
                request.mode,
                start=request.start,
                end=request.end,
                after=after,
                page_rows=request.page_rows,
            )
            reader: Any = PageReader(Direct(account), shape_of(request.stream), resumed, rows=rows)  # type: ignore[arg-type]
            page = reader.finish(await reader.fetch(reader.start()))
            assert page.table.num_rows <= request.page_rows
            found += page.table.to_pylist()
            after = page.cursor
            if page.complete:
                return found

    return asyncio.run(pages())


def meddler(account: NetSuite, fixed: set[int], events: list[tuple[int, bool]]) -> Callable[[str], None]:
    """Before each query a record comes or goes that is none of the fixed ones."""
    left = list(events)

    def meddle(_: str) -> None:
        if not left:
            return
        order, comes = left.pop()
        if order in fixed:
            return
        account.database.execute('delete from "transaction" where id = ?', [order])
        if comes:
            insert(
                account.database,
                "transaction",
                [{"id": order, "type": "PurchOrd", "lastmodifieddate": "T:2026-01-01 00:00:00"}],
            )

    return meddle


stamps = st.dictionaries(st.integers(1, 60), st.integers(0, 4), max_size=30)


@settings(max_examples=60, deadline=None)
@given(
    stamps=stamps,
    page_rows=st.integers(1, 12),
    rows=st.integers(2, 9),
    cap=st.integers(2, 9),
    mode=st.sampled_from([ReadMode.SCAN, ReadMode.KEYS, ReadMode.WINDOW, ReadMode.CHANGES]),
    lines=st.integers(0, 3),
)
def test_any_page_and_any_answer_yield_every_record_once(
    stamps: dict[int, int], page_rows: int, rows: int, cap: int, mode: ReadMode, lines: int
) -> None:
    account = company(stamps, lines)
    account.cap = cap

    found = read(account, ReadRequest(orders(), mode, end=END, page_rows=page_rows), rows)

    ids = (
        sorted(stamps)
        if mode is not ReadMode.CHANGES
        else sorted(stamps, key=lambda order: (stamps[order], order))
    )
    assert [int(row["__key"]) for row in found] == ids
    if mode is not ReadMode.KEYS:
        assert [[line["linesequencenumber"] for line in row["lines"]] for row in found] == [
            list(range(1, 1 + (order * lines) % 7)) for order in ids
        ]
    account.database.close()


@settings(max_examples=60, deadline=None)
@given(
    stamps=stamps,
    events=st.lists(st.tuples(st.integers(1, 60), st.booleans()), max_size=30),
    page_rows=st.integers(1, 9),
)
def test_what_comes_and_goes_meanwhile_costs_no_other_record(
    stamps: dict[int, int], events: list[tuple[int, bool]], page_rows: int
) -> None:
    account = company(stamps, 0)
    account.before_query = meddler(account, set(stamps), events)

    found = read(account, ReadRequest(orders(lines={}), ReadMode.SCAN, page_rows=page_rows), 5)

    keys = [int(row["__key"]) for row in found]
    assert len(keys) == len(set(keys))
    assert set(stamps) <= set(keys)
    account.database.close()


def reader_of(account: NetSuite, request: ReadRequest, service: Any = None) -> PageReader:
    asked: Any = service or Direct(account)
    return PageReader(asked, shape_of(request.stream), request, rows=5)


@pytest.mark.parametrize(
    "cursor",
    [
        '{"v":1,"mode":"scan","at":["1 or 1=1"]}',
        '{"v":1,"mode":"scan","at":["x"]}',
        '{"v":1,"mode":"changes","at":["5"]}',
        '{"v":1,"mode":"scan","at":["1","2"]}',
    ],
)
def test_a_cursor_that_holds_no_place_never_enters_a_query(cursor: str) -> None:
    account = company({1: 1}, 0)

    with pytest.raises(SourceChanged):
        reader_of(account, ReadRequest(orders(), ReadMode.SCAN, after=cursor)).start()
    account.database.close()


@pytest.mark.parametrize("at", [["2026-01-01'; --", "1"], ["1/2/2026", "1"]])
def test_a_mark_in_a_cursor_that_is_none_never_enters_a_query(at: list[str]) -> None:
    account = company({1: 1}, 0)
    cursor = json.dumps({"v": 1, "mode": "changes", "at": at})

    with pytest.raises(SourceChanged):
        reader_of(account, ReadRequest(orders(), ReadMode.CHANGES, after=cursor)).start()
    account.database.close()


@pytest.mark.parametrize(
    "request_",
    [
        ReadRequest(orders(), ReadMode.SCAN, page_rows=0),
        ReadRequest(orders(replication_key=None), ReadMode.CHANGES),
    ],
    ids=["no rows", "no replication key"],
)
def test_a_read_that_cannot_be_is_refused(request_: ReadRequest) -> None:
    account = company({}, 0)

    with pytest.raises(BadConfiguration):
        reader_of(account, request_)
    account.database.close()


class Odd(Direct):
    """Answers with these rows, whatever is asked."""

    def __init__(self, items: list[dict[str, Any]], *, more: bool = False) -> None:
        self._items, self._more = items, more

    async def query(self, suiteql: str, *, limit: int, where: str) -> Rows:
        if "IS NULL" in suiteql:
            return Rows([], False, 0, Answer(200, {}, b""))
        return Rows(self._items, self._more, None, Answer(200, {}, b""))


@pytest.mark.parametrize(
    ("items", "more", "said"),
    [
        ([{"id": "2"}, {"id": "1"}], False, "not in the order"),
        ([{"id": "1"}, {"id": "1"}], False, "more than one row with the key"),
        ([{"id": "10"}, {"id": "9"}], False, "not in the order"),
        ([{"id": "1.5"}], False, "no whole number"),
        ([{"other": "1"}], False, "no value in its key"),
        ([], True, "says that there are more"),
    ],
)
def test_an_answer_that_cannot_be_right_ends_the_read(
    items: list[dict[str, Any]], more: bool, said: str
) -> None:
    request = ReadRequest(orders(lines={}), ReadMode.SCAN)
    account = company({}, 0)

    with pytest.raises(SourceChanged, match=said):
        asyncio.run(reader_of(account, request, Odd(items, more=more)).fetch(None))
    account.database.close()


def test_a_mark_that_is_not_printed_as_it_was_asked_for_is_told() -> None:
    request = ReadRequest(orders(lines={}), ReadMode.CHANGES, end=END)
    account = company({}, 0)
    rows = [{"id": "1", "lastmodifieddate": "3/1/2026"}]

    with pytest.raises(SourceChanged, match="not printed as was asked"):
        asyncio.run(reader_of(account, request, Odd(rows)).fetch(None))
    account.database.close()


@pytest.mark.parametrize("kind", ["timestamp_tz", "timestamp", "date"])
def test_changes_are_those_from_the_first_mark_to_the_last_both_included(kind: str) -> None:
    """Seconds of one day, or days."""
    step = 86_400 if kind == "date" else 1
    account = company({order: order * step for order in range(5)[1:]}, 0, zone="UTC")
    types = {"lastmodifieddate": kind}
    zone = "+00:00" if kind == "timestamp_tz" else ""
    start, end = (BEGIN + timedelta(seconds=each * step) for each in (2, 3))
    marks = [
        Mark(MarkKind.DATE, f"{each:%Y-%m-%d}")
        if kind == "date"
        else Mark(MarkKind.TIMESTAMP, f"{each.isoformat()}{zone}")
        for each in (start, end)
    ]
    stream = orders(types=types, lines={})

    found = read(account, ReadRequest(stream, ReadMode.CHANGES, start=marks[0], end=marks[1], page_rows=1), 5)

    assert [row["__key"] for row in found] == ["2", "3"]
    account.database.close()


def test_a_window_has_what_changed_since_and_what_nobody_stamped() -> None:
    account = company({1: 0, 2: 5, 3: 9}, 0)
    insert(account.database, "transaction", [{"id": 4, "type": "PurchOrd"}])
    start = Mark(MarkKind.TIMESTAMP, f"{(BEGIN + timedelta(seconds=5)).isoformat()}+00:00")

    found = read(account, ReadRequest(orders(lines={}), ReadMode.WINDOW, start=start, page_rows=1), 5)

    assert [row["__key"] for row in found] == ["2", "3", "4"]
    account.database.close()


LOCAL = {"types": {"lastmodifieddate": "timestamp"}, "lines": {}}


@pytest.mark.parametrize("start", [None, "2026-11-01T01:05:00"])
@pytest.mark.parametrize("page_rows", [1, 2, 9])
def test_in_an_hour_that_comes_twice_a_local_stamp_costs_no_record(start: str | None, page_rows: int) -> None:
    """In Los Angeles it is 01:10, 01:40 and, an hour later, 01:20 and 01:50."""
    account = company({}, 0)
    for order, moment in ((1, "08:10"), (2, "08:40"), (3, "09:20"), (4, "09:50")):
        row = {"id": order, "type": "PurchOrd", "lastmodifieddate": f"T:2026-11-01 {moment}:00"}
        insert(account.database, "transaction", [row])
    mark = None if start is None else Mark(MarkKind.TIMESTAMP, start)
    end = Mark(MarkKind.TIMESTAMP, "2026-11-01T01:59:59")

    found = read(
        account, ReadRequest(orders(**LOCAL), ReadMode.CHANGES, start=mark, end=end, page_rows=page_rows), 9
    )

    assert [row["__key"] for row in found] == ["1", "3", "2", "4"]
    account.database.close()


@pytest.mark.parametrize("rows", range(2, 8))
@pytest.mark.parametrize("column", ["linesequencenumber", "id"])
def test_a_line_without_a_place_is_told_wherever_it_comes(rows: int, column: str) -> None:
    account = company(dict.fromkeys((1, 2, 3), 1), 2)
    account.database.execute(f'update transactionline set {column} = null where "transaction" = 2 and id = 3')
    lines = {**orders().options["lines"]["lines"], "order_by": ["linesequencenumber", "id"]}

    with pytest.raises(SourceChanged, match="no whole number"):
        read(account, ReadRequest(orders(lines={"lines": lines}), ReadMode.SCAN, page_rows=3), rows)
    account.database.close()


class Many(Direct):
    """60 orders, each with 200 lines."""

    def __init__(self) -> None:
        pass

    async def query(self, suiteql: str, *, limit: int, where: str) -> Rows:
        if "IS NULL" in suiteql and "gw_0" not in suiteql:
            return Rows([], False, 0, Answer(200, {}, b""))
        if "gw_0" not in suiteql:
            headers = [{"id": str(number)} for number in range(1, 61)]
            return Rows(headers, False, None, Answer(200, {}, b""))
        place = re.search(r"l.transaction = (\d+) AND l.linesequencenumber > (\d+)", suiteql)
        first = (int(place[1]) - 1) * 200 + int(place[2]) if place else 0
        lines = [self._line(number) for number in range(first, min(first + limit, 12_000))]
        return Rows(lines, first + limit < 12_000, None, Answer(200, {}, b""))

    def _line(self, number: int) -> dict[str, Any]:
        order, line = str(number // 200 + 1), str(number % 200 + 1)
        return {"links": [], "gw_0": order, "gw_1": line, "transaction": order, "rate": f"{number}.50"}


def test_the_lines_of_a_page_take_little_room() -> None:
    request = ReadRequest(orders(), ReadMode.SCAN, page_rows=60)
    made = PageReader(Many(), shape_of(request.stream), request, rows=1_000)  # type: ignore[arg-type]

    tracemalloc.start()
    fetched = asyncio.run(made.fetch(None))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert sum(len(each["lines"]) for each in made.finish(fetched).table.to_pylist()) == 12_000
    assert peak < 5_000_000
