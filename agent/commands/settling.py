"""A command in doubt is settled by a person who has looked at the source."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from agent.audit.trail import Actor
from agent.commands.ports import State
from agent.commands.trail import CommandTrail
from agent.outbox.journal import CommandJournal, CommandRecord, JournalConflict

log = structlog.get_logger(__name__)


class Settlements:
    def __init__(self, journal: CommandJournal, trail: CommandTrail) -> None:
        self._journal = journal
        self._trail = trail
        self._one_at_a_time = (
            asyncio.Lock()
        )  # of two people the second is refused before the audit log hears of it

    async def settle(
        self, command_id: str, state: State, facts: Mapping[str, Any], actor: Actor
    ) -> CommandRecord:
        """See `Executor.settle`."""
        async with self._one_at_a_time:
            known = await self._journal.get(command_id)
            if known is None or known.state != State.IN_DOUBT:
                raise JournalConflict(
                    "only a command in doubt can be settled",
                    where=command_id,
                    hint="`groundwire commands list --state in_doubt` shows those.",
                )
            if state not in (State.SUCCEEDED, State.FAILED):
                raise JournalConflict("a command is settled as succeeded or as failed", where=command_id)
            await self._trail.settled(known, state, actor, facts)
            await self._journal.settle(command_id, state, _settled(known, state, facts))
            await self._journal.audited(command_id)
            log.info("command_settled", command=command_id, state=state.value)
            return await self._journal.get(command_id) or known


def _settled(known: CommandRecord, state: State, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What was known in doubt, without its code, and what the person knows."""
    result = {name: value for name, value in (known.result or {}).items() if name != "code"}
    result |= {"settledBy": "person"}
    result |= {"code": "settled"} if state is State.FAILED else {}
    return result | ({"reference": facts["reference"]} if facts.get("reference") else {})
