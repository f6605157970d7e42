"""The running agent's own answer to `sync --preview`, with a real driver's child and a real outbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agent.calls.previews import PreviewCalls
from agent.clock import ManualClock
from agent.configuration.load import load
from agent.connections import Connections
from agent.errors import ConfigurationError
from agent.outbox.store import Outbox
from agent.policy.leave import EVERYTHING, LeaveFilter
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


@pytest.fixture
async def calls(tmp_path: Path, settings: Settings) -> AsyncIterator[tuple[PreviewCalls, Outbox]]:
    clock = ManualClock()
    async with await Outbox.open(tmp_path / "outbox.db", clock=clock) as outbox:
        connections = Connections(
            outbox, clock, settings.limits, settings.state_dir, lambda: None, leaving=everything
        )
        async with asyncio.TaskGroup() as group:
            await connections.start(settings.connections["box"], group)
            yield PreviewCalls(connections, outbox, everything, clock), outbox
            await connections.stop_all()


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
