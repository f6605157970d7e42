from __future__ import annotations

import struct
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from drivers.odbc.session import exact_schema
from drivers.odbc.shape import Kind, QueryColumn
from drivers.odbc.values import datetimeoffset, key_texts, named_alike, typed


def parsed(kind: Kind, *texts: str | None) -> pa.ChunkedArray:
    table = pa.table({"c": pa.array(texts, pa.string())})
    return typed(table, [QueryColumn("c", kind)]).column("c")


def test_texts_become_values_of_their_kind() -> None:
    assert parsed(Kind.DATE, "2026-01-02", None).to_pylist() == [date(2026, 1, 2), None]
    assert parsed(Kind.TIMESTAMP, "1753-01-01 00:00:00", "9999-12-31 23:59:59.000001").to_pylist() == [
        datetime(1753, 1, 1),
        datetime(9999, 12, 31, 23, 59, 59, 1),
    ]
    assert parsed(Kind.TIMESTAMP_TZ, "2026-01-01 08:00:00.5+00:00").to_pylist() == [
        datetime(2026, 1, 1, 8, 0, 0, 500_000, tzinfo=UTC)
    ]


def test_seven_digits_of_sql_server_are_read_where_the_last_is_nought() -> None:
    assert parsed(Kind.TIMESTAMP, "2026-01-01 00:00:00.1234560").type == pa.timestamp("us")
    assert parsed(Kind.TIMESTAMP, "2026-01-01 00:00:00.1234567").to_pylist() == [
        "2026-01-01 00:00:00.1234567"
    ]


def test_moments_that_a_product_printed_are_keys_as_its_odbc_driver_would_print_them() -> None:
    printed = [
        "2026-01-02 03:04:05",
        "2026-01-02T03:04:05.5",
        "2024-00-15 10:00:00.12  ",
        "2026-01-02 03:04:05.1234567",
        "2026-01-02 03:04:05.123456700",
    ]
    table = pa.table({"t": pa.array([*printed, None]), "n": pa.array(["1.5"] * 6)})

    found = named_alike(table, [QueryColumn("t", Kind.TIMESTAMP, "", 26, 6), QueryColumn("n", Kind.DECIMAL)])

    assert found.column("t").to_pylist() == [
        "2026-01-02 03:04:05.000000",
        "2026-01-02 03:04:05.500000",
        "2024-00-15 10:00:00.120000",
        "2026-01-02 03:04:05.123456",
        "2026-01-02 03:04:05.123456",
        None,
    ]
    assert found.column("n").to_pylist() == ["1.5"] * 6


@pytest.mark.parametrize("scale", [7, 9, 12])
def test_a_key_of_moments_finer_than_a_microsecond_has_nine_digits_as_it_always_had(scale: int) -> None:
    """As text too, or each record would be another one after an upgrade, and the old one deleted."""
    handed_over = pa.chunked_array([pa.array([1_767_323_045_123_456_700], pa.timestamp("ns"))])
    texts = ["2026-01-02 03:04:05.1234567", "2026-01-02 03:04:05.123456700000", "2026-01-02 03:04:05"]
    column = QueryColumn("t", Kind.TIMESTAMP, "", 20 + scale, scale)

    found = named_alike(pa.table({"t": [*texts, "2026-01-02 03:04:05.123456789012"]}), [column])

    assert key_texts(found.column("t")).to_pylist() == [
        *key_texts(handed_over).to_pylist() * 2,
        "2026-01-02 03:04:05.000000000",
        "2026-01-02 03:04:05.123456789012",
    ]


def test_one_value_outside_its_kind_leaves_the_column_as_text() -> None:
    assert parsed(Kind.DATE, "infinity", "2026-01-02").to_pylist() == ["infinity", "2026-01-02"]
    assert parsed(Kind.INTEGER, "1", "two").to_pylist() == ["1", "two"]


def test_numbers_beyond_signed_64_bits_stay_numbers() -> None:
    assert parsed(Kind.INTEGER, "18446744073709551615").to_pylist() == [2**64 - 1]


def test_booleans_that_came_as_numbers_are_booleans() -> None:
    table = pa.table({"c": pa.array([1, 0, None], pa.int64())})

    assert typed(table, [QueryColumn("c", Kind.BOOLEAN)]).column("c").to_pylist() == [True, False, None]


def test_binary_key_parts_are_hex() -> None:
    column = pa.chunked_array([pa.array([b"\x00\xff", None], pa.binary())])

    assert key_texts(column).to_pylist() == ["00ff", None]


def test_decimals_are_read_as_text_and_floats_at_full_width() -> None:
    schema = pa.schema(
        [("d", pa.decimal128(10, 2)), ("f", pa.float32()), ("t", pa.timestamp("s")), ("b", pa.binary(4))]
    )

    assert exact_schema(schema).types == [pa.string(), pa.float64(), pa.timestamp("us"), pa.binary()]


def test_a_datetimeoffset_is_read_with_its_offset_and_in_utc() -> None:
    raw = struct.pack("<6hI2h", 2026, 1, 31, 10, 0, 5, 123_456_700, -3, -30)
    texts = pa.table({"a": ["2026-01-31 13:30:05.1234560+00:00", None]})

    found = datetimeoffset(raw)
    (column,) = typed(texts, [QueryColumn("a", Kind.TIMESTAMP_TZ, "datetimeoffset")]).columns

    assert found is not None
    assert found.isoformat() == "2026-01-31T10:00:05.123456-03:30"
    assert column.to_pylist() == [datetime(2026, 1, 31, 13, 30, 5, 123456, tzinfo=UTC), None]
    assert datetimeoffset("2026-01-31 10:00:00 +01:00".encode("utf-16-le")) == datetime(
        2026, 1, 31, 9, tzinfo=UTC
    )
    assert datetimeoffset(None) is None
