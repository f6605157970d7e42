from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from agent.configuration.model import ConnectionSettings, Settings
from agent.configuration.reload import Changes, Reload
from agent.reloads import Reloads


def changed(version: int) -> Reload:
    """The connection `erp` in another version of its file."""
    one = cast("ConnectionSettings", SimpleNamespace(enabled=True, version=version))
    settings = Settings(config_dir=Path(), state_dir=Path(), connections={"erp": one})
    return Reload(settings, Changes(changed=("erp",)))


class Scripted:
    """A watcher that finds the next version at each look."""

    def __init__(self) -> None:
        self._versions = 0

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
        reloads = Reloads(Scripted(), connections, group)
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
        asked = group.create_task(Reloads(Scripted(), connections, group).now())
        await _turns()
        asked.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asked
        connections.released.set()

    assert connections.did == ["stop erp", "start version 1"]
