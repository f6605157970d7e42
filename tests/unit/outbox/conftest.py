from __future__ import annotations

from pathlib import Path

import pytest

from agent.clock import ManualClock
from agent.outbox.store import Outbox


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "outbox.db"


@pytest.fixture
async def outbox(path: Path, clock: ManualClock):
    box = await Outbox.open(path, clock=clock)
    yield box
    await box.aclose()
