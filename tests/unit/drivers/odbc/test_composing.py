from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import OperationKind, SourceChanged, StreamSpec
from drivers.odbc.composing import Scope, compose, key_parts
from drivers.odbc.dialects import DIALECTS
from drivers.odbc.queries import Sql
from drivers.odbc.recipe_reader import read_writes
from drivers.odbc.shape import Kind, QueryColumn
from drivers.recipes.scope import Misfit, runs_of

ID = QueryColumn("Id", Kind.INTEGER, "integer")
COLUMNS = (
    ID,
    QueryColumn('na"me', Kind.TEXT, "text"),
    QueryColumn("qty", Kind.DECIMAL, "numeric", 12, 2),
    QueryColumn("due", Kind.DATE, "date"),
)


def made(
    kind: OperationKind,
    steps: list[dict[str, Any]],
    record: dict[str, Any],
    dialect: str = "postgresql",
    **more: Any,
) -> list[Sql | None]:
    write = {kind.value: {"steps": steps}, **more}
    spec = StreamSpec("s", "purchase_order", {"query": "select 1", "key": ["id"]}, write=write)
    writes = read_writes(spec)
    recipe = writes.recipes[kind]
    found = DIALECTS[dialect]
    key = key_parts(str(record.get("key", "1")), [ID], found)
    assert key is not None
    scope = Scope(
        writes=writes, recipe=recipe, record=record, idempotency_key="idem", key=key,
        dialect=found, columns={ID.name: ID},
    )  # fmt: skip
    return [compose(step, each, COLUMNS) for step in recipe.steps for each in runs_of(step, scope)]


CHANGE = {
    "update": "erp.po",
    "set": {'NA"ME': "title", "qty": "totalNetValue", "due": {"sql": "current_date"}},
    "where": {"id": "key"},
}


def test_an_update_of_a_table_sets_only_what_is_given_with_quoted_names_and_types() -> None:
    (sql,) = made(OperationKind.UPDATE, [CHANGE], {"key": "7", "totalNetValue": "1.50"})

    assert sql == Sql(
        'UPDATE erp.po SET "qty" = CAST(? AS numeric), "due" = current_date WHERE "Id" = ?',
        ("1.5", "7"),
    )


def test_a_column_that_a_table_has_not_is_told_with_the_table_and_the_nearest_one() -> None:
    step = {**CHANGE, "set": {"qyt": "totalNetValue"}}

    with pytest.raises(SourceChanged, match=r"the table erp\.po has no column 'qyt'") as found:
        made(OperationKind.UPDATE, [step], {"key": "7", "totalNetValue": "1.50"})

    assert "qty" in found.value.hint


def test_an_update_of_a_table_with_nothing_to_set_only_looks_whether_the_row_is_there() -> None:
    step = {**CHANGE, "set": {'na"me': "title"}}

    (sql,) = made(OperationKind.UPDATE, [step], {"key": "7"})

    assert sql == Sql('SELECT COUNT(*) FROM erp.po WHERE "Id" = ?', ("7",))


def test_null_is_a_value_and_absent_is_none() -> None:
    step = {**CHANGE, "set": {'na"me': "title", "qty": "totalNetValue"}}

    (sql,) = made(OperationKind.UPDATE, [step], {"key": "7", "title": None})

    assert sql == Sql('UPDATE erp.po SET "na""me" = ? WHERE "Id" = ?', (None, "7"))


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        ("postgresql", 'INSERT INTO po ("na""me") VALUES (?) RETURNING "Id"'),
        ("mariadb", 'INSERT INTO po (`na"me`) VALUES (?) RETURNING `Id`'),
        ("sqlserver", 'INSERT INTO po ([na"me]) OUTPUT inserted.[Id] VALUES (?)'),
        ("sqlite", 'INSERT INTO po ("na""me") VALUES (?)'),
    ],
)
def test_an_insert_gives_back_what_the_product_can_give_back(dialect: str, text: str) -> None:
    step = {"insert": "po", "values": {'na"me': "title", "qty": "totalNetValue"}, "returns": ["id"]}

    (sql,) = made(OperationKind.CREATE, [step], {"title": "x"}, dialect)

    assert sql == Sql(text, ("x",))


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        ("postgresql", "CALL p(CAST(? AS numeric), ?)"),
        ("mariadb", "CALL p(CAST(? AS DECIMAL(3,2)), ?)"),
        ("sqlserver", "{CALL p(?, ?)}"),
        ("oracle", "{CALL p(TO_NUMBER(?), ?)}"),
    ],
)
def test_a_call_is_said_as_the_product_says_it(dialect: str, text: str) -> None:
    step = {"call": "p(:totalNetValue, :idempotencyKey)", "returns": ["id"]}

    (sql,) = made(
        OperationKind.CREATE, [step], {"totalNetValue": "1.50"}, dialect, types={"totalNetValue": "decimal"}
    )

    assert sql == Sql(text, ("1.50", "idem"))


def test_a_step_runs_once_for_each_line_that_its_condition_holds_for() -> None:
    guard = {"sql": "select 1 where :key = 1", "expect_rows": 1}
    changed = {
        "sql": "update l set q = :lineItems.quantity, n = :line.number where k = :lineItems.key",
        "for_each": "lineItems",
        "when": "lineItems.key",
        "absent_as_null": True,
    }
    lines = [{"quantity": "1"}, {"key": "a", "quantity": "2"}, {"key": "b"}]

    found = made(OperationKind.UPDATE, [guard, changed], {"key": "1", "lineItems": lines})

    assert [sql.parameters for sql in found[1:] if sql] == [("2", "2", "a"), (None, "3", "b")]


def test_a_value_that_does_not_fit_is_named_by_its_place_in_the_record() -> None:
    step = {"insert": "l", "for_each": "lineItems", "values": {"qty": "lineItems.quantity"}}
    lines = [{"quantity": "1"}, {"quantity": "1.005"}]

    with pytest.raises(Misfit) as caught:
        made(OperationKind.UPDATE, [CHANGE, step], {"key": "1", "lineItems": lines})

    assert (caught.value.place, caught.value.code) == ("lineItems[1].quantity", "not_exact")


def test_a_reference_to_another_record_is_taken_apart() -> None:
    step = {"sql": "select :vendorKey.1, :vendorKey.2, :assetKey as id", "returns": ["id"]}

    (sql,) = made(
        OperationKind.CREATE,
        [step],
        {"vendorKey": "1000~V%7E1", "assetKey": "a%25"},
        types={"vendorKey": "key", "assetKey": "key"},
    )

    assert sql is not None
    assert sql.parameters == ("1000", "V~1", "a%")


@given(st.text(min_size=3).filter(lambda text: text.isprintable()), st.sampled_from(sorted(DIALECTS)))
def test_no_value_of_a_record_ever_enters_a_statement(value: str, dialect: str) -> None:
    marked = f"<{value}>"
    steps = [
        {"sql": "select id from po where t = :title", "returns": ["id"]},
        {"insert": "po", "values": {'na"me': "title"}},
        {"call": "p(:title)"},
    ]

    found = made(OperationKind.CREATE, steps, {"title": marked}, dialect)

    for sql in found:
        assert sql is not None
        assert marked not in sql.text
        assert marked in sql.parameters
