"""Both real ends of the tunnel with nothing above the websocket: what comes is sent back."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from agent.clock import SystemClock
from agent.errors import Unreachable
from agent.protocol.faults import MAX_BATCH_BYTES, ProtocolFault
from agent.tunnel.endpoint import Endpoint
from agent.tunnel.transport import open_channel
from agent.websockets import next_message
from relay.gateway import Gateway
from relay.settings import Gateway as GatewaySettings


class EchoingGateway(Gateway):
    """The relay's own server, with the limits that hold for an agent that is known."""

    def __init__(self) -> None:
        nothing: Any = None
        settings = GatewaySettings(host="127.0.0.1", port=0, new_sessions_per_second=1_000)
        super().__init__(
            settings,
            name="relay",
            store=nothing,
            ingest=nothing,
            members=nothing,
            waiters=nothing,
            clock=SystemClock(),
        )

    async def serve_one(self, socket: ServerConnection) -> None:
        socket.protocol.max_message_size = MAX_BATCH_BYTES
        with suppress(ConnectionClosed, ProtocolFault):
            while True:
                await socket.send(await next_message(socket, lambda _: None))


async def echo(port: int, place: str) -> list[str | bytes]:
    """Connect as an agent does, and send back whatever comes until the other end is done."""
    channel = await open_channel(Endpoint(f"ws://127.0.0.1:{port}{place}", "127.0.0.1", port, secure=False))
    came: list[str | bytes] = []
    try:
        while True:
            message = await channel.receive(lambda: None)
            came.append(message)
            await channel.send(message)
    except (Unreachable, ProtocolFault):
        return came
    finally:
        await channel.close(1000)
