from __future__ import annotations

import pyarrow as pa
import pytest

from agent.hosting.limits import MAX_CURSOR_CHARS, MAX_EMPTY_PAGES
from agent.hosting.pages import PageCheck, decode_page, encode_page
from agent.hosting.wire import WireFault
from agent.model.unfolding import MAX_MESSAGES
from drivers.contract import Page, ReadMode, ReadRequest, StreamSpec
from drivers.unreadable import NAME, column_of

SCAN = ReadRequest(StreamSpec("orders", "purchase_order"), ReadMode.SCAN, page_rows=3)
EMPTY = pa.table({"__key": pa.array([], pa.string())})


def table(*keys: str | None) -> pa.Table:
    return pa.table({"__key": pa.array(keys, pa.string())})


def test_a_page_survives_the_crossing_with_nested_lines_and_exact_decimals():
    lines = pa.array([[{"price": "1.10"}], []], pa.list_(pa.struct([("price", pa.string())])))
    amounts = pa.array(["1.10", None]).cast(pa.decimal128(38, 20))
    sent = Page(pa.table({"__key": ["a", "b"], "amount": amounts, "lines": lines}), "cursor", True)
    header, body = encode_page(sent)

    received = decode_page(header, body)

    assert received.table.equals(sent.table)
    assert (received.cursor, received.complete) == ("cursor", True)


def test_a_page_of_many_chunks_survives_the_crossing():
    sent = pa.concat_tables([table("a"), table("b"), table("c")])
    received = decode_page(*encode_page(Page(sent, "c")))

    assert received.table.equals(sent)


def test_a_page_that_was_read_row_by_row_survives_the_crossing():
    rows = [pa.record_batch({"__key": [str(number)], "text": ["long"]}) for number in range(MAX_MESSAGES + 1)]
    sent = pa.Table.from_batches(rows)
    received = decode_page(*encode_page(Page(sent, "c")))

    assert received.table.equals(sent)


def test_a_text_in_no_character_set_survives_the_crossing_as_what_it_is():
    texts = column_of([b"a", b"M\xfcller", None])
    lines = pa.ListArray.from_arrays([0, 1, 1, 3], pa.StructArray.from_arrays([texts], names=["note"]))
    sent = pa.table({"__key": ["a", "b", "c"], "text": texts, "lines": lines})

    received = decode_page(*encode_page(Page(sent, "c"))).table

    assert received.schema == sent.schema
    assert received.column("text").chunk(0).storage.to_pylist() == [b"a", b"M\xfcller", None]
    assert received.equals(sent)


def test_a_column_that_only_says_that_it_is_such_a_text_is_a_fault():
    said = pa.field(
        "text", pa.int64(), metadata={"ARROW:extension:name": NAME, "ARROW:extension:metadata": ""}
    )
    sent = pa.table({"__key": ["a"], "text": [1]}, schema=pa.schema([pa.field("__key", pa.string()), said]))

    with pytest.raises(WireFault, match="not valid Arrow"):
        decode_page(*encode_page(Page(sent, "c")))


def test_bytes_that_are_not_arrow_are_a_fault():
    with pytest.raises(WireFault, match="not valid Arrow"):
        decode_page({"cursor": None, "complete": True}, pa.py_buffer(b"nonsense"))


def test_offsets_that_point_outside_are_a_fault():
    header, body = encode_page(Page(pa.table({"__key": ["abc", "def", "ghi"]}), "c"))
    whole, offsets = body.to_pybytes(), _offsets(0, 3, 6, 9)
    damaged = whole.replace(offsets, _offsets(0, 65_000, 6, 9))

    assert whole.count(offsets) == 1
    with pytest.raises(WireFault, match="not valid Arrow"):
        decode_page(header, pa.py_buffer(damaged))


def page_of(column: pa.Array, **options: str) -> tuple[dict[str, object], pa.Buffer]:
    sink = pa.BufferOutputStream()
    made = pa.table({"__key": ["a"], "name": column})
    with pa.ipc.new_stream(sink, made.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(made)
    return {"cursor": "c", "complete": True}, sink.getvalue()


def test_a_name_that_is_not_utf_8_is_a_fault():
    header, body = encode_page(Page(pa.table({"__key": ["a"], "column": pa.array([{"member": 1}])}), "c"))
    for name in (b"column", b"member", b"__key"):
        damaged = body.to_pybytes().replace(name, b"\xff" * len(name))
        with pytest.raises(WireFault, match="not valid Arrow"):
            decode_page(header, pa.py_buffer(damaged))


@pytest.mark.parametrize("compression", ["zstd", "lz4"])
def test_a_page_that_is_compressed_inside_is_a_fault_and_is_not_inflated(compression: str):
    bomb = page_of(pa.array(["x" * 64_000_000]), compression=compression)
    before = pa.total_allocated_bytes()

    with pytest.raises(WireFault, match="compression inside"):
        decode_page(*bomb)

    assert pa.total_allocated_bytes() == before


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["x"]).dictionary_encode(),
        pa.array(["x"], pa.string_view()),
        pa.array([["x"]], pa.list_view(pa.string())),
        pa.RunEndEncodedArray.from_arrays([1], ["x"]),
        pa.array([[{"a": "x"}]], pa.list_(pa.struct([("a", pa.string_view())]))),
    ],
    ids=["dictionary", "text view", "list view", "runs", "view in lines"],
)
def test_values_that_share_their_bytes_are_a_fault(column: pa.Array):
    with pytest.raises(WireFault, match="share their bytes"):
        decode_page(*page_of(column))


def test_lines_that_take_no_bytes_are_not_believed_to_be_millions():
    many = 2_000_000_000
    lines = pa.StructArray.from_buffers(pa.struct([]), many, [None])

    with pytest.raises(WireFault, match="2000000000 values in"):
        decode_page(*page_of(pa.ListArray.from_arrays([0, many], lines)))


def _offsets(*values: int) -> bytes:
    return b"".join(value.to_bytes(4, "little") for value in values)


@pytest.mark.parametrize(
    "header", [None, [], {}, {"cursor": 1, "complete": True}, {"cursor": None, "complete": "yes"}]
)
def test_a_header_of_the_wrong_shape_is_a_fault(header):
    with pytest.raises(WireFault, match="incomplete"):
        decode_page(header, encode_page(Page(EMPTY, None))[1])


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (Page(pa.table({"id": ["1"]}), "c"), "exactly one column __key"),
        (Page(pa.table([["1"], ["2"]], names=["__key", "__key"]), "c"), "exactly one column __key"),
        (Page(pa.table({"__key": [1]}), "c"), "int64 instead of string"),
        (Page(table("a", None), "c"), "1 records without a key"),
        (Page(table("a", "b", "c", "d"), "c"), "4 rows where 3 were asked for"),
        (Page(table("a"), None), "without a cursor"),
        (Page(table("a"), "x" * (MAX_CURSOR_CHARS + 1)), "the limit is"),
    ],
)
def test_a_page_that_breaks_the_contract_is_refused(page, reason):
    with pytest.raises(WireFault, match=reason):
        PageCheck(SCAN).accept(page)


def test_a_read_that_leads_in_circles_is_refused():
    check = PageCheck(SCAN)
    check.accept(Page(table("a"), "one"))
    with pytest.raises(WireFault, match="cursor is that of the page before"):
        check.accept(Page(table("b"), "one"))


def test_a_read_that_begins_where_it_was_to_go_on_is_refused():
    resumed = ReadRequest(SCAN.stream, SCAN.mode, after="one", page_rows=3)
    with pytest.raises(WireFault, match="cursor is that of the page before"):
        PageCheck(resumed).accept(Page(table("b"), "one"))


def test_empty_pages_without_end_are_refused():
    check = PageCheck(SCAN)
    for _ in range(MAX_EMPTY_PAGES):
        check.accept(Page(EMPTY, None))
    with pytest.raises(WireFault, match="empty pages in a row"):
        check.accept(Page(EMPTY, None))


def test_pages_in_order_pass():
    check = PageCheck(SCAN)
    pages = [Page(table("a", "b"), "one"), Page(EMPTY, None), Page(table("c"), "two", True)]

    assert [check.accept(page) for page in pages] == pages
