"""Pure: the progress of one agent's commands on its way to the disk, at most once a second for each.

What comes sooner takes the place of what waits. A word that is lost with its session comes again in the next: the
agent repeats it until its ack, which goes out once it is stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

SECONDS_BETWEEN_WRITES: Final = 1.0
MAX_COMMANDS: Final = 1_000  # heard of within a second; what is beyond waits for the agent to repeat it


class Progress:
    def __init__(self) -> None:
        self._written: dict[str, float] = {}
        self._waiting: dict[str, Mapping[str, Any]] = {}

    def put(self, command: str, told: Mapping[str, Any]) -> None:
        if command in self._waiting or len(self._waiting) < MAX_COMMANDS:
            self._waiting[command] = told

    def take(self, now: float) -> list[tuple[str, Mapping[str, Any]]]:
        """What may be written now, and counts as written with that."""
        self._written = {c: at for c, at in self._written.items() if now < at + SECONDS_BETWEEN_WRITES}
        due = [(command, told) for command, told in self._waiting.items() if command not in self._written]
        for command, _ in due:
            del self._waiting[command]
            self._written[command] = now
        return due

    def next_due(self) -> float | None:
        """When something waiting may be written; None: nothing waits."""
        written = self._written
        return min(
            (written[c] + SECONDS_BETWEEN_WRITES if c in written else 0.0 for c in self._waiting),
            default=None,
        )

    def forget(self, command: str) -> None:
        """It has its outcome: what was on its way is of no interest any more."""
        self._waiting.pop(command, None)
