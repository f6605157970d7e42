from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from drivers.contract import BadConfiguration, OperationKind, StreamSpec
from drivers.odbc.matrix import operations_of
from drivers.odbc.recipe_reader import read_writes

READ = {"query": "select id from po", "key": ["id"]}
TWO_PARTS = {"query": "select site, id from po", "key": ["site", "id"]}
INSERT = {"insert": "po", "values": {"vendor": "vendorKey", "ref": "idempotencyKey"}, "returns": ["id"]}
UPDATE = {"update": "po", "set": {"title": "title"}, "where": {"id": "key"}}
CREATE = {"steps": [INSERT]}
FIND = "select id from po where ref = :idempotencyKey"


def stream(read: dict[str, Any] | None = None, **write: Any) -> StreamSpec:
    return StreamSpec("orders", "purchase_order", read or READ, write=write)


def test_the_matrix_says_what_the_steps_use() -> None:
    lines = {
        "insert": "po_line",
        "for_each": "lineItems",
        "values": {"po": "result.id", "no": "line.number", "qty": "lineItems.quantity"},
    }
    required = ["vendorKey", "lineItems", "lineItems.quantity"]
    statuses = {"approved": "2", "rejected": 3}
    found = operations_of(
        [
            stream(
                create={"steps": [INSERT, lines], "required": required, "find": FIND},
                update={"steps": [UPDATE], "updatable_in": ["draft"]},
                delete={"steps": [{"delete": "po", "where": {"id": "key"}}]},
                set_status={"steps": [{**UPDATE, "set": {"status": "status"}}], "statuses": statuses},
                settles_after="2m",
            )
        ]
    )

    create, update, delete, status = found
    assert [operation.kind for operation in found] == list(OperationKind)
    assert create.required == tuple(required)
    assert create.fields == ("vendorKey", "lineItems.quantity")
    assert create.effect_settles_after == timedelta(minutes=2)
    assert update.fields == ("title",)
    assert update.updatable_in == {"title": ("draft",)}
    assert update.effect_settles_after is None
    assert delete.fields == ()
    assert (status.required, status.statuses) == (("status",), ("approved", "rejected"))


def test_an_effect_that_a_procedure_commits_itself_may_appear_up_to_the_time_limit_of_a_statement() -> None:
    create = {**CREATE, "find": FIND, "commits_itself": True}
    delete = {"steps": [{"delete": "po", "where": {"id": "key", "ref": "idempotencyKey"}}], "find": FIND}

    found = operations_of([stream(create=create, delete=delete)], timedelta(minutes=5))

    assert [one.effect_settles_after for one in found] == [timedelta(minutes=5), timedelta(seconds=30)]


def test_the_external_reference_may_be_the_key() -> None:
    insert = {"insert": "po", "values": {"ref": "idempotencyKey"}}

    writes = read_writes(stream(create={"steps": [insert], "key": ["idempotencyKey"]}))

    assert writes.recipes[OperationKind.CREATE].key == ("idempotencyKey",)


def test_a_stream_without_a_write_table_writes_nothing() -> None:
    assert operations_of([stream()]) == ()


@pytest.mark.parametrize(
    ("write", "where", "about"),
    [
        ({"create": {"steps": []}}, "create.steps", "empty"),
        ({"creat": CREATE}, "creat", "creat"),
        ({"create": {**CREATE, "requird": []}}, "create.requird", "requird"),
        ({"create": {"steps": [{"sqll": "x"}]}}, "create.steps.0.sqll", "sqll"),
        ({"create": {"steps": [{"sql": "x", "call": "y()"}]}}, "create.steps[0]", "exactly one"),
        ({"create": {"steps": [{"insert": "po"}]}}, "create.steps[0]", "needs values"),
        ({"create": {"steps": [{"sql": "select :result.id"}]}}, "create.steps[0]", "no earlier step returns"),
        ({"create": {"steps": [INSERT, INSERT]}}, "create.steps[1].returns", "an earlier step"),
        ({"create": {"steps": [{"sql": "select :key", "returns": ["id"]}]}}, "create.steps[0]", "no key yet"),
        ({"create": {"steps": [{**INSERT, "returns": []}]}}, "create.key", "no step returns 'id'"),
        ({"create": {**CREATE, "required": ["vendrKey"]}}, "create.required", "vendrKey"),
        ({"create": {**CREATE, "key": ["result.id", "result.id"]}}, "create.key", "names 2 values"),
        ({"create": CREATE, "types": {"vendorKy": "key"}}, "types.vendorKy", "vendorKy"),
        ({"create": CREATE, "types": {"vendorKey": "money"}}, "types.vendorKey", "money"),
        ({"create": CREATE, "time_zone": "Mars"}, "time_zone", "Mars"),
        ({"create": CREATE, "settles_after": "soon"}, "settles_after", "soon"),
        ({"create": {**CREATE, "find": "select 1 as id"}}, "create.find", "idempotencyKey"),
        ({"create": {"steps": [{**INSERT, "insert": "po x"}]}}, "create.steps[0].insert", "not the name"),
        ({"create": {"steps": [{**INSERT, "insert": "po :x"}]}}, "create.steps[0].insert", "not the name"),
        ({"update": {"steps": [UPDATE], "find": FIND}}, "update.find", "find can find nothing"),
        ({"update": {"steps": [{"sql": "update po set x = 1 where id = :key"}]}}, "update", "not there"),
        ({"update": {"steps": [{**UPDATE, "expect_rows": "any"}]}}, "update", "not there"),
        ({"update": {"steps": [{"sql": "update po set t = :title where id = :key", "expect_rows": 1}]}}, "update.steps[0]", "may lack 'title'"),
        ({"update": {"steps": [{**UPDATE, "set": {"q": "lineItems.quantity"}}, {**INSERT, "for_each": "lineItems", "returns": []}]}}, "update.steps[0]", "many lines"),
        ({"delete": {"steps": [{**UPDATE}]}}, "delete.steps[0]", "title"),
        ({"set_status": {"steps": [UPDATE], "statuses": ["approved"]}}, "set_status.steps[0]", "title"),
        ({"set_status": {"steps": [{**UPDATE, "set": {"s": "status"}}]}}, "set_status.statuses", "statuses"),
        ({"create": {**CREATE, "statuses": ["approved"]}}, "create.statuses", "statuses"),
        ({"create": {"steps": [{**INSERT, "values": {"a": {"const": "x", "sql": "y"}}}]}}, "create.steps[0].values.a", "exactly one"),
        ({"create": CREATE, "idempotency_key_length": 4}, "idempotency_key_length", ""),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place_before_anything_is_written(
    write: dict[str, Any], where: str, about: str
) -> None:
    with pytest.raises(BadConfiguration) as caught:
        read_writes(stream(**write))

    assert caught.value.where == f"streams.orders.write.{where}"
    assert about in caught.value.message


def test_a_key_of_several_columns_is_named_by_its_columns() -> None:
    good = {**UPDATE, "where": {"site": "key.site", "id": "key.id"}}
    read_writes(stream(TWO_PARTS, update={"steps": [good]}))

    with pytest.raises(BadConfiguration, match="2 parts"):
        read_writes(stream(TWO_PARTS, update={"steps": [UPDATE]}))


@pytest.mark.parametrize(
    "more", [{"when": "title"}, {"absent_as_null": True}, {"sql": "update po set t = case when :given.title then :title else t end where id = :key"}]
)  # fmt: skip
def test_an_update_by_statement_says_what_an_absent_field_means(more: dict[str, Any]) -> None:
    guard = {"sql": "select id from po where id = :key", "expect_rows": 1}
    step = {"sql": "update po set t = :title where id = :key", **more}

    (operation,) = operations_of([stream(update={"steps": [guard, step]})])

    assert operation.fields == ("title",)


def test_a_record_is_held_against_the_recipe() -> None:
    lines = {
        "insert": "l",
        "for_each": "lineItems",
        "values": {"q": "lineItems.quantity", "n": "lineItems.notes"},
    }
    recipe = read_writes(
        stream(
            create={
                "steps": [INSERT, lines],
                "required": ["lineItems", "lineItems.quantity"],
                "any_of": [["lineItems.quantity", "lineItems.notes"]],
            }
        )
    ).recipes[OperationKind.CREATE]

    assert recipe.faults_of({"vendorKey": "V", "lineItems": [{"quantity": "1"}]}) == []
    found = recipe.faults_of({"vendr": "V", "lineItems": [{"quantity": "1"}, {"colour": "x"}]})
    assert {(fault.code, fault.field) for fault in found} == {
        ("required", "lineItems[1].quantity"),
        ("not_writable", "vendr"),
        ("not_writable", "lineItems[1].colour"),
    }
    assert [fault.field for fault in recipe.faults_of({"lineItems": []})] == ["lineItems"]
