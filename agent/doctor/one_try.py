"""A proxy that refuses a password is asked once by all checks together: some lock an account after a few tries."""

from __future__ import annotations

import asyncio
import socket
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final

from agent.tunnel.dial import ask_for_tunnel
from agent.tunnel.endpoint import Endpoint, Proxy

_REFUSED: Final = b" 407"  # in the first line: Proxy Authentication Required


@dataclass(slots=True)
class OneTry:
    """What the checks of one run know of the proxy."""

    first: asyncio.Lock = field(default_factory=asyncio.Lock)
    lets_in: bool = False
    refusal: bytes = b""


ONE_TRY: Final[ContextVar[OneTry | None]] = ContextVar("one_try", default=None)


async def ask_once(sock: socket.socket, proxy: Proxy, endpoint: Endpoint) -> bytes:
    """As `ask_for_tunnel`; behind a refusal its answer of before, and nothing is sent."""
    known = ONE_TRY.get()
    if known is None or known.lets_in:
        return await ask_for_tunnel(sock, proxy, endpoint)
    async with known.first:
        if not known.refusal:
            answer = await ask_for_tunnel(sock, proxy, endpoint)
            if _REFUSED not in answer.partition(b"\r\n")[0]:
                known.lets_in = True
                return answer
            known.refusal = answer
        return known.refusal
