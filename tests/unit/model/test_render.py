from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Context, Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from agent.model.entities import ENTITIES, Entity
from agent.model.render import decimal_text, json_value, to_documents
from agent.model.schema import arrow_schema, json_schema

EXACT = Context(prec=100)
META = {"entity": "purchase_order", "connection": "nav", "sync_run": "01J", "read_at": "2026-01-05T12:00:00Z"}
ADDRESS = {"city": "Köln", "address_lines": ["Dom 1", "Hof"]}


def order_table(**columns: Any) -> pa.Table:
    return pa.table({"key": ["k1", "k2"], **columns}).replace_schema_metadata(META)


def first(**columns: Any) -> dict[str, Any]:
    return to_documents(order_table(**columns), [0])[0]


def test_every_field_of_the_entity_is_there_and_null_where_the_table_has_none() -> None:
    document = first()

    assert document["orderNo"] is None
    assert document["billingAddress"] is None
    assert document["lineItems"] == []
    assert document["customFields"] == {}
    assert set(document) == set(json_schema(ENTITIES["purchase_order"])["required"])


def test_rows_come_in_the_order_asked_for() -> None:
    assert [document["key"] for document in to_documents(order_table(), [1, 0, 1])] == ["k2", "k1", "k2"]


def test_no_rows_asked_for_gives_none() -> None:
    assert to_documents(order_table(), []) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1.500000", "1.5"),
        ("100", "100"),
        ("100.00", "100"),
        ("0.00", "0"),
        ("-0.00", "0"),
        ("-0.10", "-0.1"),
        ("1E+3", "1000"),
        ("1E-10", "0.0000000001"),
        ("12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
    ],
)
def test_a_decimal_has_one_canonical_text(value: str, text: str) -> None:
    assert decimal_text(Decimal(value)) == text


def test_moments_are_rfc_3339_in_utc_and_days_are_days() -> None:
    moments = pa.array([datetime(2026, 1, 5, 12, 0, 0, 5000, UTC), None], pa.timestamp("us", "UTC"))
    document = first(due_at=moments, order_date=[date(2026, 1, 5), None])

    assert document["dueAt"] == "2026-01-05T12:00:00.005000Z"
    assert document["orderDate"] == "2026-01-05"


def test_addresses_and_lines_are_rendered_with_all_their_members() -> None:
    document = first(billing_address=[ADDRESS, None], line_items=[[{"line_no": "1"}], []])

    assert document["billingAddress"]["addressLines"] == ["Dom 1", "Hof"]
    assert document["billingAddress"]["country"] is None
    assert document["lineItems"][0]["lineNo"] == "1"
    assert document["lineItems"][0]["uomKey"] is None


def test_custom_fields_keep_the_operators_names() -> None:
    custom = [{"Cost Centre": "4711", "limit": Decimal("1.50")}] * 2

    assert first(custom_fields=custom)["customFields"] == {"Cost Centre": "4711", "limit": "1.5"}


def test_raw_is_there_only_on_request() -> None:
    table = order_table(raw=['{"a": "1"}', None])

    assert "raw" not in to_documents(table, [0])[0]
    assert [document["raw"] for document in to_documents(table, [0, 1], include_raw=True)] == [
        {"a": "1"},
        None,
    ]


def test_raw_that_is_no_json_does_not_fail_the_answer() -> None:
    assert to_documents(order_table(raw=["{", None]), [0], include_raw=True)[0]["raw"] is None


def test_provenance_names_where_the_record_comes_from() -> None:
    document = first(content_hash=pa.array([255, 1], pa.uint64()))

    assert document["sourceKey"] == "k1"
    assert document["contentHash"] == "00000000000000ff"
    assert (document["connection"], document["system"], document["syncRun"]) == ("nav", None, "01J")
    assert document["readAt"] == "2026-01-05T12:00:00Z"


@pytest.mark.parametrize("entity", ENTITIES.values(), ids=ENTITIES)
def test_documents_satisfy_the_published_json_schema(entity: Entity) -> None:
    schema = json_schema(entity)
    Draft202012Validator.check_schema(schema)
    row = {field.name: _example(arrow_schema(entity).field(field.name).type) for field in entity.fields}
    for field in entity.fields:
        if field.values:
            row[field.name] = "closed"
    table = pa.Table.from_pylist([row], pa.schema([arrow_schema(entity).field(name) for name in row]))

    full, empty = (
        to_documents(table, [0], entity=entity.name, include_raw=True)[0],
        to_documents(pa.table({"key": ["1"], entity.fields[1].name: ["x"]}), [0], entity=entity.name)[0],
    )

    validator = Draft202012Validator(schema)
    assert not list(validator.iter_errors(full))
    problems = [error.json_path for error in validator.iter_errors(empty)]
    assert problems in ([], ["$.name"])


def _example(kind: pa.DataType) -> Any:
    if pa.types.is_struct(kind):
        return {
            member.name: None if member.name == "status" else _example(member.type) for member in kind.fields
        }
    if pa.types.is_list(kind):
        return [_example(kind.value_type)]
    examples = {
        pa.string(): "text",
        pa.bool_(): True,
        pa.date32(): date(2026, 1, 5),
        pa.timestamp("us", "UTC"): datetime(2026, 1, 5, tzinfo=UTC),
    }
    return examples.get(kind, Decimal("-1.5"))


MOMENTS = st.datetimes(timezones=st.just(UTC))
SCALES = st.sampled_from([0, 1, 10, 20, 38])


@given(
    moments=st.lists(st.one_of(st.none(), MOMENTS), max_size=4),
    numbers=st.lists(st.one_of(st.none(), st.integers(-(10**30), 10**30), st.integers(-20, 20)), max_size=4),
    scale=SCALES,
)
def test_a_column_is_rendered_as_its_values_are_one_by_one(
    moments: list[datetime | None], numbers: list[int | None], scale: int
) -> None:
    amounts = [None if number is None else Decimal(number).scaleb(-scale, EXACT) for number in numbers]
    lines = [
        [{"due_at": moment} for moment in moments],
        [{"quantity": amount} for amount in amounts],
    ]
    kind = pa.list_(pa.struct({"due_at": pa.timestamp("us", "UTC"), "quantity": pa.decimal256(76, scale)}))

    first_document, second_document = to_documents(order_table(line_items=pa.array(lines, kind)), [0, 1])

    assert [line["dueAt"] for line in first_document["lineItems"]] == [
        json_value(moment) for moment in moments
    ]
    assert [line["quantity"] for line in second_document["lineItems"]] == [
        json_value(amount) for amount in amounts
    ]


def test_null_lists_and_sliced_tables_are_rendered_as_their_rows() -> None:
    table = order_table(
        line_items=pa.array([[{"line_no": "1"}], None]),
        order_no=["a", "b"],
        title=pa.chunked_array([["x"], ["y"]]),
    )

    (document,) = to_documents(table.slice(1, 1), [0])

    assert (document["orderNo"], document["title"], document["lineItems"]) == ("b", "y", [])
