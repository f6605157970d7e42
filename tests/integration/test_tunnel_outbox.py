"""The link with the real outbox: what is enqueued arrives once, whichever side goes back in time."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.clock import SystemClock
from agent.identity import Identity, IdentityStore
from agent.outbox.store import Outbox
from agent.outbox.values import BatchDraft, BatchKind, Entry
from agent.protocol.session import KnownAgent
from agent.tunnel.endpoint import make_endpoint
from agent.tunnel.link import Link
from tests.integration.tunnel_peer import AGENT, Authority, FakeSink, FakeStatus, Peer, listening


def entry(stream: str, *payloads: bytes, checkpoint: str | None = "c") -> Entry:
    drafts = tuple(BatchDraft(BatchKind.RECORDS, 1, payload) for payload in payloads)
    return Entry(stream=stream, run="run-1", entity="vendor", batches=drafts, checkpoint=checkpoint)


class Site:
    def __init__(self, folder: Path, peer: Peer) -> None:
        self.folder, self.peer = folder, peer
        self.authority = Authority.make(folder)
        self.store = IdentityStore(folder / "state")
        self.file = folder / "state" / "outbox.db"
        self.url = ""

    def enrol(self) -> None:
        key = Ed25519PrivateKey.generate()
        self.peer.agents[AGENT] = KnownAgent(key.public_key().public_bytes_raw(), 0)
        self.store.save(Identity(AGENT, "acme", self.url, 0, key))

    @contextlib.asynccontextmanager
    async def running(self, outbox: Outbox) -> AsyncIterator[None]:
        link = Link(
            make_endpoint(self.url, ca_file=self.authority.file),
            self.store,
            outbox,
            sink=FakeSink(),
            status=FakeStatus(),
            clock=SystemClock(),
            software="test",
            fraction=lambda: 0.0,
        )
        async with asyncio.TaskGroup() as group:
            task = group.create_task(link.run())
            yield
            await link.drain(2)
            await task

    async def deliver(self, outbox: Outbox, batches: int) -> None:
        async with self.running(outbox):
            await self.peer.until(lambda: len(self.peer.stored) >= batches)
            async with asyncio.timeout(5):
                while outbox.pending_bytes:
                    await SystemClock().sleep(0.01)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    made = Site(tmp_path, Peer())
    async with listening(made.peer, made.authority.server_context()) as port:
        made.url = f"wss://localhost:{port}"
        made.enrol()
        yield made


async def test_everything_enqueued_is_delivered_and_settled(site: Site) -> None:
    async with await Outbox.open(site.file, clock=SystemClock()) as outbox:
        for n in range(10):
            await outbox.append(entry(f"erp/s{n % 3}", bytes([n]) * 1_000, b"second"))
        await site.deliver(outbox, 20)

        assert (await outbox.stats()).pending_batches == 0
    assert [b.seq for b in site.peer.stored] == list(range(1, 21))
    assert all(b.intact() for b in site.peer.stored)


async def test_a_lost_ack_is_made_good_by_the_welcome(site: Site) -> None:
    site.peer.swallow_acks = 1
    async with await Outbox.open(site.file, clock=SystemClock()) as outbox:
        await outbox.append(entry("erp/a", b"1", b"2", b"3"))
        await site.deliver(outbox, 3)

        assert (await outbox.stats()).pending_batches == 0
    assert [b.seq for b in site.peer.stored] == [1, 2, 3]


async def test_a_relay_restored_from_a_backup_gets_the_missing_batches(site: Site) -> None:
    async with await Outbox.open(site.file, clock=SystemClock()) as outbox:
        await outbox.append(entry("erp/a", b"1", b"2", b"3"))
        await site.deliver(outbox, 3)
        site.peer.positions["erp/a"] = 1
        del site.peer.stored[1:]
        await site.deliver(outbox, 3)

        assert (await outbox.stats()).pending_batches == 0
    assert [b.payload for b in site.peer.stored] == [b"1", b"2", b"3"]


async def test_an_outbox_restored_from_a_backup_numbers_on_and_is_read_again(site: Site) -> None:
    backup = site.folder / "backup.db"
    async with await Outbox.open(site.file, clock=SystemClock()) as outbox:
        await outbox.append(entry("erp/a", b"1"))
    shutil.copyfile(site.file, backup)
    async with await Outbox.open(site.file, clock=SystemClock()) as outbox:
        await outbox.append(entry("erp/a", b"2", b"3"))
        await site.deliver(outbox, 3)
    for rest in site.file.parent.glob("outbox.db*"):
        rest.unlink()
    shutil.copyfile(backup, site.file)
    site.file.chmod(0o600)

    async with await Outbox.open(site.file, clock=SystemClock()) as outbox:
        async with site.running(outbox):
            await site.peer.until(lambda: len(site.peer.statuses) >= 2)
            assert await outbox.checkpoint("erp/a") is None  # the stream is read again in full
            await outbox.append(entry("erp/a", b"all again"))
            await site.peer.until(lambda: len(site.peer.stored) == 4)

        assert (await outbox.stats()).pending_batches == 0
    assert [(b.seq, b.prev) for b in site.peer.stored][-1] == (4, 3)


async def test_a_batch_enqueued_while_connected_is_sent_at_once(site: Site) -> None:
    async with await Outbox.open(site.file, clock=SystemClock()) as outbox, site.running(outbox):
        await site.peer.until(lambda: bool(site.peer.statuses))
        for n in range(1, 4):
            await outbox.append(entry("erp/a", bytes([n])))
            await site.peer.until(lambda expected=n: len(site.peer.stored) == expected)
