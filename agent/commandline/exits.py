"""Exit codes: what a script may rely on. docs/cli.md lists them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from agent.errors import ConfigurationError, GroundwireError, NeedsPersonError, TransientError


class ExitCode(IntEnum):
    OK = 0
    FAILED = 1
    USAGE = 2  # click's own
    CONFIGURATION = 3
    NEEDS_PERSON = 4
    UNREACHABLE = 5  # or another trouble that may pass
    PARTLY = 6
    BUG = 70
    INTERRUPTED = 130


def code_of(error: GroundwireError) -> ExitCode:
    if isinstance(error, ConfigurationError):
        return ExitCode.CONFIGURATION
    if isinstance(error, NeedsPersonError):
        return ExitCode.NEEDS_PERSON
    if isinstance(error, TransientError) or error.code == "no_agent":
        return ExitCode.UNREACHABLE
    return ExitCode.FAILED


def code_of_many(outcomes: Iterable[ExitCode]) -> ExitCode:
    """All the same: that. Some went well and some did not: partly. Different failures: failed."""
    found = set(outcomes) or {ExitCode.OK}
    if len(found) == 1:
        return found.pop()
    return ExitCode.PARTLY if ExitCode.OK in found else ExitCode.FAILED
