"""What an account needs is what the statements name, as statements that an administrator runs."""

from __future__ import annotations

from typing import Any

import pytest

from drivers.authorisations import grants_of
from drivers.contract import BadConfiguration, StreamSpec
from drivers.odbc.mentions import Mention, mentions_in

READ: dict[str, Any] = {
    "query": "select 1 as id from dbo.Orders o join [Order Status] s on s.id = o.status -- from nowhere",
    "key": ["id"],
    "lines": {"lines": {"query": "select 1 as id from dbo.Lines", "parent": ["id"], "order_by": ["id"]}},
}


def found(read: dict[str, Any], write: dict[str, Any] | None = None) -> dict[str, tuple[Any, Any]]:
    streams = [StreamSpec("orders", "purchase_order", read, write=write or {})]
    return {each.values[0]: (each.read_by, each.written_by) for each in grants_of("odbc", streams) or ()}


def test_every_table_of_a_stream_is_granted_for_reading_and_nothing_more() -> None:
    assert found(READ) == {
        "GRANT SELECT ON dbo.Orders TO groundwire": (("orders",), ()),
        "GRANT SELECT ON [Order Status] TO groundwire": (("orders",), ()),
        "GRANT SELECT ON dbo.Lines TO groundwire": (("orders",), ()),
    }


def test_names_that_are_known_are_filled_in_and_others_are_left_to_whoever_reads_the_list() -> None:
    read = {"query": 'select 1 as id from "{schema}"."{company}$Item{app}"', "key": ["id"]}
    streams = [StreamSpec("items", "item", read)]

    (grant,) = grants_of("odbc", streams, {"names": {"schema": "erp", "app": ""}}) or ()

    assert grant.values == ('GRANT SELECT ON "erp"."{company}$Item" TO groundwire',)


def test_tracked_changes_need_a_right_of_their_own() -> None:
    tracked = found(READ | {"change_tracking": {"dbo.Orders": ["id"]}})

    assert "GRANT VIEW CHANGE TRACKING ON dbo.Orders TO groundwire" in tracked


def test_what_a_write_calls_and_changes_is_granted_to_those_who_write() -> None:
    steps = [
        {"sql": "declare @e int; exec dbo.taPoHdr @a = :vendorKey, @e = @e output; select @e as id"},
        {"call": "erp.add_line(:vendorKey)"},
        {"insert": "dbo.Log", "values": {"a": "vendorKey"}},
        {"sql": "select ErrorDesc from DYNAMICS.dbo.taErrorCode"},
    ]
    write = {"create": {"steps": steps, "find": "select 1 as id from dbo.Orders where x = :idempotencyKey"}}

    grants = found(READ, write)

    writers = {statement for statement, (readers, _) in grants.items() if not readers}
    assert writers == {
        "GRANT EXECUTE ON dbo.taPoHdr TO groundwire",
        "GRANT EXECUTE ON erp.add_line TO groundwire",
        "GRANT SELECT ON dbo.Log TO groundwire",
        "GRANT INSERT ON dbo.Log TO groundwire",
        "USE DYNAMICS; GRANT SELECT ON dbo.taErrorCode TO groundwire",
    }
    assert grants["GRANT SELECT ON dbo.Orders TO groundwire"] == (("orders",), ())


@pytest.mark.parametrize(
    ("statement", "mentions"),
    [
        ("with x as (select 1 from a) select * from x", [("SELECT", "a")]),
        ("delete from a where b in (select c from d)", [("SELECT", "d"), ("DELETE", "a")]),
        ("update a set b = 1; insert into c values (1)", [("UPDATE", "a"), ("INSERT", "c")]),
        ("select id from erp.place_order(1)", [("EXECUTE", "erp.place_order")]),
        ("execute @result = dbo.place 'from x'", [("EXECUTE", "dbo.place")]),
        ('select h."Buy-from Vendor No_", h.[join x] from h', [("SELECT", "h")]),
        ('select 1 from "{company}$Item" i', [("SELECT", '"{company}$Item"')]),
    ],
)
def test_a_statement_names_what_it_needs(statement: str, mentions: list[tuple[str, str]]) -> None:
    assert mentions_in(statement) == tuple(Mention(*each) for each in mentions)


def test_wrong_options_are_told() -> None:
    with pytest.raises(BadConfiguration):
        found({"query": "select 1"})
