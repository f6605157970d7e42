"""From an endpoint to a connected TCP socket: name, connection, and the proxy's CONNECT.

Each hop is a function of its own, so that `groundwire check` can try them one by one and an error can name its hop.
"""

from __future__ import annotations

import asyncio
import base64
import os
import re
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Final

from agent.beside import beside
from agent.errors import CredentialsRefused, Throttled, Unreachable
from agent.protocol.faults import KIB
from agent.tunnel.endpoint import Endpoint, Proxy, join_host

HOP_SECONDS: Final = 10.0  # for each of name, connection and proxy; a healthy one takes well under one
MAX_ADDRESSES: Final = 8  # of one name; more would make one try last minutes
MAX_PROXY_REPLY_BYTES: Final = 16 * KIB
UNSENT_BYTES: Final = 128 * KIB  # waiting in the kernel, at most; keeps "was written" close to "has left"

Address = tuple[socket.AddressFamily, Any]  # family and what `connect` takes for it
Ask = Callable[[socket.socket, Proxy, Endpoint], Awaitable[bytes]]  # the head of a proxy's answer to CONNECT
_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: |\r)")


async def dial(endpoint: Endpoint) -> socket.socket:
    """A socket whose other end is the relay, through the proxy if there is one."""
    proxy = endpoint.proxy
    host, port = (proxy.host, proxy.port) if proxy else (endpoint.host, endpoint.port)
    sock = await connect_tcp(host, port, await resolve(host, port))
    if proxy is None:
        return sock
    try:
        await connect_through(sock, proxy, endpoint)
    except BaseException:
        sock.close()
        raise
    return sock


async def resolve(host: str, port: int) -> list[Address]:
    where = f"name {host}"
    try:
        async with asyncio.timeout(HOP_SECONDS):
            found = await beside(lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM), name="name")
    except TimeoutError as error:
        raise Unreachable(
            "the name server did not answer", where=where, hint="Check this host's name servers."
        ) from error
    except (OSError, UnicodeError) as error:
        raise Unreachable(
            "the name does not resolve", where=where, hint="Check the spelling, and this host's name servers."
        ) from error
    addresses: list[Address] = [(family, address) for family, _, _, _, address in found]
    return addresses[:MAX_ADDRESSES]


async def connect_tcp(host: str, port: int, addresses: list[Address]) -> socket.socket:
    last: OSError = OSError("no address")
    for family, address in addresses:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            _prepare(sock)
            async with asyncio.timeout(HOP_SECONDS):
                await asyncio.get_running_loop().sock_connect(sock, address)
        except OSError as error:  # TimeoutError is one
            sock.close()
            last = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    # By number: the event loop's own words repeat the address.
    said = os.strerror(last.errno) if last.errno else str(last)
    reason = "no answer" if isinstance(last, TimeoutError) else said.lower()
    raise Unreachable(
        f"no TCP connection: {reason}",
        where=f"connection to {join_host(host, port)}",
        hint="Check that the host is up, the port is right, and a firewall lets this host out to it.",
    ) from last


async def connect_through(
    sock: socket.socket, proxy: Proxy, endpoint: Endpoint, *, ask: Ask | None = None
) -> None:
    """Ask the proxy for a tunnel, with `ask_for_tunnel` or as `ask` does.

    Its credentials are in this request and in nothing the relay sees.
    """
    where = f"proxy {join_host(proxy.host, proxy.port)}"
    try:
        async with asyncio.timeout(HOP_SECONDS):
            reply = await (ask or ask_for_tunnel)(sock, proxy, endpoint)
    except OSError as error:
        raise Unreachable(
            "the proxy did not answer", where=where, hint="Check the proxy's address."
        ) from error
    _judge(reply, where, endpoint)


async def ask_for_tunnel(sock: socket.socket, proxy: Proxy, endpoint: Endpoint) -> bytes:
    """The head of the proxy's answer to CONNECT, whatever it says."""
    lines = [f"CONNECT {endpoint.authority} HTTP/1.1", f"Host: {endpoint.authority}"]
    if proxy.user:
        password = proxy.password.reveal() if proxy.password else ""
        token = base64.b64encode(f"{proxy.user}:{password}".encode()).decode()
        lines.append(f"Proxy-Authorization: Basic {token}")
    request = "\r\n".join([*lines, "", ""]).encode()
    await asyncio.get_running_loop().sock_sendall(sock, request)
    return await _read_head(sock)


async def _read_head(sock: socket.socket) -> bytes:
    """Read up to the empty line and not one byte further: what follows belongs to TLS."""
    loop = asyncio.get_running_loop()
    head = b""
    while not head.endswith(b"\r\n\r\n") and len(head) < MAX_PROXY_REPLY_BYTES:
        part = await loop.sock_recv(sock, 1)
        if not part:
            break
        head += part
    return head


def _judge(reply: bytes, where: str, endpoint: Endpoint) -> None:
    found = _STATUS.match(reply)
    if found is None or not reply.endswith(b"\r\n\r\n"):
        raise Unreachable("this is no HTTP proxy", where=where, hint="Check the proxy's address and port.")
    status = int(found.group(1))
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's own bounds
        return
    if status == 407:  # noqa: PLR2004 - Proxy Authentication Required
        raise CredentialsRefused(
            "the proxy refused user and password",
            where=where,
            hint="Correct proxy_user and proxy_password in agent.toml; only basic authentication is spoken.",
        )
    if status == 429:  # noqa: PLR2004 - Too Many Requests
        raise Throttled("the proxy asked for a pause", retry_after=30.0, where=where)
    raise Unreachable(
        f"the proxy answered {status} to CONNECT {endpoint.authority}",
        where=where,
        hint="Ask the proxy's operator to allow CONNECT to this address.",
    )


def _prepare(sock: socket.socket) -> None:
    sock.settimeout(0)  # asyncio's way needs it non-blocking
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
    if option is not None:
        sock.setsockopt(socket.IPPROTO_TCP, option, UNSENT_BYTES)
