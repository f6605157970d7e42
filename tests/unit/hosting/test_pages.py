from __future__ import annotations

import pyarrow as pa
import pytest

from agent.hosting.limits import MAX_CURSOR_CHARS, MAX_EMPTY_PAGES
from agent.hosting.pages import PageCheck, decode_page, encode_page
from agent.hosting.wire import WireFault
from drivers.contract import Page, ReadMode, ReadRequest, StreamSpec

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
