"""What is proposed from a catalogue alone; on real databases: tests/integration/test_proposals.py."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.mapping.compile import compile_mapping
from agent.proposing.fields import guess_fields, kind_of
from agent.proposing.guesses import Sureness
from agent.proposing.knowledge import FIELDS, LINE_FIELDS, LINES, STREAMS
from agent.proposing.streams import propose
from agent.proposing.text import render
from agent.proposing.words import bare, words_of
from drivers.contract import Catalogue, Column, ForeignKey, Table
from drivers.odbc.options import parse_stream


def columns(text: str) -> tuple[Column, ...]:
    return tuple(Column(*word.split(":")) for word in text.split())


VENDORS = Table(
    "erp.suppliers",
    columns("id:int4 name:varchar active:bool modified_at:timestamp"),
    ("id",),
    12,
    "modified_at",
)
ORDERS = Table(
    "erp.purchase_orders",
    columns("id:int4 order_no:varchar supplier_id:int4 order_date:date total:numeric changed:date"),
    ("id",),
    2_000_000,
    None,
    (ForeignKey(("supplier_id",), "erp.suppliers", ("id",)),),
)
LINE_TABLE = Table(
    "erp.purchase_order_lines",
    columns("order_id:int4 pos:int4 quantity:numeric unit_price:numeric item_code:varchar"),
    ("order_id", "pos"),
    None,
    None,
    (ForeignKey(("order_id",), "erp.purchase_orders", ("id",)),),
)
ERP = Catalogue(
    (LINE_TABLE, ORDERS, VENDORS, Table("erp.purchase_order_history", columns("id:int4 order_no:varchar")))
)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("PurchaseOrder_No", ("purchase", "order", "number")),
        ("purchaseorderheader", ("purchase", "order", "header")),
        ("PO_LINES", ("purchase", "order", "line")),
        ("Suppliers", ("vendor",)),
        ("VATNumber", ("vat", "number")),
        ("status", ("status",)),
        ("addresses", ("address",)),
        ("xq77", ("xq", "77")),
        ("", ()),
    ],
)  # fmt: skip
def test_names_are_taken_apart_into_words_however_they_are_written(name: str, words: tuple[str, ...]) -> None:
    assert words_of(name) == words


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("a.b", "b"),
        ('a."Sales Orders"', "Sales Orders"),
        ("[dbo].[x.y]", "x.y"),
        ("`s`.`t`", "t"),
        ("t", "t"),
        (".", "."),
        ('erp.`Purchase ``Orders"`', "Purchase ``Orders"),
        ('"a""b.c"."Work\nOrders"', "Work\nOrders"),
        ("[dbo].[a]]b]", "a]]b"),
    ],
)
def test_a_table_has_a_name_without_schema_and_quotes(table: str, name: str) -> None:
    assert bare(table) == name


def test_headers_lines_and_references_are_found_by_keys_and_foreign_keys() -> None:
    orders, vendors = propose(ERP).streams

    assert (orders.table.name, orders.key, vendors.table.name) == (
        "erp.purchase_orders",
        ("id",),
        "erp.suppliers",
    )
    (lines,) = orders.lines
    assert (lines.table.name, lines.parent, lines.order_by) == (
        "erp.purchase_order_lines",
        ("order_id",),
        ("pos",),
    )
    found = {each.field: (each.column, each.sureness) for each in orders.fields}
    assert found["vendorKey"] == ("supplier_id", Sureness.SURE)
    assert found["orderNo"] == ("order_no", Sureness.SURE)
    assert found["totalGrossValue"] == ("total", Sureness.LIKELY)
    assert {each.field: each.column for each in lines.fields}["lineNo"] == "pos"


def test_the_text_is_a_connection_file_that_says_what_it_guessed() -> None:
    text = render(propose(ERP), "shop")
    document = tomllib.loads('driver = "odbc"\n' + text)
    orders = document["streams"]["purchase_orders"]

    assert orders["read"]["query"] == "select * from erp.purchase_orders"
    assert orders["sync"] == {"manual": True}
    assert parse_stream("purchase_orders", orders["read"]).lines["lineItems"].parent == ("order_id",)
    compile_mapping(orders["map"], entity="purchase_order", where="shop")
    assert "every sync reads all rows and compares them. It has many rows" in text
    assert "# sure: its foreign key" in text
    assert 'replication_key = "modified_at"' in text
    assert "# There is no table that looks like this entity: work_order, inventory_item, asset." in text


def test_the_item_number_of_a_line_is_what_is_bought_and_not_the_lines_own_number() -> None:
    found = guess_fields(
        "purchase_order",
        LINE_FIELDS["lineItems"],
        columns("order_no:int line:int item_no:varchar qty:decimal"),
        table=("purchase", "order", "line"),
        references={},
        list_name="lineItems",
    )

    assert {each.field: each.column for each in found} == {
        "lineNo": "line",
        "materialKey": "item_no",
        "quantity": "qty",
    }


def test_a_stream_that_is_there_already_is_not_proposed_again() -> None:
    proposal = propose(ERP, taken={"vendors", "own"})

    assert [each.name for each in proposal.streams] == ["purchase_orders"]
    assert "left as they are: vendors." in render(proposal, "shop")


def test_a_driver_that_speaks_of_columns_which_are_not_there_costs_a_guess_and_not_the_proposal() -> None:
    odd = (ForeignKey(("id",), "vendors", ("id", "id")), ForeignKey(("gone",), "vendors", ("id",)))
    vendors = Table("vendors", columns("id:int name:varchar"), ("no",), None, "changed", odd)
    lines = Table("vendor_addresses", columns("nr:int city:varchar"), (), None, None, odd)

    proposal = propose(Catalogue((vendors, lines, Table("purchase_orders", ()))))

    (stream,) = proposal.streams
    assert (stream.key, stream.key_is_primary, stream.lines, stream.children) == (("id",), False, (), ())
    assert "replication_key" not in render(proposal, "shop")


@pytest.mark.parametrize("name", ["\ud800", "na\udfffme", ""])
def test_a_table_with_a_name_that_no_file_can_hold_is_left_out(name: str) -> None:
    odd = Table("vendors", (*columns("id:int name:varchar"), Column(name, "int")), ("id",))

    assert propose(Catalogue((odd,))).streams == ()


def test_a_table_of_something_else_is_not_proposed() -> None:
    tables = [
        Table("vendor_types", columns("id:int name:varchar"), ("id",)),
        Table("item_history", columns("id:int item_no:varchar"), ("id",)),
        Table("weather", columns("day:date rain:numeric"), ("day",)),
    ]
    assert propose(Catalogue(tuple(tables))).streams == ()


def test_without_a_primary_key_the_column_that_numbers_rows_stands_in_and_is_called_a_guess() -> None:
    (stream,) = propose(Catalogue((Table("vendors", columns("vendor_no:varchar name:varchar")),))).streams

    assert (stream.key, stream.key_is_primary) == (("vendor_no",), False)
    assert "a guess: the table has no primary key" in render(propose(Catalogue((stream.table,))), "x")


def test_a_column_of_a_kind_that_cannot_be_the_field_is_not_proposed() -> None:
    found = guess_fields(
        "vendor", FIELDS["vendor"], columns("name:bytea active:timestamp"), table=("vendor",), references={}
    )
    assert found == ()


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        ("int4", "number"),
        ("numeric(8,2)", "number"),
        ("timestamptz", "moment"),
        ("datetime2", "moment"),
        ("DATE", "day"),
        ("varchar(20)", "text"),
        ("uuid", "text"),
        ("bytea", "binary"),
        ("boolean", "boolean"),
    ],
)
def test_types_are_told_apart_by_the_sources_own_words(type_: str, kind: str) -> None:
    assert kind_of(type_) == kind


def test_every_phrase_is_made_of_words_as_names_are_taken_apart() -> None:
    """A phrase that no name could ever become would never be found."""
    sets = [*FIELDS.values(), *LINE_FIELDS.values()]
    phrases = {phrase for fields in sets for wanted in fields.values() for phrase in wanted}
    assert {phrase for phrase in phrases if words_of("_".join(phrase)) != phrase} == set()
    assert {name for sets_of in LINES.values() for name in sets_of} == set(LINE_FIELDS)


names = st.one_of(
    st.sampled_from(
        [
            "vendor",
            "supplier",
            "product",
            "purchase_order",
            "po_line",
            "Work Order",
            "asset",
            "name",
            "id",
            "no",
        ]
    ),
    st.text(min_size=1, max_size=12),
)
tables = st.builds(
    lambda name, found, keyed, rows: Table(
        f'"{name}"', tuple(found), (found[0].name,) if keyed else (), rows, found[-1].name if keyed else None
    ),
    names,
    st.lists(
        st.builds(Column, names, st.sampled_from(["int", "varchar", "date", "timestamp", "numeric", "bool"])),
        min_size=1,
        max_size=6,
        unique_by=lambda column: column.name,
    ),
    st.booleans(),
    st.none() | st.integers(0, 10**9),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(tables, max_size=8, unique_by=lambda table: table.name))
def test_whatever_a_catalogue_holds_the_proposal_is_a_file_that_the_agent_takes(found: list[Table]) -> None:
    """Also for names with quotes, line breaks and what no terminal shows: nothing of them becomes TOML of its own."""
    proposal = propose(Catalogue(tuple(found)))
    document = tomllib.loads(render(proposal, "shop"))

    assert set(document) <= {"streams"}
    streams = document.get("streams", {})
    assert set(streams) == {each.name for each in proposal.streams} <= set(STREAMS.values())
    for stream in proposal.streams:
        table = streams[stream.name]
        assert table["read"]["query"] == f"select * from {stream.table.name}"
        compile_mapping(table["map"], entity=stream.entity, where="shop")
