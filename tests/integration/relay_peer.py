"""An agent reduced to its session: speaks the real protocol over a real websocket to a real relay."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from agent.protocol.auth import encode_bytes, parse_code
from agent.protocol.events import (
    Acked,
    CommandReceived,
    EnrolledAs,
    GapReported,
    Refused,
    RelayDraining,
    Welcomed,
)
from agent.protocol.frames import Batch, Enroll, Hello
from agent.protocol.session import AgentSession
from relay import commands
from relay.app import RelayApp
from relay.identities import NewSecret
from relay.settings import RelaySettings, load_settings
from relay.store.base import NewBatch

FAST = {"heartbeat_seconds": 0.2}

PATIENCE_SECONDS = 90.0  # a loaded machine is slow, not wrong


def made(folder: Path, tenant: str = "default") -> tuple[RelaySettings, NewSecret]:
    """A relay's folder on free ports, without TLS."""
    done = commands.initialise(folder, tenant=tenant, gateway_port=0, api_port=0)
    settings = load_settings(done.config)
    gateway = settings.gateway.model_copy(update={"tls": None, **FAST})
    return settings.model_copy(update={"gateway": gateway}), done.token


def patient(settings: RelaySettings) -> RelaySettings:
    """For tests in which a busy machine must not look like a dead agent."""
    return settings.model_copy(
        update={"gateway": settings.gateway.model_copy(update={"heartbeat_seconds": 10.0})}
    )


def wire(batch: NewBatch) -> Batch:
    return Batch(
        batch.stream, batch.entity, batch.seq, batch.prev, batch.run, batch.kind,  # type: ignore[arg-type]
        batch.count, batch.hash, "2026-01-05T12:00:00Z", batch.payload,
    )  # fmt: skip


@asynccontextmanager
async def client_of(relay: RelayApp, token: NewSecret) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {token.text}"}
    async with httpx.AsyncClient(
        base_url=f"{relay.api_url}/api/v1", headers=headers, trust_env=False
    ) as client:
        yield client


async def eventually(check: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
    async with asyncio.timeout(seconds):
        while not (found := await check()):
            await asyncio.sleep(0.02)  # noqa: TID251 - a real server has its own pace
        return found


@dataclass
class Peer:
    url: str
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    agent: str = ""
    epoch: int = 0
    capabilities: tuple[str, ...] = ()  # none: as an agent of before there were any
    events: list[Any] = field(default_factory=list)
    session: AgentSession | None = None
    socket: ClientConnection | None = None

    @property
    def live(self) -> AgentSession:
        assert self.session is not None
        return self.session

    async def enrol(self, code: str, name: str = "plant") -> str:
        """How it ended: "" or the code of the refusal."""
        parsed = parse_code(code)
        public = encode_bytes(self.key.public_key().public_bytes_raw())
        session = AgentSession(
            Enroll(1, 1, public, name, "test", parsed.id),
            sign=self.key.sign,
            now=time.monotonic(),
            code_verifier=parsed.verifier,
        )
        async with self._running(session):
            enrolled = await self.until(EnrolledAs, Refused)
            if isinstance(enrolled, Refused):
                return enrolled.error.code
            self.agent = enrolled.agent
            return ""

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Welcomed]:
        hello = Hello(1, 1, self.agent, self.epoch, "test", self.capabilities)
        session = AgentSession(hello, sign=self.key.sign, now=time.monotonic())
        async with self._running(session):
            welcomed = await self.until(Welcomed, Refused)
            assert isinstance(welcomed, Welcomed), welcomed
            self.epoch = welcomed.welcome.epoch
            session.confirm(time.monotonic())
            await self.flush()
            yield welcomed

    async def refusal(self) -> str:
        session = AgentSession(
            Hello(1, 1, self.agent, self.epoch, "test"), sign=self.key.sign, now=time.monotonic()
        )
        async with self._running(session):
            return (await self.until(Refused)).error.code

    async def refusal_of_epoch(self, epoch: int) -> str:
        self.epoch = epoch
        return await self.refusal()

    async def send(self, batch: NewBatch) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.live.credit < 1:
                await asyncio.sleep(0.01)  # noqa: TID251 - a real server has its own pace
        self.live.send_batch(wire(batch))
        await self.flush()

    async def acked(self, stream: str, seq: int) -> None:
        async def check() -> bool:
            return any(isinstance(e, Acked) and e.stream == stream and e.seq >= seq for e in self.events)

        await eventually(check)

    async def until(self, *kinds: type[Any]) -> Any:
        async def check() -> Any:
            return next((event for event in self.events if isinstance(event, kinds)), None)

        return await eventually(check)

    async def flush(self) -> None:
        assert self.socket is not None
        for message in self.live.messages_to_send():
            await self.socket.send(message)

    @asynccontextmanager
    async def _running(self, session: AgentSession) -> AsyncIterator[None]:
        self.events.clear()
        self.session = session
        async with connect(self.url, compression=None, ping_interval=None, max_size=2**24) as socket:
            self.socket = socket
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._receive()), group.create_task(self._beat())]
                await self.flush()
                try:
                    yield
                finally:
                    for task in tasks:
                        task.cancel()

    async def _receive(self) -> None:
        assert self.socket is not None
        try:
            async for message in self.socket:
                self.events += self.live.receive(message, time.monotonic())
                await self.flush()
        except ConnectionClosed:
            pass

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(0.05)  # noqa: TID251 - a real server has its own pace
            self.live.tick(time.monotonic())
            try:
                await self.flush()
            except ConnectionClosed:
                return


async def enrolled_peer(relay: RelayApp, client: httpx.AsyncClient, name: str = "plant", **body: Any) -> Peer:
    answer = await client.post("/enrolment-codes", json=body)
    assert answer.status_code == 201, answer.text
    assert datetime.fromisoformat(answer.json()["expiresAt"])
    peer = Peer(relay.gateway_url)
    assert await peer.enrol(answer.json()["code"], name) == ""
    return peer


__all__ = [
    "CommandReceived",
    "GapReported",
    "Peer",
    "Refused",
    "RelayDraining",
    "client_of",
    "enrolled_peer",
    "eventually",
    "made",
    "patient",
    "wire",
]
