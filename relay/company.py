"""What joins this process to the others over its store: the bus, who leads, and what of theirs it follows.

The embedded relay has its store alone: its bus is in memory, it leads everything, and there is nobody to follow.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from agent.clock import Clock
from relay.arrivals import follow_positions, follow_spoilt, tell_spoilt
from relay.bus.base import Bus
from relay.bus.memory import MemoryBus
from relay.bus.subjects import POSITIONS, command_waiting
from relay.documents import Documents
from relay.ingest import Ingest
from relay.leadership import AlwaysHeld, Leadership
from relay.members import Here, Members, new_process
from relay.settings import Bus as BusSettings
from relay.store import sessions
from relay.store.sql import Engine
from relay.watch import CommandWatch

if TYPE_CHECKING:  # what only the larger form needs is imported where it is configured
    from relay.advisory import AdvisoryLeadership
    from relay.bus.jetstream import JetStreamBus
    from relay.store.postgresql.address import Address

MOST_ANNOUNCED: Final = 10_000  # agents for which commands wait, when a bus is filled again


@dataclass(frozen=True, slots=True)
class Company:
    bus: Bus
    leadership: Leadership
    members: Members
    keeper: AdvisoryLeadership | None  # of the locks; None: nobody else wants them

    @property
    def alone(self) -> bool:
        return self.members.alone

    def follow(
        self,
        group: asyncio.TaskGroup,
        here: Here,
        waiters: CommandWatch,
        documents: Documents,
        ingest: Ingest,
    ) -> list[asyncio.Task[None]]:
        """What the others do; `keep` is under way by then."""
        if self.alone:
            return []
        documents.on_spoilt = partial(_spoilt, self.bus, documents, ingest)
        return [
            group.create_task(self.members.run(here), name="members"),
            group.create_task(waiters.follow(), name="follow-commands"),
            group.create_task(follow_positions(self.bus, ingest.appended), name="follow-positions"),
            group.create_task(follow_spoilt(self.bus, documents, ingest.appended), name="follow-spoilt"),
        ]

    def keep(self, group: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """The connections of the bus and of the locks."""
        kept = [group.create_task(self.bus.run(), name="bus")]
        if self.keeper is not None:
            kept.append(group.create_task(self.keeper.run(), name="leadership"))
        return kept


def _spoilt(bus: Bus, documents: Documents, ingest: Ingest) -> None:
    ingest.appended.set()
    tell_spoilt(bus, documents)


def alone(engine: Engine, *, name: str, clock: Clock) -> Company:
    bus = MemoryBus(clock)
    members = Members(engine, bus, new_process(name, clock), alone=True, clock=clock)
    return Company(bus, AlwaysHeld(), members, None)


def among_others(
    engine: Engine, address: Address, settings: BusSettings, *, name: str, clock: Clock
) -> Company:
    from relay.advisory import AdvisoryLeadership  # noqa: PLC0415 - see above

    process = new_process(name, clock)
    bus: Bus = MemoryBus(clock)
    if settings.servers:
        bus = _jetstream(engine, settings, process.id, clock)
    leadership = AdvisoryLeadership(address, clock=clock)
    members = Members(engine, bus, process, alone=False, clock=clock)
    return Company(bus, leadership, members, leadership)


def _jetstream(engine: Engine, settings: BusSettings, relay: str, clock: Clock) -> JetStreamBus:
    from relay.bus.jetstream import JetStreamBus, NatsAccess  # noqa: PLC0415 - see above

    bus = JetStreamBus(NatsAccess(**settings.model_dump()), relay=relay, clock=clock)

    async def refill() -> None:
        bus.publish(POSITIONS)
        for agent in await engine.read(lambda db: sessions.agents_waited_for(db, MOST_ANNOUNCED)):
            bus.publish(command_waiting(agent))

    bus.refill = refill
    return bus
