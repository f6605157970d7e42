"""The console's HTTP server: inside the agent's loop, on loopback, with bounds, and without signals of its own."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_CONNECTIONS: Final = 32
MAX_HEAD_BYTES: Final = 16 * 1024
STALLED_SECONDS: Final = 40.0  # for a client to take what waits for it: what an answer has, and a little more
REQUEST_SECONDS: Final = 10.0  # from a connection, or a request's first byte, to the request's last byte
KEEP_ALIVE_SECONDS: Final = 30
STRANGER_SECONDS: Final = 15.0  # of a connection on which nobody who is signed in has asked for anything
SIGNED_IN: Final = "signed_in"  # in the state of a request: its session was found
END_SECONDS: Final = 2  # for requests at work when the console ends

# What a client sends that is no HTTP is its own affair, and no line of the agent's log.
_SILENT: Final = logging.Logger("groundwire-console")  # noqa: LOG001 - outside of the tree: it has no handlers
_SILENT.setLevel(logging.CRITICAL)


class _Bounded(H11Protocol):
    """A connection that must say what it wants soon; uvicorn itself waits for ever."""

    _deadline: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None
    _strange: asyncio.TimerHandle | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = _SILENT
        self.since = self.loop.time()
        self._known = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in uvicorn
        strangers = [one for one in self.connections if isinstance(one, _Bounded) and not one.known]
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            # Another user of this host could hold every connection: one of theirs gives way, and never a person's.
            (min(strangers, key=lambda one: one.since) if strangers else self).transport.abort()
            if not strangers:
                return
        self._strange = self.loop.call_later(STRANGER_SECONDS, self._let_go)
        self._mind()

    @property
    def known(self) -> bool:
        """Whether somebody who is signed in has asked on this connection."""
        scope = getattr(self, "scope", None)
        self._known = self._known or bool(scope and scope.get("state", {}).get(SIGNED_IN))
        return self._known

    def _let_go(self) -> None:
        if not self.known:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._mind()

    def on_response_complete(self) -> None:
        _ = self.known  # kept: the next request on the connection has a state of its own
        super().on_response_complete()
        if self.conn.trailing_data[0]:
            self._mind()  # the next request has begun already

    def pause_writing(self) -> None:
        """Closing is not enough for a client that takes nothing: what it was to get would wait for ever."""
        super().pause_writing()
        self._stalled = self.loop.call_later(STALLED_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._flows()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        self._flows()
        if self._strange is not None:
            self._strange.cancel()
        super().connection_lost(exc)

    def _flows(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _mind(self) -> None:
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._forget()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_SECONDS, self.transport.abort)

    def _forget(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the agent."""
        yield


async def serve(app: ASGIApp, listening: socket.socket) -> None:
    """Until cancelled; the socket is closed then, and so is every connection."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=END_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        http=_Bounded,
        ws="none",
    )
    server = _Server(config)
    work = asyncio.create_task(server.serve(sockets=[listening]), name="console-server")
    try:
        await asyncio.shield(work)
    finally:
        server.should_exit = True
        for connection in list(server.server_state.connections):
            if connection.transport is not None:
                connection.transport.close()
        await asyncio.wait({work}, timeout=END_SECONDS * 2)
        for connection in list(server.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()  # who takes nothing keeps nothing open
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        listening.close()


def listen(port: int | None) -> socket.socket:
    """A socket on 127.0.0.1 that listens. Raises OSError."""
    # With its protocol stated, else asyncio leaves it to hold small answers back (Nagle).
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform == "win32":  # where the other option would let anybody listen at the same port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port or 0))
        listening.listen(MAX_CONNECTIONS)
        listening.setblocking(False)  # noqa: FBT003 - the standard library's signature
    except OSError:
        listening.close()
        raise
    return listening
