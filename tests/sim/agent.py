"""One life of an agent: the real outbox, supervisor, schedule, executor and link, put together as `agent.app` does."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from random import Random
from typing import Any, Final

from agent.clock import Clock
from agent.commands.effects import Effects
from agent.commands.executor import Executor
from agent.commands.matrix import Matrices
from agent.commands.writing import Writer, write_kinds
from agent.errors import GroundwireError
from agent.identity import Identity
from agent.mapping.compile import CompiledMapping, compile_mapping
from agent.outbox.store import Limits, Outbox
from agent.policy.leave import EVERYTHING
from agent.protocol.frames import Result
from agent.settings import SyncSettings
from agent.sync.interrupted import close_interrupted_runs
from agent.sync.page import StreamFacts
from agent.sync.reconcile import DeletionSettings
from agent.sync.runner import Runner, Stream
from agent.sync.schedule import Schedule
from agent.sync.supervisor import Supervisor
from agent.sync.window import WindowSettings
from agent.tunnel.endpoint import make_endpoint
from agent.tunnel.link import Link
from drivers.contract import StreamSpec
from tests.faults.write_world import POLICY, NoRecords, OneSystem
from tests.sim.disk import Drive
from tests.sim.loop import Host
from tests.sim.network import AgentEnd
from tests.sim.source import Erp, Kind, Source
from tests.sim.writes import Writes

PRUNE_SECONDS: Final = 300.0
DRAIN_SECONDS: Final = 20.0
MAPPINGS: Final[Mapping[str, Mapping[str, Any]]] = {
    "purchase_order": {
        "orderNo": "__key",
        "totalNetValue": {"from": "amount", "as": "decimal"},
        "custom": {"rev": "rev"},
    },
    "vendor": {"code": "__key", "name": "amount", "custom": {"rev": "rev"}},
    "inventory_item": {"code": "__key", "name": "amount", "custom": {"rev": "rev"}},
}


@dataclass(frozen=True, slots=True)
class Settings:
    """How the agent is configured."""

    kinds: tuple[Kind, ...]
    every: timedelta
    overlap: timedelta
    page_rows: int
    compare_every: timedelta
    limits: Limits
    parallel: int = 1


@dataclass(frozen=True, slots=True)
class Parts:
    """What a mutant exchanges."""

    runner: Any = Runner
    ingest: Any = None


@dataclass
class Identities:
    """The identity's file; what is saved is durable."""

    identity: Identity

    def load(self) -> Identity:
        return self.identity

    def save(self, identity: Identity) -> None:
        self.identity = identity


class Quiet:
    """An audit trail that takes everything."""

    async def record(self, action: str, actor: object, facts: Mapping[str, Any]) -> None: ...


class NoStatus:
    def connections(self) -> Sequence[Mapping[str, Any]]:
        return ()


@dataclass(eq=False)
class AgentLife:
    host: Host
    drive: Drive
    clock: Clock
    settings: Settings
    erp: Erp
    writes: Writes
    identities: Identities
    random: Random
    opener: Any
    parts: Parts = field(default_factory=Parts)
    outbox: Any = None
    link: Link | None = None
    supervisor: Supervisor | None = None

    def __post_init__(self) -> None:
        self.stopping = asyncio.Event()
        self._runs = 0

    async def run(self) -> None:
        """Until stopped; raises the GroundwireError that ended it."""
        self.outbox = await Outbox.open(
            self.drive.folder / "outbox.db",
            clock=self.clock,
            limits=self.settings.limits,
            vfs=self.drive.name,
        )
        async with self.outbox:
            try:
                async with asyncio.TaskGroup() as group:
                    watching = group.create_task(self._watch())
                    await self._live(group)
                    watching.cancel()
            except* GroundwireError as errors:
                raise errors.exceptions[0] from errors

    def let_go(self) -> None:
        """Close what a dead process can not: its drive is going to be taken away."""
        if self.outbox is not None:
            self.outbox._db.connection.close(force=True)

    async def _live(self, group: asyncio.TaskGroup) -> None:
        await close_interrupted_runs(self.outbox, self.clock)
        self.supervisor = self._supervisor()
        schedule = Schedule(lambda address: self.supervisor.look(address.partition("/")[2]), self.clock)  # type: ignore[union-attr]
        executor = self._executor()
        self.link = Link(
            make_endpoint("wss://relay.simulated", ca_file=None, proxy=None, allow_plain_loopback=False),
            self.identities,  # type: ignore[arg-type]
            self.outbox,
            sink=executor,
            status=NoStatus(),
            clock=self.clock,
            software="simulated",
            opener=self._open,  # type: ignore[arg-type]
            fraction=self.random.random,
        )
        for kind in self.settings.kinds:
            every = SyncSettings.model_validate({"every": f"{round(self.settings.every.total_seconds())}s"})
            runs = await self.outbox.runs(f"erp/{kind.name}", 1)
            schedule.add(f"erp/{kind.name}", every, runs[0].started_at if runs else None)
        running = group.create_task(self.supervisor.run())
        background = [group.create_task(self._prune()), group.create_task(schedule.mind_the_clock())]
        await executor.start(group)
        linked = group.create_task(self.link.run())
        schedule.start()
        await self.stopping.wait()
        for task in background:
            task.cancel()
        await executor.stop()
        schedule.stop()
        running.cancel()
        await asyncio.wait({running})
        await self.link.drain(DRAIN_SECONDS)
        await linked

    async def _open(self, _endpoint: object) -> AgentEnd:
        end: AgentEnd = await self.opener(self)
        return end

    async def _watch(self) -> None:
        raise await self.outbox.failure()

    async def _prune(self) -> None:
        while True:
            await self.clock.sleep(PRUNE_SECONDS)
            with suppress(GroundwireError):
                await self.outbox.prune()

    def _supervisor(self) -> Supervisor:
        sources = [Source(self.erp, self.random) for _ in range(self.settings.parallel)]
        return Supervisor(
            connection="erp",
            streams={kind.name: made_stream(self.settings, kind) for kind in self.settings.kinds},
            source=sources[0],
            further=sources[1:],
            make_runner=lambda stream, source, progress: self.parts.runner(
                stream, source, self.outbox, self.clock, progress
            ),
            new_run=self._new_run,
            clock=self.clock,
            gate=asyncio.Semaphore(4),
            on_refused=self._call_a_person,
        )

    def _new_run(self) -> str:
        self._runs += 1
        return f"{self.drive.folder.name}-{self._runs:03}"

    def _call_a_person(self, _error: GroundwireError) -> None:
        """Who looks at the account, and says that it works again."""
        assert self.supervisor is not None
        asyncio.get_running_loop().call_later(self.random.random() * 120.0, self.supervisor.restore)

    def _executor(self) -> Executor:
        system = OneSystem(self.writes.driver(self.random))  # type: ignore[arg-type]
        matrices = Matrices(system, lambda: POLICY, self.clock)
        writer = Writer(
            matrices,
            system,
            NoRecords(),
            self.outbox.journal,
            lambda: POLICY,
            self.clock,
            Effects(self.clock),
        )

        async def send(command: str, state: str, result: Mapping[str, Any]) -> None:
            assert self.link is not None
            await self.link.send_result(Result(command, state, dict(result)))

        return Executor(self.outbox.journal, write_kinds(writer), self.clock, Quiet(), send)


@cache
def _mapping(entity: str) -> CompiledMapping:
    return compile_mapping(dict(MAPPINGS[entity]), entity=entity, where=entity)


def made_stream(settings: Settings, kind: Kind) -> Stream:
    return Stream(
        facts=StreamFacts("erp", "simulated", kind.name, kind.entity),
        spec=StreamSpec(kind.name, kind.entity),
        mapping=_mapping(kind.entity),
        window=WindowSettings(initial_window=None, overlap=settings.overlap, lag=kind.lag),
        deletions=DeletionSettings(compare_keys=True, every=settings.compare_every, max_share=1.0),
        page_rows=settings.page_rows,
        leave=EVERYTHING,
        form="form",
    )
