from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest

from agent.mapping.compile import compile_mapping
from agent.model.render import to_documents
from tests.unit.mapping.mapping_case import map_page, page_of

LINE = pa.struct({"no": pa.string(), "qty": pa.string(), "kind": pa.string(), "item": pa.string()})
LINES = [
    [
        {"no": "10", "qty": "1.5", "kind": "item", "item": "A"},
        {"no": "20", "qty": "2", "kind": "text", "item": None},
        {"no": "30", "qty": "3-", "kind": "item", "item": "B"},
    ],
    [],
    [{"no": "10", "qty": "4", "kind": "item", "item": "B"}],
]
NAMES = [[{"item": "A", "name": "Axle"}], [{"item": "A", "name": "Other"}], [{"item": "B", "name": "Bolt"}]]


def page(lines: Any = LINES, **columns: Any) -> pa.Table:
    return page_of(
        cur=["EUR", "USD", "CHF"],
        lines=pa.array(lines, pa.list_(LINE)),
        names=pa.array(NAMES, pa.list_(pa.struct({"item": pa.string(), "name": pa.string()}))),
        **columns,
    )


def lines_of(table: pa.Table, members: dict[str, Any], **more: Any) -> list[Any]:
    return (
        map_page({"lineItems": {"lines": "lines", "map": members, **more}}, table)
        .records["line_items"]
        .to_pylist()
    )


def test_lines_are_nested_under_their_record() -> None:
    made = lines_of(page(), {"lineNo": "no", "quantity": "qty", "type": {"const": "x"}})

    assert [[line["line_no"] for line in lines] for lines in made] == [["10", "20", "30"], [], ["10"]]
    assert [line["quantity"] for line in made[0]] == [Decimal("1.5"), Decimal(2), Decimal(-3)]
    assert {line["type"] for lines in made for line in lines} == {"x"}


def test_a_column_of_the_header_is_used_inside_lines() -> None:
    made = lines_of(page(), {"currencyKey": {"header": "cur"}})

    assert [[line["currency_key"] for line in lines] for lines in made] == [["EUR"] * 3, [], ["CHF"]]


def test_where_chooses_lines() -> None:
    assert lines_of(page(), {"lineNo": "no"}, where={"kind": "item"}) == [
        *([{"line_no": "10"}, {"line_no": "30"}], [], [{"line_no": "10"}])
    ]
    assert lines_of(page(), {"lineNo": "no"}, where={"kind": ["text"], "no": ["20", "30"]}) == [
        *([{"line_no": "20"}], [], [])
    ]


def test_lookup_in_another_line_set_stays_inside_the_record() -> None:
    lookup = {"lookup": {"lines": "names", "match": "item", "key": "item", "take": "name"}}

    made = lines_of(page(), {"name": lookup})

    assert [[line["name"] for line in lines] for lines in made] == [["Axle", None, None], [], ["Bolt"]]


def test_the_header_takes_one_value_from_a_line_set() -> None:
    mapping = {
        "title": {"lookup": {"lines": "lines", "match": "kind", "equals": "text", "take": "no"}},
        "notes": {"lookup": {"lines": "lines", "take": "no"}},
    }

    made = map_page(mapping, page()).records

    assert made["title"].to_pylist() == ["20", None, None]
    assert made["notes"].to_pylist() == ["10", None, "10"]


def test_of_two_matching_lines_the_first_is_taken() -> None:
    twice = [[{"no": "1", "item": "A"}, {"no": "2", "item": "A"}], [], []]
    mapping = {"title": {"lookup": {"lines": "lines", "match": "item", "equals": "A", "take": "no"}}}

    assert map_page(mapping, page(twice)).records["title"].to_pylist() == ["1", None, None]


def test_sum_and_count_of_lines() -> None:
    mapping = {"totalNetValue": {"sum": "lines", "of": "qty"}, "custom": {"lines": {"count": "lines"}}}

    made = map_page(mapping, page()).records

    assert made["total_net_value"].to_pylist() == [Decimal("0.5"), None, Decimal(4)]
    assert [row["lines"] for row in made["custom_fields"].to_pylist()] == [3, 0, 1]


def test_a_sum_does_not_wrap_around() -> None:
    large = "9" * 38
    lines = [[{"qty": large}, {"qty": large}], [], []]

    made = map_page({"totalNetValue": {"sum": "lines", "of": "qty"}}, page(lines)).records

    assert made["total_net_value"].to_pylist()[0] == Decimal("1" + "9" * 37 + "8")


def test_a_bad_line_rejects_its_whole_record_and_no_other() -> None:
    lines = [LINES[0], [{"no": "1", "qty": "1"}, {"no": "2", "qty": "many"}], LINES[2]]

    mapped = map_page({"lineItems": {"lines": "lines", "map": {"quantity": "qty"}}}, page(lines))

    assert mapped.records["key"].to_pylist() == ["0", "2"]
    assert [len(made) for made in mapped.records["line_items"].to_pylist()] == [3, 1]
    (reject,) = mapped.rejects
    assert (reject.key, reject.field, reject.reason) == ("1", "lineItems.quantity", "not_a_decimal")
    assert reject.message.startswith("line 2: ")
    assert "many" not in reject.message
    assert orjson.loads(reject.raw)["lines"][1]["qty"] == "many"


def test_the_number_of_a_bad_line_is_that_of_the_source_also_after_where() -> None:
    lines = [[{"kind": "text"}, {"kind": "item", "qty": "x"}], [], []]
    members = {"lines": "lines", "map": {"quantity": "qty"}, "where": {"kind": "item"}}

    (reject,) = map_page({"lineItems": members}, page(lines)).rejects

    assert reject.message.startswith("line 2: ")


def test_a_line_left_out_by_where_does_no_harm() -> None:
    lines = [[{"kind": "text", "qty": "x"}, {"kind": "item", "qty": "1"}], [], []]
    members = {"lines": "lines", "map": {"quantity": "qty"}, "where": {"kind": "item"}}

    assert not map_page({"lineItems": members}, page(lines)).rejects


def test_the_first_fault_of_a_record_in_the_order_of_the_mapping_is_reported() -> None:
    table = page_of(a=["x"], b=["y"])

    (reject,) = map_page({"totalTaxValue": "b", "totalNetValue": "a"}, table).rejects

    assert reject.field == "totalTaxValue"


def test_null_lines_count_as_none_and_slices_keep_their_own() -> None:
    table = page([LINES[0], None, LINES[2]])

    assert [len(lines) for lines in lines_of(table, {"lineNo": "no"})] == [3, 0, 1]
    assert [len(lines) for lines in lines_of(table.slice(2, 1), {"lineNo": "no"})] == [1]
    pieces = pa.concat_tables([table.slice(0, 1), table.slice(2, 1)])
    assert [len(lines) for lines in lines_of(pieces, {"lineNo": "no"})] == [3, 1]


def test_a_page_whose_records_have_no_line_at_all_need_not_know_the_columns() -> None:
    table = page_of(lines=pa.array([[], []], pa.list_(pa.null())))

    assert lines_of(table, {"lineNo": "no", "quantity": "qty"}) == [[], []]


def test_an_address_is_made_of_columns_and_null_where_all_are_empty() -> None:
    mapping = {
        "deliveryAddress": {
            "city": "city",
            "addressLines": ["street", {"from": "extra", "trim": True}],
        }
    }
    table = page_of(
        city=["Bonn", None, None], street=["Hof 1", None, "Hof 2"], extra=["", None, "2nd floor "]
    )

    assert map_page(mapping, table).records["delivery_address"].to_pylist() == [
        {"city": "Bonn", "address_lines": ["Hof 1"]},
        None,
        {"city": None, "address_lines": ["Hof 2", "2nd floor"]},
    ]


def test_a_list_is_made_of_groups_of_columns_without_the_empty_ones() -> None:
    mapping = {
        "name": "n",
        "addresses": [{"city": "city", "addressLines": "street"}, {"city": "second", "country": "land"}],
    }
    table = page_of(
        n=["a", "b", "c"],
        city=["Bonn", None, "Ulm"],
        street=["Hof", None, None],
        second=["Rom", None, None],
        land=["IT", None, None],
    )

    mapped = compile_mapping(mapping, entity="vendor", where="w").apply(table)

    addresses = [document["addresses"] for document in to_documents(mapped.records, [0, 1, 2])]
    assert [
        [(place["city"], place["addressLines"], place["country"]) for place in made] for made in addresses
    ] == [
        [("Bonn", ["Hof"], None), ("Rom", None, "IT")],
        [],
        [("Ulm", None, None)],
    ]


def test_decimals_of_groups_are_brought_to_one_type() -> None:
    mapping = {
        "code": "n",
        "supplyOptions": [{"price": "p"}, {"price": "q", "vendorKey": "n"}],
    }
    prices = pa.array([Decimal("1.5")], pa.decimal128(38, 1))
    table = page_of(n=["a"], p=prices, q=pa.array([Decimal("0." + "1" * 37)], pa.decimal128(38, 37)))

    made = compile_mapping(mapping, entity="inventory_item", where="w").apply(table).records

    assert [option["price"] for option in made["supply_options"].to_pylist()[0]] == [
        *(Decimal("1.5"), Decimal("0." + "1" * 37))
    ]


def test_custom_fields_keep_the_kind_of_their_source() -> None:
    mapping = {
        "custom": {
            "Cost centre": "a",
            "Limit": "b",
            "Rush": {"const": True},
            "Ratio": "f",
            "Group": {"from": "a", "values": {"x": 1}, "default": 2},
        }
    }
    table = page_of(a=["x"], b=[Decimal("1.50")], f=[0.1])

    custom = map_page(mapping, table).records["custom_fields"]

    assert custom.to_pylist() == [
        {"Cost centre": "x", "Limit": Decimal("1.50"), "Rush": True, "Ratio": Decimal("0.1"), "Group": 1}
    ]


def test_raw_is_built_only_on_request_and_exactly() -> None:
    table = page_of(
        a=pa.array([Decimal("1.50")]),
        b=[b"\xff"],
        c=[2**53 + 1],
        d=pa.array([[{"x": 0.1, "y": None}]]),
        e=[True],
    )
    compiled = compile_mapping({"orderNo": {"const": "1"}}, entity="purchase_order", where="w")

    assert "raw" not in compiled.apply(table).records.column_names
    raw = orjson.loads(compiled.apply(table, with_raw=True).records["raw"].to_pylist()[0])
    assert raw == {"a": "1.50", "b": "ff", "c": 2**53 + 1, "d": [{"x": "0.1", "y": None}], "e": True}


def test_known_hashes_are_taken_over_and_stay_with_their_records() -> None:
    table = page_of(a=["1", "x", "2"])
    compiled = compile_mapping(
        {"orderNo": {"const": "1"}, "totalNetValue": "a"}, entity="purchase_order", where="w"
    )

    mapped = compiled.apply(table, hashes=np.array([7, 8, 9], np.uint64))

    assert mapped.hashes.tolist() == mapped.records["content_hash"].to_pylist() == [7, 9]
    assert len(mapped.key_hashes) == 2
    assert mapped.rejects[0].raw_hash == 8


def test_a_record_without_a_key_is_a_reject() -> None:
    table = pa.table({"__key": ["1", None]})
    compiled = compile_mapping({"orderNo": {"const": "1"}}, entity="purchase_order", where="w")

    mapped = compiled.apply(table)

    assert mapped.records["key"].to_pylist() == ["1"]
    assert [(reject.key, reject.field, reject.reason) for reject in mapped.rejects] == [
        ("", "key", "missing")
    ]


@pytest.mark.parametrize("rows", [0, 1])
def test_a_page_of_few_rows_is_mapped(rows: int) -> None:
    mapping = {
        "orderDate": "d",
        "totalNetValue": {"sum": "lines", "of": "qty"},
        "title": {"lookup": {"lines": "lines", "take": "no"}},
        "deliveryAddress": {"city": "cur", "addressLines": ["cur"]},
        "lineItems": {"lines": "lines", "map": {"lineNo": "no", "status": "kind", "dueAt": {"header": "d"}}},
        "custom": {"x": {"concat": ["cur", "cur"]}},
    }

    mapped = map_page(mapping, page(d=["2026-01-05"] * 3).slice(0, rows))

    assert mapped.records.num_rows == rows
    assert not mapped.rejects
