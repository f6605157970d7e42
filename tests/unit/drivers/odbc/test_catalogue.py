"""Names of tables as a query needs them."""

from __future__ import annotations

from typing import Any

import pytest

from drivers.contract import NotPermitted
from drivers.odbc.catalogue import _qualified
from drivers.odbc.constraints import Reference, all_constraints, keys_of, references_of
from drivers.odbc.dialects import DIALECTS
from drivers.odbc.queries import Sql


@pytest.mark.parametrize(
    ("dialect", "schema", "name", "written"),
    [
        ("postgresql", "public", "orders", "public.orders"),
        ("postgresql", "public", "Orders", 'public."Orders"'),
        ("postgresql", "public", "order", 'public."order"'),
        ("oracle", "ERP", "PO_HEADER", "ERP.PO_HEADER"),
        ("oracle", "ERP", "po_header", 'ERP."po_header"'),
        ("db2", "ERP", "User", 'ERP."User"'),
        ("ansi", "ERP", "po", 'ERP."po"'),
        ("sqlserver", "dbo", "Purchase Header", "dbo.[Purchase Header]"),
        ("sqlserver", "dbo", "PurchaseHeader", "dbo.PurchaseHeader"),
        ("sqlserver", "dbo", "User", "dbo.[User]"),
        ("mariadb", None, "order", "`order`"),
    ],
)
def test_a_name_is_quoted_where_the_product_would_take_it_for_another(
    dialect: str, schema: str | None, name: str, written: str
) -> None:
    assert _qualified(DIALECTS[dialect], None, schema, name) == written


def test_keys_are_put_together_in_their_order_and_references_by_their_constraint() -> None:
    """As SQL Server, MariaDB and PostgreSQL tell them: a row for each column, in any order."""
    keys = keys_of([("dbo", "po", "line", 2), ("dbo", "po", "no", 1), ("dbo", "v", "id", 1)])
    references = references_of(
        [
            ("fk_b", "dbo", "po", "buyer", 1, "dbo", "user", "id"),
            ("fk_a", "dbo", "po", "code", 2, "crm", "v", "code"),
            ("fk_a", "dbo", "po", "company", 1, "crm", "v", "company"),
        ]
    )

    assert keys == {("dbo", "po"): ("no", "line"), ("dbo", "v"): ("id",)}
    assert references == {
        ("dbo", "po"): [
            Reference(("company", "code"), ("crm", "v"), ("company", "code")),
            Reference(("buyer",), ("dbo", "user"), ("id",)),
        ]
    }


def test_a_product_whose_catalogue_is_not_known_or_closed_is_asked_table_by_table() -> None:
    class Closed:
        asked = 0

        def rows(self, _sql: Sql, *, where: str) -> list[Any]:
            self.asked += 1
            raise NotPermitted("no", where=where)

    session: Any = Closed()

    assert all_constraints(session, DIALECTS["oracle"], "discover") is None
    assert session.asked == 0
    assert all_constraints(session, DIALECTS["sqlserver"], "discover") is None
    assert session.asked == 1
