"""Agent and relay over a bad line: the link with its TLS and the gateway as they are shipped, a proxy between them.

The heartbeat is short, so that minutes are seconds: what is said of it holds in multiples of it. GROUNDWIRE_LINES=1
takes the heartbeat and the times that are shipped.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.identity import IdentityStore
from agent.tunnel.endpoint import make_endpoint
from agent.tunnel.link import Link, LinkPhase, LinkState
from relay.app import RelayApp
from relay.settings import Gateway, RelaySettings, Tls, parse_settings
from relay.tls import CertificateFiles, make_certificates, server_context
from tests.faults.fault_proxy import FaultProxy, Line
from tests.faults.fleet import CLOCK, STREAM, LightAgent, enrol
from tests.integration.tunnel_peer import Authority, FakeOutbox, FakeSink, FakeStatus, Peer, listening

SHIPPED = "GROUNDWIRE_LINES" in os.environ
BEAT_SECONDS = Gateway().heartbeat_seconds if SHIPPED else 1.0
SILENCE_SECONDS = 2.5 * BEAT_SECONDS  # that is borne
TLS_HANDSHAKE = 0x16
PATIENCE_SECONDS = 600.0 if SHIPPED else 60.0

pytestmark = pytest.mark.timeout(0 if SHIPPED else 180)


class World:
    """One agent, one relay, and the line between them."""

    def __init__(
        self, folder: Path, settings: RelaySettings, files: CertificateFiles, proxy: FaultProxy
    ) -> None:
        self.folder, self.settings, self.files, self.proxy = folder, settings, files, proxy
        self.sink = FakeSink()
        self.agent: LightAgent

    def make_link(self, state: Path) -> None:
        outbox = FakeOutbox()
        link = Link(
            make_endpoint(f"wss://127.0.0.1:{self.proxy.port}", ca_file=self.files.ca),
            IdentityStore(state),
            outbox,
            sink=self.sink,
            status=FakeStatus(),
            clock=CLOCK,
            software="test",
            fraction=lambda: 0.02,
        )
        self.agent = LightAgent(link, outbox)

    @property
    def state(self) -> LinkState:
        return self.agent.link.state

    def enqueue(self, count: int = 1, *, bytes_each: int = 0) -> None:
        """Batches; large ones are none that the relay can read, and are stored all the same."""
        for number in range(count):
            if bytes_each:
                payload = hashlib.shake_256(bytes([number])).digest(bytes_each)
                self.agent.outbox.add(STREAM, payload)
            else:
                self.agent.enqueue()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.ensure_future(self.agent.link.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    @asynccontextmanager
    async def relay(self) -> AsyncIterator[RelayApp]:
        async with RelayApp(self.settings) as app:
            self.proxy.aim(app.gateway.port)
            yield app

    async def until(self, what: str, condition: Callable[[], Any]) -> float:
        began = CLOCK.monotonic()
        while not condition():
            assert CLOCK.monotonic() - began < PATIENCE_SECONDS, f"{what}: {self.state}"
            await CLOCK.sleep(0.01)
        return CLOCK.monotonic() - began

    async def delivered(self) -> None:
        await self.until("not all is acked", lambda: self.agent.delivered)

    def stored(self) -> list[bytes]:
        """The payloads at the relay that has ended."""
        with closing(sqlite3.connect(self.settings.store_path)) as db:
            return [payload for (payload,) in db.execute("select payload from batches order by position")]

    @property
    def enqueued(self) -> list[bytes]:
        return [batch.payload for batch in self.agent.outbox.batches]

    def all_of_it_was_tls(self) -> bool:
        """Every connection begins with a handshake of TLS, and no word of a greeting is to be read in it."""
        heads = [bytes(head) for head in self.proxy.heads if head]
        return bool(heads) and all(
            head[0] == TLS_HANDSHAKE and b"GET " not in head and b"groundwire" not in head for head in heads
        )


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    files = make_certificates(tmp_path, ["127.0.0.1"], CLOCK.utcnow())
    tls = {"certificate": str(files.certificate), "key": str(files.key)}
    gateway = {"host": "127.0.0.1", "port": 0, "tls": tls, "heartbeat_seconds": BEAT_SECONDS}
    document = {"data": str(tmp_path / "data"), "gateway": gateway, "api": {"port": 0}}
    settings = parse_settings(document, base=tmp_path, where="test")
    (tmp_path / "relay.toml").write_text(
        f'data = "{tmp_path / "data"}"\n[gateway]\nhost = "127.0.0.1"\n[api]\nport = 0\n'
    )
    settings.data.mkdir(mode=0o700)
    (store,) = await enrol(tmp_path, tmp_path / "agents", "wss://127.0.0.1:1/agent", 1)
    with FaultProxy(1) as proxy:
        made = World(tmp_path, settings, files, proxy)
        made.make_link(store.path.parent)
        yield made


async def test_a_black_hole_is_noticed_within_three_heartbeats_and_nothing_is_half_applied(
    world: World,
) -> None:
    async with world.relay(), world.running():
        world.enqueue(3)
        await world.delivered()
        world.proxy.silent = True
        world.enqueue(2, bytes_each=40_000)  # goes on being written while nothing arrives
        noticed = await world.until(
            "the black hole was not noticed", lambda: world.state.phase is LinkPhase.WAITING
        )
        print(f"a half-open line was noticed after {noticed:.1f} s, heartbeats every {BEAT_SECONDS} s")
        assert "did not say anything" in world.state.error
        world.proxy.heal()
        await world.delivered()

    assert not SHIPPED or noticed <= 45
    assert world.stored() == world.enqueued
    assert world.all_of_it_was_tls()


LINES: dict[str, Callable[[FaultProxy], None]] = {
    "resets": lambda proxy: setattr(proxy, "line", Line(reset=0.015)),
    "a third of the packets lost": lambda proxy: setattr(
        proxy, "line", Line(loss=0.3, loss_seconds=0.2, reset=0.002)
    ),
    "slow and short-lived": lambda proxy: setattr(proxy, "cut_after_bytes", (30_000, 400_000)),
    "an answer every five seconds": lambda proxy: setattr(
        proxy, "line", Line(latency_seconds=2.5 if SHIPPED else 0.15)
    ),
}


@pytest.mark.parametrize("kind", LINES)
async def test_over_a_bad_line_everything_arrives_once_and_in_order(world: World, kind: str) -> None:
    LINES[kind](world.proxy)
    async with world.relay(), world.running():
        world.enqueue(6, bytes_each=30_000)
        world.enqueue(6)
        await world.delivered()

    assert world.stored() == world.enqueued
    assert world.all_of_it_was_tls()


@pytest.mark.parametrize("buffer_bytes", [0, 10**7], ids=["narrow", "behind-a-large-buffer"])
async def test_a_line_that_takes_many_heartbeats_for_one_batch_is_slow_and_not_dead(
    world: World, buffer_bytes: int
) -> None:
    """As at 1 kB/s: the batch takes many times as long as a silence may, and heartbeats wait behind it."""
    seconds = (10 if SHIPPED else 4) * SILENCE_SECONDS
    size = round(1_000 * seconds) if SHIPPED else 800_000  # each part well within a silence on a busy machine
    async with world.relay(), world.running():
        await world.until("not connected", lambda: world.agent.connected)
        before = world.proxy.connections
        world.proxy.line = Line(bytes_per_second=size / seconds)
        world.proxy.buffer_bytes = buffer_bytes
        world.enqueue(1, bytes_each=size)
        await world.delivered()

        assert world.proxy.connections == before
    assert world.stored() == world.enqueued


async def test_behind_a_middlebox_a_dead_name_or_an_expired_certificate_it_says_what_to_do_and_is_never_plain(
    world: World,
) -> None:
    """While it is connected, and when it comes back; afterwards it goes on by itself."""
    other = Authority.make(world.folder / "agents")
    async with world.relay() as relay, world.running():
        world.enqueue(1)
        await world.delivered()
        for context, words, hint in (
            (other.server_context("127.0.0.1"), "certificate is not accepted", "authority"),
            (expired_context(world.files), "expired", "renew"),
            (None, "the connection broke during the handshake", "groundwire check"),
        ):
            async with listening(Peer(), context) as port:
                world.proxy.aim(port)
                world.proxy.cut_all()
                await world.until(f"not refused for {words}", lambda words=words: words in world.state.error)
                assert hint in world.state.hint
                assert not world.agent.connected
        world.enqueue(1)
        world.proxy.aim(relay.gateway.port)
        await world.delivered()

        good, world.agent.link.endpoint = world.agent.link.endpoint, make_endpoint("wss://relay.invalid")
        world.proxy.cut_all()
        await world.until("the name is there", lambda: "the name does not resolve" in world.state.error)
        assert "name servers" in world.state.hint
        world.enqueue(1)
        world.agent.link.endpoint = good
        await world.delivered()

    assert world.stored() == world.enqueued
    assert world.all_of_it_was_tls()


def expired_context(files: CertificateFiles) -> ssl.SSLContext:
    """A server whose certificate the agent's own authority signed, and whose time is over."""
    folder = files.ca.parent / "expired"
    folder.mkdir()
    made = make_certificates(folder, ["127.0.0.1"], CLOCK.utcnow() - timedelta(days=1_000))
    files.ca.write_bytes(files.ca.read_bytes() + made.ca.read_bytes())
    return server_context(Tls(certificate=made.certificate, key=made.key))


async def test_a_proxy_that_cuts_what_is_idle_finds_nothing_idle(world: World) -> None:
    world.proxy.idle_seconds = 4 * BEAT_SECONDS
    async with world.relay(), world.running():
        await world.until("not connected", lambda: world.agent.connected)
        await CLOCK.sleep(3 * world.proxy.idle_seconds)
        world.enqueue(1)
        await world.delivered()

    assert world.proxy.connections == 1
    assert world.proxy.cuts == 0
