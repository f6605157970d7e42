"""The way back where one of its steps fails: the agent is not left stopped."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
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
from agent.upgrade.rule import Verdict
from agent.upgrade.services import SystemdService
from agent.upgrade.switching import Switch, UpgradeFailed

SERVICE = 54_321


class Hands:
    def __init__(self, *, wanted: bool = True) -> None:
        self.done: list[str] = []
        self.wanted = wanted

    def is_wanted(self) -> bool:
        return self.wanted

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
    assert plan.phase is Phase.GOING_BACK  # so that it can be asked for again


def phase_of(state: Path) -> Phase:
    plan = read_plan(state)
    assert plan is not None
    return plan.phase


async def works() -> Mapping[str, Any]:
    relay = {"phase": "connected", "last_ack": "2026-01-01T00:00:00Z", "beats_answered": 0}
    return {"relay": relay, "outbox": {"pending_batches": 0}}


def test_a_watch_that_a_restart_of_the_machine_has_cut_begins_anew(state: Path) -> None:
    hands = Hands()

    found = asyncio.run(Switch(load(state.parent), ManualClock(), hands, works, None).go_on(120))

    assert found is not None
    assert found.verdict is Verdict.WELL
    assert hands.done == ["start"]  # its time is that of a version that was started
    assert phase_of(state) is Phase.CONFIRMED


def test_a_version_that_does_not_work_behind_a_restart_is_gone_back_from_after_its_whole_time(
    state: Path,
) -> None:
    hands, clock = Hands(), ManualClock()

    with pytest.raises(UpgradeFailed, match="does not answer"):
        asyncio.run(Switch(load(state.parent), clock, hands, nobody, None).go_on(120))

    assert clock.monotonic() >= 120
    assert hands.done == ["start", "stop", "start"]
    assert phase_of(state) is Phase.ROLLED_BACK


def test_a_way_back_that_a_restart_has_cut_is_gone_on_with_and_nobody_is_asked(state: Path) -> None:
    """Else the old program would refuse what the new one has left, at every start."""
    plan = read_plan(state)
    assert plan is not None
    write_plan(state, replace(plan, phase=Phase.GOING_BACK, reason="not well within 120 s: no answer"))
    hands = Hands(wanted=False)

    with pytest.raises(UpgradeFailed, match="no answer"):
        asyncio.run(Switch(load(state.parent), ManualClock(), hands, works, None).go_on(120))

    assert hands.done == ["stop", "start"]
    assert phase_of(state) is Phase.ROLLED_BACK


def test_an_agent_that_somebody_stopped_is_neither_started_nor_gone_back_from(state: Path) -> None:
    hands = Hands(wanted=False)

    found = asyncio.run(Switch(load(state.parent), ManualClock(), hands, nobody, None).go_on(120))

    assert found is None
    assert hands.done == []
    assert phase_of(state) is Phase.PREPARED


@pytest.mark.parametrize("phase", [Phase.CONFIRMED, Phase.ROLLED_BACK])
def test_of_an_upgrade_that_is_over_nothing_is_done_at_a_start_but_that_what_is_left_goes(
    state: Path, tmp_path: Path, phase: Phase
) -> None:
    program = tmp_path / "groundwire"
    for name in ("groundwire", "groundwire.previous", "groundwire.failed"):
        (tmp_path / name).mkdir()
    plan = read_plan(state)
    assert plan is not None
    write_plan(state, replace(plan, phase=phase))
    hands = Hands()
    switch = Switch(load(state.parent), ManualClock(), hands, nobody, program)

    assert asyncio.run(switch.go_on(120)) is None
    asyncio.run(switch.tidy())

    assert hands.done == []
    assert not (tmp_path / "groundwire.previous").exists()
    assert (tmp_path / "groundwire.failed").exists() == (phase is Phase.ROLLED_BACK)


def test_what_can_still_be_gone_back_to_is_not_tidied_away(state: Path, tmp_path: Path) -> None:
    (tmp_path / "groundwire.previous").mkdir()

    asyncio.run(Switch(load(state.parent), ManualClock(), Hands(), nobody, tmp_path / "groundwire").tidy())

    assert (tmp_path / "groundwire.previous").exists()


@pytest.mark.parametrize(
    ("active", "enabled", "wanted"),
    [("active", 1, True), ("activating", 1, True), ("failed", 1, False), ("inactive", 0, True)],
)
def test_a_unit_is_wanted_that_runs_or_starts_with_the_machine(
    active: str, enabled: int, *, wanted: bool
) -> None:
    def run(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        code = enabled if words[1] == "is-enabled" else int(active != "active")
        return subprocess.CompletedProcess(list(words), code, stdout=f"{active}\n", stderr="")

    assert SystemdService(run).is_wanted() is wanted


@pytest.mark.skipif(sys.platform == "win32", reason="a script of a shell in a program's place")
@pytest.mark.parametrize("command", ["roll-back", "watch"])
def test_by_hand_too_it_is_the_old_program_that_goes_back(state: Path, tmp_path: Path, command: str) -> None:
    """The new one would take every file for one that can be read."""
    for name in ("groundwire", "groundwire.previous"):
        file = tmp_path / name / "groundwire"
        file.parent.mkdir()
        file.write_text(f'#!/bin/sh\necho "{name} $*"\nexit 7\n')
        file.chmod(0o755)
    words = ["upgrade", command, "--config", str(state.parent)]
    script = (
        "import sys; sys.frozen = True; sys.executable = sys.argv.pop(1)\n"
        "from agent.cli import main; main(prog_name='groundwire')"
    )

    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "groundwire" / "groundwire"), *words],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (7, f"groundwire.previous {' '.join(words)}\n")
    assert phase_of(state) is Phase.PREPARED


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
