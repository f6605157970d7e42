"""What there is in a database: the same, whether its keys are asked for at once or table by table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from drivers.contract import ForeignKey, Table
from drivers.odbc import catalogue
from drivers.odbc.catalogue import discover
from tests.integration.odbc_sources import Source

pytestmark = pytest.mark.integration

TABLES = (
    "create table cat_company (code varchar(10) not null, no_ integer not null, name varchar(40), primary key (no_, code))",
    (
        "create table cat_order (id integer not null primary key, company_no integer, company_code varchar(10), buyer integer,"
        " changed_at timestamp, foreign key (company_no, company_code) references cat_company (no_, code),"
        " foreign key (buyer) references cat_order (id))"
    ),
    "create table cat_loose (remark varchar(40), amount decimal(12,2))",
)


def found(source: Source) -> dict[str, Table]:
    return {
        name: table
        for table in discover(source.driver()._session).tables
        if (name := table.name.rpartition(".")[2]).startswith("cat_")
    }


def without_order(table: Table) -> Table:
    return replace(
        table, key=tuple(sorted(table.key)), foreign_keys=tuple(sorted(table.foreign_keys, key=str))
    )


@pytest.mark.parametrize("kind", ["postgres", "mariadb"])
def test_a_catalogue_is_the_same_asked_for_at_once_or_table_by_table(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    source: Source = request.getfixturevalue(f"{kind}_source")
    source.run(
        *(f"drop table if exists {name}" for name in ("cat_order", "cat_company", "cat_loose")), *TABLES
    )
    monkeypatch.setattr(catalogue, "all_constraints", lambda *_: None)
    one_by_one = found(source)
    monkeypatch.undo()

    def never(*_: Any) -> None:
        raise AssertionError("a question for one table alone")

    for name in ("_key", "_foreign_keys", "_columns_of"):
        monkeypatch.setattr(catalogue, name, never)
    at_once = found(source)

    # MariaDB's ODBC driver numbers the columns of a key as they stand in the table.
    assert {name: without_order(each) for name, each in at_once.items()} == {
        name: without_order(each) for name, each in one_by_one.items()
    }
    assert at_once["cat_company"].key == ("no_", "code")
    place = at_once["cat_company"].name
    assert sorted(at_once["cat_order"].foreign_keys, key=lambda each: len(each.columns)) == [
        ForeignKey(("buyer",), at_once["cat_order"].name, ("id",)),
        ForeignKey(("company_no", "company_code"), place, ("no_", "code")),
    ]
    assert (at_once["cat_loose"].key, at_once["cat_loose"].foreign_keys) == ((), ())
