"""What the kinds of commands ask the local policy."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from agent.policy.decision import Decision

# (connection, name of the command, now): whether the local policy allows it; the connection is empty for what concerns
# the agent as a whole.
JudgeCommand = Callable[[str, str, datetime], Decision]
