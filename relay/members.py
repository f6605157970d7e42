"""This process among the relays over one store: its lease, its agents' sessions, and where the others have theirs.

Every look at the store comes by itself each few seconds; hints only bring it forward. docs/relay-scale-out.md says
what follows from which loss.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

import structlog

from agent.clock import Clock
from agent.errors import TransientError
from relay.bus.base import Bus, Hint
from relay.bus.subjects import AGENTS, COMMANDS_WAITING, agent_seen, command_waiting
from relay.ids import new_id
from relay.store import sessions
from relay.store.base import Agent
from relay.store.sessions import Process, Session
from relay.store.sql import Engine

log = structlog.get_logger()

LEASE_SECONDS: Final = 15.0
BEAT_SECONDS: Final = 3.0  # between renewals, each of which looks at everything
MOST_WAITING: Final = 500  # commands taken up with one look


@dataclass(frozen=True, slots=True)
class Own:
    """A confirmed session of this process."""

    agent: Agent
    epoch: int
    session: str


class Here(Protocol):
    """The sessions of this process."""

    def own(self) -> Mapping[str, Own]:
        """By agent."""
        ...

    def supersede(self, agent: str, session: str) -> None:
        """The agent has a newer session elsewhere."""
        ...

    async def send_waiting(self, agent: str, command: str) -> None: ...


def new_process(name: str, clock: Clock) -> Process:
    return Process(new_id("rly", clock.utcnow()), name)


class Members:
    def __init__(self, engine: Engine, bus: Bus, process: Process, *, alone: bool, clock: Clock) -> None:
        """`alone`: nobody else can have the store open, so there is nobody to look for."""
        self.process = process
        self.alone = alone
        self._engine = engine
        self._bus = bus
        self._clock = clock
        self._elsewhere: dict[str, Session] = {}
        self._healthy = True
        self._ending: dict[str, Agent] = {}  # by session: what is over here, and perhaps not yet in the store

    async def join(self) -> None:
        if self.alone:
            await self._engine.write(lambda db: sessions.begin_alone(db, self.process))
        else:
            until = self._clock.utcnow() + timedelta(seconds=LEASE_SECONDS)
            await self._engine.write(lambda db: sessions.renew(db, self.process, until))

    async def leave(self) -> None:
        await self._engine.write(lambda db: sessions.leave(db, self.process.id))

    def elsewhere(self, agent: str) -> bool:
        """Whether another process has the agent."""
        return agent in self._elsewhere

    async def offer(self, known: Agent, epoch: int, pending: int) -> bool:
        return await self._engine.write(lambda db: sessions.offer_epoch(db, known, epoch, pending))

    async def confirm(self, own: Own) -> bool:
        """From now on the agent is here, and nowhere else; False: it is elsewhere already."""
        session, now = self._session(own), self._clock.utcnow()
        confirmed = await self._engine.write(
            lambda db: sessions.confirm(db, own.agent, own.epoch, session, now)
        )
        if confirmed:
            self._elsewhere.pop(own.agent.id, None)
            self._tell(own.agent.id)
        return confirmed

    async def left(self, agent: Agent, session: str) -> None:
        """Where the store does not take it, with the next look that it answers."""
        if not self.alone:
            self._ending[session] = agent
        now = self._clock.utcnow()
        if await self._engine.write(lambda db: sessions.end(db, agent, session, now)):
            self._tell(agent.id)
        self._ending.pop(session, None)

    def announce(self, agent: str, command: str) -> None:
        """A command waits for an agent that is not here."""
        self._bus.publish(command_waiting(agent), {"command": command})

    async def run(self, here: Here) -> None:
        if self.alone:
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(self._beat(here), name="members-beat")
            group.create_task(self._follow_agents(here), name="members-agents")
            group.create_task(self._follow_commands(here), name="members-commands")

    async def _beat(self, here: Here) -> None:
        while True:
            try:
                await self.look(here)
            except TransientError as error:
                if self._healthy:
                    log.warning("members_unreachable", code=error.code, error=str(error), hint=error.hint)
                self._healthy = False
            else:
                self._healthy = True
            await self._clock.sleep(BEAT_SECONDS)

    async def look(self, here: Here) -> None:
        """Renew the lease, and compare what is here with what the store says."""
        now = self._clock.utcnow()
        until = now + timedelta(seconds=LEASE_SECONDS)
        own = dict(here.own())  # as it was before the store is asked: what comes later is not looked at
        await self._engine.write(lambda db: sessions.renew(db, self.process, until))
        for session, agent in list(self._ending.items()):
            await self.left(agent, session)
        for lost in await self._engine.write(lambda db: sessions.forget_dead(db, now)):
            log.warning("agent_lost_with_its_relay", agent=lost.agent, relay=lost.relay)
            self._tell(lost.agent)
        found = {
            session.agent: session
            for session in await self._engine.read(lambda db: sessions.standing(db, now))
        }
        self._elsewhere = {
            agent: session for agent, session in found.items() if session.relay != self.process.id
        }
        for mine in own.values():
            await self._compare(mine, found.get(mine.agent.id), here)
        await self._send_waiting(here)

    async def _compare(self, own: Own, found: Session | None, here: Here) -> None:
        if found is None:
            session, now = self._session(own), self._clock.utcnow()
            kept = await self._engine.write(
                lambda db: sessions.register_again(db, own.agent, own.epoch, session, now)
            )
            if not kept:
                here.supersede(own.agent.id, own.session)
            elif here.own().get(own.agent.id) != own:  # it left meanwhile
                await self.left(own.agent, own.session)
        elif found.id != own.session:
            here.supersede(own.agent.id, own.session)

    async def _send_waiting(self, here: Here) -> None:
        found = await self._engine.read(lambda db: sessions.waiting(db, self.process.id, MOST_WAITING))
        for one in found:
            await here.send_waiting(one.agent, one.command)

    async def _follow_agents(self, here: Here) -> None:
        with self._bus.subscribe(AGENTS) as hints:
            while True:
                hint = await hints.next()
                if hint is not None:
                    await self._quietly(self._agent_moved(hint, here))

    async def _agent_moved(self, hint: Hint, here: Here) -> None:
        """The hint says of whom; where it is now says the store, for hints may overtake each other."""
        if hint.missed:
            await self.look(here)
            return
        if hint.data.get("relay") == self.process.id:
            return
        agent = hint.subject.rpartition(".")[2]
        own = here.own().get(agent)
        found = await self._engine.read(lambda db: sessions.current(db, agent))
        if found is None or found.relay == self.process.id:
            self._elsewhere.pop(agent, None)
        else:
            self._elsewhere[agent] = found
        if own is not None and found is not None and found.id != own.session:
            here.supersede(agent, own.session)

    async def _follow_commands(self, here: Here) -> None:
        with self._bus.subscribe(COMMANDS_WAITING) as hints:
            while True:
                hint = await hints.next()
                if hint is None:
                    continue
                agent, command = hint.subject.rpartition(".")[2], hint.data.get("command")
                if hint.missed or not isinstance(command, str):
                    await self._quietly(self._send_waiting(here))
                elif agent in here.own():
                    await self._quietly(here.send_waiting(agent, command))

    async def _quietly(self, work: Awaitable[None]) -> None:
        """What fails here is looked at again with the next beat."""
        try:
            await work
        except TransientError as error:
            log.debug("hint_not_followed", code=error.code)

    def _session(self, own: Own) -> Session:
        return Session(own.agent.id, own.session, self.process.id)

    def _tell(self, agent: str) -> None:
        self._bus.publish(agent_seen(agent), {"relay": self.process.id})
