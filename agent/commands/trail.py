"""What the audit log gets to know of commands: whether each was allowed, and what became of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Final

import structlog

from agent.audit.trail import Actor, AuditTrail, Origin
from agent.clock import Clock
from agent.errors import AuditUnavailable, GroundwireError, PolicyDenied
from agent.outbox.journal import CommandRecord
from agent.policy.decision import Decision

log = structlog.get_logger(__name__)

AUDIT_RETRY_SECONDS: Final = 10.0  # between two tries to write a line
RELAY: Final = Actor(Origin.RELAY)


class CommandTrail:
    def __init__(self, audit: AuditTrail, clock: Clock) -> None:
        self._audit = audit
        self._clock = clock

    async def decided(self, record: CommandRecord, decision: Decision) -> None:
        """Raises AuditUnavailable: then the decision must not take effect."""
        action = "command_allowed" if decision.allowed else "command_refused"
        local = {"why": decision.why, "rule": decision.rule, "fields": list(decision.fields)}
        facts = {**facts_of(record), "code": decision.code} | {
            name: value for name, value in local.items() if value
        }
        await self._audit.record(action, RELAY, facts)

    async def finished(self, record: CommandRecord, state: str, result: Mapping[str, Any] | None) -> bool:
        """Whether the line could be written."""
        code = (result or {}).get("code", "")
        try:
            await self._audit.record(
                "command_finished", RELAY, {**facts_of(record), "state": str(state), "code": code}
            )
        except AuditUnavailable as error:
            log.debug("command_not_audited", command=record.id, error=str(error), hint=error.hint)
            return False
        return True

    async def finished_at_last(
        self, record: CommandRecord, state: str, result: Mapping[str, Any] | None
    ) -> None:
        """Try until the line is written."""
        while not await self.finished(record, state, result):
            await self.pause()

    async def untaken(self, command_id: str, name: str, code: str) -> None:
        """It could not even be written down. It has no place in the journal, so the line is tried once."""
        await self._refused_once({"command": command_id, "name": name, "code": code})

    async def conflict(self, known: CommandRecord, name: str, connection: str) -> None:
        """The same id came with another body. It has no place in the journal, so the line is tried once."""
        await self._refused_once(
            {"command": known.id, "name": name, "connection": connection, "code": "conflict"}
        )

    async def _refused_once(self, facts: Mapping[str, Any]) -> None:
        try:
            await self._audit.record("command_refused", RELAY, facts)
        except AuditUnavailable as error:
            log.warning("command_not_audited", command=facts["command"], error=str(error), hint=error.hint)

    async def settled(
        self, record: CommandRecord, state: str, actor: Actor, facts: Mapping[str, Any]
    ) -> None:
        """Raises AuditUnavailable."""
        await self._audit.record("command_settled", actor, {**facts_of(record), **facts, "state": str(state)})

    async def pause(self) -> None:
        await self._clock.sleep(AUDIT_RETRY_SECONDS)


async def judged(judge: Callable[[datetime], Awaitable[Decision]], now: datetime) -> Decision:
    """The decision, in words that may stand in the audit log: those of a source may hold values of records."""
    try:
        return await judge(now)
    except PolicyDenied as error:
        return Decision(allowed=False, code=error.code, why=str(error))
    except GroundwireError as error:
        log.warning("command_not_judged", code=error.code, error=str(error), hint=error.hint)
        return Decision(
            allowed=False, code=error.code, why="it could not be judged; the agent's log says why"
        )


def facts_of(record: CommandRecord) -> dict[str, Any]:
    known = {
        "command": record.id,
        "name": record.name,
        "connection": record.connection,
        "entity": record.entity,
    }
    return {name: value for name, value in known.items() if value}
