from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.entities import ENTITIES, PROVENANCE, Entity, Field, Kind
from agent.model.json_texts import to_json
from agent.model.render import to_documents
from agent.model.schema import arrow_type

META = {"entity": "purchase_order", "connection": 'na"v', "read_at": "2026-01-05T12:00:00Z"}
TEXTS = st.one_of(
    st.text(max_size=4), st.sampled_from(['"', "\\", "\n", "\x00\x1f\x7f", "Köln", "\u2028", "😀", ""])
)
SCALARS: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.STRING: TEXTS,
    Kind.DECIMAL: st.decimals("-99999999", "99999999", places=10),
    Kind.DATE: st.dates(),
    Kind.TIMESTAMP: st.datetimes(timezones=st.just(UTC)),
    Kind.BOOLEAN: st.booleans(),
    Kind.INTEGER: st.integers(-(2**63), 2**63 - 1),
    Kind.STRINGS: st.lists(st.none() | TEXTS, max_size=2),
}
CUSTOM = pa.struct(
    {'a"b': pa.string(), "n": pa.int64(), "d": pa.decimal128(20, 2), "t": pa.timestamp("us", "UTC")}
)


def arrow_of(field: Field) -> pa.DataType:
    return CUSTOM if field.kind is Kind.CUSTOM else arrow_type(field)


def values_of(field: Field) -> st.SearchStrategy[Any]:
    if field.name == "content_hash":
        return st.none() | st.integers(0, 2**64 - 1)
    if field.name == "raw":
        return st.sampled_from([None, '{"a": [1.50, null]}', "no JSON"])
    if field.kind is Kind.CUSTOM:
        amounts = st.decimals(-1000, 1000, places=2)
        members = {'a"b': st.none() | TEXTS, "n": st.none() | st.integers(-5, 5), "d": st.none() | amounts}
        return st.none() | st.fixed_dictionaries(members)
    if field.kind is Kind.OBJECT:
        return st.none() | objects_of(field.fields)
    if field.kind is Kind.LIST:
        return st.none() | st.lists(objects_of(field.fields), max_size=2)
    return st.none() | SCALARS[field.kind]


def objects_of(fields: Sequence[Field]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={field.name: values_of(field) for field in fields})


@st.composite
def tables(draw: st.DrawFn) -> tuple[pa.Table, str, list[int]]:
    entity: Entity = draw(st.sampled_from(list(ENTITIES.values())))
    fields = {field.name: field for field in (*entity.fields, *PROVENANCE) if field.name != "key"}
    names = draw(st.lists(st.sampled_from(sorted(fields)), unique=True, max_size=6))
    count = draw(st.integers(1, 4))
    columns = {"key": pa.array(draw(st.lists(TEXTS, min_size=count, max_size=count)), pa.string())}
    for name in names:
        values = draw(st.lists(values_of(fields[name]), min_size=count, max_size=count))
        columns[name] = pa.array(values, arrow_of(fields[name]))
    table = pa.table(columns).replace_schema_metadata(META).slice(draw(st.integers(0, 1)))
    numbers = st.integers(0, max(table.num_rows - 1, 0))
    return table, entity.name, draw(st.lists(numbers, max_size=4)) if table.num_rows else []


def documents(table: pa.Table, rows: Sequence[int], entity: str, **options: Any) -> list[bytes]:
    return [orjson.dumps(document) for document in to_documents(table, rows, entity=entity, **options)]


@given(tables(), st.booleans())
def test_every_table_becomes_the_bytes_that_its_documents_become(
    made: tuple[pa.Table, str, list[int]], include_raw: bool
) -> None:
    table, entity, rows = made

    texts = to_json(table, rows, entity=entity, include_raw=include_raw)

    assert texts == documents(table, rows, entity, include_raw=include_raw)


@pytest.mark.parametrize(
    "column",
    [
        {"title": pa.array(["plain", None])},
        {"title": pa.array(['say "yes"', "a\\b\n\x01"])},
        {"due_at": pa.array([datetime(2026, 1, 5, 12, 0, 0, 5000, UTC), datetime(1, 1, 1, tzinfo=UTC)], pa.timestamp("us", "UTC"))},
        {"order_date": pa.array([date(2026, 1, 5), None])},
        {"total_net_value": pa.array([Decimal("0.0000000001"), Decimal("-0.10")], pa.decimal128(38, 10))},
        {"total_net_value": pa.array([Decimal("1.00"), None], pa.decimal256(60, 2))},
        {"line_items": pa.array([[{"line_no": "1", "price": None}, None], None], pa.list_(pa.struct({"line_no": pa.string(), "price": pa.decimal128(9, 2)})))},
        {"line_items": pa.array([[{}], []], pa.list_(pa.struct([])))},
        {"billing_address": pa.array([{"city": "Köln", "address_lines": ["Dom", None]}, None])},
        {"custom_fields": pa.array([{}, None], pa.struct([]))},
        {"content_hash": pa.array([255, None], pa.uint64())},
        {"source_key": pa.array(["", "s2"])},
        {"unknown_column": pa.array(["x", "y"])},
    ],
)  # fmt: skip
def test_each_kind_of_column_is_written_as_orjson_writes_it(column: dict[str, pa.Array]) -> None:
    table = pa.table({"key": ["k1", "k2"], **column}).replace_schema_metadata(META)

    assert to_json(table, [1, 0]) == documents(table, [1, 0], "purchase_order")


def test_what_lies_behind_a_null_is_not_taken_for_a_text() -> None:
    content, offsets = (
        pa.py_buffer(b'a\xff"b'),
        pa.py_buffer(b"".join(n.to_bytes(4, "little") for n in (0, 1, 3, 4))),
    )
    title = pa.StringArray.from_buffers(3, offsets, content, pa.py_buffer(b"\x05"))
    table = pa.table({"key": ["1", "2", "3"], "title": title}).replace_schema_metadata(META)

    found = [orjson.loads(text)["title"] for text in to_json(table, [0, 1, 2])]

    assert found == ["a", None, "b"]


def test_members_that_are_the_same_for_all_take_the_place_of_the_tables_own() -> None:
    table = pa.table({"key": ["1"], "title": ["x"]}).replace_schema_metadata(META)

    (text,) = to_json(table, [0], instead={"connection": "erp", "receivedAt": "now"})

    assert text == orjson.dumps(to_documents(table, [0])[0] | {"connection": "erp", "receivedAt": "now"})


def test_only_the_members_asked_for_are_written_in_their_order() -> None:
    table = pa.table({"key": ["1"], "title": ["x"], "source_key": [None]}).replace_schema_metadata(META)
    only = ("deleted", "title", "sourceKey", "raw", "connection")

    (text,) = to_json(table, [0], instead={"deleted": False}, only=only)

    assert text == b'{"deleted":false,"title":"x","sourceKey":"1","connection":"na\\"v"}'


def test_no_rows_give_no_texts() -> None:
    table = pa.table({"key": ["1"], "title": ["x"]}).replace_schema_metadata(META)

    assert to_json(table, []) == []
