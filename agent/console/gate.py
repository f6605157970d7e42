"""What every request has to pass before a page sees it, and what every answer carries.

Another host's name (DNS rebinding), another site's request, an oversized or endless body and too much at once end here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES: Final = 256 * 1024  # the largest is a mapping
MAX_AT_WORK: Final = 16  # requests; live pages beside them
BODY_SECONDS: Final = 10.0
WRITE_SECONDS: Final = 30.0  # for a client to take a part of an answer
MAX_PASSED_BY: Final = 4 * 1024 * 1024  # bytes that are read and thrown away before a refusal
PASS_BY_SECONDS: Final = 2.0
METHODS: Final = frozenset({"GET", "HEAD", "POST"})

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'self'; frame-ancestors 'none'"
)
HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # with `no-referrer` browsers send forms with the Origin "null"
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "x-robots-tag": "noindex",
}


class TooLarge(Exception):
    """The request is larger than any that the console needs."""


class Gate:
    def __init__(self, app: ASGIApp, *, port: int, live_path: str) -> None:
        """`live_path` ends the paths that are held open, and so do not count as work."""
        self._app = app
        self._hosts = frozenset({f"127.0.0.1:{port}", f"localhost:{port}"})
        self._live_path = live_path
        self._at_work = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        answer = _Answer(send)
        if (refusal := self._refusal(scope)) is not None:
            await _pass_by(receive)
            await answer.refuse(*refusal)
            return
        live = scope["path"].endswith(self._live_path)
        if not live and self._at_work >= MAX_AT_WORK:
            await answer.refuse(503, "The console is busy. Try again in a moment.")
            return
        self._at_work += not live
        try:
            await self._app(scope, _Body(receive).receive, answer.send)
        except (TooLarge, TimeoutError) as error:
            if not answer.begun:
                large = isinstance(error, TooLarge)
                await _pass_by(receive)
                await answer.refuse(413 if large else 408, "Too large." if large else "Too slow.")
        finally:
            self._at_work -= not live

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        method, headers = scope["method"], _headers(scope)
        hosts = headers.get("host", [])
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return 421, "This is not the address of the console."
        if method not in METHODS:
            return 405, "There is no such method here."
        if not _same_site(method, hosts[0].lower(), headers):
            return 403, "The console takes no requests from other pages."
        length = headers.get("content-length", ["0"])[0]
        if not length.isdigit() or int(length[:12]) > MAX_BODY_BYTES:
            return 413, "The request is too large."
        return None


def _same_site(method: str, host: str, headers: Mapping[str, list[str]]) -> bool:
    """Whether the request comes from the console's own pages, or a person has typed or followed an address."""
    origins = headers.get("origin", [])
    if any(origin.lower() != f"http://{host}" for origin in origins):
        return False
    fetched_from = headers.get("sec-fetch-site", ["none"])[0]
    if method == "POST":
        # Each browser of the last years sends one of the two with a form; what sends neither is none.
        return bool(origins) or fetched_from == "same-origin"
    if fetched_from in {"same-origin", "none"}:
        return True
    mode, destination = (headers.get(name, [""])[0] for name in ("sec-fetch-mode", "sec-fetch-dest"))
    return mode == "navigate" and destination == "document"


def _headers(scope: Scope) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        found.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return found


async def _pass_by(receive: Receive) -> None:
    """Read past a body that nobody wants: a client that is still sending would not see the answer."""
    left = MAX_PASSED_BY
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PASS_BY_SECONDS):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return


class _Body:
    """The request's body, bounded in bytes and in time, also where its length is not told."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._bytes = 0
        self._whole = False

    async def receive(self) -> Message:
        if self._whole:
            return await self._receive()  # which waits for the client to leave
        async with asyncio.timeout(BODY_SECONDS):
            message = await self._receive()
        self._bytes += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._bytes > MAX_BODY_BYTES:
            raise TooLarge
        return message


class _Answer:
    """Adds the headers of every answer, and gives a client that takes nothing so much time and no more."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            own = {name.lower() for name, _ in message["headers"]}
            added = {**HEADERS, "cache-control": "no-store"}
            message["headers"] = [
                *message["headers"],
                *(
                    (name.encode(), value.encode())
                    for name, value in added.items()
                    if name.encode() not in own
                ),
            ]
        async with asyncio.timeout(WRITE_SECONDS):
            await self._send(message)

    async def refuse(self, status: int, sentence: str) -> None:
        body = sentence.encode()
        headers: list[tuple[bytes, Any]] = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})
