"""A request to the relay's API: answered by what the API documents, never by a failure of its own."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx

from tests.fuzz.draws import Draws
from tests.unit.relay.api.serving import Served, filled, served

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
PATHS = (
    "/purchase-orders", "/purchase-orders/1", "/purchase-orders/{}", "/purchase-orders/1/status", "/vendors/{}", "/feed",
    "/sync-runs", "/sync-runs/run-1", "/dead-letters", "/agents", "/agents/{}", "/connections", "/commands",
    "/commands/{}", "/commands/{}/cancel", "/enrolment-codes", "/openapi.json", "/mappings", "/{}", "/syncs",
    "/agents/agt_acme_plant/commands", "/agents/agt_acme_plant/connections/nav/mappings", "/streams", "/checks",
)  # fmt: skip
NAMES = (
    "limit", "after", "cursor", "key", "agent", "connection", "status", "updatedSince", "include", "fields", "raw", "q",
    "stream", "run", "wait", "vendorKey", "sort",
)  # fmt: skip
VALUES = (
    "1", "0", "-1", "9999999999999999999", "true", "2026-01-05T12:00:00Z", "2026-01-05T12:00:00+99:99", "nan", "", "*", "raw",
    "nav", "nav/purchase_orders", "agt_acme_plant", "approved", "\x00", "'", "é", "eyJ2IjoxfQ",
)  # fmt: skip
BODIES = (
    b"{}", b"[]", b"", b'{"name":"sync","args":{},"agent":"agt_acme_plant"}', b'{"orderNo":"1","lineItems":[{"lineNo":"1"}]}',
    b'{"agent":"agt_acme_plant","connection":"nav","stream":"purchase_orders"}', b'{"name":"plant","minutes":5}',
    b'{"connection":"nav","record":{"name":"V"}}', b'{"status":"approved"}',
)  # fmt: skip
TYPES = ("application/json", "application/json; charset=utf-16", "text/plain", "")
DOCUMENTED = {200, 201, 202, 204, 304, 400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429}


def seeds() -> Iterator[bytes]:
    for path in range(len(PATHS)):
        for method in (0, 1):
            yield bytes(
                [method, path, 1, 49, 1, path % len(NAMES), 0, path % len(VALUES), 1, path % len(BODIES)]
            )
    yield bytes([1, 15, 0, 0, 1, 6, 0, 0, 0])


class _Api:
    """One API for every input, over a store of its own."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self._open = AsyncExitStack()
        self._served: Served | None = None

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> httpx.Response:
        if self.loop is None:
            self.loop = asyncio.new_event_loop()
            self.loop.run_until_complete(self._start())
        return self.loop.run_until_complete(self._ask(method, target, headers, body))

    async def _start(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="groundwire-fuzz-"))
        self._served = await self._open.enter_async_context(served(folder))
        await filled(self._served)

    async def _ask(self, method: str, target: str, headers: dict[str, str], body: bytes) -> httpx.Response:
        assert self._served is not None
        return await self._served.acme.request(method, target, headers=headers, content=body)


API = _Api()


def _target(draws: Draws) -> str:
    path = draws.one_of(PATHS).replace("{}", quote(draws.text(40), safe="%/" if draws.flag() else ""))
    pairs = []
    for _ in range(draws.below(4)):
        name = draws.text(8) if draws.byte() > 200 else draws.one_of(NAMES)
        value = draws.text(40) if draws.flag() else draws.one_of(VALUES)
        pairs.append(f"{quote(name)}={quote(value, safe='%' if draws.byte() > 200 else '')}")
    return f"{path}?{'&'.join(pairs)}" if pairs else path


def feed(data: bytes) -> None:
    draws = Draws(data)
    method, target = draws.one_of(METHODS), _target(draws)
    body = draws.one_of(BODIES) if draws.flag() else draws.raw(600)
    headers = {"Content-Type": draws.one_of(TYPES), "Idempotency-Key": quote(draws.text(20))}
    if draws.flag():
        headers["If-Match"] = quote(draws.text(20))
    try:
        urlsplit(target)
        answer = API.answer(method, target, headers, body)
    except (httpx.InvalidURL, ValueError):
        return  # the client's own refusal: nothing was asked
    assert answer.status_code in DOCUMENTED, (method, target, body, answer.status_code, answer.text[:300])
    if answer.status_code >= 400 and method != "HEAD":
        assert answer.headers["content-type"] == "application/problem+json", (
            method,
            target,
            answer.text[:200],
        )
    assert "Traceback" not in answer.text
