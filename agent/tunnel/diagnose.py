"""The way to the relay, hop by hop, for `groundwire check`."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from agent.errors import GroundwireError
from agent.tunnel.dial import connect_tcp, connect_through, resolve
from agent.tunnel.endpoint import Endpoint, join_host
from agent.tunnel.transport import CLOSE_NORMAL, open_websocket, tls_context


@dataclass(frozen=True, slots=True)
class HopResult:
    """One hop, in the order tried; behind a failed one nothing is tried."""

    name: str
    ok: bool
    detail: str
    hint: str = ""
    code: str = ""  # of the error behind a failed one


async def check_tunnel(endpoint: Endpoint) -> list[HopResult]:
    """Goes as far as an open websocket and says nothing on it: a running agent is not disturbed."""
    hops: list[HopResult] = []
    hop = "certificates"
    sock: socket.socket | None = None
    try:
        context = tls_context(endpoint)
        trusted = endpoint.ca_file or "the system's authorities"
        hops.append(HopResult(hop, ok=True, detail=f"trusting {trusted}" if context else "not encrypted"))
        hop = "name"
        host, port = _next_host(endpoint)
        addresses = await resolve(host, port)
        hops.append(HopResult(hop, ok=True, detail=f"{host} is {addresses[0][1][0]}"))
        hop = "connection"
        sock = await connect_tcp(host, port, addresses)
        hops.append(HopResult(hop, ok=True, detail=f"connected to {join_host(host, port)}"))
        if endpoint.proxy is not None:
            hop = "proxy"
            await connect_through(sock, endpoint.proxy, endpoint)
            hops.append(HopResult(hop, ok=True, detail=f"tunnel to {endpoint.authority}"))
        hop = "relay"
        handed, sock = sock, None  # the websocket closes it from here on
        channel = await open_websocket(endpoint, context, handed)
        await channel.close(CLOSE_NORMAL)
        hops += _arrived(endpoint)
    except GroundwireError as error:
        hops += _failed(hop, error)
    finally:
        if sock is not None:
            sock.close()
    return hops


def _next_host(endpoint: Endpoint) -> tuple[str, int]:
    if endpoint.proxy is not None:
        return endpoint.proxy.host, endpoint.proxy.port
    return endpoint.host, endpoint.port


def _arrived(endpoint: Endpoint) -> list[HopResult]:
    tls = [HopResult("tls", ok=True, detail=f"certificate is for {endpoint.host}")] if endpoint.secure else []
    return [*tls, HopResult("websocket", ok=True, detail=f"open at {endpoint.url}")]


def _failed(hop: str, error: GroundwireError) -> list[HopResult]:
    if hop == "relay":
        hop = "tls" if error.where.startswith("TLS ") else "websocket"
    return [HopResult(hop, ok=False, detail=str(error), hint=error.hint, code=error.code)]
