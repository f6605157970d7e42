from __future__ import annotations

from pathlib import Path

import pytest

from agent.commandline.exits import ExitCode, code_of, code_of_many
from agent.control import NoAgentRunning
from agent.errors import (
    ConfigurationError,
    CredentialsRefused,
    DriverCrashed,
    GroundwireError,
    RecordError,
    Throttled,
    Unreachable,
)

OK, FAILED, PARTLY, UNREACHABLE = ExitCode.OK, ExitCode.FAILED, ExitCode.PARTLY, ExitCode.UNREACHABLE


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigurationError(), 3),
        (CredentialsRefused(), 4),
        (Unreachable(), 5),
        (DriverCrashed(), 5),
        (Throttled(retry_after=1), 5),
        (NoAgentRunning(), 5),
        (RecordError(), 1),
        (GroundwireError(), 1),
    ],
)
def test_each_kind_of_error_has_its_exit_code(error: GroundwireError, code: int) -> None:
    assert code_of(error) == code


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([], OK),
        ([OK, OK], OK),
        ([UNREACHABLE, UNREACHABLE], UNREACHABLE),
        ([OK, UNREACHABLE], PARTLY),
        ([FAILED, UNREACHABLE], FAILED),
    ],
)
def test_many_outcomes_are_one_exit_code(outcomes: list[ExitCode], code: ExitCode) -> None:
    assert code_of_many(outcomes) is code


def test_every_exit_code_is_documented() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "cli.md").read_text(encoding="utf-8")

    assert [int(code) for code in ExitCode if f"| {int(code)} |" not in page] == []
