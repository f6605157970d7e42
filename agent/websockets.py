"""What both ends of the tunnel hold a websocket's peer to, beyond what the library does: relay and agent alike.

The library answers pings by itself and puts no bound to answers that nobody reads; and a message may come in any
number of parts, empty ones too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import ServerConnection
from websockets.frames import CloseCode, Opcode

from agent.protocol.faults import MAX_FRAGMENTS, MIB, Fault, ProtocolFault

MAX_UNREAD_BYTES: Final = (
    MIB  # written and not taken by the peer; a message waits for its room, answers to pings do not
)
MAX_PINGS: Final = (
    256  # between two parts of messages; the protocol has a heartbeat of its own and needs none
)
_CONTROL: Final = frozenset({Opcode.PING, Opcode.PONG})


class _Guarded(Connection):
    _pings = 0

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            self.transport.abort()

    def process_event(self, event: Any) -> None:  # of either side, with its own kind of handshake
        super().process_event(event)
        opcode = getattr(event, "opcode", None)
        if opcode not in _CONTROL:
            self._pings = 0
            return
        self._pings += 1
        if self._pings == MAX_PINGS:
            self.protocol.fail(CloseCode.POLICY_VIOLATION, "too many pings")
            self.send_data()
            self.transport.abort()  # a peer that goes on would be listened to until the handshake's or heartbeat's end


class GuardedServerConnection(_Guarded, ServerConnection):
    """For `serve(create_connection=...)`."""


class GuardedClientConnection(_Guarded, ClientConnection):
    """For `connect(create_connection=...)`."""


async def next_message(socket: Connection, heard: Callable[[int], None]) -> str | bytes:
    """The next message; `heard` is told of the bytes of each part. Raises ProtocolFault for one of too many parts."""
    parts: list[str | bytes] = []
    async for part in socket.recv_streaming():
        if len(parts) >= MAX_FRAGMENTS:
            raise ProtocolFault(Fault.TOO_BIG, f"a message of more than {MAX_FRAGMENTS} parts")
        parts.append(part)
        heard(len(part))
    return "".join(parts) if isinstance(parts[0], str) else b"".join(parts)  # type: ignore[arg-type]
