"""What a driver's child process may write: frames however they are cut, pages, values and errors; or a WireFault."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from agent.errors import GroundwireError
from agent.hosting.codec import from_plain, to_plain
from agent.hosting.failures import translate
from agent.hosting.output import Redactor
from agent.hosting.pages import PageCheck, decode_page, encode_page
from agent.hosting.wire import Frame, FrameAssembler, WireFault, encode_head
from drivers.contract import (
    Catalogue,
    CheckStep,
    Column,
    Description,
    Mark,
    Operation,
    Outcome,
    Page,
    ReadMode,
    ReadPlan,
    ReadRequest,
    StreamSpec,
)
from tests.fuzz.draws import Draws

KINDS: tuple[Any, ...] = (
    Description, Sequence[CheckStep], Catalogue, Mark | None, Sequence[Column], ReadPlan, Sequence[Operation],
    Outcome, Outcome | None, StreamSpec, ReadRequest,
)  # fmt: skip
REQUEST = ReadRequest(StreamSpec("orders", "purchase_order", {}), ReadMode.WINDOW, page_rows=10)
MOST_FRAMES = 50


def seeds() -> Iterator[bytes]:
    table = pa.table({"__key": ["1", "2"], "n": [1, 2], "l": [[{"a": 1}], []]})
    header, body = encode_page(Page(table, "c", complete=False))
    page = encode_head({"id": 1, "page": header}, body.size) + body.to_pybytes()
    told = (
        {"id": 1, "value": to_plain([CheckStep("sign-in", ok=True, detail="d")])},
        {"id": 1, "value": to_plain(Catalogue(()))},
        {"id": 1, "value": {"kind": "timestamp", "value": "2026-01-05T12:00:00+00:00"}},
        {"id": 1, "value": to_plain(ReadPlan(("orders",), 10))},
        {
            "id": 1,
            "value": {
                "status": "succeeded",
                "key": "1",
                "record": {"a": {"$groundwire": ["decimal", "1.0"]}},
            },
        },
        {"id": 1, "error": {"code": "throttled", "message": "m", "retry_after": 5}},
        {"id": 1, "fault": {"type": "KeyError", "traceback": "t"}},
        {"upcall": 3, "ask": "begin", "name": "token"},
    )
    for number, raw in enumerate([page, *map(encode_head, told), page + encode_head(told[0])]):
        yield bytes([number, 7]) + raw


def feed(data: bytes) -> None:
    draws = Draws(data)
    kind, cut = draws.one_of(KINDS), draws.byte() + 1
    stream = draws.rest()
    whole, fault = _assembled([stream])
    parts, fault_of_parts = _assembled([stream[at : at + cut] for at in range(0, len(stream), cut)])
    assert [_plain(each) for each in whole] == [_plain(each) for each in parts] or fault
    assert fault == fault_of_parts
    check = PageCheck(REQUEST)
    for frame in parts[:MOST_FRAMES]:
        _believed(frame, kind, check)


def _assembled(parts: Sequence[bytes]) -> tuple[list[Frame], bool]:
    assembler, frames = FrameAssembler(), []
    try:
        for part in parts:
            frames += assembler.feed(part)
    except WireFault:
        return frames, True
    return frames, False


def _plain(frame: Frame) -> tuple[str, bytes]:
    return json.dumps(frame.header), b"" if frame.body is None else frame.body.to_pybytes()


def _believed(frame: Frame, kind: Any, check: PageCheck) -> None:
    if "page" in frame.header:
        try:
            page = check.accept(decode_page(frame.header["page"], frame.body))
        except WireFault:
            return
        assert page.table.num_rows <= REQUEST.page_rows
        return
    failure, _ = translate(frame.header, connection="erp", redact=Redactor([]))
    if failure is not None:
        assert isinstance(failure, GroundwireError)
        return
    try:
        value = from_plain(kind, frame.header["value"])
    except WireFault:
        return
    to_plain(value)
