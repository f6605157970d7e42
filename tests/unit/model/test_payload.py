from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model import envelope
from agent.model.entities import ENTITIES
from agent.model.payload import (
    DeadLetterRecord,
    PayloadError,
    PayloadKind,
    PayloadTooLarge,
    RunCounts,
    RunError,
    RunMode,
    RunReport,
    RunStatus,
    RunTrigger,
    decode,
    encode_dead_letters,
    encode_records,
    encode_run,
    encode_tombstones,
)
from agent.model.render import to_documents

META = {"entity": "purchase_order", "connection": "nav", "sync_run": "01J", "read_at": "2026-01-05T12:00:00Z"}
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def orders(**columns: object) -> pa.Table:
    return pa.table({"key": pa.array(["1", "2"]), **columns})


def sealed(table: pa.Table, **stated: str) -> bytes:
    """A payload made past the checks of the encoder, as a hostile agent would."""
    meta = {"entity": "purchase_order", "kind": "records", "count": str(table.num_rows), **stated}
    return envelope.pack(table.replace_schema_metadata(meta))


def inflated(payload: bytes) -> bytes:
    size = struct.unpack_from("<4sI", payload)[1]
    return pa.Codec("zstd").decompress(payload[8:], decompressed_size=size, asbytes=True)


def deflated(plain: bytes, *, size: int | None = None) -> bytes:
    body = pa.Codec("zstd").compress(plain, asbytes=True)
    return struct.pack("<4sI", b"GWA1", len(plain) if size is None else size) + body


def test_records_come_back_as_they_were_encoded() -> None:
    lines = [[{"line_no": "1", "quantity": Decimal("1.50")}], []]
    line_type = pa.list_(pa.struct({"line_no": pa.string(), "quantity": pa.decimal128(38, 20)}))
    table = orders(
        order_no=pa.array(["A", None]),
        order_date=pa.array([date(2026, 1, 5), None]),
        due_at=pa.array([NOON, None], pa.timestamp("us", "UTC")),
        line_items=pa.array(lines, line_type),
        content_hash=pa.array([1, 2**64 - 1], pa.uint64()),
        custom_fields=pa.array([{"Colour": "red"}, {"Colour": None}]),
    )

    decoded = decode("records", encode_records(table, META), count=2)

    assert decoded.kind is PayloadKind.RECORDS
    assert decoded.meta == META
    assert decoded.table is not None
    assert decoded.table.equals(table)


def test_repeated_texts_travel_as_a_dictionary_and_come_back_plain() -> None:
    keys = [str(number) for number in range(1_000)]
    lines = [[{"uom_key": "PCS"}]] * 1_000
    table = pa.table({"key": keys, "currency_key": ["EUR"] * 1_000, "line_items": lines})

    payload = encode_records(table, META)
    decoded = decode("records", payload).table

    wire = pa.ipc.open_stream(inflated(payload)).read_all().schema
    assert pa.types.is_dictionary(wire.field("currency_key").type)
    assert pa.types.is_dictionary(wire.field("line_items").type.value_type.field("uom_key").type)
    assert decoded is not None
    assert decoded.equals(table)


def test_a_table_without_rows_is_a_payload() -> None:
    table = ENTITIES["purchase_order"]
    empty = pa.table({"key": pa.array([], pa.string()), "line_items": pa.array([], pa.list_(pa.struct([])))})

    decoded = decode("records", encode_records(empty, {"entity": table.name}), count=0)

    assert decoded.count == 0


def test_sliced_and_chunked_tables_encode_as_their_rows() -> None:
    rows = pa.table(
        {
            "key": list("abcdef"),
            "line_items": [[{"line_no": key}] * index for index, key in enumerate("abcdef")],
        }
    )
    pieces = pa.concat_tables([rows.slice(1, 2), rows.slice(4, 2)])

    decoded = decode("records", encode_records(pieces, META)).table

    assert decoded is not None
    assert decoded.to_pylist() == [rows.to_pylist()[index] for index in (1, 2, 4, 5)]


def test_tombstones_come_back_with_their_moment() -> None:
    decoded = decode("tombstones", encode_tombstones(["a", "b~c"], NOON, META), count=2)

    assert decoded.keys == ("a", "b~c")
    assert decoded.deleted_at == NOON


@dataclass
class LetterWithRaw:
    key: str = "7"
    field: str = "lineItems.quantity"
    reason: str = "not_a_decimal"
    message: str = "is no decimal"
    raw_hash: int = 2**64 - 1
    raw: bytes = b"secret salary"


def test_dead_letters_travel_without_their_raw_record() -> None:
    payload = encode_dead_letters([LetterWithRaw()], META)

    expected = DeadLetterRecord("7", "lineItems.quantity", "not_a_decimal", "is no decimal", 2**64 - 1)
    assert decode("dead_letters", payload).letters == (expected,)
    assert b"salary" not in inflated(payload)


REPORT = RunReport(
    run="01J",
    stream="nav/orders",
    connection="nav",
    entity="purchase_order",
    trigger=RunTrigger.SCHEDULE,
    mode=RunMode.INITIAL,
    status=RunStatus.FAILED,
    started_at=NOON,
    finished_at=NOON,
    counts=RunCounts(read=5, dead_letters=1, pages=2),
    error=RunError("unreachable", "nothing answered", "nav", "look at the cable"),
)


def test_a_run_report_comes_back_as_it_was() -> None:
    assert decode("run", encode_run(REPORT)).report == REPORT


def test_a_run_report_is_camel_case_json_with_rfc_3339_times() -> None:
    document = orjson.loads(encode_run(REPORT))

    assert document["startedAt"] == "2026-01-05T12:00:00Z"
    assert document["counts"]["deadLetters"] == 1


@pytest.mark.parametrize(
    "change",
    [
        {"status": "asleep"},
        {"startedAt": "yesterday"},
        {"startedAt": "2026-01-05T12:00:00"},
        {"startedAt": "0001-01-01T00:00:00+14:00"},
        {"counts": {"read": "5"}},
        {"counts": {"read": -1}},
        {"counts": None},
        {"error": {"code": 5}},
        {"error": "x"},
        {"run": None},
    ],
)
def test_a_run_report_of_another_form_is_refused(change: dict[str, object]) -> None:
    document = orjson.loads(encode_run(REPORT)) | change

    with pytest.raises(PayloadError):
        decode("run", orjson.dumps(document))


def test_an_endless_run_report_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(PayloadTooLarge):
        decode("run", b'"' + b"x" * 100_000 + b'"')


@pytest.mark.parametrize(
    "columns",
    [
        {"order_no": pa.array([1, 2])},
        {"total_net_value": pa.array([1.0, 2.0])},
        {"order_date": pa.array(["2026-01-05"] * 2)},
        {"due_at": pa.array([NOON, NOON], pa.timestamp("ns", "UTC"))},
        {"due_at": pa.array([0, 0], pa.timestamp("us"))},
        {"due_at": pa.array([0, 2**62], pa.timestamp("us", "UTC"))},
        {"order_date": pa.array([0, 2**31 - 1], pa.int32()).view(pa.date32())},
        {"line_items": pa.array(["a", "b"])},
        {"line_items": pa.array([[{"quantity": 1.5}], []])},
        {"billing_address": pa.array(["street", "street"])},
        {"billing_address": pa.array([{"city": 5}, {"city": 6}])},
        {"custom_fields": pa.array([{"a": 1.5}, {"a": 2.5}])},
        {"custom_fields": pa.array([{"a": [1]}, {"a": [2]}])},
        {"content_hash": pa.array([1, 2])},
        {"key": pa.array(["1", None])},
    ],
)
def test_a_column_of_the_wrong_kind_is_refused_on_both_sides(columns: dict[str, pa.Array]) -> None:
    with pytest.raises(PayloadError):
        encode_records(orders(**columns), META)
    with pytest.raises(PayloadError):
        decode("records", sealed(orders(**columns)))


def test_a_field_that_the_reader_does_not_know_yet_is_left_aside() -> None:
    decoded = decode("records", sealed(orders(colour=pa.array([1.5, 2.5]))))

    assert decoded.table is not None
    assert decoded.table.column_names == ["key"]


def test_the_writer_may_not_use_a_name_that_the_model_lacks() -> None:
    with pytest.raises(PayloadError, match="colour"):
        encode_records(orders(colour=pa.array(["a", "b"])), META)


def test_two_columns_of_one_name_are_refused() -> None:
    twice = pa.Table.from_arrays([pa.array(["1"]), pa.array(["2"])], names=["key", "key"])

    with pytest.raises(PayloadError):
        decode("records", sealed(twice))


def test_a_payload_of_another_kind_than_its_frame_says_is_refused() -> None:
    with pytest.raises(PayloadError, match="another kind"):
        decode("records", encode_tombstones(["a"], NOON, META))
    with pytest.raises(PayloadError, match="no such kind"):
        decode("gifts", b"")


def test_a_row_count_that_differs_is_refused() -> None:
    payload = encode_records(orders(), META)

    with pytest.raises(PayloadError, match="its frame says 3"):
        decode("records", payload, count=3)
    with pytest.raises(PayloadError, match="than it states"):
        decode("records", sealed(orders(), count="3"))


@pytest.mark.parametrize("meta", [{}, {"entity": "invoice"}, {**META, "owner": "x"}])
def test_metadata_that_is_not_of_a_batch_is_refused(meta: dict[str, str]) -> None:
    with pytest.raises(PayloadError):
        encode_records(orders(), meta)


def test_a_read_moment_that_is_none_is_refused() -> None:
    with pytest.raises(PayloadError):
        decode("records", sealed(orders(), read_at="soon"))


def test_a_bomb_is_refused_by_the_length_it_states() -> None:
    bomb = deflated(b"\0" * (envelope.MAX_INFLATED_BYTES + 1))

    before = pa.total_allocated_bytes()
    with pytest.raises(PayloadTooLarge):
        decode("records", bomb)
    assert pa.total_allocated_bytes() == before


def test_a_bomb_that_states_a_small_length_is_refused() -> None:
    with pytest.raises(PayloadError):
        decode("records", deflated(b"\0" * envelope.MAX_INFLATED_BYTES, size=1_000))


def test_a_bomb_inside_the_arrow_stream_is_refused() -> None:
    table = orders().replace_schema_metadata({"entity": "purchase_order", "kind": "records", "count": "2"})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)

    with pytest.raises(PayloadError, match="compression inside"):
        decode("records", deflated(sink.getvalue().to_pybytes()))


def test_a_dictionary_bomb_is_refused() -> None:
    rows = 200_000
    long_text = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int8()), ["x" * 1_000_000])
    table = pa.table({"key": [str(number) for number in range(rows)], "notes": long_text})

    with pytest.raises(PayloadError, match="texts of the payload"):
        decode("records", sealed(table))


@pytest.mark.parametrize(
    "value",
    [
        pa.array([b"x" * 1_000_000]),
        pa.array(["x" * 1_000_000], pa.large_string()),
        pa.array([[0] * 100_000]),
        pa.array([7]),
    ],
    ids=["binary", "large-text", "list", "number"],
)
def test_a_dictionary_of_anything_but_texts_is_refused(value: pa.Array) -> None:
    """Of others nobody reckons what they come to: written out, a list in one may be longer than memory."""
    rows = 200_000
    repeated = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int8()), value)
    table = pa.table({"key": [str(number) for number in range(rows)], "notes": repeated})

    with pytest.raises(PayloadError, match="a dictionary of"):
        decode("records", sealed(table))


@pytest.mark.parametrize(
    "members", [pa.struct([]), pa.struct([("unknown", pa.null())])], ids=["none", "null"]
)
def test_lines_that_take_no_bytes_are_not_believed_to_be_millions(members: pa.StructType) -> None:
    many = 2_000_000_000
    nulls = [pa.nulls(many)] * members.num_fields
    lines = pa.StructArray.from_buffers(members, many, [None], children=nulls)
    table = pa.table({"key": ["1"], "line_items": pa.ListArray.from_arrays([0, many], lines)})

    with pytest.raises(PayloadError, match="2000000000 values in"):
        decode("records", sealed(table))


def test_the_writer_is_told_to_split_what_no_payload_may_hold() -> None:
    half = "x" * (envelope.MAX_INFLATED_BYTES // 2)

    with pytest.raises(PayloadTooLarge):
        encode_records(pa.table({"key": ["1", "2"], "notes": [half, half]}), META)


@settings(max_examples=300, deadline=None)
@given(kind=st.sampled_from(list(PayloadKind)), payload=st.binary(max_size=300))
def test_any_bytes_decode_or_raise_payload_error(kind: PayloadKind, payload: bytes) -> None:
    for form in (payload, b"GWA1" + payload, deflated(payload)):
        try:
            decode(kind, form)
        except PayloadError:
            continue


GOOD_PLAIN = inflated(
    encode_records(
        pa.table(
            {
                "key": ["1", "2"],
                "currency_key": ["EUR", "EUR"],
                "line_items": [[{"uom_key": "PCS", "quantity": Decimal("1.5")}], []],
            },
        ),
        META,
    ),
)


@settings(max_examples=600, deadline=None)
@given(at=st.integers(0, len(GOOD_PLAIN) - 1), byte=st.integers(0, 255), cut=st.booleans())
def test_a_damaged_arrow_stream_decodes_or_raises_payload_error(at: int, byte: int, cut: bool) -> None:
    damaged = GOOD_PLAIN[:at] if cut else GOOD_PLAIN[:at] + bytes([byte]) + GOOD_PLAIN[at + 1 :]

    try:
        decoded = decode("records", deflated(damaged))
        assert decoded.table is not None
        to_documents(decoded.table, range(decoded.count))
    except PayloadError:
        pass


@given(
    digits=st.integers(-(10**38) + 1, 10**38 - 1),
    scale=st.integers(0, 38),
)
def test_an_amount_of_38_digits_survives_to_the_json_exactly(digits: int, scale: int) -> None:
    amount = Decimal((digits < 0, tuple(map(int, str(abs(digits)))), -scale))
    table = pa.table({"key": ["1"], "total_net_value": pa.array([amount], pa.decimal128(38, scale))})

    decoded = decode("records", encode_records(table, META)).table

    assert decoded is not None
    text = to_documents(decoded, [0])[0]["totalNetValue"]
    assert Decimal(text) == amount
    assert "E" not in text
