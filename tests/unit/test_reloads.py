from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from agent.audit.trail import Actor
from agent.clock import ManualClock
from agent.configuration.effective import ConnectionSettings, Settings
from agent.configuration.reload import Changes, Reload
from agent.errors import AuditUnavailable, ConfigurationError
from agent.reloads import Reloads, changes_told


def changed(version: int) -> Reload:
    """The connection `erp` in another version of its file."""
    one = cast(
        "ConnectionSettings", SimpleNamespace(enabled=True, version=version, fingerprint=f"print {version}")
    )
    settings = Settings(config_dir=Path(), state_dir=Path(), connections={"erp": one})
    return Reload(settings, Changes(changed=("erp",)))


class Trail:
    """An audit log that cannot be written as long as it is `down`."""

    def __init__(self, down: int = 0) -> None:
        self.down = down
        self.lines: list[tuple[str, Mapping[str, Any]]] = []

    async def record(self, action: str, actor: Actor, facts: Mapping[str, Any]) -> None:
        if self.down:
            self.down -= 1
            raise AuditUnavailable
        self.lines.append((action, facts))


class Scripted:
    """A watcher that finds the next version at each look."""

    def __init__(self) -> None:
        self._versions = 0
        self.settings = changed(0).settings

    def reload(self) -> Reload:
        self._versions += 1
        return changed(self._versions)

    async def reloads(self) -> AsyncIterator[Reload]:
        yield self.reload()


class SlowToStop:
    """Connections of which one takes until `released` to stop, as one in the middle of a page does."""

    def __init__(self) -> None:
        self.did: list[str] = []
        self.released = asyncio.Event()

    async def stop(self, name: str) -> None:
        self.did.append(f"stop {name}")
        await self.released.wait()

    async def start(self, settings: Any, group: asyncio.TaskGroup) -> None:
        self.did.append(f"start version {settings.version}")


async def _turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)  # noqa: TID251 - turns of the loop


async def test_a_change_that_comes_while_another_is_put_in_force_waits_and_is_the_one_that_stays() -> None:
    connections = SlowToStop()
    async with asyncio.TaskGroup() as group:
        reloads = Reloads(Scripted(), connections, group, Trail(), ManualClock())
        group.create_task(reloads.watch())
        await _turns()
        group.create_task(reloads.now())
        await _turns()
        assert connections.did == ["stop erp"]
        connections.released.set()

    assert connections.did == ["stop erp", "start version 1", "stop erp", "start version 2"]


async def test_an_operator_who_does_not_wait_leaves_no_connection_stopped() -> None:
    connections = SlowToStop()
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(Reloads(Scripted(), connections, group, Trail(), ManualClock()).now())
        await _turns()
        asked.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asked
        connections.released.set()

    assert connections.did == ["stop erp", "start version 1"]


async def test_a_change_is_put_in_force_only_after_its_line_with_both_hashes_is_written() -> None:
    connections, trail = SlowToStop(), Trail(down=3)
    connections.released.set()
    async with asyncio.TaskGroup() as group:
        await Reloads(Scripted(), connections, group, trail, ManualClock()).now()

    assert trail.lines == [
        (
            "connection_changed",
            {"connection": "erp", "before": "print 0", "after": "print 1", "enabled": True},
        )
    ]
    assert connections.did == ["stop erp", "start version 1"]


async def test_what_cannot_be_written_of_changes_nothing() -> None:
    connections, trail = SlowToStop(), Trail(down=1_000_000)
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(Reloads(Scripted(), connections, group, trail, ManualClock()).now())
        await _turns()
        assert connections.did == []
        trail.down = 0
        connections.released.set()
        await asked

    assert connections.did == ["stop erp", "start version 1"]


async def test_a_restart_for_another_reason_puts_no_change_in_force_that_is_not_written_yet() -> None:
    connections, trail, watcher = SlowToStop(), Trail(), Scripted()
    async with asyncio.TaskGroup() as group:
        reloads = Reloads(watcher, connections, group, trail, ManualClock())
        restarting = group.create_task(reloads.restart("erp"))
        await _turns()
        watcher.settings = changed(1).settings  # found while the connection was stopping
        connections.released.set()
        await restarting

    assert connections.did == ["stop erp", "start version 0"]


def test_every_kind_of_change_has_its_line() -> None:
    before = {"old": one("old 1"), "erp": one("erp 1")}
    after = {"erp": one("erp 2"), "new": one("new 1")}
    reload = Reload(
        Settings(config_dir=Path(), state_dir=Path(), connections=after),
        Changes(added=("new",), changed=("erp",), removed=("old",), agent_wide=("limits",)),
        (ConfigurationError("a value", where="connections/x.toml:3"),),
    )

    assert changes_told(before, reload) == [
        ("configuration_refused", {"where": "connections/x.toml:3", "code": "configuration"}),
        ("settings_changed", {"sections": ["limits"], "in_force": "next start"}),
        ("connection_removed", {"connection": "old", "before": "old 1"}),
        (
            "connection_changed",
            {"connection": "erp", "after": "erp 2", "enabled": True, "before": "erp 1"},
        ),
        ("connection_added", {"connection": "new", "after": "new 1", "enabled": True}),
    ]


def one(fingerprint: str) -> ConnectionSettings:
    return cast("ConnectionSettings", SimpleNamespace(enabled=True, fingerprint=fingerprint))
