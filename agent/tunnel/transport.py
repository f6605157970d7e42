"""One websocket to the relay. Foreign exceptions end here."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

import truststore
from cryptography import x509
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    PayloadTooBig,
    WebSocketException,
)
from websockets.typing import Subprotocol

from agent.clock import SystemClock
from agent.errors import ConfigurationError, GroundwireError, Throttled, Unreachable
from agent.protocol.faults import KIB, MAX_BATCH_BYTES, MIB
from agent.protocol.pace import BytePace, cost_of_part
from agent.protocol.parts import parts_of
from agent.tunnel.dial import dial
from agent.tunnel.endpoint import Endpoint
from agent.websockets import GuardedClientConnection, next_message

SUBPROTOCOL: Final = Subprotocol("groundwire")
HANDSHAKE_SECONDS: Final = 15.0  # for TLS and the websocket's upgrade together
CLOSE_SECONDS: Final = 2.0  # a peer that does not answer the close is dropped
RELAY_BYTES_PER_SECOND: Final = (
    64 * MIB
)  # taken of a relay that says more than it has to; a real one says little
WAITING_MESSAGES: Final = 16  # read from the socket and not yet handled; beyond it TCP pushes back
_THROTTLED: Final = frozenset({429, 503})

CLOSE_NORMAL: Final = 1000
CLOSE_PROTOCOL: Final = 1002


class Channel(Protocol):
    """What the link needs of a connection."""

    @property
    def certificate_ends(self) -> datetime | None:
        """When the certificate that the other side showed ends; None: it showed none."""
        ...

    async def send(self, message: str | bytes) -> None: ...

    async def receive(self, arrived: Callable[[], None]) -> str | bytes:
        """The next message; `arrived` is called for each part of it."""
        ...

    async def close(self, code: int) -> None: ...


class WebsocketChannel:
    def __init__(self, connection: ClientConnection, where: str) -> None:
        self._connection = connection
        self._where = where
        self._clock = SystemClock()
        self._pace = BytePace(RELAY_BYTES_PER_SECOND)
        self._spent = 0  # of what came since the last pause

    @property
    def certificate_ends(self) -> datetime | None:
        secured = self._connection.transport.get_extra_info("ssl_object")
        shown = None if secured is None else secured.getpeercert(binary_form=True)
        if shown is None:
            return None
        try:
            return x509.load_der_x509_certificate(shown).not_valid_after_utc
        except (ValueError, x509.InvalidVersion):  # TLS took it; what cannot be read of it is news to nobody
            return None

    async def send(self, message: str | bytes) -> None:
        try:
            await self._connection.send(parts_of(message) or message)
        except (WebSocketException, OSError) as error:
            raise self._lost(error) from error

    async def receive(self, arrived: Callable[[], None]) -> str | bytes:
        pause = self._pace.spend(self._spent, self._clock.monotonic())
        self._spent = 0
        if pause > 0:
            await self._clock.sleep(pause)

        def came(size: int) -> None:
            self._spent += cost_of_part(size)
            arrived()

        try:
            return await next_message(self._connection, came)
        except (WebSocketException, OSError) as error:
            raise self._lost(error) from error

    async def close(self, code: int) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._connection.close(code)
        except (WebSocketException, OSError):
            self._connection.transport.abort()

    def _lost(self, error: Exception) -> Unreachable:
        if isinstance(error, PayloadTooBig):
            return Unreachable("the relay sent too large a message", where=self._where)
        if isinstance(error, ConnectionClosed) and error.rcvd is not None:
            reason = f" ({error.rcvd.reason})" if error.rcvd.reason else ""
            return Unreachable(f"the relay closed the connection{reason}", where=self._where)
        return Unreachable("the connection broke", where=self._where)


async def open_channel(endpoint: Endpoint) -> WebsocketChannel:
    context = tls_context(endpoint)
    return await open_websocket(endpoint, context, await dial(endpoint))


async def open_websocket(
    endpoint: Endpoint, context: ssl.SSLContext | None, sock: socket.socket
) -> WebsocketChannel:
    """TLS and the websocket over a connected socket."""
    where = f"relay {endpoint.authority}"
    try:
        connection = await _Connect(
            endpoint.url,
            sock=sock,
            create_connection=GuardedClientConnection,
            ssl=context,
            server_hostname=endpoint.host if context else None,
            subprotocols=[SUBPROTOCOL],
            compression=None,  # batches are compressed already; and no bomb can be inflated here
            proxy=None,  # dialled already; never from the environment
            max_size=MAX_BATCH_BYTES + KIB,
            max_queue=WAITING_MESSAGES,
            open_timeout=HANDSHAKE_SECONDS,
            close_timeout=CLOSE_SECONDS,
            ping_interval=None,  # the protocol has heartbeats of its own
            user_agent_header="groundwire",
        )
    except BaseException as error:
        sock.close()
        if isinstance(error, (OSError, WebSocketException, ValueError)):
            raise _translate(error, where, endpoint) from error
        raise
    return WebsocketChannel(connection, where)


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception | str:
        """Follow none: the relay's address is configuration, not something a server may change."""
        return exc


def tls_context(endpoint: Endpoint) -> ssl.SSLContext | None:
    """Always checks chain and host name; there is no setting that turns it off."""
    if not endpoint.secure:
        return None
    if endpoint.ca_file is None:
        context: ssl.SSLContext = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    else:
        context = _pinned(endpoint)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _pinned(endpoint: Endpoint) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cafile=str(endpoint.ca_file))
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            "the certificate authority's file cannot be read",
            where=str(endpoint.ca_file),
            hint="relay.ca_file must name a PEM file that the agent's user may read.",
        ) from error
    return context


def _translate(error: Exception, where: str, endpoint: Endpoint) -> GroundwireError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Unreachable(
            f"the relay's certificate is not accepted: {error.verify_message}",
            where=f"TLS {where}",
            hint=_certificate_hint(error, endpoint),
        )
    if isinstance(error, ssl.SSLError):
        return Unreachable(
            f"no TLS connection: {(error.reason or 'failed').replace('_', ' ').lower()}",
            where=f"TLS {where}",
            hint="TLS 1.2 or newer must be spoken there; check the port, and whether something in between breaks TLS.",
        )
    if isinstance(error, InvalidStatus):
        return _refused_upgrade(error, where)
    if isinstance(error, TimeoutError):
        return Unreachable("no answer to the handshake in time", where=f"websocket {where}")
    if isinstance(error, (InvalidHandshake, ValueError)):
        return Unreachable(
            "what answers there is no Groundwire relay",
            where=f"websocket {where}",
            hint="Check host, port and path of the relay's address.",
        )
    return Unreachable("the connection broke during the handshake", where=f"TLS {where}")


def _refused_upgrade(error: InvalidStatus, where: str) -> GroundwireError:
    status = error.response.status_code
    place = f"websocket {where}"
    if status in _THROTTLED:
        wish = error.response.headers.get("Retry-After", "")
        if wish.isascii() and wish.isdigit() and len(wish) < 7:  # noqa: PLR2004 - eleven days are more than enough
            return Throttled(f"the relay answered {status}", retry_after=float(wish), where=place)
    return Unreachable(
        f"the relay answered {status} instead of opening the websocket",
        where=place,
        hint="Check the path of the relay's address, and any gateway in front of it.",
    )


def _certificate_hint(error: ssl.SSLCertVerificationError, endpoint: Endpoint) -> str:
    text = error.verify_message.lower()
    if "expired" in text or "not yet valid" in text:
        return "The relay's operator has to renew the certificate; check this host's clock too."
    if "hostname" in text or "ip address" in text or "not valid for" in text:
        return f"The certificate is for another name than {endpoint.host}; use the name the relay's operator gave you."
    if endpoint.ca_file is not None:
        return f"The certificate was not issued by the authority in {endpoint.ca_file}."
    return "If the relay has its own authority, name its PEM file as relay.ca_file; if a firewall opens TLS here, its authority must be trusted by this host."
