"""The kinds that write over real connections: a driver in its child process, a mapping, a journal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.audit.trail import AGENT
from agent.clock import SystemClock
from agent.commands.arguments import read_arguments
from agent.commands.ports import Answer, Call, Refused, State
from agent.commands.systems import StatusWithOperations, connect_writes
from agent.configuration.load import load
from agent.connections import Connections
from agent.errors import ConfigurationError, CredentialsRefused, PolicyDenied
from agent.outbox.store import Outbox
from agent.policy.leave import EVERYTHING, LeaveFilter
from agent.policy.model import Policy, PolicyFile
from drivers.contract import ReadMode, ReadRequest, StreamSpec
from drivers.sandbox.driver import SandboxDriver
from tests.permissive import permissive_rule

pytestmark = pytest.mark.integration

OPTIONS = {"time": "fixed", "advance": 86_400, "size": 60}
RULE = permissive_rule()
RULE["leave"] = {name: rule for name, rule in RULE["leave"].items() if name != "asset"}
POLICY = Policy(PolicyFile.model_validate({"connections": {"box": RULE}}))
OPEN_STATUSES = {"DR", "PA", "AP", "OR"}


def leaving(connection: str, entity: str, *, send_raw: bool = False) -> LeaveFilter:
    if entity == "asset":
        raise PolicyDenied("nothing of it leaves")
    return EVERYTHING


class World:
    def __init__(self, connections: Connections, outbox: Outbox) -> None:
        self.connections = connections
        self.changes = 0
        self.matrices, kinds = connect_writes(
            connections, outbox.journal, lambda: POLICY, SystemClock(), self._changed, leaving
        )
        self.kinds = {kind.name: kind for kind in kinds}
        self.status = StatusWithOperations(connections.connections, self.matrices)

    def _changed(self) -> None:
        self.changes += 1

    async def ask(self, name: str, **args: Any) -> Answer:
        kind = self.kinds[name]
        arguments = read_arguments(kind.arguments, {"connection": "box", **args})  # type: ignore[type-var]

        async def progress(_: Mapping[str, Any]) -> None: ...

        clock = SystemClock()
        assert (await kind.judge(arguments, clock.utcnow())).allowed
        await kind.prepare(arguments)
        return await kind.run(Call(f"test-{name}", clock.utcnow(), AGENT, progress), arguments)


@asynccontextmanager
async def living(folder: Path) -> AsyncIterator[World]:
    (folder / "connections").mkdir()
    (folder / "agent.toml").write_text('[agent]\nname = "berlin"\nstate_dir = "state"\n')
    (folder / "connections" / "box.toml").write_text(
        'system = "sandbox"\n[options]\ntime = "fixed"\nadvance = 86400\nsize = 60\n[sync]\nmanual = true\n'
    )
    settings = load(folder, environ={})
    settings.state_dir.mkdir(mode=0o700)
    async with await Outbox.open(folder / "outbox.db", clock=SystemClock()) as outbox:
        connections = Connections(
            outbox, SystemClock(), settings.limits, settings.state_dir, lambda: None, leaving=leaving
        )
        async with asyncio.TaskGroup() as group:
            await connections.start(settings.connections["box"], group)
            try:
                yield World(connections, outbox)
            finally:
                await connections.stop_all()


async def order_key(*codes: str) -> str:
    driver = SandboxDriver("box", OPTIONS, {})
    request = ReadRequest(StreamSpec("purchase_orders", "purchase_order"), ReadMode.SCAN, page_rows=1_000)
    rows = [row async for page in driver.read(request) for row in page.table.to_pylist()]
    return next(row["__key"] for row in rows if row["status_code"] in codes)


async def test_an_update_goes_by_the_status_that_the_record_has_now(tmp_path: Path) -> None:
    async with living(tmp_path) as world:
        done = await world.ask(
            "update", entity="purchase_order", key=await order_key(*OPEN_STATUSES), record={"notes": "x"}
        )
        with pytest.raises(Refused) as caught:
            await world.ask(
                "update", entity="purchase_order", key=await order_key("CL"), record={"notes": "x"}
            )

    assert done.state is State.SUCCEEDED
    assert done.result["reference"]
    assert [(fault.field, fault.code) for fault in caught.value.faults] == [("notes", "not_updatable")]


async def test_what_may_not_leave_can_be_written_and_is_not_read_back(tmp_path: Path) -> None:
    async with living(tmp_path) as world:
        done = await world.ask("create", entity="asset", record={"code": "A-1"})

    assert (done.state, done.result["record"]) == (State.SUCCEEDED, None)


async def test_the_matrix_is_in_the_status_once_the_driver_has_answered(tmp_path: Path) -> None:
    async with living(tmp_path) as world:
        before = world.status.connections()
        await world.matrices.of("box")
        (after,) = world.status.connections()

    assert ["operations" in status for status in before] == [False]
    assert {one["operation"] for one in after["operations"]} == {"create", "update", "set_status"}
    assert world.changes == 1


async def test_refused_credentials_and_absent_connections_are_not_tried(tmp_path: Path) -> None:
    async with living(tmp_path) as world:
        await world.matrices.of("box")
        world.connections.named("box").supervisor.refuse(CredentialsRefused("wrong password"))
        with pytest.raises(CredentialsRefused):
            await world.ask("create", entity="vendor", record={"name": "O'Brien"})
        await world.connections.stop("box")
        with pytest.raises(ConfigurationError):
            await world.ask("create", entity="vendor", record={"name": "O'Brien"})
