"""The walk over an ordered set against a simulated server: every record once, whatever the groups and the page sizes."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import DriverError, Mark, MarkKind, ReadMode
from drivers.odata.edm import Kind, Property
from drivers.odata.literals import iso, moment_of
from drivers.odata.ordering import (
    START,
    OrderedBy,
    Position,
    Values,
    all_conditions,
    cut,
    decode_cursor,
    encode_cursor,
    mark_text,
    order,
    step_of,
    up,
)
from tests.odata.filters import Parser

STAMP = OrderedBy(Property("Changed", "Edm.DateTimeOffset", Kind.TIMESTAMP_TZ), 2, timedelta(milliseconds=1))
NAME = OrderedBy(Property("Name", "Edm.String", Kind.TEXT), 2)
NUMBER = OrderedBy(Property("Number", "Edm.Int32", Kind.INTEGER), 2)
COLUMNS = (STAMP, NAME, NUMBER)
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
Row = tuple[datetime, str, int]


def printed(row: Row) -> tuple[str, str, str]:
    """The server prints milliseconds, and compares microseconds."""
    moment = row[0].replace(microsecond=row[0].microsecond // 1000 * 1000)
    return iso(moment) + "Z", row[1], str(row[2])


def walk(rows: list[Row], page: int, limit: int) -> list[list[Row]]:
    at, pages = START, []
    for _ in itertools.repeat(None, 10_000):
        named = [dict(zip(("Changed", "Name", "Number"), row, strict=True)) | {"row": row} for row in rows]
        keep = Parser(" and ".join(all_conditions(COLUMNS, at)) or "Number ne null").parse()
        found = [each["row"] for each in named if keep(each)]
        names = order(COLUMNS, at).split(",")
        found.sort(key=lambda row: [row[("Changed", "Name", "Number").index(name)] for name in names])
        more = len(found) > min(page + 1, limit)
        found = found[: min(page + 1, limit)]
        if not found:
            above = up(at)
            if above is None:
                return pages
            at = above
            continue
        texts = [list(column) for column in zip(*map(printed, found), strict=True)]
        made = cut(COLUMNS, at, texts, page, more=more or len(found) > page)
        assert made.rows <= page
        assert made.complete or made.at != at
        pages.append(found[: made.rows])
        if made.complete:
            return pages
        at = decode_cursor(
            encode_cursor(Position(ReadMode.CHANGES, made.at)), mode=ReadMode.CHANGES, width=3, where=""
        ).at
    raise AssertionError("the walk does not end")


@given(
    changed=st.dictionaries(
        st.tuples(st.sampled_from("abc'"), st.integers(0, 15)), st.integers(0, 3_000), max_size=60
    ),
    page=st.integers(1, 9),
    limit=st.integers(1, 20),
)
def test_every_record_comes_once_and_in_order_of_what_is_printed(
    changed: dict[tuple[str, int], int], page: int, limit: int
) -> None:
    rows = [(BEGIN + timedelta(microseconds=us), name, number) for (name, number), us in changed.items()]

    found = [row for part in walk(rows, page, limit) for row in part]

    assert sorted(found) == sorted(rows)
    stamps = [moment_of(printed(row)[0]) for row in found]
    assert stamps == sorted(stamps)


@pytest.mark.parametrize("page", [1, 2, 3, 5])
@pytest.mark.parametrize("blind", [True, False])
def test_keys_that_differ_in_case_alone_are_all_read_whatever_the_server_takes_for_one(
    page: int, *, blind: bool
) -> None:
    columns = (NAME, NUMBER)
    rows = [
        {"Name": name, "Number": number} for number, name in enumerate(("a", "A", "a", "A", "b", "É", "é"))
    ]

    def seen(text: str) -> str:
        return text.lower() if blind else text

    rows.sort(key=lambda row: (seen(str(row["Name"])), row["Number"]))
    at: Values | None = START
    found: list[object] = []
    while at is not None:
        text = " and ".join(all_conditions(columns, at)) or "Number ne null"
        keep = Parser(text.replace("'A'", f"'{seen('A')}'").replace("'É'", f"'{seen('É')}'")).parse()
        answer = [row for row in rows if keep({**row, "Name": seen(str(row["Name"]))})][: page + 1]
        if not answer:
            at = up(at)
            continue
        texts = [[str(row[name]) for row in answer] for name in ("Name", "Number")]
        made = cut(columns, at, texts, page, more=len(answer) > page)
        found += [row["Number"] for row in answer[: made.rows]]
        at = None if made.complete else made.at

    assert sorted(found, key=str) == list(range(7))


def test_no_request_needs_an_or() -> None:
    for at in (
        START,
        ("2026-01-01T00:00:00Z",),
        ("2026-01-01T00:00:00Z", None),
        ("2026-01-01T00:00:00Z", "a", "7"),
    ):
        assert all(" or " not in each for each in all_conditions(COLUMNS, at))


def test_a_step_makes_ranges_of_stamps() -> None:
    assert STAMP.equal("2026-01-01T00:00:00.123Z") == (
        "Changed ge datetimeoffset'2026-01-01T00:00:00.123000Z' and Changed lt datetimeoffset'2026-01-01T00:00:00.124000Z'"
    ).replace("000Z'", "Z'")
    assert STAMP.above("2026-01-01T00:00:00Z") == "Changed ge datetimeoffset'2026-01-01T00:00:00.001Z'"
    day = OrderedBy(Property("Day", "Edm.DateTime", Kind.TIMESTAMP), 2, timedelta(days=1))
    assert day.up_to("2026-01-01") == "Day lt datetime'2026-01-02T00:00:00'"
    assert day.group("2026-01-01T17:00:00") == "2026-01-01T00:00:00"


@pytest.mark.parametrize(
    "cursor",
    ["", "{}", "[]", "null", "5", '{"v":1}', '{"v":1,"mode":"scan","at":[]}', '{"v":1,"mode":"scan","at":["a","b","c","d"]}',
     '{"v":1,"mode":"scan","at":[null,"a"]}', '{"v":1,"mode":"scan","at":[1]}', '{"v":1,"mode":"keys","at":["a"]}', '{"v":2,"mode":"scan","at":["a"]}'],
)  # fmt: skip
def test_a_foreign_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(DriverError):
        decode_cursor(cursor, mode=ReadMode.SCAN, width=3, where="")


def test_marks_become_values_of_their_column() -> None:
    naive = OrderedBy(Property("At", "Edm.DateTime", Kind.TIMESTAMP), 2)
    assert mark_text(Mark(MarkKind.TIMESTAMP, "2026-01-01T01:00:00+01:00"), STAMP, expected=MarkKind.TIMESTAMP, where="") == "2026-01-01T00:00:00Z"  # fmt: skip
    assert (
        mark_text(Mark(MarkKind.DATE, "2026-01-01"), naive, expected=MarkKind.DATE, where="") == "2026-01-01"
    )
    assert mark_text(Mark(MarkKind.INTEGER, str(2**70)), NUMBER, expected=MarkKind.INTEGER, where="") == str(
        2**63 - 1
    )
    for mark, column, kind in (
        (Mark(MarkKind.INTEGER, "1"), STAMP, MarkKind.TIMESTAMP),
        (Mark(MarkKind.TIMESTAMP, "x"), STAMP, MarkKind.TIMESTAMP),
        (Mark(MarkKind.TIMESTAMP, "2026-01-01T00:00:00Z"), naive, MarkKind.TIMESTAMP),
    ):
        with pytest.raises(DriverError):
            mark_text(mark, column, expected=kind, where="")


def test_the_step_follows_from_what_the_version_prints() -> None:
    stamp, day = STAMP.column, Property("D", "Edm.DateTime", Kind.TIMESTAMP, date_only=True)
    assert step_of(stamp, None, MarkKind.TIMESTAMP, 2, where="") == timedelta(milliseconds=1)
    assert step_of(stamp, None, MarkKind.TIMESTAMP, 4, where="") is None
    assert step_of(stamp, None, MarkKind.DATE, 4, where="") == timedelta(days=1)
    assert step_of(day, None, MarkKind.DATE, 2, where="") == timedelta(milliseconds=1)
    assert step_of(stamp, "exact", MarkKind.TIMESTAMP, 2, where="") is None
    assert step_of(Property("D", "Edm.Date", Kind.DATE), "1d", MarkKind.DATE, 4, where="") is None
    with pytest.raises(DriverError):
        step_of(NUMBER.column, "1s", MarkKind.INTEGER, 2, where="")
