"""The gateway's door: who comes in, at what pace, and how many strangers of one address."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from agent.clock import Clock
from agent.websockets import GuardedServerConnection
from relay.admission import Admission, Newcomers, address_behind, place_of
from relay.observing import Observer
from relay.settings import Gateway

FULL_RETRY_SECONDS: Final = 30
ADDRESS_RETRY_SECONDS: Final = 5  # each agent adds a random time of its own
SILENT: Final = (
    4  # times as many of one address may be there that have asked for nothing yet: they hold no place
)


class Door:
    def __init__(
        self, settings: Gateway, *, clock: Clock, observer: Observer, has_room: Callable[[], bool]
    ) -> None:
        self._clock = clock
        self._observer = observer
        self._has_room = has_room
        self._proxies = settings.trusted_proxies
        self._admission = Admission(settings.new_sessions_per_second)
        self._first = asyncio.Lock()  # held by the first of the queue; it wakes them in their order
        self._silent = Newcomers(SILENT * settings.newcomers_per_address)
        self._newcomers = Newcomers(settings.newcomers_per_address)

    def connection(self, *arguments: Any, **options: Any) -> Visitor:
        """For `serve(create_connection=...)`."""
        return Visitor(self, *arguments, **options)

    def comes(self, socket: ServerConnection) -> bool:
        """It has connected and said nothing yet. False: there are too many such of its address."""
        address = address_behind(_peer(socket), (), self._proxies)
        return address is None or self._silent.come(socket, place_of(address))

    def goes(self, socket: ServerConnection) -> None:
        """It has proved who it is, or is gone."""
        self._silent.go(socket)
        self._newcomers.go(socket)

    async def let_in(self, socket: ServerConnection, request: Request) -> Response | None:
        """Once its turn has come; the answer to one that has to come again."""
        self._silent.go(socket)
        forwarded = request.headers.get_all("X-Forwarded-For")
        address = address_behind(_peer(socket), forwarded, self._proxies)
        if address is not None and not self._newcomers.come(socket, place_of(address)):
            return self._later(
                socket, "address", "Too many come from this address at once.\n", ADDRESS_RETRY_SECONDS
            )
        if not self._has_room():
            return self._full(socket)
        now = self._clock.monotonic()
        if not self._admission.join(now):
            again = math.ceil(self._admission.appointment(now))
            return self._later(socket, "crowded", "Too many agents come at once.\n", again)
        try:
            async with self._first:
                await self._take_turn(socket)
        finally:
            self._admission.leave()
        return None if self._has_room() else self._full(socket)

    async def _take_turn(self, socket: ServerConnection) -> None:
        if socket.transport.is_closing():  # it went away while it waited
            return
        wait = self._admission.wait(self._clock.monotonic())
        if wait > 0:
            await self._clock.sleep(wait)
        self._admission.enter(self._clock.monotonic())

    def _full(self, socket: ServerConnection) -> Response:
        return self._later(socket, "full", "The relay has all the agents it can serve.\n", FULL_RETRY_SECONDS)

    def _later(self, socket: ServerConnection, reason: str, why: str, seconds: int) -> Response:
        self._observer.turned_away(reason)
        response = socket.respond(HTTPStatus.SERVICE_UNAVAILABLE, why)
        response.headers["Retry-After"] = str(seconds)
        return response


class Visitor(GuardedServerConnection):
    """A connection that the door knows of from its first moment to its last."""

    def __init__(self, door: Door, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._door = door

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if not self._door.comes(self):
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._door.goes(self)
        super().connection_lost(exc)


def _peer(socket: ServerConnection) -> str:
    remote = socket.remote_address
    return str(remote[0]) if remote else ""
