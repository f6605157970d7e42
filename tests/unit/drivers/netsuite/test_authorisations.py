from __future__ import annotations

from dataclasses import replace

from drivers.authorisations import grants_of
from drivers.contract import StreamSpec
from drivers.netsuite.authorisations import ALWAYS, Permission, used_by
from tests.netsuite.connections import of_profile, orders, writable_orders


def test_a_stream_needs_what_its_queries_ask_and_what_its_recipes_write() -> None:
    stream, _ = of_profile("purchase_orders")

    assert used_by([stream]) == {
        Permission("Lists", "View", "Currency"): ("purchase_orders",),
        Permission("Lists", "View", "Items"): ("purchase_orders",),
        Permission("Transactions", "View", "Purchase Order"): ("purchase_orders",),
        Permission("Transactions", "Edit", "Purchase Order"): ("purchase_orders",),
    }
    assert used_by([replace(stream, write={})]).keys() == {
        Permission("Lists", "View", "Currency"),
        Permission("Lists", "View", "Items"),
        Permission("Transactions", "View", "Purchase Order"),
    }


def test_deleting_needs_more_than_changing() -> None:
    assert Permission("Transactions", "Full", "Purchase Order") in used_by([writable_orders()])


def test_a_table_that_nobody_knows_and_a_custom_record_stand_for_themselves() -> None:
    read = {"query": "select a.id from customrecord_x a join newtable n on n.id = a.id", "key": ["id"]}

    assert [each.name for each in used_by([StreamSpec("assets", "asset", read)])] == [
        "customrecord_x",
        "newtable",
    ]


def test_the_list_tells_who_reads_from_who_writes() -> None:
    found = grants_of("netsuite", [writable_orders(), replace(orders(), name="others")])

    assert found is not None
    assert len(found) == len(ALWAYS) + 3
    by = {(each.fields, each.values): (each.read_by, each.written_by) for each in found[len(ALWAYS) :]}
    assert by == {
        ("View", ("Purchase Order",)): (("orders", "others"), ()),
        ("Edit", ("Purchase Order",)): ((), ("orders",)),
        ("Full", ("Purchase Order",)): ((), ("orders",)),
    }
