from __future__ import annotations

import json
import re
import string
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import BadConfiguration, OperationKind, StreamSpec
from drivers.netsuite.composing import Change, Scope, compose, external_id, field_at, find_query, key_of
from drivers.netsuite.recipes import EXTERNAL_ID, read_writes
from drivers.netsuite.writing import operations_of
from drivers.recipes.scope import Misfit
from tests.netsuite.connections import orders, writable_orders

ORDER: dict[str, Any] = {
    "vendorKey": "101",
    "dueAt": "2026-05-01T23:30:00Z",
    "notes": None,
    "lineItems": [{"materialKey": "201", "quantity": "12345678901.00000000000001", "price": "1.500"}],
}


def scope(record: dict[str, Any], kind: OperationKind, stream: StreamSpec | None = None) -> Scope:
    writes = read_writes(stream or writable_orders())
    key = {"id": str(record["key"])} if "key" in record else {}
    return Scope(writes=writes, recipe=writes.recipes[kind], record=record, idempotency_key="c-1", key=key)


def composed(record: dict[str, Any], kind: OperationKind, stream: StreamSpec | None = None) -> Change | None:
    held = scope(record, kind, stream)
    return compose(held.recipe.steps[0], held)


def changed(path: list[Any], value: Any) -> StreamSpec:
    """The writable stream with another value somewhere in its recipes."""
    stream = writable_orders()
    write = deepcopy(dict(stream.write))
    holder: Any = write
    for name in path[:-1]:
        holder = holder[name]
    holder[path[-1]] = value
    return replace(stream, write=write)


def test_a_create_is_sent_to_the_place_of_its_external_id_with_amounts_to_the_digit() -> None:
    change = composed(ORDER, OperationKind.CREATE)

    assert change is not None
    assert (change.method, change.place) == ("PUT", "purchaseOrder/eid:c-1?replace=item")
    assert b'"quantity":12345678901.00000000000001' in change.body
    assert json.loads(change.body) == {
        "entity": {"id": "101"},
        "dueDate": "2026-05-01",
        "item": {"items": [{"item": {"id": "201"}, "quantity": 12345678901.00000000000001, "rate": 1.5}]},
    }


def test_a_date_is_the_day_in_the_recipes_time_zone() -> None:
    stream = changed(["time_zone"], "Europe/Berlin")

    change = composed(ORDER, OperationKind.CREATE, stream)

    assert change is not None
    assert json.loads(change.body)["dueDate"] == "2026-05-02"


def test_an_update_sends_what_is_given_and_null_empties() -> None:
    change = composed({"key": "7", "notes": None}, OperationKind.UPDATE)

    assert change is not None
    assert (change.method, change.place) == ("PATCH", "purchaseOrder/7")
    assert json.loads(change.body) == {"memo": None, "custbody_gw_command": "c-1"}


def test_a_status_is_a_reference_to_netsuites_own_code() -> None:
    change = composed({"key": "7", "status": "rejected"}, OperationKind.SET_STATUS)

    assert change is not None
    assert json.loads(change.body) == {"approvalStatus": {"id": "3"}}


def test_a_delete_names_the_record() -> None:
    assert composed({"key": "7"}, OperationKind.DELETE) == Change("DELETE", "purchaseOrder/7")


def test_a_constant_may_be_a_reference() -> None:
    path = ["create", "steps", 0, "values", "subsidiary"]

    change = composed(ORDER, OperationKind.CREATE, changed(path, {"const": {"id": "1"}}))

    assert change is not None
    assert json.loads(change.body)["subsidiary"] == {"id": "1"}


@pytest.mark.parametrize(
    ("record", "place", "code"),
    [
        ({"vendorKey": "1~2"}, "vendorKey", "not_a_key"),
        ({"vendorKey": "1; drop"}, "vendorKey", "not_a_key"),
        ({"dueAt": "tomorrow"}, "dueAt", "not_a_moment"),
        ({"lineItems": [{"price": "1.2345"}]}, "lineItems[0].price", "not_exact"),
        ({"lineItems": [{"quantity": "many"}]}, "lineItems[0].quantity", "not_a_decimal"),
        ({"notes": {"a": 1}}, "notes", "not_a_value"),
    ],
)
def test_what_would_not_arrive_as_it_was_given_is_refused_by_its_field(
    record: dict[str, Any], place: str, code: str
) -> None:
    with pytest.raises(Misfit) as caught:
        composed({**ORDER, **record}, OperationKind.CREATE)

    assert (caught.value.place, caught.value.code) == (place, code)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("item.items[1].item", "lineItems[1].materialKey"),
        ("item.items[0].quantity", "lineItems[0].quantity"),
        ("item.items[2].unknown", "lineItems[2]"),
        ("entity", "vendorKey"),
        ("entity.id", "vendorKey"),
        ("nothere", ""),
        ("", ""),
    ],
)
def test_a_place_of_netsuites_is_the_records_field(path: str, field: str) -> None:
    step = read_writes(writable_orders()).recipes[OperationKind.CREATE].steps[0]

    assert field_at(step, path) == field


def test_a_find_has_its_words_as_literals_and_leaves_its_texts_alone() -> None:
    held = scope({"key": "7"}, OperationKind.UPDATE)

    found = find_query("select id from t where a = :idempotencyKey and b = ':key' and id = :key", held)

    assert found == "select id from t where a = 'c-1' and b = ':key' and id = 7"


IDS = st.text(string.ascii_letters + string.digits + "_.:-", min_size=1, max_size=64)


@given(first=IDS, second=IDS)
def test_external_ids_are_what_netsuite_takes_and_as_different_as_the_commands(
    first: str, second: str
) -> None:
    """Capitals and small letters are the same to an external id."""
    found = [external_id(each) for each in (first, second, first.swapcase())]

    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", each) for each in found)
    assert (found[0].lower() == found[1].lower()) is (first == second)
    assert (found[0].lower() == found[2].lower()) is (first == first.swapcase())
    assert external_id("0b9f-4e1a_x") == "0b9f-4e1a_x"


@pytest.mark.parametrize("key", ["", "abc", "1~2", "eid:x", "1/../2"])
def test_what_is_no_id_names_no_record(key: str) -> None:
    assert key_of({"key": key}) is None


def test_the_matrix_says_what_can_be_written_and_for_how_long_an_effect_may_appear() -> None:
    found = {each.kind: each for each in operations_of(writable_orders(), timedelta(minutes=5))}

    assert found[OperationKind.CREATE].effect_settles_after == timedelta(minutes=5)
    assert found[OperationKind.DELETE].effect_settles_after is None
    assert "lineItems.price" in found[OperationKind.CREATE].fields
    assert found[OperationKind.SET_STATUS].statuses == ("approved", "rejected")
    assert read_writes(writable_orders()).recipes[OperationKind.CREATE].find == EXTERNAL_ID


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["create", "find"], "select id from transaction where externalid = :idempotencyKey"),
        (["create", "steps", 0, "update"], "purchaseOrder"),
        (["update", "steps", 0], {"create": "purchaseOrder", "values": {"memo": "notes"}}),
        (["update", "steps", 0], {"update": "purchaseOrder"}),
        (["update", "find"], "select id from transaction where id = :key"),
        (["update", "find"], "delete from transaction where x = :idempotencyKey"),
        (["update", "steps", 0, "set", "memo"], "lineItems.quantity"),
        (["update", "steps", 0, "for_each"], "lineItems"),
        (["set_status", "steps", 0, "set", "memo"], "notes"),
        (["types", "nothing"], "date"),
        (["types", "dueAt"], "day"),
        (["create", "steps", 0, "values", "memo"], {"field": "notes", "const": "x"}),
        (["time_zone"], "Mars/Base"),
    ],
)
def test_a_recipe_that_cannot_work_is_refused_before_anything_is_written(path: list[Any], value: Any) -> None:
    with pytest.raises(BadConfiguration):
        read_writes(changed(path, value))


def test_only_records_that_are_named_by_their_id_are_written() -> None:
    stream = replace(writable_orders(), options=orders(key=["entity"], lines={}).options)

    with pytest.raises(BadConfiguration, match="internal id"):
        read_writes(stream)
