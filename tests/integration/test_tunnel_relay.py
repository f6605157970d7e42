"""The link, the outbox and the relay as they are shipped: enrolled by code, delivered over TLS, resumed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.errors import CredentialsRefused, IdentityRefused
from agent.identity import IdentityStore
from agent.model.payload import encode_run
from agent.model.run import RunMode, RunReport, RunStatus, RunTrigger
from agent.outbox.store import Outbox
from agent.outbox.values import BatchDraft, BatchKind, Entry
from agent.tunnel.diagnose import check_tunnel
from agent.tunnel.endpoint import Endpoint, make_endpoint
from agent.tunnel.enroll import enroll
from agent.tunnel.link import Link
from relay.app import RelayApp
from relay.identities import create_code, create_tenant
from relay.settings import parse_settings
from relay.tls import CertificateFiles, make_certificates
from tests.integration.tunnel_peer import FakeSink, FakeStatus

CLOCK = SystemClock()
STREAM = "erp/vendors"


class Site:
    def __init__(self, folder: Path, relay: RelayApp, files: CertificateFiles) -> None:
        self.folder, self.relay, self.files = folder, relay, files
        self.state = folder / "agent"

    @property
    def endpoint(self) -> Endpoint:
        return make_endpoint(self.relay.gateway_url, ca_file=self.files.ca)

    async def code(self) -> str:
        made, _ = await create_code(
            self.relay.store, "acme", agent_name=None, lifetime=timedelta(minutes=5), now=CLOCK.utcnow()
        )
        return made.shown

    async def enroll(self, code: str, state: Path | None = None) -> str:
        identity = await enroll(
            self.endpoint.url, code, "plant 1", state or self.state, software="test", ca_file=self.files.ca
        )
        return identity.agent

    def link(self, outbox: Outbox, state: Path | None = None) -> Link:
        return Link(
            self.endpoint,
            IdentityStore(state or self.state),
            outbox,
            sink=FakeSink(),
            status=FakeStatus(),
            clock=CLOCK,
            software="test",
            fraction=lambda: 0.0,
        )

    async def deliver(self, outbox: Outbox) -> None:
        link = self.link(outbox)
        async with asyncio.TaskGroup() as group:
            group.create_task(link.run())
            async with asyncio.timeout(5):
                while outbox.pending_bytes or link.state.last_ack is None:
                    await CLOCK.sleep(0.01)
            await link.drain(2)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    files = make_certificates(tmp_path, ["127.0.0.1"], CLOCK.utcnow())
    tls = {"certificate": str(files.certificate), "key": str(files.key)}
    gateway = {"host": "127.0.0.1", "port": 0, "tls": tls}
    settings = parse_settings(
        {"data": str(tmp_path / "relay"), "gateway": gateway, "api": {"port": 0}}, base=tmp_path, where="test"
    )
    async with RelayApp(settings) as relay:
        await create_tenant(relay.store, "acme", CLOCK.utcnow())
        yield Site(tmp_path, relay, files)


@contextlib.asynccontextmanager
async def outbox_of(site: Site) -> AsyncIterator[Outbox]:
    async with await Outbox.open(site.state / "outbox.db", clock=CLOCK) as outbox:
        yield outbox


def entry(number: int) -> Entry:
    run = f"run-{number:04}"
    report = RunReport(
        run, STREAM, "erp", "vendor", RunTrigger.SCHEDULE, RunMode.INITIAL, RunStatus.RUNNING, CLOCK.utcnow()
    )
    return Entry(STREAM, run, "vendor", (BatchDraft(BatchKind.RUN, 1, encode_run(report)),))


async def test_what_is_enqueued_is_at_the_relay_in_order(site: Site) -> None:
    agent = await site.enroll(await site.code())
    async with outbox_of(site) as outbox:
        for number in range(30):
            await outbox.append(entry(number))
        await site.deliver(outbox)
        known = await site.relay.store.agent(agent)
        assert known is not None
        assert (await site.relay.store.stream_ends(known))[STREAM].seq == 30

        await outbox.append(entry(30))
        await site.deliver(outbox)
        assert (await site.relay.store.stream_ends(known))[STREAM].seq == 31
        assert known.epoch == 1
    assert IdentityStore(site.state).load().epoch == 2


async def test_a_code_works_once(site: Site) -> None:
    code = await site.code()
    await site.enroll(code)
    with pytest.raises(CredentialsRefused):
        await site.enroll(code, site.folder / "other")


async def test_a_copied_identity_is_shut_out_once_the_other_went_on(site: Site) -> None:
    await site.enroll(await site.code())
    copy = site.folder / "copy"
    IdentityStore(copy).save(IdentityStore(site.state).load())
    async with outbox_of(site) as outbox:
        await outbox.append(entry(1))
        await site.deliver(outbox)

        with pytest.raises(IdentityRefused, match="another copy"):
            await site.link(outbox, copy).run()


async def test_the_check_finds_every_hop_in_order(site: Site) -> None:
    hops = await check_tunnel(site.endpoint)

    assert [(hop.name, hop.ok) for hop in hops] == [
        ("certificates", True),
        ("name", True),
        ("connection", True),
        ("tls", True),
        ("websocket", True),
    ]
