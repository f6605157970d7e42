"""Whatever type a source column turns out to have, mapping it gives records and rejects, and never an exception."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from agent.mapping.compile import compile_mapping
from agent.model.payload import decode, encode_records
from agent.model.render import to_documents
from tests.unit.mapping.mapping_case import map_page, page_of

COLUMNS = {
    "string": pa.array(["1", "x", None]),
    "large_string": pa.array(["1", "x", None], pa.large_string()),
    "string_view": pa.array(["1", "x", None], pa.string_view()),
    "dictionary": pa.array(["1", "x", None]).dictionary_encode(),
    "dictionary of integers": pa.array([1, 1, None]).dictionary_encode(),
    "binary": pa.array([b"1", b"\xff", None]),
    "fixed binary": pa.array([b"12", b"\xff\xff", None], pa.binary(2)),
    "int8": pa.array([1, -1, None], pa.int8()),
    "uint64": pa.array([1, 2**64 - 1, None], pa.uint64()),
    "float": pa.array([1.5, float("nan"), None]),
    "half float": pa.array([1.5, float("inf"), None], pa.float16()),
    "decimal32": pa.array([Decimal("1.5"), Decimal(-1), None], pa.decimal32(5, 1)),
    "decimal128": pa.array([Decimal("1.5"), Decimal("9" * 37), None], pa.decimal128(38, 1)),
    "decimal256": pa.array([Decimal("1.5"), Decimal("9" * 75), None], pa.decimal256(76, 1)),
    "boolean": pa.array([True, False, None]),
    "date32": pa.array([date(2026, 1, 5), date(1, 1, 1), None]),
    "date64": pa.array([0, 86_400_000, None], pa.date64()),
    "far date": pa.array([2**31 - 1, -(2**31), None], pa.int32()).view(pa.date32()),
    "timestamp": pa.array([datetime(2026, 1, 5), datetime(1, 1, 1), None]),
    "far timestamp": pa.array([2**63 - 1, -(2**63), None], pa.timestamp("ns")),
    "far seconds": pa.array([2**63 - 1, -(2**63), None], pa.timestamp("s")),
    "zoned timestamp": pa.array(
        [datetime(2026, 1, 5, tzinfo=UTC)] * 2 + [None], pa.timestamp("ms", "Asia/Tokyo")
    ),
    "time": pa.array([time(1), time(23), None]),
    "duration": pa.array([timedelta(1), timedelta(2), None]),
    "null": pa.nulls(3),
    "list": pa.array([["a"], [], None]),
    "list of structs": pa.array([[{"a": 1}], [], None]),
    "struct": pa.array([{"a": 1}, {"a": 2}, None]),
}
SPECS: dict[str, Any] = {
    "text": {"title": {"from": "c", "trim": True, "strip_zeros": True, "upper": True}},
    "codes": {"title": {"from": "c", "values": {"1": "one"}, "default": "d"}},
    "status": {"status": {"from": "c", "values": {"1": "closed"}}},
    "amount": {"totalNetValue": "c"},
    "scaled": {"totalNetValue": {"from": "c", "scale": 2, "default": "0.5"}},
    "german": {"totalNetValue": {"from": "c", "decimal_separator": ",", "thousands": "."}},
    "day": {"orderDate": {"from": "c", "empty_dates": True, "zone": "Asia/Tokyo"}},
    "sap day": {"orderDate": {"from": "c", "date": "yyyymmdd"}},
    "moment": {"dueAt": {"from": "c", "zone": "America/New_York", "empty_dates": True}},
    "moment and time": {"dueAt": {"from": "c", "time": "c"}},
    "v2": {"dueAt": {"from": "c", "date": "odata_v2"}},
    "key": {"vendorKey": {"key": ["c"]}},
    "joined": {"title": {"concat": ["c", "c"], "separator": "-"}},
    "first": {
        "title": {"coalesce": ["c", {"const": "x"}]},
        "totalNetValue": {"coalesce": ["c", {"const": "1"}]},
    },
    "address": {"deliveryAddress": {"city": "c", "addressLines": ["c"]}},
    "custom": {"custom": {"own": "c"}},
    "custom truth": {"custom": {"flag": {"from": "c", "as": "boolean"}}},
    "custom integer": {"custom": {"n": {"from": "c", "as": "integer", "default": 1}}},
    "custom default": {"custom": {"n": {"from": "c", "default": "x"}}},
}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
def test_a_column_of_any_type_gives_records_and_rejects(column: pa.Array, spec: dict[str, Any]) -> None:
    page = page_of(c=column)
    compiled = compile_mapping({"orderNo": {"const": "1"}, **spec}, entity="purchase_order", where="w")

    mapped = compiled.apply(page, with_raw=True)

    assert mapped.records.num_rows + len(mapped.rejects) == 3
    table = decode("records", encode_records(mapped.records, {"entity": "purchase_order"})).table
    assert table is not None
    assert len(to_documents(table, range(table.num_rows), include_raw=True)) == table.num_rows


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
def test_a_column_of_any_type_may_stand_in_lines(column: pa.Array) -> None:
    child = pa.StructArray.from_arrays([column], names=["c"])
    lines = pa.ListArray.from_arrays(pa.array([0, 2, 3], pa.int32()), child)
    members = {"lineNo": "c", "quantity": "c", "dueAt": "c", "status": "c", "currencyKey": {"header": "h"}}

    mapped = map_page({"lineItems": {"lines": "lines", "map": members}}, page_of(lines=lines, h=["a", "b"]))

    assert mapped.records.num_rows + len(mapped.rejects) == 2
