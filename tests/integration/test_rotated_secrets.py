"""A refresh token that the source changes with every use, over real child processes: stored before it is used."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.audit.trail import Actor
from agent.clock import SystemClock
from agent.credentials.access import Access
from agent.errors import ConfigurationError, CredentialsRefused, DriverCrashed, GroundwireError
from agent.hosting.driver import HostedDriver
from agent.secrets import Secret, SecretRef
from agent.settings import ConnectionSettings, LimitsTable
from agent.vault.store import Vault
from drivers.contract import ReadMode, ReadRequest, StreamSpec
from tests.canaries import canary

CHILD = (sys.executable, "-m", "tests.integration.hosting_support.signing_child")
AT = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
STREAM = StreamSpec("vendors", "vendor")


class Site:
    """A state folder with a vault, and a source that knows one token."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.source = folder / "source.json"
        self.vault = Vault(self.state)
        self.vault.put({"erp-token": Secret(canary("-first"))}, by="anna", at=AT)
        self.source.write_text(json.dumps({"token": canary("-first")}))
        self.access = Access(LimitsTable(), self.state, SystemClock(), driver_command=CHILD)

    def kept(self) -> str:
        found = self.vault.get("erp-token")
        assert found is not None
        return found.reveal()

    def known(self) -> dict[str, Any]:
        return dict(json.loads(self.source.read_text()))

    def settings(self, mode: str = "", ref: str = "secret:erp-token") -> ConnectionSettings:
        return ConnectionSettings(
            "erp",
            "signing",
            options={"source": str(self.source), "mode": mode},
            secrets={"refresh_token": SecretRef.parse(ref)},
            where="erp.toml",
        )

    @asynccontextmanager
    async def driver(self, mode: str = "", ref: str = "secret:erp-token") -> AsyncIterator[HostedDriver]:
        settings = self.settings(mode, ref)
        driver = self.access.driver(settings, self.access.secrets_of(settings))
        try:
            yield driver
        finally:
            await driver.aclose()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


class Told:
    def __init__(self) -> None:
        self.lines: list[tuple[str, Mapping[str, Any]]] = []

    async def happened(self, action: str, actor: Actor, facts: Mapping[str, Any]) -> None:
        self.lines.append((action, facts))


async def test_each_rotation_is_in_the_audit_log_without_the_value(site: Site) -> None:
    told = Told()
    site.access = Access(LimitsTable(), site.state, SystemClock(), audit=told, driver_command=CHILD)

    async with site.driver() as driver:
        await driver.check()
        await site.access.settled()

    assert told.lines == [("secret_rotated", {"connection": "erp", "name": "erp-token"})]


async def test_a_new_token_is_in_the_vault_before_it_is_used(site: Site) -> None:
    async with site.driver() as driver:
        for _ in range(3):
            await driver.check()
            assert site.known()["used"][-1] == site.kept() == site.known()["token"]

    async with site.driver() as another:  # and whoever comes later begins with it
        await another.check()


async def test_an_answer_without_a_token_keeps_the_old_one(site: Site) -> None:
    async with site.driver("no_token") as driver:
        await driver.check()
        await driver.check()

    assert site.kept() == canary("-first")


async def test_a_token_is_rotated_in_the_middle_of_a_read_while_a_page_waits_to_be_taken(site: Site) -> None:
    async with site.driver() as driver:
        pages = driver.read(ReadRequest(STREAM, ReadMode.SCAN))
        await anext(pages)
        first = site.known()["token"]
        await _until(lambda: site.known()["token"] != first and site.kept() == site.known()["token"])
        assert [page.cursor async for page in pages] == ["2"]


@pytest.mark.parametrize(("mode", "kept"), [("crash_before_keep", "old"), ("crash_after_keep", "new")])
async def test_a_crash_at_each_step_leaves_the_old_token_or_the_new_one(
    site: Site, mode: str, kept: str
) -> None:
    async with site.driver(mode) as driver:
        with pytest.raises(DriverCrashed):
            await driver.check()

    assert site.kept() == (canary("-first") if kept == "old" else site.known()["token"])
    async with site.driver("no_token", "secret:erp-token") as driver:  # its turn was given back
        with pytest.raises(CredentialsRefused) if kept == "old" else nullcontext():
            await driver.check()


@pytest.mark.parametrize("how", ["caller gives up", "connection is stopped"])
async def test_an_end_in_the_middle_of_a_rotation_waits_for_the_new_token(site: Site, how: str) -> None:
    async with site.driver("slow_source") as driver:
        checking = asyncio.create_task(driver.check())
        await _until(lambda: site.known()["token"] != canary("-first"))
        if how == "caller gives up":
            checking.cancel()
        await driver.aclose()
        await asyncio.gather(checking, return_exceptions=True)

    assert site.kept() == site.known()["token"] != canary("-first")


async def test_two_drivers_take_turns_and_the_second_begins_with_the_new_token(site: Site) -> None:
    async with site.driver("slow_source") as first, site.driver() as second:
        await asyncio.gather(first.check(), second.check())

    assert site.kept() == site.known()["token"]


async def test_a_driver_that_dies_while_another_waits_gives_its_turn_away(site: Site) -> None:
    async with site.driver("slow_source") as first, site.driver("no_token") as second:
        failing = asyncio.create_task(first.check())
        await _until(lambda: site.known()["token"] != canary("-first"))
        waiting = asyncio.create_task(second.check())
        assert first.pid is not None
        os.kill(first.pid, 9)

        with pytest.raises(DriverCrashed):
            await failing
        with pytest.raises(CredentialsRefused):  # the source's answer died with the first one
            await waiting


async def test_where_a_new_token_could_not_be_stored_the_source_is_not_asked(site: Site) -> None:
    settings = site.settings()
    driver = site.access.driver(settings, site.access.secrets_of(settings))
    try:
        (site.state / "vault.key").unlink()
        with pytest.raises(GroundwireError, match="does not open"):
            await driver.check()
    finally:
        await driver.aclose()

    assert site.known()["token"] == canary("-first")


@pytest.mark.parametrize("kind", ["file", "env"])
async def test_a_reference_that_cannot_be_written_is_a_clear_error(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("ERP_TOKEN", canary("-first"))
    (tmp_path / "token.secret").write_text(canary("-first"))
    (tmp_path / "token.secret").chmod(0o600)
    ref = "env:ERP_TOKEN" if kind == "env" else f"file:{tmp_path}/token.secret"

    async with site.driver(ref=ref) as driver:
        with pytest.raises(ConfigurationError, match="cannot be written") as caught:
            await driver.check()

    assert "groundwire secret set" in caught.value.hint
    assert site.known()["token"] == canary("-first")


async def _until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not happened():
            await asyncio.sleep(0.01)  # noqa: TID251 - waits for a real process


async def test_a_value_that_is_only_tried_is_not_rotated(site: Site) -> None:
    driver = site.access.trial(site.settings(), {"secret:erp-token": canary("-first")})
    try:
        with pytest.raises(ConfigurationError, match="not tried before it is stored"):
            await driver.check()
    finally:
        await driver.aclose()

    assert site.known()["token"] == site.kept() == canary("-first")
