"""The write examples of docs/drivers/odbc.md are composed, and its tables name every key, so that the page stays true."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from agent.model.entities import ENTITIES
from agent.policy.names import fields_of
from drivers.contract import OperationKind, StreamSpec
from drivers.odbc.binding import _KINDS
from drivers.odbc.composing import Scope, compose, key_parts, render
from drivers.odbc.dialects import DIALECTS
from drivers.odbc.matrix import operations_of
from drivers.odbc.options import ConnectionOptions
from drivers.odbc.queries import Sql
from drivers.odbc.recipe_reader import read_writes
from drivers.odbc.recipes import Step
from drivers.odbc.shape import Kind, QueryColumn
from drivers.odbc.write_options import OperationTable, StepTable, WriteTable
from drivers.recipes.scope import runs_of, shortened
from drivers.recipes.tables import Otherwise

PAGE = (Path(__file__).resolve().parents[4] / "docs" / "drivers" / "odbc.md").read_text("utf-8")
EXAMPLES = {
    found.group(1): found.group(2)
    for found in re.finditer(
        r"```toml\n# (PostgreSQL|MariaDB|SQL Server|SQLite):[^\n]*\n(.*?)```", PAGE, re.DOTALL
    )
}
ORDER = {
    "vendorKey": "1648",
    "title": "Bolts",
    "totalNetValue": "12.50",
    "dueAt": "2026-02-03T23:30:00Z",
    "lineItems": [{"materialKey": "I-1", "quantity": "2.5"}],
}
ID = QueryColumn("id", Kind.INTEGER)
# What each example's create becomes with that order, and the parameters of its first statement.
CREATED = {
    "PostgreSQL": (
        "select id, order_no from erp.place_order(?, CAST(? AS numeric), CAST(? AS date), ?)",
        ("1648", "12.5", "2026-02-04", "c-1"),
        "CALL erp.add_line(?, ?, ?, CAST(? AS numeric))",
    ),
    "MariaDB": ("CALL place_order(?, ?, ?)", ("1648", "Bolts", "c-1"), None),
    "SQL Server": (
        None,
        ("1648", "2026-02-03", "12.5", shortened("c-1", 20, capitals=False)),
        "INSERT INTO [dbo].[Purchase Line] ([Document No_], [Line No_], [No_], [Quantity]) VALUES (?, ?, ?, ?)",
    ),
    "SQLite": (
        'INSERT INTO orders ("vendor", "title", "external_ref", "status") VALUES (?, ?, ?, ?)',
        ("1648", "Bolts", "c-1", "1"),
        None,
    ),
}


def example(product: str) -> StreamSpec:
    write = tomllib.loads(EXAMPLES[product])["streams"]["orders"]["write"]
    return StreamSpec("orders", "purchase_order", {"query": "select 1", "key": ["id"]}, write=write)


def columns_of(step: Step) -> list[QueryColumn]:
    named = [each.column for each in (*step.values, *step.conditions)]
    return [QueryColumn(name, Kind.TEXT) for name in dict.fromkeys([*named, *step.returns])]


def statements(product: str, kind: OperationKind, record: dict[str, Any]) -> list[Sql | None]:
    writes, dialect = read_writes(example(product)), DIALECTS[product.lower().replace(" ", "")]
    recipe = writes.recipes[kind]
    assert recipe.faults_of(record) == []
    key = key_parts(str(record.get("key", "1")), [ID], dialect)
    assert key is not None
    reference = shortened("c-1", writes.idempotency_key_length, capitals=False)
    results = {"id": 7, "order_no": "PO-7"}
    scope = Scope(
        writes=writes, recipe=recipe, record=record, idempotency_key=reference, key=key, results=results,
        dialect=dialect, columns={ID.name: ID},
    )  # fmt: skip
    if recipe.find is not None:
        assert render(recipe.find, scope).parameters[0] == reference
    return [compose(step, each, columns_of(step)) for step in recipe.steps for each in runs_of(step, scope)]


@pytest.mark.parametrize("product", CREATED)
def test_the_examples_create_an_order(product: str) -> None:
    text, parameters, line = CREATED[product]
    fields = {
        name.partition(".")[0] for name in read_writes(example(product)).recipes[OperationKind.CREATE].fields
    }

    first, *rest = statements(
        product, OperationKind.CREATE, {name: value for name, value in ORDER.items() if name in fields}
    )

    assert first is not None
    assert text is None or first.text == text
    assert first.parameters == parameters
    assert [sql.text for sql in rest if sql is not None] == ([] if line is None else [line])


@pytest.mark.parametrize(
    ("product", "kind", "record"),
    [
        ("PostgreSQL", OperationKind.UPDATE, {"key": "7", "title": "Nuts"}),
        ("PostgreSQL", OperationKind.SET_STATUS, {"key": "7", "status": "approved"}),
        ("SQLite", OperationKind.DELETE, {"key": "7"}),
    ],
)
def test_the_examples_change_an_order(product: str, kind: OperationKind, record: dict[str, Any]) -> None:
    found = statements(product, kind, record)

    assert all(sql is not None for sql in found)
    assert "7" in [parameter for sql in found if sql for parameter in sql.parameters]


def test_the_examples_use_fields_and_statuses_of_the_model() -> None:
    entity = ENTITIES["purchase_order"]
    for product in EXAMPLES:
        for operation in operations_of([example(product)]):
            assert set(operation.fields) <= set(fields_of(entity))
            assert set(operation.statuses) <= set(entity.statuses or ())


@pytest.mark.parametrize("table", [WriteTable, OperationTable, StepTable, Otherwise, ConnectionOptions])
def test_every_key_is_on_the_page(table: Any) -> None:
    assert [name for name in table.model_fields if f"`{name}`" not in PAGE] == []


def test_every_type_is_on_the_page() -> None:
    assert [name for name in _KINDS if f"`{name}`" not in PAGE] == []
