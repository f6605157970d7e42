"""Doctor as the running agent answers it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.calls.doctor import KEPT_SECONDS, DoctorCalls
from agent.clock import ManualClock
from agent.errors import ConfigurationError


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
