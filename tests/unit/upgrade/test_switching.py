"""The way back where one of its steps fails: the agent is not left stopped."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agent.cli import main
from agent.clock import ManualClock
from agent.errors import ConfigurationError
from agent.identity import FORMAT, IDENTITY_FILE
from agent.settings import load
from agent.upgrade.copying import acting_as_owner
from agent.upgrade.plan import Phase, Plan, read_plan, write_plan
from agent.upgrade.switching import Switch

SERVICE = 54_321


class Hands:
    def __init__(self) -> None:
        self.done: list[str] = []

    def stop(self) -> None:
        self.done.append("stop")

    def start(self) -> None:
        self.done.append("start")


async def nobody() -> Mapping[str, Any]:
    raise ConfigurationError("nobody answers")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    (tmp_path / "agent.toml").write_text('[agent]\nstate_dir = "state"\n')
    write_plan(tmp_path / "state", Plan(before="0.1.0", prepared_at="2026-01-01T00:00:00Z"))
    return tmp_path / "state"


def test_the_service_is_started_also_where_a_file_cannot_be_put_back(state: Path) -> None:
    hands = Hands()
    (state / IDENTITY_FILE).write_text(json.dumps({"format": FORMAT + 1}))  # and there is no copy of before
    switch = Switch(load(state.parent), ManualClock(), hands, nobody, None)

    with pytest.raises(ConfigurationError, match="there is no copy of it from before"):
        asyncio.run(switch.roll_back("asked for by hand"))

    assert hands.done == ["stop", "start"]
    plan = read_plan(state)
    assert plan is not None
    assert plan.phase is Phase.PREPARED  # so that it can be asked for again


def test_what_an_earlier_upgrade_left_aside_is_not_gone_back_to_where_no_gate_is_asked_for(
    state: Path,
) -> None:
    done = CliRunner().invoke(main, ["upgrade", "watch", "--if-gated", "--config", str(state.parent)])

    assert (done.exit_code, done.output) == (0, "")
    plan = read_plan(state)
    assert plan is not None
    assert plan.phase is Phase.PREPARED


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root becomes somebody else")
def test_root_that_acts_as_the_folders_owner_is_in_no_group_of_its_own(state: Path) -> None:
    os.chown(state, SERVICE, SERVICE)
    before = os.getgroups()

    with acting_as_owner(state):
        assert (os.geteuid(), os.getegid(), os.getgroups()) == (SERVICE, SERVICE, [SERVICE])

    assert (os.geteuid(), os.getegid(), os.getgroups()) == (0, 0, before)
