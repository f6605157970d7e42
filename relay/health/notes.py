"""What is seen and told of agents, kept until it is written down a few seconds later, many in one transaction.

Bounded by what there is: one note for each agent, connection and stream. What was not written when the relay ended is
seen or told again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final, Protocol, TypeVar

import structlog

from agent.clock import Clock
from agent.errors import GroundwireError
from relay.health.facts import AgentTold, Waiting, drain_of
from relay.health.noted import Acked, AgentNote, AgentWord, ConnectionNote, Notes, RunNote, Standing
from relay.health.standing import note_of, standing_of
from relay.health.told import moment, told
from relay.observing import Observer, Round, Settled, Word
from relay.store.base import Agent, AppendOutcome

K = TypeVar("K")
V = TypeVar("V")

log = structlog.get_logger()

WRITE_SECONDS: Final = 5.0  # between two transactions
PRESENT_SECONDS: Final = 30.0  # between two words on who is here; see facts.SEEN_WITHIN
SAMPLES: Final = 8  # of what waits, for the rate: some four minutes
SKEWS: Final = 8  # of which the best counts
NOTES_AT_ONCE: Final = 500  # of each kind in one transaction
NOTHING: Final = Waiting(0, 0, 0)

Key = tuple[str, str]  # agent, connection's name


class Keeper(Protocol):
    async def write_health(self, notes: Notes) -> None: ...


@dataclass(slots=True)
class _Present:
    agent: Agent
    since: datetime
    samples: deque[tuple[float, Waiting]] = field(default_factory=lambda: deque(maxlen=SAMPLES))
    skews: deque[timedelta] = field(default_factory=lambda: deque(maxlen=SKEWS))
    waiting: set[str] = field(default_factory=set)  # connections of which it told that something waits


class HealthNotes(Observer):
    def __init__(self, keeper: Keeper, clock: Clock) -> None:
        self._keeper = keeper
        self._clock = clock
        self._present: dict[str, _Present] = {}
        self._agents: dict[str, AgentNote] = {}
        self._connections: dict[Key, ConnectionNote] = {}
        self._runs: dict[tuple[str, str, str], RunNote] = {}
        self._present_at = clock.monotonic()
        self._writing = asyncio.Lock()
        self._failing = False

    def agent_arrived(self, agent: Agent) -> None:
        now = self._clock.utcnow()
        self._present[agent.id] = _Present(agent, now)
        self._agents[agent.id] = AgentNote(agent.id, agent.tenant, now)

    def agent_left(self, agent: Agent) -> None:
        there = self._present.pop(agent.id, None)
        if there is not None:
            note = self._note_of(agent)
            self._agents[agent.id] = replace(note, left=there.since)

    def told(self, word: Word) -> None:
        agent = word.agent
        for status in word.connections:
            noted = self._connections.get((agent.id, status.name))
            standing = _with_what_stands(standing_of(status), None if noted is None else noted.standing)
            self._note_connection(agent.id, status.name, standing=standing)
        said = told(word.health)
        there = self._present.get(agent.id)
        if said is None or there is None:
            return
        self._take(agent, there, said.agent)
        if said.agent.waiting is not None:  # it begins anew: of what it does not name nothing waits any more
            for name in there.waiting - set(said.connections):
                self._note_connection(agent.id, name, waiting=NOTHING)
            there.waiting.clear()
        there.waiting.update(said.connections)
        for name, waiting in said.connections.items():
            self._note_connection(agent.id, name, waiting=waiting)

    def _take(self, agent: Agent, there: _Present, word: AgentTold) -> None:
        now = self._clock.utcnow()
        there.skews.append(word.at - now)
        if word.waiting is None:
            return
        there.samples.append((self._clock.monotonic(), word.waiting))
        kept = AgentWord(
            at=now,
            skew=max(there.skews),  # the rest of it is the way
            waiting=word.waiting,
            room=word.room,
            drain=drain_of(list(there.samples)),
            certificates=word.certificates,
        )
        self._agents[agent.id] = replace(self._note_of(agent), word=kept)

    def settled(self, settled: Settled) -> None:
        batch = settled.batch
        there = self._present.get(batch.agent)
        if settled.outcome is not AppendOutcome.APPENDED or there is None:
            return
        now = self._clock.utcnow()
        read_at = moment(settled.enqueued_at)
        skew = max(there.skews, default=timedelta(0))
        lag = None if read_at is None else max(timedelta(0), now - read_at + skew)
        acked = Acked(now, lag)
        self._agents[batch.agent] = replace(self._note_of(there.agent), acked=acked)
        self._note_connection(batch.agent, batch.connection, acked=acked)

    def materialised(self, done: Round) -> None:
        for run in done.runs:
            note = note_of(run)
            key = (note.tenant, note.connection, note.stream)
            before = self._runs.get(key)
            if before is not None and note.succeeded_at is None and before.succeeded_at is not None:
                note = replace(note, succeeded_at=before.succeeded_at)
            self._runs[key] = note

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._clock.sleep(WRITE_SECONDS)
            await self.write()

    async def write(self) -> None:
        """Write down what has been noted; what cannot be written now is kept."""
        async with self._writing:
            while notes := self._taken():
                try:
                    await self._keeper.write_health(notes)
                except GroundwireError as error:
                    self._put_back(notes)
                    if not self._failing:
                        log.warning("health_not_written", code=error.code, error=str(error), hint=error.hint)
                    self._failing = True
                    return
                except Exception as error:  # noqa: BLE001 - notes that cannot be written must not end those behind them
                    log.error("health_notes_dropped", error=type(error).__name__)  # noqa: TRY400 - values of an agent stand in its text
                self._failing = False

    def _taken(self) -> Notes:
        now, monotonic = self._clock.utcnow(), self._clock.monotonic()
        present: dict[str, datetime] = {}
        if monotonic - self._present_at >= PRESENT_SECONDS:
            self._present_at = monotonic
            present = {agent: there.since for agent, there in self._present.items()}
        return Notes(
            now,
            agents=tuple(_some(self._agents)),
            connections=tuple(_some(self._connections)),
            runs=tuple(_some(self._runs)),
            present=present,
        )

    def _put_back(self, notes: Notes) -> None:
        """Under what came meanwhile."""
        if notes.present:
            self._present_at = -PRESENT_SECONDS
        for agent in notes.agents:
            newer = self._agents.get(agent.agent)
            self._agents[agent.agent] = agent if newer is None else _over(agent, newer)
        for one in notes.connections:
            later = self._connections.get((one.agent, one.name))
            self._connections[(one.agent, one.name)] = one if later is None else _laid_over(one, later)
        for run in notes.runs:
            self._runs.setdefault((run.tenant, run.connection, run.stream), run)

    def _note_of(self, agent: Agent) -> AgentNote:
        return self._agents.get(agent.id) or AgentNote(agent.id, agent.tenant, None)

    def _note_connection(self, agent: str, name: str, **news: Any) -> None:
        note = self._connections.get((agent, name)) or ConnectionNote(agent, name)
        self._connections[(agent, name)] = replace(note, **news)


def _some(notes: dict[K, V]) -> list[V]:
    return [notes.pop(key) for key in list(islice(notes, NOTES_AT_ONCE))]


def _over(older: AgentNote, newer: AgentNote) -> AgentNote:
    return replace(
        newer,
        connected_since=newer.connected_since or older.connected_since,
        left=newer.left or older.left,
        word=newer.word or older.word,
        acked=newer.acked or older.acked,
    )


def _with_what_stands(newer: Standing, older: Standing | None) -> Standing:
    """An agent that has just started says nothing of certificates: what it said before stands."""
    if newer.certificates is not None or older is None:
        return newer
    return replace(newer, certificates=older.certificates)


def _laid_over(older: ConnectionNote, newer: ConnectionNote) -> ConnectionNote:
    return replace(
        newer,
        standing=older.standing
        if newer.standing is None
        else _with_what_stands(newer.standing, older.standing),
        waiting=newer.waiting or older.waiting,
        acked=newer.acked or older.acked,
    )
