"""Peers that send much that means nothing: memory and time at the other end stay bounded, and others are served."""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from agent.errors import Unreachable
from agent.protocol.faults import Fault, ProtocolFault
from agent.tunnel.endpoint import Endpoint
from agent.tunnel.transport import WebsocketChannel, open_channel
from tests.hostile.measuring import ALLOWED, MEASURABLE, forget_peak, peak

pytestmark = pytest.mark.skipif(not MEASURABLE, reason="the kernel does not tell the most memory")

ROOT = Path(__file__).parents[2]
MASK = bytes(4)
TEXT, CONT, PING = 0x1, 0x0, 0x9
FIN = 0x80
PIECE = 64 * 1024
MOST_BYTES = 64 * 1024 * 1024  # of a flood; one that is refused ends long before
REQUEST = (
    b"GET /agent HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, masked: bool = True) -> bytes:
    assert len(payload) < 126
    head = bytes([opcode | (FIN if fin else 0), len(payload) | (0x80 if masked else 0)])
    return head + (MASK if masked else b"") + payload


def floods(*, masked: bool) -> dict[str, tuple[bytes, bytes]]:
    """What is sent once, and what is sent over and over."""
    return {
        "pings": (b"", frame(PING, b"x" * 125, masked=masked)),
        "empty parts": (frame(TEXT, b"{", fin=False, masked=masked), frame(CONT, fin=False, masked=masked)),
        "parts with pings": (
            frame(TEXT, b"{", fin=False, masked=masked),
            frame(PING, masked=masked) + frame(CONT, fin=False, masked=masked),
        ),
        "empty messages": (b"", frame(TEXT, masked=masked)),
    }


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """Process id and port."""
    folder = tmp_path_factory.mktemp("relay") / "relay"
    command = [sys.executable, "-m", "tests.hostile.relay_process", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        lines = (line for line in process.stdout if line.strip().isdigit())
        yield process.pid, int(next(lines))
        process.stdin.close()
        process.wait(30)


async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, once: bytes, again: bytes) -> int:
    """How many bytes the other end took before it ended the connection. Nothing of what it says is read."""
    piece = again * (PIECE // len(again))
    sent = 0
    with contextlib.suppress(ConnectionError):
        writer.write(once)
        while sent < MOST_BYTES and not reader.at_eof():
            writer.write(piece)
            async with asyncio.timeout(30):
                await writer.drain()
            sent += len(piece)
    return sent


@pytest.mark.parametrize("kind", floods(masked=True))
async def test_a_flood_ends_at_the_relay_without_costing_it_memory(relay: tuple[int, int], kind: str) -> None:
    pid, port = relay
    before = forget_peak(pid)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**26)
    writer.write(REQUEST)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")

    sent = await flood(reader, writer, *floods(masked=True)[kind])
    writer.transport.abort()

    assert sent < MOST_BYTES
    async with asyncio.timeout(30), connect(f"ws://127.0.0.1:{port}/agent") as other:
        await other.send("{}")
        assert '"malformed"' in str(await other.recv())
    assert peak(pid) - before < ALLOWED


@contextlib.asynccontextmanager
async def hostile_relay(once: bytes, again: bytes) -> AsyncIterator[tuple[int, list[int]]]:
    """A server that shakes hands and then floods."""
    sent: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        key = next(
            line.split()[1] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")
        )
        from websockets.utils import accept_key

        answer = f"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept_key(key.decode())}\r\n\r\n"
        writer.write(answer.encode())
        sent.append(await flood(reader, writer, once, again))
        writer.transport.abort()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], sent


async def _read_until_it_ends(channel: WebsocketChannel) -> None:
    try:
        async with asyncio.timeout(60):
            while True:
                if not await channel.receive(lambda: None):
                    raise ProtocolFault(Fault.MALFORMED, "as a session says of an empty message")
    except (Unreachable, ProtocolFault):
        await channel.close(1002)


@pytest.mark.parametrize("kind", floods(masked=False))
async def test_a_flood_ends_at_the_agent_without_costing_it_memory(kind: str) -> None:
    once, again = floods(masked=False)[kind]
    async with hostile_relay(once, again) as (port, sent):
        before = forget_peak()
        channel = await open_channel(
            Endpoint(f"ws://127.0.0.1:{port}/agent", "127.0.0.1", port, secure=False)
        )
        await _read_until_it_ends(channel)
        async with asyncio.timeout(30):
            while not sent:
                await asyncio.sleep(0.01)  # noqa: TID251 - the other end has its own pace
        assert sent[0] < MOST_BYTES
        assert peak() - before < ALLOWED


def test_a_length_that_cannot_be_is_refused_before_anything_is_kept(relay: tuple[int, int]) -> None:
    pid, port = relay
    before = forget_peak(pid)
    for length in (2**63 - 1, 2**63, 2**64 - 1, 2**40):
        asyncio.run(
            _refused(port, bytes([FIN | 0x2, 0xFF]) + struct.pack(">Q", length) + MASK + bytes(1_000))
        )
    assert peak(pid) - before < ALLOWED


async def _refused(port: int, raw: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST)
    await reader.readuntil(b"\r\n\r\n")
    writer.write(raw)
    async with asyncio.timeout(30):
        ended = await reader.read()
    assert ended[:1] in {b"\x88", b""}  # a close frame, and then the end
    writer.close()
