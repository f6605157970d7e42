"""The running agent's own answer to `sync --preview`, with a real driver's child and a real outbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.calls.previews import PreviewCalls
from agent.clock import ManualClock
from agent.configuration.load import load
from agent.connections import Connections
from agent.errors import ConfigurationError, PolicyDenied
from agent.outbox.store import Outbox
from agent.policies.in_force import Leaves
from agent.policy.leave import EVERYTHING, LeaveFilter
from agent.secrets import SecretRef
from agent.settings import Settings
from agent.sync.cursor import Checkpoint
from drivers.contract import Mark, MarkKind
from tests.unit.outbox.making import entry


def everything(connection: str, entity: str, *, send_raw: bool = False) -> LeaveFilter:
    return EVERYTHING


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "connections").mkdir()
    (tmp_path / "agent.toml").write_text('[agent]\nstate_dir = "state"\n')
    (tmp_path / "connections" / "box.toml").write_text('system = "sandbox"\n[sync]\nmanual = true\n')
    return load(tmp_path, environ={})


@asynccontextmanager
async def running(
    tmp_path: Path, settings: Settings, leaving: Leaves
) -> AsyncIterator[tuple[PreviewCalls, Outbox]]:
    clock = ManualClock()
    async with await Outbox.open(tmp_path / "outbox.db", clock=clock) as outbox:
        connections = Connections(
            outbox, clock, settings.limits, settings.state_dir, lambda: None, leaving=leaving
        )
        async with asyncio.TaskGroup() as group:
            for one in settings.connections.values():
                await connections.start(one, group)
            yield PreviewCalls(connections, outbox, leaving, clock), outbox
            await connections.stop_all()


@pytest.fixture
async def calls(tmp_path: Path, settings: Settings) -> AsyncIterator[tuple[PreviewCalls, Outbox]]:
    async with running(tmp_path, settings, everything) as found:
        yield found


async def ask(calls: PreviewCalls, **args: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await calls.handlers()["preview"](args, lambda _: None))["streams"]
    return found


async def test_it_starts_from_where_the_stream_stands_and_leaves_it_there(
    calls: tuple[PreviewCalls, Outbox],
) -> None:
    preview, outbox = calls
    floor = Mark(MarkKind.TIMESTAMP, "2026-01-01T00:00:00+00:00")
    stands = Checkpoint(floor=floor, initial_done=True, leave=EVERYTHING.fingerprint).to_text()
    await outbox.append(entry(stream="box/vendors", checkpoint=stands))
    before = await outbox.stats()

    (shown,) = await ask(preview, streams=["box/vendors"], records=2)

    assert shown["error"] is None
    assert (shown["reads"][0]["purpose"], shown["reads"][0]["start"]) == (
        "changes",
        "2025-12-31T23:55:00+00:00",
    )
    assert len(shown["sample"]["records"]) == 2
    assert await outbox.stats() == before
    assert await outbox.last_checkpoint("box/vendors") == stands
    assert await outbox.runs("box/vendors", 10) == []


@pytest.mark.parametrize(
    "args", [{"streams": "box"}, {"records": 0}, {"records": 51}, {"records": True}, {"streams": [1]}]
)
async def test_arguments_that_do_not_fit_are_refused(
    calls: tuple[PreviewCalls, Outbox], args: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError):
        await ask(calls[0], **args)


async def test_streams_of_which_nothing_may_leave_are_shown_with_why(
    tmp_path: Path, settings: Settings
) -> None:
    def vendors_alone(connection: str, entity: str, *, send_raw: bool = False) -> LeaveFilter:
        if entity != "vendor":
            raise PolicyDenied("nothing of it may leave", where=entity)
        return EVERYTHING

    async with running(tmp_path, settings, vendors_alone) as (preview, _):
        shown = await ask(preview, records=1)

    assert {one["entity"]: one["policy"]["leaves"] for one in shown}["vendor"] is True
    assert len(shown) == len(settings.connections["box"].streams)
    assert [one["stream"] for one in shown if one["policy"]["leaves"]] == ["box/vendors"]


async def test_a_connection_that_cannot_be_asked_does_not_hide_the_others(
    tmp_path: Path, settings: Settings
) -> None:
    there = settings.connections["box"]
    lost = replace(there, name="lost", secrets={"key": SecretRef("env", "GROUNDWIRE_NOT_SET")})
    both = replace(settings, connections={"lost": lost, "box": there})

    async with running(tmp_path, both, everything) as (preview, _):
        shown = await ask(preview, streams=["lost/vendors", "box/vendors"], records=1)

    assert [one["error"] and one["error"]["code"] for one in shown] == ["configuration", None]
