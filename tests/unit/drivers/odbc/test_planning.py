from __future__ import annotations

import pytest

from drivers.odbc.mentions import tables_in


@pytest.mark.parametrize(
    ("query", "tables"),
    [
        ("select * from erp.orders", ("erp.orders",)),
        (
            'SELECT a FROM "Sales Orders" h\nJOIN dbo.[Lines] l ON l.a = h.a',
            ('"Sales Orders"', "dbo.[Lines]"),
        ),
        ("select * from `a` . `b` left join c using (x)", ("`a`.`b`", "c")),
        ("select 'from nowhere' as x from t -- from comment\n/* join u */ where y", ("t",)),
        ("select * from (select * from inner_t) h", ("inner_t",)),
        (
            'select * from "a""b"."O\'Hara" join `x``y` on 1 = 1 join [a]]b] on 2 = 2',
            ('"a""b"."O\'Hara"', "`x``y`", "[a]]b]"),
        ),
    ],
    ids=["qualified", "quoted", "backticks", "literal-and-comment", "derived", "quotes-inside"],
)
def test_the_tables_of_a_query_are_named_for_the_administrator(query: str, tables: tuple[str, ...]) -> None:
    assert tables_in([query, query]) == tables
