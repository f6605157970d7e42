"""A command that has come: written down and begun, answered from the journal, or refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import structlog

from agent.clock import Clock
from agent.commands.answers import told
from agent.commands.intake import take
from agent.commands.ports import Refused, State
from agent.commands.trail import CommandTrail
from agent.commands.words import WRITES, entity_of, target_of
from agent.outbox.journal import CommandJournal, CommandRecord, Receipt
from agent.protocol.frames import Command

log = structlog.get_logger(__name__)

Reply = Callable[[str, str, Mapping[str, Any]], None]


class Reception:
    """`begin` has a command done, `reply` tells a state of one, `newest` says what was told last of one that runs."""

    def __init__(
        self,
        journal: CommandJournal,
        clock: Clock,
        trail: CommandTrail,
        *,
        begin: Callable[[CommandRecord], None],
        reply: Reply,
        newest: Callable[[str], Mapping[str, Any]],
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._trail = trail
        self._begin = begin
        self._reply = reply
        self._newest = newest
        # To be told once the relay has the answer of the command that came first.
        self._conflicts: set[str] = set()

    async def take(self, command: Command) -> None:
        now = self._clock.utcnow()
        try:
            taken = take(command, now)
        except Refused as refused:
            await self._refuse_untaken(command, refused)
            return
        received = await self._journal.receive(
            command.id,
            taken.body_hash,
            command.name,
            now,
            taken.deadline,
            body=taken.body,
            connection=target_of(command.args),
            entity=entity_of(command.args),
            writes=command.name in WRITES,
        )
        known = received.command
        if received.receipt is Receipt.CONFLICT:
            await self._trail.conflict(known, command.name, target_of(command.args))
            await self._refuse_conflict(known)
        elif received.receipt is Receipt.NEW:
            log.info("command_received", command=command.id, name=command.name)
            self._begin(known)
        elif known.finished:
            self._reply(known.id, known.state, known.result)
        else:
            self._reply(known.id, State.RUNNING, self._newest(known.id))

    async def first_acked(self, command_id: str) -> None:
        """The relay may have the answer of the command that came first: tell the other one that it is refused."""
        if command_id not in self._conflicts:
            return
        known = await self._journal.get(command_id)
        if known is None or known.acked_at is not None:
            self._conflicts.discard(command_id)
            self._reply(command_id, State.REFUSED, told("conflict"))

    async def _refuse_untaken(self, command: Command, refused: Refused) -> None:
        log.warning("command_refused", command=command.id, reason=refused.code)
        known = await self._journal.get(command.id)
        if known is not None:
            await self._trail.conflict(known, command.name, target_of(command.args))
            await self._refuse_conflict(known)
            return
        await self._trail.untaken(command.id, command.name, refused.code)
        self._reply(command.id, State.REFUSED, told(refused.code, refused.faults))

    async def _refuse_conflict(self, known: CommandRecord) -> None:
        """The relay takes the first outcome that it hears of an id: that of the command which came first."""
        log.warning("command_refused", command=known.id, reason="conflict")
        if known.acked_at is None:
            self._conflicts.add(known.id)
        else:
            self._reply(known.id, State.REFUSED, told("conflict"))
