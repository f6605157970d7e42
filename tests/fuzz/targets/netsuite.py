"""What NetSuite answers: rows of a query, records and errors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import httpx

from drivers.contract import DriverError
from drivers.http.client import HttpClient
from drivers.http.messages import Answer
from drivers.http.options import HttpOptions
from drivers.netsuite.errors import is_about_the_query, messages_of, refusal
from drivers.netsuite.service import Service
from drivers.netsuite.shape import Kind, QueryColumn
from drivers.netsuite.values import table_of, texts_of, typed

COLUMNS = tuple(QueryColumn(f"c{place}", kind) for place, kind in enumerate(Kind))
URL = "http://erp.example"
STATUSES = (200, 400, 401, 403, 404, 429, 500)


def seeds() -> Iterator[bytes]:
    values = ("7", "1.5", "x", "T", "1/5/2026", "2026-01-05 12:00:00", None)
    row = {each.name: values[place % len(values)] for place, each in enumerate(COLUMNS)}
    found = {"items": [row, {}], "hasMore": False, "totalResults": 2, "links": []}
    yield b"\x00" + json.dumps(found).encode()
    yield b"\x00" + json.dumps({"items": [{each.name: 7 for each in COLUMNS}], "hasMore": True}).encode()
    detail = {"detail": "Invalid search", "o:errorCode": "INVALID_PARAMETER", "o:errorPath": "q"}
    for status in range(1, len(STATUSES)):
        yield bytes([status]) + json.dumps({"title": "Bad Request", "o:errorDetails": [detail]}).encode()
    yield b"\x02<html><title>Not found</title></html>"


class _Answering:
    def __init__(self) -> None:
        self.status, self.body = 200, b""
        self.service: Service | None = None

    def __call__(self, _request: httpx.Request) -> httpx.Response:
        return httpx.Response(self.status, stream=httpx.ByteStream(self.body))


ANSWERING = _Answering()
LOOP = asyncio.new_event_loop()


def _service() -> Service:
    if ANSWERING.service is None:
        client = HttpClient(HttpOptions(url=URL), {}, transport=httpx.MockTransport(ANSWERING))
        ANSWERING.service = Service(client, URL)
    return ANSWERING.service


def feed(data: bytes) -> None:
    ANSWERING.status, ANSWERING.body = (STATUSES[data[0] % len(STATUSES)], data[1:]) if data else (200, b"")
    answer = Answer(ANSWERING.status, {}, ANSWERING.body, URL)
    if ANSWERING.status != 200:
        messages_of(answer, hidden=["secret"])
        is_about_the_query(answer)
        assert isinstance(refusal(answer, where="w"), DriverError)
        return
    try:
        rows = LOOP.run_until_complete(_service().query("SELECT 1", limit=10, where="w"))
    except DriverError:
        return
    assert table_of(rows.items, COLUMNS).num_rows == len(rows.items)
    assert typed(texts_of(rows.items, COLUMNS), COLUMNS).num_rows == len(rows.items)
