"""What several rooms of attacks begin with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agent.clock import ManualClock
from agent.console.password import Password
from agent.console.service import Console
from agent.settings import ConsoleTable
from tests.security.besieged import ALICE, Besieged, Trail


@pytest.fixture
async def besieged(tmp_path: Path) -> AsyncIterator[Besieged]:
    trail, clock, password = Trail(), ManualClock(), Password(tmp_path)
    calls: dict[str, Any] = {}
    console = Console(ConsoleTable(), "berlin", password, lambda: calls, trail, trail.deny, clock)
    found = Besieged(console, trail, clock, password)
    calls |= found.handlers()
    await console.link(ALICE)
    yield found
    await console.aclose()
