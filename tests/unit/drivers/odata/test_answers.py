"""From JSON to Arrow: every digit, every date, and what a server does that it should not."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import SourceChanged
from drivers.odata.answers import AnswerReader, unfinished
from drivers.odata.columns import column, header_columns, key_text, line_list
from drivers.odata.edm import KINDS, Property
from drivers.odata.literals import literal
from drivers.odata.shape import Node


def prop(name: str, type_: str, **more: Any) -> Property:
    return Property(name, type_, KINDS[type_], **more)


PLAIN = Node(
    (
        prop("Id", "Edm.String"),
        prop("Amount", "Edm.Decimal"),
        prop("Count", "Edm.Int64"),
        prop("On", "Edm.Boolean"),
    )
)
LINES = Node(
    PLAIN.properties, lists={"to_Items": Node((prop("No", "Edm.Int32"), prop("Text", "Edm.String")))}
)


def read(node: Node, version: int, document: Any) -> Any:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return AnswerReader(node, version).read(body, where="here")


def table(node: Node, rows: list[Any]) -> dict[str, list[Any]]:
    return {name: values.to_pylist() for name, values in header_columns(rows, node)}


@given(
    number=st.decimals(allow_nan=False, allow_infinity=False),
    version=st.sampled_from([2, 4]),
    quoted=st.booleans(),
)
def test_a_decimal_keeps_every_digit_as_number_or_text(number: Decimal, version: int, quoted: bool) -> None:
    shown = f'"{number}"' if quoted else str(number)
    row = f'{{"Id":"1","Amount":{shown}}}'
    body = f'{{"d":{{"results":[{row}]}}}}' if version == 2 else f'{{"value":[{row}]}}'

    (text,) = table(PLAIN, read(PLAIN, version, body.encode()).rows)["Amount"]

    assert Decimal(text) == number
    assert "e" not in text.lower()


def test_whole_numbers_come_as_numbers_or_as_texts() -> None:
    rows = read(
        PLAIN,
        4,
        {"value": [{"Count": 9007199254740993}, {"Count": "9223372036854775807"}, {"Count": None}, {}]},
    ).rows

    assert table(PLAIN, rows)["Count"] == [9007199254740993, 9223372036854775807, None, None]


def test_a_value_that_is_none_of_its_type_leaves_only_its_column_a_text() -> None:
    found = read(
        PLAIN,
        2,
        {"d": {"results": [{"Id": 7, "On": "X", "Count": 1, "Amount": True}, {"Id": "a", "On": True}]}},
    )

    assert table(PLAIN, found.rows) == {
        "Id": ["7", "a"],
        "Amount": ["true", None],
        "Count": [1, None],
        "On": ["X", "true"],
    }


@pytest.mark.parametrize(
    ("version", "document", "count", "link"),
    [
        (2, {"d": {"results": [{}], "__next": "n"}}, 1, "n"),
        (2, {"d": [{}, {}]}, 2, None),
        (4, {"value": [], "@odata.nextLink": "n"}, 0, "n"),
        (4, {"value": [{}], "odata.nextLink": "n"}, 1, "n"),
        (4, {"value": [{}], "@nextLink": "n"}, 1, "n"),
    ],
)
def test_each_way_to_wrap_records(version: int, document: Any, count: int, link: str | None) -> None:
    found = read(PLAIN, version, document)

    assert (len(found.rows), found.next) == (count, link)


@pytest.mark.parametrize("version", [2, 4])
@pytest.mark.parametrize("body", [b"", b"<html>Logon</html>", b"[]", b"{}", b'{"d":{}}', b'{"value":null}', b'{"error":{}}', b'{"value":[1]}', b"[" * 5_000, b'{"d":{"results":[{"Id":"\xff"}]}}'])  # fmt: skip
def test_what_is_no_list_of_records_is_no_answer(version: int, body: bytes) -> None:
    with pytest.raises(SourceChanged):
        read(PLAIN, version, body)


def test_lists_inside_records_are_found_with_what_the_server_cut() -> None:
    v2 = read(LINES, 2, {"d": {"results": [{"to_Items": {"results": [{"No": 2}, {"No": 1}], "__next": "more"}}, {"to_Items": {"results": []}}]}})  # fmt: skip
    v4 = read(
        LINES, 4, {"value": [{"to_Items": [{"No": 2}, {"No": 1}], "to_Items@odata.nextLink": "more"}, {}]}
    )

    for rows in (v2.rows, v4.rows):
        (cut,) = unfinished(rows, LINES, where="here")
        assert cut.next == "more"
        made = line_list(rows, LINES, ["to_Items"], LINES.lists["to_Items"], ["No"], where="here")
        assert made.to_pylist() == [[{"No": 1, "Text": None}, {"No": 2, "Text": None}], []]


@pytest.mark.parametrize(
    ("type_", "numbers", "in_order"),
    [
        ("Edm.Decimal", ["10.0000000000000000", "9", "-1.50"], ["-1.50", "9", "10.0000000000000000"]),
        ("Edm.Decimal", ["1" * 80, "2"], ["2", "1" * 80]),
        ("Edm.Double", ["1E1", 9], ["9", "1E1"]),
        ("Edm.Int64", ["10", "9", "x"], ["10", "9", "x"]),
    ],
)
def test_lines_are_put_in_order_by_number_where_their_numbers_are_texts(
    type_: str, numbers: list[Any], in_order: list[str]
) -> None:
    node = Node((), lists={"Items": Node((prop("No", type_),))})
    rows = read(node, 4, {"value": [{"Items": [{"No": number} for number in numbers]}]}).rows

    made = line_list(rows, node, ["Items"], node.lists["Items"], ["No"], where="")

    assert [[line["No"] for line in lines] for lines in made.to_pylist()] == [in_order]


def test_lists_that_no_record_of_v4_has_were_not_expanded() -> None:
    node = Node(PLAIN.properties, lists={"to_Items": Node((prop("No", "Edm.Int32"),), navigation=True)})

    with pytest.raises(SourceChanged, match="did not expand 'to_Items'"):
        read(node, 4, {"value": [{"Id": "1"}, {"Id": "2"}]})
    assert read(node, 4, {"value": []}).rows == []
    (one, other) = read(node, 4, {"value": [{"Id": "1"}, {"Id": "2", "to_Items": []}]}).rows
    lists = line_list([one, other], node, ["to_Items"], node.lists["to_Items"], (), where="here")
    assert lists.to_pylist() == [[], []]


def test_a_list_in_a_line_that_v4_was_asked_to_expand_and_did_not_is_an_error_and_not_an_empty_list() -> None:
    days = Node((prop("Day", "Edm.String"),), navigation=True)
    node = Node((), lists={"Items": Node((prop("No", "Edm.Int32"),), lists={"Days": days}, navigation=True)})

    with pytest.raises(SourceChanged, match="did not expand 'Days'"):
        read(node, 4, {"value": [{"Items": []}, {"Items": [{"No": 1}]}]})
    assert len(read(node, 4, {"value": [{"Items": []}, {"Items": [{"No": 1, "Days": []}]}]}).rows) == 2
    assert len(read(node, 4, {"value": [{"Items": []}]}).rows) == 1


def test_a_list_that_was_not_expanded_is_an_error_and_not_an_empty_list() -> None:
    rows = read(LINES, 2, {"d": {"results": [{"to_Items": {"__deferred": {"uri": "x"}}}]}}).rows

    with pytest.raises(SourceChanged, match="did not expand"):
        list(unfinished(rows, LINES, where="here"))


def test_lines_two_steps_away_lie_under_their_header() -> None:
    inner = Node((prop("Day", "Edm.String"),))
    tree = Node((), lists={"Items": Node((), lists={"Days": inner})})
    rows = read(tree, 4, {"value": [{"Items": [{"Days": [{"Day": "b"}]}, {"Days": [{"Day": "a"}, {"Day": "c"}]}]}, {"Items": []}, {"Items": [{}]}]}).rows  # fmt: skip

    made = line_list(rows, tree, ["Items", "Days"], inner, ["Day"], where="")

    assert made.to_pylist() == [[{"Day": "a"}, {"Day": "b"}, {"Day": "c"}], [], []]


def test_what_lies_inside_a_record_becomes_columns_by_its_path() -> None:
    node = Node((prop("Id", "Edm.String"),), inner={"Place": Node((prop("City", "Edm.String"),))})

    rows = read(
        node, 4, {"value": [{"Id": "1", "Place": {"City": "Ulm"}}, {"Id": "2", "Place": None}, {"Id": "3"}]}
    ).rows

    assert table(node, rows) == {"Id": ["1", "2", "3"], "Place/City": ["Ulm", None, None]}


@pytest.mark.parametrize(
    ("type_", "values", "expected", "kind"),
    [
        ("Edm.DateTime", ["/Date(1492041600000)/", None], [datetime(2017, 4, 13), None], pa.timestamp("us")),
        ("Edm.DateTime", ["/Date(-62135596800000)/", "/Date(253402214400000)/"], [datetime(1, 1, 1), datetime(9999, 12, 31)], pa.timestamp("us")),
        ("Edm.DateTime", ["2017-04-13T01:02:03.5"], [datetime(2017, 4, 13, 1, 2, 3, 500_000)], pa.timestamp("us")),
        ("Edm.DateTimeOffset", ["/Date(1492041600123+0000)/"], [datetime(2017, 4, 13, 0, 0, 0, 123_000, tzinfo=UTC)], pa.timestamp("us", tz="UTC")),
        ("Edm.DateTimeOffset", ["/Date(1492045200000+0060)/", "2017-04-13T00:00:00Z"], [datetime(2017, 4, 13, tzinfo=UTC)] * 2, pa.timestamp("us", tz="UTC")),
        ("Edm.DateTimeOffset", ["2017-04-13T02:00:00.1234567+02:00"], [datetime(2017, 4, 13, 0, 0, 0, 123_456, tzinfo=UTC)], pa.timestamp("us", tz="UTC")),
        ("Edm.DateTime", [None, "/Date(1492041600000)/", "/Date(0)/"], [None, datetime(2017, 4, 13), datetime(1970, 1, 1)], pa.timestamp("us")),
        ("Edm.DateTime", ["/Date(0x10)/"], ["/Date(0x10)/"], pa.string()),
        ("Edm.DateTimeOffset", ["/Date(0+0000)/", "/Date(1)/", None], [datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, 0, 0, 0, 1_000, tzinfo=UTC), None], pa.timestamp("us", tz="UTC")),
        ("Edm.DateTimeOffset", ["2017-04-13T02:00:00+02:00", "2017-04-13T00:00:00"], [datetime(2017, 4, 13, tzinfo=UTC)] * 2, pa.timestamp("us", tz="UTC")),
        ("Edm.DateTimeOffset", ["2017-04-13T00:00:00"], [datetime(2017, 4, 13, tzinfo=UTC)], pa.timestamp("us", tz="UTC")),
        ("Edm.Decimal", ["1.50", None, "2E+2"], ["1.50", None, "200"], pa.string()),
        ("Edm.Date", ["2017-04-13", None], [date(2017, 4, 13), None], pa.date32()),
        ("Edm.Time", ["PT13H20M00S"], [time(13, 20)], pa.time64("us")),
        ("Edm.TimeOfDay", ["13:20:00.25"], [time(13, 20, 0, 250_000)], pa.time64("us")),
        ("Edm.Date", ["soon"], ["soon"], pa.string()),
        ("Edm.Double", ["1.50E+02", 7], ["1.50E+02", "7"], pa.string()),
        ("Edm.DateTime", [], [], pa.timestamp("us")),
    ],
)  # fmt: skip
def test_each_type_as_it_arrives(
    type_: str, values: list[Any], expected: list[Any], kind: pa.DataType
) -> None:
    made = column(prop("X", type_), values)

    assert made.type == kind
    assert made.to_pylist() == expected


def test_a_date_of_v2_is_a_date_unless_it_has_a_time_of_day() -> None:
    day = prop("Day", "Edm.DateTime", date_only=True)

    assert column(day, ["/Date(1492041600000)/"]).to_pylist() == [date(2017, 4, 13)]
    assert column(day, ["/Date(1492041600001)/"]).type == pa.timestamp("us")


def test_a_number_that_no_memory_holds_is_left_as_it_was_printed() -> None:
    amount = prop("Amount", "Edm.Decimal")

    assert column(amount, ["1E3", "1e999999999"]).to_pylist() == ["1E3", "1e999999999"]
    assert key_text(amount, "1e999999999") == "1e999999999"
    assert column(prop("Count", "Edm.Int64"), ["0x10"]).to_pylist() == ["0x10"]


def test_a_day_where_a_moment_should_be_is_its_midnight_and_a_literal() -> None:
    changed = prop("Changed", "Edm.DateTimeOffset")

    text = key_text(changed, "2026-01-05")
    assert column(changed, ["2026-01-05"]).to_pylist() == [datetime(2026, 1, 5, tzinfo=UTC)]
    assert literal(changed.kind, str(text), 4) == "2026-01-05T00:00:00Z"


def test_keys_are_texts_that_a_literal_can_be_made_of() -> None:
    assert key_text(prop("K", "Edm.DateTime", date_only=True), "/Date(253402214400000)/") == "9999-12-31"
    assert key_text(prop("K", "Edm.DateTime"), "/Date(1492041600500)/") == "2017-04-13T00:00:00.5"
    assert key_text(prop("K", "Edm.DateTimeOffset"), "/Date(1492041600000)/") == "2017-04-13T00:00:00Z"
    assert (
        key_text(prop("K", "Edm.DateTimeOffset"), "2017-04-13T00:00:00.1234567Z")
        == "2017-04-13T00:00:00.1234567Z"
    )
    assert key_text(prop("K", "Edm.Int32"), 7) == "7"
    assert key_text(prop("K", "Edm.Decimal"), "1E+2") == "100"
    assert key_text(prop("K", "Edm.Boolean"), True) == "true"
    assert key_text(prop("K", "Edm.String"), None) is None
