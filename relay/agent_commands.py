"""The commands of one session: sent once each, and what the agent says of them kept before it is told so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from agent.clock import Clock
from agent.errors import GroundwireError
from agent.protocol.frames import Result
from agent.protocol.session import RelaySession
from agent.telemetry.context import told_of_command
from relay.lifecycle import Command, CommandState
from relay.observing import Observer, Outcome
from relay.progress import Progress
from relay.store.base import Agent, Store
from relay.watch import CommandWatch
from relay.wire import command_frame

log = structlog.get_logger()


class AgentCommands:
    def __init__(
        self,
        session: RelaySession,
        session_id: str,
        *,
        store: Store,
        waiters: CommandWatch,
        observer: Observer,
        clock: Clock,
        wake: Callable[[], None],
    ) -> None:
        """`wake`: something is to be written to the agent."""
        self._session = session
        self._session_id = session_id
        self._store = store
        self._waiters = waiters
        self._observer = observer
        self._clock = clock
        self._wake = wake
        self._progress = Progress()
        self._progress_came = asyncio.Event()
        self._answering: Agent | None = None  # the session's agent, once it has said something

    async def send(self, agent: Agent, command: str) -> bool:
        """False: it was sent already, or the agent has a newer session."""
        outgoing = await self._store.send_command(
            agent, command, self._clock.utcnow(), session=self._session_id
        )
        if outgoing is not None:
            self._say(outgoing)
        return outgoing is not None

    async def send_waiting(self, agent: Agent) -> None:
        """All that the agent has not answered."""
        waiting = await self._store.send_commands(agent, self._clock.utcnow(), session=self._session_id)
        for command in waiting:
            self._say(command)
            self._waiters.changed(command.id)

    def _say(self, command: Command) -> None:
        """Its store knows it as sent: should the session have ended meanwhile, the next one sends it again."""
        if self._session.live:
            self._session.send_command(command_frame(command))
            self._wake()
        self._observer.command_sent(command)

    async def answered(self, agent: Agent, result: Result) -> None:
        self._answering = agent
        session_log = log.bind(session=self._session_id, agent=agent.id, tenant=agent.tenant)
        try:
            state = CommandState(result.state)
        except ValueError:
            # A word of a later version. Taken for an outcome it would be a guess.
            session_log.warning(
                "result_not_understood", state=result.state, **told_of_command(result.command)
            )
            await self._keep(
                agent, result.command, CommandState.RUNNING, result.result, acked_as=result.state
            )
            return
        if state is CommandState.RUNNING:
            self._progress.put(result.command, result.result)
            self._progress_came.set()
            return
        self._progress.forget(result.command)
        await self._keep(agent, result.command, state, result.result, acked_as=result.state)
        session_log.info("result_received", state=state.value, **told_of_command(result.command))

    async def _keep(
        self, agent: Agent, command: str, state: CommandState, result: Mapping[str, Any], *, acked_as: str
    ) -> None:
        changed = await self._store.answer_command(agent.id, command, state, result, self._clock.utcnow())
        if changed:
            self._waiters.changed(command)
            if not state.open:
                self._observer.command_answered(Outcome(agent, command, state))
        self._session.send_result_ack(command, acked_as)
        self._wake()

    async def keep_progress(self) -> None:
        """For ever: how far commands are, as often as it is worth a write."""
        while True:
            due = self._progress.next_due()
            if due is None:
                await self._progress_came.wait()
                self._progress_came.clear()
                continue
            await self._clock.sleep(max(due - self._clock.monotonic(), 0.0))
            if self._answering is None:
                raise GroundwireError("Progress came before anybody who makes it.")
            for command, told in self._progress.take(self._clock.monotonic()):
                await self._keep(
                    self._answering, command, CommandState.RUNNING, told, acked_as=CommandState.RUNNING.value
                )
