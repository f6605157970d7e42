"""What doctor finds on few hosts: a name server that is slow, a quota, a dying disk, 32 bits, no time zones."""

from __future__ import annotations

import errno
import os
import socket
import sys
import zoneinfo
from pathlib import Path
from typing import Any

import pytest

from agent.clock import ManualClock
from agent.doctor import credentials, disks, names, versions, zones
from agent.secrets import Secret
from agent.vault.store import Vault
from tests.canaries import canary
from tests.premises import Premises

posix = pytest.mark.skipif(sys.platform == "win32", reason="nameless files are Linux'")


@pytest.fixture
def site(tmp_path: Path) -> Premises:
    return Premises(tmp_path, relay_url="wss://relay/agent")


def resolving(
    monkeypatch: pytest.MonkeyPatch, address: str, clock: ManualClock, seconds: float = 0.0
) -> None:
    """A name server that answers so, after so long."""

    async def addresses_of(_host: str, port: int, **_: Any) -> list[Any]:
        clock.advance(seconds)
        return [(socket.AF_INET, (address, port))]

    monkeypatch.setattr(names, "addresses_of", addresses_of)


class TestNames:
    async def test_a_name_that_takes_long(self, site: Premises, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = ManualClock()
        (site.root / "etc/resolv.conf").write_text("nameserver 192.0.2.1\nnameserver 192.0.2.2\n")
        resolving(monkeypatch, "192.0.2.7", clock, names.SLOW_SECONDS + 0.1)
        found = await site.ask(names.CHECK, clock=clock)

        assert "took 1.1 s" in found["names.slow"].cause
        assert "192.0.2.1, 192.0.2.2" in found["names.slow"].evidence

    async def test_a_name_at_once_is_not_slow(self, site: Premises, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = ManualClock()
        resolving(monkeypatch, "192.0.2.7", clock, names.SLOW_SECONDS)

        assert "names.slow" not in await site.ask(names.CHECK, clock=clock)

    async def test_a_name_without_a_domain(self, site: Premises, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = ManualClock()
        resolving(monkeypatch, "192.0.2.7", clock)
        found = await site.ask(names.CHECK, clock=clock)

        assert "relay has no domain" in found["names.short"].cause
        site.enrol("wss://relay.example.com/agent")
        assert "names.short" not in await site.ask(names.CHECK, clock=clock)

    @pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1"])
    async def test_a_name_that_is_blocked(
        self, site: Premises, monkeypatch: pytest.MonkeyPatch, address: str
    ) -> None:
        clock = ManualClock()
        resolving(monkeypatch, address, clock)

        assert address in (await site.ask(names.CHECK, clock=clock))["names.odd_address"].cause


@posix
@pytest.mark.parametrize(("number", "code"), [(errno.EDQUOT, "disk.quota"), (errno.EIO, "disk.failing")])
async def test_a_disk_that_takes_nothing(
    site: Premises, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    def refuse(_handle: int, _start: int, _length: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(disks.os, "posix_fallocate", refuse)

    assert os.strerror(number) in (await site.ask(disks.CHECK))[code].cause


async def test_a_python_of_32_bits(site: Premises, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "versions.narrow" not in await site.ask(versions.CHECK)
    monkeypatch.setattr(versions.struct, "calcsize", lambda _: 4)

    assert "32 bits" in (await site.ask(versions.CHECK))["versions.narrow"].cause


async def test_a_host_without_time_zones(site: Premises, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(key: str) -> None:
        raise zoneinfo.ZoneInfoNotFoundError(key)

    monkeypatch.setattr(zones.zoneinfo, "ZoneInfo", unknown)  # as on a Windows without the package tzdata

    assert set(await site.ask(zones.CHECK)) == {"zones.missing"}


class TestTheVault:
    async def test_one_that_was_put_back_from_a_backup(self, site: Premises) -> None:
        vault, file = Vault(site.state, environ={}), site.state / "vault.json"
        now = (await site.look()).clock.utcnow()
        vault.put({"erp": Secret(canary("-first"))}, by="root", at=now)
        before = file.read_bytes()
        vault.put({"erp": Secret(canary("-second"))}, by="root", at=now)
        assert "credentials.vault_older" not in await site.ask(credentials.CHECK)
        file.write_bytes(before)

        assert "credentials.vault_older" in await site.bad(credentials.CHECK)

    async def test_one_that_could_be_guarded_better(self, site: Premises, tmp_path: Path) -> None:
        now = (await site.look()).clock.utcnow()
        Vault(site.state, environ={}).put({"erp": Secret(canary("-file"))}, by="root", at=now)
        assert "credentials.vault_guard" not in await site.ask(credentials.CHECK)
        key = tmp_path / "credentials" / "groundwire-vault-key"
        key.parent.mkdir(mode=0o700)
        key.write_bytes(bytes(32))
        key.chmod(0o600)
        site.environ["CREDENTIALS_DIRECTORY"] = str(key.parent)

        assert (await site.ask(credentials.CHECK))["credentials.vault_guard"].evidence
