"""What is left of a world: the trace of what happened, and how it ended."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from tests.sim.loop import HOST
from tests.sim.plan import Plan

TAIL: Final = 60  # lines of the trace that a failure shows


class Trace:
    """Everything that happened, as a hash and as its last lines."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.lines: list[str] = []
        self.now: Callable[[], float] = lambda: 0.0
        self.over = False

    def note(self, what: str, **facts: Any) -> None:
        if self.over:
            return
        host = HOST.get()
        line = f"{self.now():11.3f} {host.name if host else '-':8} {what} {facts or ''}".rstrip()
        self._hash.update(line.encode())
        self.lines.append(line)

    def logged(self, event: str, facts: dict[str, Any]) -> None:
        """Of what is logged, what does not hold identifiers made by chance."""
        kept = {name: value for name, value in facts.items() if name in _TRACED}
        self.note(event, **kept)

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()


_TRACED: Final = frozenset({"stream", "seq", "code", "run", "status", "reason", "error", "last", "relay_seq"})


@dataclass
class Outcome:
    seed: int
    faults: list[str]
    digest: str
    plan: Plan
    lines: list[str]
    turns: int
    seconds: float  # of virtual time
    batches: int
    versions: int

    def __str__(self) -> str:
        plan = "\n".join(f"  +{e.after:.1f} s {e.fault.value} for {e.lasts:.0f} s" for e in self.plan.events)
        tail = "\n".join(f"  {line}" for line in self.lines[-TAIL:])
        found = "\n".join(f"  {fault}" for fault in self.faults)
        whole = " --whole" if self.plan.whole else ""
        return (
            f"seed {self.seed}:\n{found}\nits faults:\n{plan}\nthe end of its trace:\n{tail}\n"
            f"repeat it: .venv/bin/python -m tests.sim.run --seed {self.seed}{whole}"
        )
