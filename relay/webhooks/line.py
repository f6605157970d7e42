"""One connection to a receiver, over which requests go one after the other. HTTP/1.1; what comes back is bounded."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import h11

from relay.webhooks.targets import Target

KIB: Final = 1024
MAX_HEAD_BYTES: Final = 16 * KIB
MAX_BODY_BYTES: Final = 4 * KIB  # read of an answer; where more comes the connection is closed
MAX_EXCERPT: Final = 512  # characters of it that are kept
MAX_INTERIM: Final = 8  # answers before the answer (1xx)
BODY_SECONDS: Final = 2.0  # for the body behind a head that has come
_READ_BYTES: Final = 16 * KIB
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class LineBroken(Exception):
    """The connection ended, or what came is no answer of HTTP."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    excerpt: str
    retry_after: str | None


class Line:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
        self._ended = False  # the receiver says no more
        self.reusable = False  # for another request, after an answer that was read to its end

    @classmethod
    async def open(cls, address: str, target: Target, tls: ssl.SSLContext) -> Line:
        """Connect to the address that was checked, under the name that the certificate must have."""
        secure = target.scheme == "https"
        reader, writer = await asyncio.open_connection(
            address,
            target.port,
            ssl=tls if secure else None,
            server_hostname=target.host.rstrip(".") if secure else None,
        )
        return cls(reader, writer)

    def abort(self) -> None:
        self._writer.transport.abort()

    async def post(self, target: Target, headers: Mapping[str, str], body: bytes) -> Answer:
        """Raises LineBroken. Its time is the caller's to bound."""
        self.reusable = False
        try:
            self._writer.write(self._request(target, headers, body))
            await self._writer.drain()
            response = await self._head()
            kept = await self._body()
        except (OSError, h11.RemoteProtocolError) as error:
            raise LineBroken(self._words(error)) from error
        self._settle()
        return Answer(response.status_code, _excerpt(kept), _header(response, b"retry-after"))

    def _request(self, target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
        told = {"Host": target.authority, **headers, "Content-Length": str(len(body))}
        request = h11.Request(method="POST", target=target.path, headers=list(told.items()))
        parts = (self._http.send(event) for event in (request, h11.Data(data=body), h11.EndOfMessage()))
        return b"".join(part for part in parts if part)

    async def _head(self) -> h11.Response:
        for _ in range(MAX_INTERIM + 1):
            event = await self._event()
            if isinstance(event, h11.Response):
                return event
            if not isinstance(event, h11.InformationalResponse):
                break
        raise LineBroken("the connection was closed before an answer, or there was none in what came")

    async def _body(self) -> bytes:
        """As much of it as is kept; the head has said all that counts."""
        kept = bytearray()
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while len(kept) <= MAX_BODY_BYTES:
                    event = await self._event()
                    if not isinstance(event, h11.Data):
                        break
                    kept += event.data
        except (TimeoutError, OSError, h11.RemoteProtocolError):
            self.abort()
        return bytes(kept[:MAX_BODY_BYTES])

    async def _event(self) -> type[h11.NEED_DATA | h11.PAUSED] | h11.Event:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            data = await self._reader.read(_READ_BYTES)
            self._ended = not data
            self._http.receive_data(data)
        return event

    def _settle(self) -> None:
        ended = self._http.our_state is h11.DONE and self._http.their_state is h11.DONE
        if ended and not self._writer.transport.is_closing():
            self._http.start_next_cycle()
            self.reusable = True
        else:
            self.abort()

    def _words(self, error: Exception) -> str:
        if isinstance(error, h11.RemoteProtocolError) and not self._ended:
            return "what came is no answer of HTTP"
        return "the connection was broken off"


def _header(response: h11.Response, name: bytes) -> str | None:
    values = [value for header, value in response.headers if header == name]
    return values[0].decode("latin-1")[:100] if values else None


def _excerpt(body: bytes) -> str:
    return _CONTROL.sub(" ", body.decode("utf-8", "replace"))[:MAX_EXCERPT]
