"""Commands carried out by the real executor over a journal whose every write is recorded.

What must not be lost is noted with the place in the log at which it happened: an effect, an answer that was told, an
ack, a pause. An image of the disk is right when it knows of everything that had happened by then, and of nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

from agent.audit.trail import Actor, Origin
from agent.clock import ManualClock
from agent.commands.ports import Answer, Call, State
from agent.outbox.journal import RECEIVED, CommandRecord, JournalConflict
from agent.outbox.store import Limits, Outbox
from tests.faults.power_cut import Operation, Recorder
from tests.unit.commands.making import FakeTrail, World, working
from tests.unit.outbox.making import opened

CONNECTIONS: Final = ("erp", "mes")
SMALL: Final = Limits(wal_bytes=128 * 1024)  # copies the log into the file every few commits
PERSON: Final = Actor(Origin.LOCAL, "anna")

Mutant = Callable[[Outbox], None]


@dataclass(frozen=True, slots=True)
class Event:
    at: int  # so much of the log was written when it had happened
    kind: str  # taken, effect, told, acked, settled, audited, paused, resuming
    of: str
    detail: Any = None


@dataclass(slots=True)
class Recording:
    start: dict[str, bytes]
    log: list[Operation]
    events: list[Event]


@dataclass(slots=True)
class Site:
    """What happens outside of the journal, noted as it happens."""

    recorder: Recorder
    random: Random
    events: list[Event] = field(default_factory=list)
    unacked: dict[str, str] = field(default_factory=dict)
    doubts: set[str] = field(default_factory=set)

    def note(self, kind: str, of: str, detail: Any = None) -> None:
        self.events.append(Event(len(self.recorder.log), kind, of, detail))

    async def work(self, call: Call, arguments: Any) -> Answer:
        self.note("effect", call.id, arguments.connection)
        for _ in range(self.random.randrange(4)):
            await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop
        states = (State.SUCCEEDED, State.SUCCEEDED, State.FAILED, State.IN_DOUBT)
        return Answer(
            self.random.choice(states), {"key": call.id, "text": "x" * self.random.randrange(3_000)}
        )

    async def send(self, command: str, state: str, result: Mapping[str, Any]) -> None:
        if state == State.RUNNING or result.get("code") == "conflict":
            return
        self.note("told", command, (str(state), dict(result)))
        self.unacked[command] = str(state)
        if state == State.IN_DOUBT:
            self.doubts.add(command)


class NotedTrail(FakeTrail):
    def __init__(self, site: Site) -> None:
        super().__init__()
        self._site = site

    async def record(self, action: str, actor: Actor, facts: Mapping[str, Any]) -> None:
        await super().record(action, actor, facts)
        self._site.note("audited", str(facts.get("command")), action)


async def record(folder: Path, *, seed: int, steps: int, mutant: Mutant | None = None) -> Recording:
    path = folder / "outbox.db"
    async with opened(path):
        pass  # the file is made aside and moved into place; the model begins when it is there
    start = {path.name: path.read_bytes()}
    name = f"journal-{seed}-{id(folder)}"
    recorder = Recorder(name)
    outbox = await Outbox.open(path, clock=ManualClock(), limits=SMALL, vfs=name)
    if mutant is not None:
        mutant(outbox)
    site = Site(recorder, Random(seed))
    try:
        await _day(site, outbox, steps)
    finally:
        await outbox.aclose()
    return Recording(start, list(recorder.log), site.events)


def _world(site: Site, outbox: Outbox) -> World:
    world = World(outbox, ManualClock())
    world.trail = NotedTrail(site)
    world.sync.work = world.create.work = site.work
    world._send = site.send  # type: ignore[method-assign]
    world.executor = world.make()
    return world


async def _day(site: Site, outbox: Outbox, steps: int) -> None:
    world = _world(site, outbox)
    async with working(world):
        for number in range(steps):
            luck = site.random.random()
            if luck < 0.55:
                await _command(site, world, f"c{number}")
            elif luck < 0.7:
                await _ack(site, world)
            elif luck < 0.75:
                await world.executor.cancel(f"c{site.random.randrange(steps)}")
            elif luck < 0.82 and site.doubts:
                await _settle(site, world)
            elif luck < 0.9:
                await _pause_or_resume(site, outbox)
            for _ in range(site.random.randrange(6)):
                await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop
        while world.executor._tasks or site.unacked:
            await _ack(site, world)
            await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop


async def _command(site: Site, world: World, command_id: str) -> None:
    args = {"connection": site.random.choice(CONNECTIONS)}
    name = site.random.choice(("create", "create", "sync"))
    seconds = site.random.choice((60, 60, 60, 0))
    command = world.command(command_id, name=name, args=args, seconds=seconds)
    await world.executor.handle(command)
    site.note("taken", command_id)
    if site.random.random() < 0.3:
        await world.executor.handle(command)
    if site.random.random() < 0.1:
        await world.executor.handle(world.command(command_id, args={**args, "number": 9}))


async def _ack(site: Site, world: World) -> None:
    if site.unacked:
        command = site.random.choice(sorted(site.unacked))
        state = site.unacked.pop(command)
        site.note("acked", command, state)
        await world.executor.result_acked(command, state)


async def _settle(site: Site, world: World) -> None:
    command = site.random.choice(sorted(site.doubts))
    site.doubts.discard(command)
    state = site.random.choice((State.SUCCEEDED, State.FAILED))
    with suppress(JournalConflict):  # of a mutant that has stored nothing that could be settled
        settled = await world.executor.settle(command, state, {"reference": "PO-1"}, PERSON)
        site.note("settled", command, settled.state)


async def _pause_or_resume(site: Site, outbox: Outbox) -> None:
    name = site.random.choice(CONNECTIONS)
    if site.random.random() < 0.5:
        await outbox.pause(name)
        site.note("paused", name)
    else:
        site.note("resuming", name)
        await outbox.resume(name)


# What the next process finds.


async def faults_of(outbox: Outbox, happened: list[Event]) -> list[str]:
    """What the journal has lost, or says although it never was."""
    records = {record.id: record for record in await outbox.journal.recent(100_000)}
    found = [fault for event in happened for fault in _lost(event, records.get(event.of))]
    acks = {(event.of, event.detail) for event in happened if event.kind == "acked"}
    lines = {event.of for event in happened if event.kind == "audited" and event.detail != "command_allowed"}
    for record in records.values():
        if record.acked_at is not None and (record.id, record.state) not in acks:
            found.append(f"{record.id} {record.state} is acked, and the relay has never had it")
        if record.audited_at is not None and record.id not in lines:
            found.append(f"{record.id} {record.state} is audited, and there is no line")
        if record.finished != (record.finished_at is not None):
            found.append(f"{record.id} is half {record.state}")
    return found + await _uncounted(outbox, happened, records) + await _unpaused(outbox, happened)


def _lost(event: Event, record: CommandRecord | None) -> list[str]:
    state = "unknown" if record is None else record.state
    found = []
    if event.kind == "taken" and record is None:
        found.append(f"{event.of} was taken and is not known")
    if event.kind == "effect" and state in ("unknown", RECEIVED):
        found.append(f"{event.of} had its effect and is {state}")
    if event.kind == "settled" and state != event.detail:
        found.append(f"{event.of} was settled as {event.detail} and is {state}")
    if event.kind == "told" and (record is None or (state, record.result) != event.detail):
        settled = event.detail[0] == State.IN_DOUBT and state in (State.SUCCEEDED, State.FAILED)
        found += [] if settled else [f"{event.of} was told as {event.detail[0]} and is {state}"]
    return found


async def _uncounted(
    outbox: Outbox, happened: list[Event], records: Mapping[str, CommandRecord]
) -> list[str]:
    found = []
    long_ago = ManualClock().utcnow() - timedelta(days=1)
    for connection in CONNECTIONS:
        made = {event.of for event in happened if event.kind == "effect" and event.detail == connection}
        written = [command for command in made if command in records and records[command].name == "create"]
        if await outbox.journal.writes_since(connection, None, long_ago) < len(written):
            found.append(f"{connection}: {len(written)} writes are not counted")
    return found


async def _unpaused(outbox: Outbox, happened: list[Event]) -> list[str]:
    found = []
    for name in CONNECTIONS:
        last = [event.kind for event in happened if event.of == name and event.kind in ("paused", "resuming")]
        if last[-1:] == ["paused"] and name not in await outbox.paused():
            found.append(f"{name} was paused and runs")
    return found


async def faults_of_the_next_process(outbox: Outbox, happened: list[Event]) -> list[str]:
    """Take up what was left: nothing that had its effect is run again, and everything ends."""
    effects = {event.of for event in happened if event.kind == "effect"}
    outcomes = {event.of: event.detail for event in happened if event.kind == "told"}
    world = World(outbox, ManualClock())

    async def recover(call: Call, _arguments: Any) -> Answer:
        return Answer(State.SUCCEEDED if call.id in effects else State.FAILED, {"key": call.id})

    world.sync.on_recover = world.create.on_recover = recover
    async with working(world):
        pass
    again = effects & {*world.sync.begun, *world.create.begun}
    found = [f"{command} was run again" for command in sorted(again)]
    found += [f"{record.id} has no end" for record in await outbox.journal.unfinished()]
    for command, (state, _) in outcomes.items():
        told = [one for one in world.states(command) if one != "running"]
        if any(one != state for one in told) and state != State.IN_DOUBT:
            found.append(f"{command} was told as {state}, and then as {told}")
    return found
