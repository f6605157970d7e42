"""What every request passes through: size limit, headers that all answers have, access line."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.clock import Clock
from relay.api.deprecation import deprecation_headers
from relay.api.paths import readable
from relay.api.problems import crashed, response

log = structlog.get_logger()

API_VERSION: Final = "1"
PROBES: Final = ("/healthz", "/readyz")  # which a proxy asks each second
VERSION_HEADER: Final = b"groundwire-api-version"
HEADERS: Final = "headers"  # in the request's state: what its answer is to have, whatever becomes of it
MAX_BODY_BYTES: Final = 256 * 1024  # a command of 64 KiB with room for white space and escapes


class Shell:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        clock: Clock = scope["app"].state.context.clock
        begun = clock.monotonic()
        status = 0

        async def send_versioned(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *_shared(scope)]
            await send(message)

        if _announced(scope) > MAX_BODY_BYTES:
            too_large = response(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"The body has more than {MAX_BODY_BYTES} bytes, which is the most; send less at once.",
            )
            await too_large(scope, receive, send_versioned)
        elif not readable(scope):
            unreadable = response(
                HTTPStatus.BAD_REQUEST,
                "The path is not percent-encoded UTF-8; encode each byte of a key that is no letter or digit.",
            )
            await unreadable(scope, receive, send_versioned)
        else:
            try:
                await self._app(scope, _Metered(receive).receive, send_versioned)
            except Exception as error:
                if status:
                    raise
                # Here, for what the framework answers to a crash passes by this shell.
                await crashed(error)(scope, receive, send_versioned)
        # The route, not the path: a path holds keys from the ERP, a query may hold anything.
        route = getattr(scope.get("route"), "path", "none")
        seconds = round(clock.monotonic() - begun, 4)
        tell = log.debug if route in PROBES and status == HTTPStatus.OK else log.info
        tell("request_answered", method=scope["method"], route=route, status=status, seconds=seconds)


def _shared(scope: Scope) -> list[tuple[bytes, bytes]]:
    told = {**scope.get("state", {}).get(HEADERS, {}), **deprecation_headers(scope.get("route"))}
    texts = [(name.lower().encode(), value.encode()) for name, value in told.items()]
    return [(VERSION_HEADER, API_VERSION.encode()), *texts]


class _Metered:
    """Cuts off a body that is longer than it was announced to be."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._size = 0

    async def receive(self) -> Message:
        message = await self._receive()
        self._size += len(message.get("body", b""))
        return {"type": "http.disconnect"} if self._size > MAX_BODY_BYTES else message


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:18])
    return 0
