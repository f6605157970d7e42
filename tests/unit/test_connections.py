from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from agent.clock import ManualClock
from agent.configuration.load import load
from agent.connections import Connections, build_stream
from agent.outbox.store import Outbox, RunRecord
from agent.policy.leave import EVERYTHING, LeaveFilter
from agent.settings import ConnectionSettings, Settings

STREAM = "erp/vendors"
EVERY = timedelta(days=1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "connections").mkdir()
    (tmp_path / "agent.toml").write_text('[agent]\nname = "berlin"\nstate_dir = "state"\n')
    (tmp_path / "connections" / "erp.toml").write_text(
        'driver = "sandbox"\n[sync]\nevery = "1d"\n'
        '[streams.vendors]\nentity = "vendor"\n[streams.vendors.map]\nname = "name"\n'
    )
    return load(tmp_path, environ={})


@pytest.fixture
def erp(settings: Settings) -> ConnectionSettings:
    return settings.connections["erp"]


def everything(connection: str, entity: str, *, send_raw: bool = False) -> LeaveFilter:
    return EVERYTHING


class World:
    def __init__(self, outbox: Outbox, settings: Settings, clock: ManualClock) -> None:
        self.outbox, self.clock = outbox, clock
        self.connections = Connections(
            outbox, clock, settings.limits, settings.state_dir, lambda: None, leaving=everything
        )

    async def ran(self, status: str, started_at: datetime) -> None:
        record = RunRecord(
            "r1", STREAM, "erp", "vendor", "schedule", "initial", status, started_at, started_at, {}
        )
        await self.outbox.save_run(record)

    async def next_look(self, erp: ConnectionSettings) -> datetime:
        async with asyncio.TaskGroup() as group:
            await self.connections.start(erp, group)
            (status,) = self.connections.connections()
            await self.connections.stop_all()
        return datetime.fromisoformat(status["streams"][0]["nextRunAt"])


@pytest.fixture
async def world(tmp_path: Path, settings: Settings) -> AsyncIterator[World]:
    clock = ManualClock()
    async with await Outbox.open(tmp_path / "outbox.db", clock=clock) as outbox:
        yield World(outbox, settings, clock)


@pytest.mark.parametrize("status", ["cancelled", "failed"])
async def test_a_run_that_a_restart_cut_short_goes_on_at_once_and_not_a_day_later(
    world: World, erp: ConnectionSettings, status: str
) -> None:
    await world.ran(status, world.clock.utcnow() - timedelta(minutes=1))

    assert await world.next_look(erp) == world.clock.utcnow()


async def test_a_stream_that_has_just_been_read_waits_for_its_next_tick(
    world: World, erp: ConnectionSettings
) -> None:
    began = world.clock.utcnow() - timedelta(minutes=1)
    await world.ran("succeeded", began)

    assert world.clock.utcnow() < await world.next_look(erp) <= began + EVERY + timedelta(seconds=1)


async def test_a_reload_under_way_starts_nothing_once_the_agent_stops(
    world: World, erp: ConnectionSettings
) -> None:
    async with asyncio.TaskGroup() as group:
        await world.connections.start(erp, group)
        await world.connections.stop_all()
        await world.connections.start(erp, group)

        assert list(world.connections) == []


def test_a_streams_write_table_reaches_its_driver(erp: ConnectionSettings) -> None:
    stream = replace(erp.streams["vendors"], write={"create": {"table": "vendor"}})

    assert build_stream(erp, stream, EVERYTHING).spec.write == {"create": {"table": "vendor"}}
