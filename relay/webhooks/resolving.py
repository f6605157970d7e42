"""Names to addresses, each look-up on a thread of its own: a name server that hangs holds up nobody else.

Threads that nobody waits for when the relay ends: the resolver of the system cannot be told to stop.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

MAX_LOOKUPS: Final = 64  # at once; one for each name, however many wait for it

Lookup = Callable[[str, int], Sequence[str]]


def system_lookup(host: str, port: int) -> Sequence[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


class Resolver:
    def __init__(self, lookup: Lookup = system_lookup) -> None:
        self._lookup = lookup
        self._running: dict[tuple[str, int], asyncio.Future[Sequence[str]]] = {}

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Raises OSError."""
        running = self._running.get((host, port))
        if running is None:
            if len(self._running) >= MAX_LOOKUPS:
                raise OSError("too many names are being looked up")
            running = self._begin(host, port)
        return await asyncio.shield(running)

    def _begin(self, host: str, port: int) -> asyncio.Future[Sequence[str]]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Sequence[str]] = loop.create_future()
        self._running[host, port] = answer

        def settle(found: Sequence[str] | OSError) -> None:
            del self._running[host, port]
            if isinstance(found, OSError):
                answer.set_exception(found)
                answer.exception()  # looked at, should nobody wait any more
            else:
                answer.set_result(found)

        def work() -> None:
            found: Sequence[str] | OSError
            try:
                found = self._lookup(host, port)
            except OSError as error:
                found = error
            except UnicodeError:  # from the codec of names
                found = OSError("no lawful name")
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(settle, found)

        threading.Thread(target=work, name=f"lookup {host}", daemon=True).start()
        return answer
