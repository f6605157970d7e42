"""The form that all answers share: entity tags, chosen fields, kept answers. Everything that ends in one JSON body.

What streams (the feed) passes through as it is.
"""

from __future__ import annotations

import hashlib
import re
from http import HTTPStatus
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from relay.api.problems import UNSETTLED
from relay.api.repeats import Claim, kept
from relay.api.sparse import FIELDS, cut

CLAIM: Final = "claim"  # in the request's state
_JSON: Final = b"application/json"
_TAG_DIGITS: Final = 32  # of a hash that processors have an instruction for
_ETAG: Final = re.compile(r'(?:W/)?("[^"]*")')
PRIVATE: Final = (b"cache-control", b"private, no-cache")
UNSTORED: Final = (b"cache-control", b"no-store")


class Form:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})
        answer = _Answer(scope, send)
        try:
            await self._app(scope, receive, answer.take)
        except Exception:  # not a cancellation: what it cut short may have been done
            await answer.given_up()
            raise


class _Answer:
    """One answer on its way out."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._start: Message | None = None
        self._body: list[bytes] = []

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), self._caching]
            if self._claim is None and not self._read_json(message):
                await self._send(message)
            else:
                self._start = message
            return
        if self._start is None:
            await self._send(message)
            return
        self._body.append(message.get("body", b""))
        if not message.get("more_body", False):
            await self._finish(self._start)

    async def given_up(self) -> None:
        claim = self._claim
        if claim is not None:
            self._scope["state"][CLAIM] = None
            await claim.release()

    @property
    def _claim(self) -> Claim | None:
        found: Claim | None = self._scope["state"].get(CLAIM)
        return found

    @property
    def _caching(self) -> tuple[bytes, bytes]:
        return PRIVATE if self._scope["method"] == "GET" else UNSTORED

    def _read_json(self, start: Message) -> bool:
        """Whether this is a JSON document that a GET asked for; a stream of JSON lines is none."""
        return (
            self._scope["method"] == "GET"
            and start["status"] == HTTPStatus.OK
            and any(name.lower() == b"content-type" and value == _JSON for name, value in start["headers"])
        )

    async def _finish(self, start: Message) -> None:
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        claim = self._claim
        if claim is not None:
            await self._settle(claim, start, body)
        elif self._read_json(start):
            start, body = self._tagged(start, body)
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})

    async def _settle(self, claim: Claim, start: Message, body: bytes) -> None:
        """Before it goes out: an answer that somebody has is one that a repeat has too."""
        self._scope["state"][CLAIM] = None
        if start["status"] < HTTPStatus.BAD_REQUEST:
            await claim.keep(kept(start["status"], start["headers"], body))
        elif not self._scope["state"].get(UNSETTLED):  # such a key stays without an answer
            await claim.release()

    def _tagged(self, start: Message, body: bytes) -> tuple[Message, bytes]:
        names = self._scope["state"].get(FIELDS)
        if names:
            body = cut(body, names)
        tag = f'"{hashlib.sha256(body).hexdigest()[:_TAG_DIGITS]}"'
        headers: list[Any] = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
        headers.append((b"etag", tag.encode()))
        if _matches(self._scope, tag):
            headers = [pair for pair in headers if pair[0].lower() != b"content-type"]
            return {**start, "status": HTTPStatus.NOT_MODIFIED.value, "headers": headers}, b""
        headers.append((b"content-length", str(len(body)).encode()))
        return {**start, "headers": headers}, body


def _matches(scope: Scope, tag: str) -> bool:
    """RFC 9110: weak comparison, any of several, or `*` for whatever there is."""
    given = ",".join(
        value.decode("latin-1") for name, value in scope["headers"] if name == b"if-none-match"
    ).strip()
    return given == "*" or tag in _ETAG.findall(given)
