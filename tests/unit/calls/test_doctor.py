"""Doctor as the running agent answers it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.calls.doctor import KEPT_SECONDS, DoctorCalls
from agent.clock import ManualClock
from agent.errors import ConfigurationError
from agent.outbox.limits import OUTBOX_FILE
from agent.outbox.store import Outbox


async def ask(calls: DoctorCalls, **args: Any) -> Any:
    return await calls.handlers()["doctor"](args, lambda _: None)


async def test_what_was_found_is_kept_for_a_while_and_looked_for_anew_when_asked(tmp_path: Path) -> None:
    clock = ManualClock()
    calls = DoctorCalls(tmp_path, clock)

    first = await ask(calls, only=["versions"])
    clock.advance(1)
    kept, anew = await ask(calls, only=["versions"]), await ask(calls, only=["versions"], fresh=True)
    clock.advance(KEPT_SECONDS + 1)
    later = await ask(calls, only=["versions"])

    assert first["checks"] == ["versions"]
    assert first["at"] == kept["at"] < anew["at"] < later["at"]


async def test_what_is_wrong_with_the_files_is_a_finding_and_no_error(tmp_path: Path) -> None:
    found = await ask(DoctorCalls(tmp_path, ManualClock()), only=["configuration"])

    assert not found["ok"]
    assert found["counts"]["problem"] >= 1


async def test_a_check_that_is_none_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        await ask(DoctorCalls(tmp_path, ManualClock()), only=["everything"])

    assert "certificates" in raised.value.hint


@pytest.mark.skipif(
    sys.platform == "win32", reason="locks of POSIX, which a process loses with any descriptor"
)
async def test_the_running_agent_keeps_the_lock_on_its_outbox_though_its_control_socket_is_gone(
    tmp_path: Path,
) -> None:
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "agent.toml").write_text('[agent]\nstate_dir = "state"\n', "utf-8")
    path = tmp_path / "state" / OUTBOX_FILE
    store = await Outbox.open(path, clock=ManualClock())
    try:
        assert _held(path)
        await ask(DoctorCalls(tmp_path, ManualClock()), only=["outbox"])
        assert _held(path)
    finally:
        await store.aclose()
    assert not _held(path)


def _held(path: Path) -> bool:
    """As another process sees it."""
    program = "import sys, pathlib; from agent.outbox.inspecting import holder; print(holder(pathlib.Path(sys.argv[1])))"
    found = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    return found.stdout.strip() != "None"
