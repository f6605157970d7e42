from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from agent.clock import ManualClock
from agent.configuration.load import load
from agent.configuration.model import SourceLimits
from agent.connections import Connections
from agent.errors import ConfigurationError, DriverCrashed, PolicyDenied, Restarting
from agent.model.run import rfc3339
from agent.outbox.store import Outbox, RunRecord
from agent.policies.in_force import Leaves
from agent.policy.leave import EVERYTHING, LeaveFilter
from agent.secrets import SecretRef
from agent.settings import ConnectionSettings, Settings
from agent.streams import build_stream
from agent.sync.cursor import Checkpoint
from tests.unit.outbox.making import all_pending, entry

STREAM = "erp/vendors"
ANOTHER_RULE = Checkpoint(initial_done=True, leave="another").to_text()
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


def vendors_alone(connection: str, entity: str, *, send_raw: bool = False) -> LeaveFilter:
    if entity != "vendor":
        raise PolicyDenied("nothing of it may leave")
    return EVERYTHING


class World:
    def __init__(
        self, outbox: Outbox, settings: Settings, clock: ManualClock, leaving: Leaves = everything
    ) -> None:
        self.outbox, self.clock = outbox, clock
        self.connections = Connections(
            outbox, clock, settings.limits, settings.state_dir, lambda: None, leaving=leaving
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


@pytest.mark.parametrize("status", ["succeeded", "failed"])
async def test_a_restart_does_not_forget_the_last_run(
    world: World, erp: ConnectionSettings, status: str
) -> None:
    """Whoever changes a mapping or a policy would otherwise see nothing of the nightly run until the next one."""
    await world.ran(status, began := world.clock.utcnow() - timedelta(hours=1))
    async with asyncio.TaskGroup() as group:
        await world.connections.start(erp, group)
        (told,) = world.connections.local_status()
        await world.connections.stop_all()

    last = told["streams"][0]["lastRun"]
    assert (last["run"], last["status"], last["startedAt"]) == ("r1", status, rfc3339(began))
    assert last["counts"]["read"] == 0


async def test_a_reload_under_way_starts_nothing_once_the_agent_stops(
    world: World, erp: ConnectionSettings
) -> None:
    async with asyncio.TaskGroup() as group:
        await world.connections.start(erp, group)
        await world.connections.stop_all()
        await world.connections.start(erp, group)

        assert list(world.connections) == []


async def test_a_start_under_way_when_the_agent_stops_leaves_nothing_running(
    world: World, erp: ConnectionSettings
) -> None:
    """Nobody would stop what such a start begins, and the agent would never end."""
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        starting = group.create_task(world.connections.start(erp, group))
        await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop: it waits for the files now
        await world.connections.stop_all()
        await starting

        assert list(world.connections) == []


async def test_a_connection_that_is_being_restarted_is_not_said_to_be_missing(
    world: World, erp: ConnectionSettings
) -> None:
    """Who asks for it in that moment may ask again; one that was taken away is gone."""
    connections = world.connections
    async with asyncio.TaskGroup() as group:
        await connections.start(erp, group)
        stopping = group.create_task(connections.stop("erp"))
        await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop
        with pytest.raises(Restarting):
            connections.named("erp")
        await stopping
        with pytest.raises(ConfigurationError):
            connections.named("erp")

        starting = group.create_task(connections.start(erp, group))
        await asyncio.sleep(0)  # noqa: TID251
        with pytest.raises(Restarting):
            connections.named("erp")
        await starting
        assert connections.named("erp").settings == erp
        await connections.stop_all()


async def test_a_connection_without_its_secrets_signs_in_nowhere(
    world: World, erp: ConnectionSettings
) -> None:
    """A source that is asked without a password counts it as a wrong one."""
    unset = replace(erp, secrets={"password": SecretRef("env", "GROUNDWIRE_IS_NOT_SET")})
    async with asyncio.TaskGroup() as group:
        await world.connections.start(unset, group)

        with pytest.raises(ConfigurationError, match="GROUNDWIRE_IS_NOT_SET is not set"):
            world.connections.aside("erp")
        await world.connections.stop_all()


def test_a_streams_write_table_reaches_its_driver(erp: ConnectionSettings) -> None:
    stream = replace(erp.streams["vendors"], write={"create": {"table": "vendor"}})

    assert build_stream(erp, stream, EVERYTHING).spec.write == {"create": {"table": "vendor"}}


async def test_what_waits_and_may_not_leave_any_more_is_taken_back_before_a_connection_runs(
    world: World, erp: ConnectionSettings
) -> None:
    await world.outbox.append(entry(b"made under another rule", stream=STREAM, checkpoint=ANOTHER_RULE))
    await world.outbox.append(entry(b"theirs", stream="other/vendors"))

    await world.next_look(erp)

    assert [batch.stream for batch in await all_pending(world.outbox)] == ["other/vendors"]


async def test_a_whole_connection_means_the_streams_of_which_something_may_leave(
    world: World, erp: ConnectionSettings, settings: Settings
) -> None:
    """A policy that lets out vendors alone would otherwise keep `groundwire sync erp` from them, too."""
    vendors = erp.streams["vendors"]
    streams = {"vendors": vendors, "assets": replace(vendors, name="assets", entity="asset")}
    world = World(world.outbox, settings, world.clock, vendors_alone)
    async with asyncio.TaskGroup() as group:
        await world.connections.start(replace(erp, streams=streams), group)

        assert world.connections.addressed(["erp"]) == [("erp", "vendors")]
        assert world.connections.addressed([]) == [("erp", "vendors")]
        with pytest.raises(PolicyDenied):
            world.connections.require(world.connections.addressed(["erp/assets"]))
        await world.connections.stop_all()


async def test_a_connection_of_which_nothing_may_leave_says_so(
    world: World, erp: ConnectionSettings, settings: Settings
) -> None:
    assets = {"assets": replace(erp.streams["vendors"], name="assets", entity="asset")}
    world = World(world.outbox, settings, world.clock, vendors_alone)
    async with asyncio.TaskGroup() as group:
        await world.connections.start(replace(erp, streams=assets), group)

        with pytest.raises(PolicyDenied):
            world.connections.require(world.connections.addressed(["erp"]))
        await world.connections.stop_all()


async def test_streams_that_may_be_read_beside_each_other_have_a_driver_each_and_all_of_them_end(
    world: World, erp: ConnectionSettings
) -> None:
    both = replace(erp, streams={**erp.streams, "assets": replace(erp.streams["vendors"], name="assets")})
    wide = replace(both, limits=SourceLimits(parallel_reads=8, rows_per_call=500))
    async with asyncio.TaskGroup() as group:
        await world.connections.start(wide, group)
        (connection,) = world.connections
        (told,) = world.connections.local_status()
        await world.connections.stop_all()

    assert len(connection.further) == 1  # no more than there are streams
    assert told["limits"] | {"quietHours": [], "timeZone": "UTC"} == {
        "parallelReads": 8,
        "rowsPerCall": 500,
        "quietHours": [],
        "timeZone": "UTC",
        "pauseSeconds": 0,
    }
    with pytest.raises(DriverCrashed):
        await connection.further[0].describe()
