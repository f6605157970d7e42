"""Pages as they cross the process boundary, and what the agent insists on before it believes one.

The child holds foreign native code. A page from it is data of unknown quality until it was checked here: wrong types,
offsets that point outside, a read that leads in circles.
"""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa

import drivers.unreadable  # noqa: F401 - its type is known to Arrow before a page is read
from agent.hosting.limits import MAX_BODY_BYTES, MAX_CURSOR_CHARS, MAX_EMPTY_PAGES
from agent.hosting.wire import WireFault
from agent.model.envelope import UNREADABLE
from agent.model.unfolding import (
    MAX_MESSAGES,
    Unfolds,
    refuse_compression,
    refuse_more_values_than_bits,
    refuse_shared_values,
)
from drivers.contract import KEY_COLUMN, Page, ReadMode, ReadRequest

MAX_PARTS: Final = MAX_MESSAGES // 2  # of a page; its schema is a message too
_KEY_TYPES: Final = (pa.string(), pa.large_string())


def encode_page(page: Page) -> tuple[dict[str, Any], pa.Buffer]:
    """Header member and body. Uncompressed: the bytes go through a pipe, not over a network."""
    return {"cursor": page.cursor, "complete": page.complete}, encode_table(page.table)


def encode_table(table: pa.Table) -> pa.Buffer:
    table = _in_few_parts(table)
    measured = pa.MockOutputStream()
    _write(measured, table)
    if measured.size() > MAX_BODY_BYTES:
        raise WireFault(f"a page of {measured.size()} bytes; the limit is {MAX_BODY_BYTES}")
    buffer = pa.allocate_buffer(measured.size())  # exact, so that no page is copied while a sink grows
    _write(pa.FixedSizeBufferWriter(buffer), table)
    return buffer


def _in_few_parts(table: pa.Table) -> pa.Table:
    """A source of long texts is read a row or two at a time, and each becomes a part of the stream."""
    most = sum(column.num_chunks for column in table.columns)  # were no two columns divided alike
    return table.combine_chunks() if most > MAX_PARTS and len(table.to_batches()) > MAX_PARTS else table


def _write(sink: pa.NativeFile, table: pa.Table) -> None:
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)


def decode_page(header: Any, body: pa.Buffer | None) -> Page:
    """Rebuild the page on the bytes that arrived, without a copy."""
    if not isinstance(header, dict):
        raise WireFault("a page whose header is incomplete")
    cursor, complete = header.get("cursor"), header.get("complete")
    if not (cursor is None or isinstance(cursor, str)) or not isinstance(complete, bool) or body is None:
        raise WireFault("a page whose header is incomplete")
    try:
        table = _read_table(body)
    except Unfolds as error:
        raise WireFault(f"a page that unfolds: {error}") from error
    except UNREADABLE as error:
        raise WireFault("a page that is not valid Arrow") from error
    return Page(table, cursor, complete)


def _read_table(body: pa.Buffer) -> pa.Table:
    refuse_compression(body)
    with pa.ipc.open_stream(body) as reader:
        refuse_shared_values(reader.schema)
        table = reader.read_all()
    table.validate(full=True)
    refuse_more_values_than_bits(table, body.size)
    return table


class PageCheck:
    """What holds for the pages of one read; `accept` raises WireFault with the rule that was broken."""

    def __init__(self, request: ReadRequest) -> None:
        self._request = request
        self._cursor = request.after
        self._empty_in_a_row = 0

    def accept(self, page: Page) -> Page:
        self._check_key_column(page.table)
        self._check_size(page)
        self._check_progress(page)
        return page

    def _check_key_column(self, table: pa.Table) -> None:
        if table.column_names.count(KEY_COLUMN) != 1:
            raise WireFault(f"a page without exactly one column {KEY_COLUMN}")
        keys = table.column(KEY_COLUMN)
        if keys.type not in _KEY_TYPES:
            raise WireFault(f"a page whose {KEY_COLUMN} is {keys.type} instead of string")
        if keys.null_count > 0:
            raise WireFault(f"a page with {keys.null_count} records without a key")

    def _check_size(self, page: Page) -> None:
        rows = page.table.num_rows
        if rows > self._request.page_rows:
            raise WireFault(f"a page of {rows} rows where {self._request.page_rows} were asked for at most")
        if page.cursor is not None and len(page.cursor) > MAX_CURSOR_CHARS:
            raise WireFault(f"a cursor of {len(page.cursor)} characters; the limit is {MAX_CURSOR_CHARS}")
        if page.cursor is None and rows > 0:
            raise WireFault("a page with rows and without a cursor")

    def _check_progress(self, page: Page) -> None:
        if page.table.num_rows == 0:
            self._empty_in_a_row += 1
            if self._empty_in_a_row > MAX_EMPTY_PAGES and not page.complete:
                raise WireFault(f"more than {MAX_EMPTY_PAGES} empty pages in a row")
            return
        self._empty_in_a_row = 0
        if page.cursor == self._cursor and self._request.mode is not ReadMode.BY_KEYS:
            raise WireFault("a page whose cursor is that of the page before it")
        self._cursor = page.cursor
