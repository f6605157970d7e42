from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.audit.trail import Actor, Origin
from agent.clock import ManualClock
from agent.configuration.load import load
from agent.credentials.access import Access
from agent.credentials.changes import HASHES, SecretChanges
from agent.errors import ConfigurationError, CredentialsRefused
from agent.policies.key import NAME as HASH_KEY
from agent.policies.key import PolicyKey
from agent.secrets import Secret, redact
from agent.vault.store import Vault
from drivers.contract import CheckStep
from tests.unit.commands.making import FakeTrail

ACTOR = Actor(Origin.LOCAL, "anna")


class Force:
    """What puts values in force, and can be held."""

    def __init__(self) -> None:
        self.applied: list[Sequence[str]] = []
        self.reached, self.free = asyncio.Event(), asyncio.Event()
        self.free.set()

    async def apply(self, users: Sequence[str]) -> None:
        self.reached.set()
        await self.free.wait()
        self.applied.append(users)


@pytest.fixture
def force() -> Force:
    return Force()


@pytest.fixture
def changes(tmp_path: Path, force: Force) -> SecretChanges:
    (tmp_path / "connections").mkdir()
    (tmp_path / "agent.toml").write_text('[agent]\nname = "berlin"\nstate_dir = "state"\n')
    (tmp_path / "connections" / "erp.toml").write_text(
        'driver = "sandbox"\nenabled = false\n[secrets]\npassword = "secret:erp-pw"\n'
    )
    return changes_in(tmp_path, force)


def changes_in(folder: Path, force: Force) -> SecretChanges:
    settings, clock = load(folder, environ={}), ManualClock()
    access = Access(settings.limits, settings.state_dir, clock)
    return SecretChanges(lambda: settings, access, FakeTrail(), clock, apply=force.apply, environ={})


def enable(connection: Path) -> None:
    connection.write_text(connection.read_text().replace("enabled = false\n", ""))


async def leave_midway(work: Any, force: Force, meanwhile: Callable[[], None] = lambda: None) -> None:
    """Whoever asked goes away while the change is being put in force."""
    force.free.clear()
    asking = asyncio.ensure_future(work)
    await force.reached.wait()
    asking.cancel()
    meanwhile()
    force.free.set()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_what_is_stored_is_in_force_also_where_nobody_waited_for_it(
    changes: SecretChanges, force: Force, tmp_path: Path
) -> None:
    await leave_midway(changes.set("erp-pw", Secret("word-of-a-kind"), ACTOR), force)

    assert Vault(tmp_path / "state", environ={}).get("erp-pw") == Secret("word-of-a-kind")
    assert force.applied == [("erp",)]


async def test_a_removal_is_in_force_also_where_nobody_waited_for_it(
    changes: SecretChanges, force: Force, tmp_path: Path
) -> None:
    await changes.set("erp-pw", Secret("word-of-a-kind"), ACTOR)
    force.reached.clear()
    await leave_midway(changes.remove("erp-pw", ACTOR, force=True), force)

    assert Vault(tmp_path / "state", environ={}).get("erp-pw") is None
    assert force.applied == [("erp",), ["erp"]]


async def test_a_wrong_passphrase_is_not_masked_from_then_on(changes: SecretChanges) -> None:
    """It may be any word; masked, it would riddle the log for as long as the agent runs."""
    await changes.set("erp-pw", Secret("word-of-a-kind"), ACTOR)
    content, _ = await changes.export(Secret("nine words that nobody would guess"), ACTOR)

    with pytest.raises(ConfigurationError):
        await changes.load(content, Secret("anotherpassphrase"), ACTOR, where="file", replace=True)

    assert redact("anotherpassphrase") == "anotherpassphrase"


async def test_the_key_of_hashed_fields_is_no_secret_that_nothing_uses(
    changes: SecretChanges, force: Force, tmp_path: Path
) -> None:
    """Removed by the way, every hash would be another one from then on."""
    PolicyKey(tmp_path / "state", ManualClock())()

    (listed,) = [one for one in (await changes.list())["secrets"] if one["name"] == HASH_KEY]
    with pytest.raises(ConfigurationError, match="in use by: the policy's hashes") as refused:
        await changes.remove(HASH_KEY, ACTOR)
    with pytest.raises(ConfigurationError, match="by itself"):
        await changes.set(HASH_KEY, Secret("00" * 32), ACTOR)

    assert listed["used_by"] == [HASHES]
    assert "another hash" in refused.value.hint
    assert await changes.remove(HASH_KEY, ACTOR, force=True)


async def test_what_was_stored_by_force_is_not_told_as_if_it_had_not_been(
    changes: SecretChanges, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told: list[CredentialsRefused] = []

    class Refusing:
        async def check(self) -> list[CheckStep]:
            raise CredentialsRefused("no such password")

        async def aclose(self) -> None:
            """Nothing to end."""

    async def expect(_settings: Any, _secrets: Any, error: CredentialsRefused) -> None:
        told.append(error)

    enable(tmp_path / "connections" / "erp.toml")
    monkeypatch.setattr(Access, "trial", lambda *_: Refusing())
    monkeypatch.setattr(Access, "expect_refusal", lambda _, *args: expect(*args))
    changes = changes_in(tmp_path, Force())

    with pytest.raises(CredentialsRefused) as refused:
        await changes.set("erp-pw", Secret("word-of-a-kind"), ACTOR)
    await changes.set("erp-pw", Secret("word-of-a-kind"), ACTOR, force=True)

    assert "Nothing was stored" in refused.value.hint
    assert "Nothing was stored" not in told[0].hint
