from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.access import Access
from agent.audit.trail import Actor, Origin
from agent.clock import ManualClock
from agent.configuration.load import load
from agent.errors import ConfigurationError
from agent.secret_changes import SecretChanges
from agent.secrets import Secret, redact
from agent.vault.store import Vault
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
    settings, clock = load(tmp_path, environ={}), ManualClock()
    access = Access(settings.limits, settings.state_dir, clock)
    return SecretChanges(lambda: settings, access, FakeTrail(), clock, apply=force.apply, environ={})


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
