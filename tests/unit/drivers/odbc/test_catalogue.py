"""Names of tables as a query needs them."""

from __future__ import annotations

import pytest

from drivers.odbc.catalogue import _qualified
from drivers.odbc.dialects import DIALECTS


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
