"""A connection that breaks or falls silent anywhere: nothing is half-applied, and it all arrives in the end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.clock import SystemClock
from agent.identity import Identity, IdentityStore
from agent.protocol.session import KnownAgent
from agent.tunnel.endpoint import make_endpoint
from agent.tunnel.link import Link
from tests.integration.tunnel_peer import AGENT, Authority, FakeOutbox, FakeSink, FakeStatus, Peer, listening


class BadLine:
    """Passes bytes on, and cuts or freezes each connection after so many from the agent."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.budgets: list[int] = []  # per connection, in order; afterwards the line is good
        self.freeze = False
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        budget = self.budgets.pop(0) if self.budgets else None
        near, far = await asyncio.open_connection("127.0.0.1", self.target)
        back = asyncio.ensure_future(self._pass(near, writer))
        try:
            await self._pass(reader, far, budget)
            if budget is not None and self.freeze:
                back.cancel()
                await reader.read(0)
                while await reader.read(65_536):
                    pass  # swallowed: the far side hears nothing, the near side sees no end
        finally:
            back.cancel()
            for end in (writer, far):
                with contextlib.suppress(OSError):
                    end.transport.abort()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, budget: int | None = None
    ) -> None:
        with contextlib.suppress(OSError):
            while budget is None or budget > 0:
                part = await reader.read(65_536 if budget is None else min(budget, 65_536))
                if not part:
                    return
                writer.write(part)
                await writer.drain()
                budget = None if budget is None else budget - len(part)


@contextlib.asynccontextmanager
async def bad_line(target: int) -> AsyncIterator[tuple[BadLine, int]]:
    line = BadLine(target)
    server = await asyncio.start_server(line.serve, "127.0.0.1", 0)
    async with server:
        yield line, server.sockets[0].getsockname()[1]


@contextlib.asynccontextmanager
async def linked(folder: Path, peer: Peer, outbox: FakeOutbox, budgets: list[int], *, freeze: bool = False):
    authority = Authority.make(folder)
    key = Ed25519PrivateKey.generate()
    store = IdentityStore(folder / "state")
    peer.agents[AGENT] = KnownAgent(key.public_key().public_bytes_raw(), 0)
    async with listening(peer, authority.server_context()) as target, bad_line(target) as (line, port):
        line.budgets, line.freeze = budgets, freeze
        store.save(Identity(AGENT, "acme", f"wss://localhost:{port}", 0, key))
        link = Link(
            make_endpoint(f"wss://localhost:{port}", ca_file=authority.file),
            store,
            outbox,
            sink=FakeSink(),
            status=FakeStatus(),
            clock=SystemClock(),
            software="test",
            fraction=lambda: 0.0,
        )
        async with asyncio.TaskGroup() as group:
            task = group.create_task(link.run())
            yield line
            await link.drain(2)
            await task


@pytest.mark.parametrize("step", [211, 1_733, 40_009])
async def test_cut_anywhere_everything_is_stored_once(tmp_path: Path, step: int) -> None:
    peer, outbox = Peer(), FakeOutbox()
    for n in range(6):
        outbox.add(f"erp/s{n % 2}", bytes([n]) * 30_000)

    async with linked(tmp_path, peer, outbox, [step * n for n in range(1, 6)]) as line:
        await outbox.all_acked()

    assert line.connections >= 2
    assert sorted(b.seq for b in peer.stored) == [1, 2, 3, 4, 5, 6]
    assert [b.seq for b in peer.stored if b.stream == "erp/s0"] == [1, 3, 5]


async def test_a_black_hole_in_the_middle_of_a_batch_is_noticed_by_heartbeat(tmp_path: Path) -> None:
    peer, outbox = Peer(heartbeat_seconds=0.1), FakeOutbox()
    for _ in range(3):
        outbox.add("erp/vendors", b"z" * 3_000_000)

    async with linked(tmp_path, peer, outbox, [1_000_000], freeze=True) as line:
        await outbox.all_acked()

    assert line.connections >= 2
    assert [b.seq for b in peer.stored] == [1, 2, 3]
