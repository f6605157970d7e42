"""A relay for the tunnel's tests: real websockets and TLS, the real RelaySession, and a store in memory."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import trustme
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from agent.clock import SystemClock
from agent.outbox.values import UnknownAck
from agent.protocol.auth import Code
from agent.protocol.events import (
    AgentProved,
    BatchReceived,
    Confirmed,
    EnrollProved,
    RelayEvent,
    ResultReceived,
    StatusReceived,
)
from agent.protocol.faults import ProtocolFault
from agent.protocol.frames import Batch, Command, Result, Status
from agent.protocol.session import KnownAgent, RelaySession

AGENT = "agent-1"


@dataclass
class Peer:
    """What the relay holds, and how it misbehaves."""

    agents: dict[str, KnownAgent] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    stored: list[Batch] = field(default_factory=list)
    positions: dict[str, int] = field(default_factory=dict)
    results: list[Result] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    versions: tuple[int, int] = (1, 1)
    heartbeat_seconds: float = 15.0
    credit: int = 4
    swallow_acks: int = 0  # so many acks are lost, with the connection
    mute: bool = False  # read everything, say nothing
    ack_results: bool = True
    sessions: int = 0
    headers: list[Mapping[str, str]] = field(default_factory=list)
    received: int = 0  # batches, repeats included
    live: list[ServerConnection] = field(default_factory=list)
    current: RelaySession | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def serve_one(self, socket: ServerConnection) -> None:
        now = SystemClock().monotonic
        assert socket.request is not None
        self.headers.append(dict(socket.request.headers.raw_items()))
        session = RelaySession(
            relay="test-relay",
            nonce=os.urandom(32),
            now=now(),
            heartbeat_seconds=self.heartbeat_seconds,
            versions=self.versions,
        )
        self.sessions += 1
        self.current = session
        self.live.append(socket)
        with contextlib.suppress(ConnectionClosed, ProtocolFault):
            async for message in socket:
                try:
                    for event in session.receive(message, now()):
                        self._act(event, session, now())
                finally:
                    self.changed.set()
                    if not self.mute:
                        await self._write(socket, session)
        self.changed.set()

    async def _write(self, socket: ServerConnection, session: RelaySession) -> None:
        for message in session.messages_to_send():
            if self.swallow_acks and isinstance(message, str) and message.startswith('{"type":"ack"'):
                self.swallow_acks -= 1
                socket.transport.abort()
                return
            await socket.send(message)
        if session.closed:
            await socket.close()

    async def send(self, *, draining: bool = False) -> None:
        assert self.current is not None
        if draining:
            self.current.send_draining()
        await self._write(self.live[-1], self.current)

    def _act(self, event: RelayEvent, session: RelaySession, now: float) -> None:
        match event:
            case AgentProved(hello):
                pending = session.authenticate(self.agents.get(hello.agent))
                if pending is not None:
                    known = self.agents[hello.agent]
                    self.agents[hello.agent] = KnownAgent(known.public_key, hello.epoch, pending)
                    session.send_welcome(session="s", positions=self.positions, credit=self.credit, now=now)
            case EnrollProved(enroll):
                code = self.codes.get(enroll.code_id)
                if session.check_code(code.verifier if code else None):
                    del self.codes[enroll.code_id]
                    self.agents[AGENT] = KnownAgent(session.public_key, 0)
                    session.send_enrolled(agent=AGENT, tenant="acme")
            case Confirmed(epoch):
                self.agents[AGENT] = KnownAgent(self.agents[AGENT].public_key, epoch)
                for command in self.commands:
                    session.send_command(command)
            case BatchReceived(batch):
                self.received += 1
                self.stored.append(batch)
                self.positions[batch.stream] = batch.seq
                session.acknowledge(batch.stream, batch.seq)
                session.grant(1)
            case ResultReceived(result):
                self.results.append(result)
                if self.ack_results:
                    session.send_result_ack(result.command, result.state)
            case StatusReceived(status):
                self.statuses.append(status)
            case _:
                pass


@dataclass
class Authority:
    """A certificate authority of our own."""

    ca: trustme.CA
    file: Path

    @classmethod
    def make(cls, folder: Path) -> Authority:
        ca = trustme.CA()
        file = folder / "ca.pem"
        ca.cert_pem.write_to_path(str(file))
        return cls(ca, file)

    def server_context(
        self, name: str = "localhost", *, expired: bool = False, newest: ssl.TLSVersion | None = None
    ) -> ssl.SSLContext:
        past = datetime(2020, 1, 1, tzinfo=UTC) if expired else None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(name, not_after=past).configure_cert(context)
        if newest is not None:
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.maximum_version = newest
        return context


@contextlib.asynccontextmanager
async def listening(peer: Peer, context: ssl.SSLContext | None) -> AsyncIterator[int]:
    async with serve(
        peer.serve_one, "127.0.0.1", 0, ssl=context, compression=None, max_size=17 * 2**20, ping_interval=None
    ) as server:
        yield next(iter(server.sockets)).getsockname()[1]
        for socket in peer.live:
            socket.transport.abort()


@dataclass(frozen=True)
class FakeBatch:
    stream: str
    seq: int
    prev: int
    payload: bytes
    entity: str = "vendor"
    run: str = "run-1"
    kind: str = "records"
    count: int = 1
    enqueued_at: datetime = datetime(2026, 1, 5, tzinfo=UTC)

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.payload).hexdigest()


@dataclass
class StreamFigures:
    acked_seq: int = 0


@dataclass
class Figures:
    streams: dict[str, StreamFigures]


class FakeOutbox:
    """The outbox's side of the seam, in memory."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self.batches: list[FakeBatch] = []
        self.acked: dict[str, int] = {}
        self.top: dict[str, int] = {}
        self.last: dict[str, int] = {}
        self.next_seq = 1
        self.rewinds: list[tuple[str, int]] = []
        self.replays: list[tuple[str, int]] = []
        self.settled = asyncio.Event()

    def add(self, stream: str, payload: bytes = b"x") -> int:
        seq, self.next_seq = self.next_seq, self.next_seq + 1
        self.batches.append(FakeBatch(stream, seq, self.last.get(stream, 0), payload))
        self.last[stream] = self.top[stream] = seq
        self.changed.set()
        return seq

    async def pending(self, after_seq: int, *, limit_batches: int, limit_bytes: int) -> Sequence[FakeBatch]:
        left = [b for b in self.batches if b.seq > after_seq and b.seq > self.acked.get(b.stream, 0)]
        return left[:limit_batches]

    async def mark_acked(self, stream: str, seq: int) -> int:
        if seq > self.top.get(stream, 0):
            raise UnknownAck("never enqueued", where=stream)
        changed = [b for b in self.batches if b.stream == stream and self.acked.get(stream, 0) < b.seq <= seq]
        self.acked[stream] = max(seq, self.acked.get(stream, 0))
        self.settled.set()
        return len(changed)

    async def holds(self, stream: str, seq: int, digest: str | None) -> bool:
        if seq <= self.acked.get(stream, 0):
            return True
        found = [b for b in self.batches if (b.stream, b.seq) == (stream, seq)]
        return bool(found) and (digest is None or found[0].hash.startswith(digest))

    async def rewound(self, stream: str, relay_seq: int) -> None:
        self.rewinds.append((stream, relay_seq))
        self.batches = [b for b in self.batches if b.stream != stream]
        self.last[stream] = self.top[stream] = self.acked[stream] = relay_seq
        self.next_seq = max(self.next_seq, relay_seq + 1)

    async def replay(self, stream: str, relay_seq: int) -> int:
        if relay_seq > self.top.get(stream, 0):
            raise UnknownAck("never enqueued", where=stream)
        self.replays.append((stream, relay_seq))
        self.acked[stream] = min(relay_seq, self.acked.get(stream, 0))
        self.changed.set()
        return len([b for b in self.batches if b.stream == stream and b.seq > relay_seq])

    async def stats(self) -> Figures:
        return Figures({stream: StreamFigures(seq) for stream, seq in self.acked.items()})

    async def all_acked(self) -> None:
        async with asyncio.timeout(5):
            while any(b.seq > self.acked.get(b.stream, 0) for b in self.batches):
                self.settled.clear()
                await self.settled.wait()


class FakeSink:
    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.acked: list[tuple[str, str]] = []
        self.happened = asyncio.Event()

    async def handle(self, command: Command) -> None:
        self.commands.append(command)
        self.happened.set()

    async def result_acked(self, command: str, state: str) -> None:
        self.acked.append((command, state))
        self.happened.set()


class FakeStatus:
    def __init__(self) -> None:
        self.shown: list[dict[str, Any]] = [{"connection": "erp", "state": "idle"}]

    def connections(self) -> Sequence[Mapping[str, Any]]:
        return self.shown
