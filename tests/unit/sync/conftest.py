"""A source of seven records, for whoever wants no other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.clock import ManualClock
from agent.outbox.store import Outbox
from tests.unit.sync.running import World, make_stream


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with await Outbox.open(tmp_path / "outbox.db", clock=ManualClock()) as outbox:
        world = World(outbox, make_stream())
        for number in range(7):
            world.source.put(f"K{number}", f"{number}.50")
        yield world
