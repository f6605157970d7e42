"""Control calls as the audit log sees them: what changes something is recorded before it is done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from agent.audit.trail import Actor, AuditTrail
from agent.clock import Clock
from agent.control import Handler, Progress, caller

# Call -> the arguments that go into its line. A call that records itself, with words of its own, is not named here.
CHANGING: Final[Mapping[str, tuple[str, ...]]] = {
    "sync": ("streams", "accept_deletions"),
    "resync": ("streams", "accept_deletions"),
    "reconcile": ("streams", "accept_deletions"),
    "requeue": ("ids", "chosen"),
    "drop": ("ids", "chosen", "why"),
    "mapping_accept_columns": ("connection", "stream"),
    "log_level": ("name", "level", "seconds"),
    "reload": (),
}

LINES_A_MINUTE: Final = 10  # of refused sign-ins; more are counted, or a script could fill the disk


def audited(
    handlers: Mapping[str, Handler],
    trail: AuditTrail,
    changing: Mapping[str, tuple[str, ...]] = CHANGING,
) -> dict[str, Handler]:
    """The same handlers; each that changes something is done only after its line is on disk."""
    return {
        name: _recorded(name, handler, trail, changing[name]) if name in changing else handler
        for name, handler in handlers.items()
    }


def _recorded(name: str, handler: Handler, trail: AuditTrail, told: tuple[str, ...]) -> Handler:
    async def handle(args: dict[str, Any], progress: Progress) -> Any:
        facts = {argument: args[argument] for argument in told if argument in args}
        await trail.record("local_action", caller(), {"call": name, **facts})
        return await handler(args, progress)

    return handle


class Afterwards(Protocol):
    async def happened(self, action: str, actor: Actor, facts: Mapping[str, Any]) -> None: ...


class RefusedSignIns:
    """Writes of those who were sent away, a bounded number of lines however often they come."""

    def __init__(self, trail: Afterwards, clock: Clock) -> None:
        self._trail = trail
        self._clock = clock
        self._minute_began = clock.monotonic()
        self._lines = 0
        self._unrecorded = 0

    async def denied(self, actor: Actor, why: str) -> None:
        now = self._clock.monotonic()
        if now - self._minute_began >= 60.0:  # noqa: PLR2004 - a minute
            self._minute_began, self._lines = now, 0
        if self._lines >= LINES_A_MINUTE:
            self._unrecorded += 1
            return
        self._lines += 1
        more, self._unrecorded = self._unrecorded, 0
        await self._trail.happened("sign_in_refused", actor, {"why": why, "not_recorded_before": more})
