"""A world: an ERP, an agent, a relay and what lies between them, in virtual time, with the faults of its plan.

When the faults are over everything may settle, and `tests.faults.invariants` judges what the source committed against
what the relay stored. The same seed makes the same world, to the last turn of its loop.
"""

from __future__ import annotations

import asyncio
import gc
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextvars import Context
from pathlib import Path
from random import Random
from typing import Any, Final

from agent.errors import GroundwireError, Unreachable
from agent.identity import Identity
from agent.protocol.faults import ProtocolFault
from agent.protocol.frames import Ack, Batch, decode
from relay.lifecycle import CommandState
from tests.faults.invariants import Account, Asked, Bound, End, Stored, Wire, judge
from tests.faults.power_cut import Fate
from tests.sim.agent import AgentLife, Identities, Parts
from tests.sim.disk import Drive
from tests.sim.loop import HOST, Deadlock, Host, SimulatedLoop
from tests.sim.machines import HostClock, Machine
from tests.sim.network import AgentEnd, Line, RelayEnd, Weather
from tests.sim.plan import DAY, Plan, plan_of
from tests.sim.relay import KEY, Reading, RelayLife, ends_in, new_outbox, new_store, shown_by
from tests.sim.seams import simulated
from tests.sim.source import Erp
from tests.sim.trace import Outcome, Trace
from tests.sim.troubles import Troubles
from tests.sim.writes import Writes

RESTART_SECONDS: Final = 5.0  # until the service manager starts again what ended by itself
SETTLE_SECONDS: Final = 1800.0  # the longest that pauses and holds may take after the faults
TELL_SECONDS: Final = 300.0  # after the faults, until it is told what became of a command
LOOK_SECONDS: Final = 5.0
ARRIVAL_SECONDS: Final = 60.0  # I6, behind the schedule's own interval and the lag that is declared


class World(Troubles):
    def __init__(self, folder: Path, seed: int, parts: Parts | None = None, plan: Plan | None = None) -> None:
        self.folder = folder
        self.seed = seed
        self.plan = plan or plan_of(seed)
        self.parts = parts or Parts()
        self.random = Random(seed + 1)
        self.loop = SimulatedLoop(Random(seed + 2), self.plan.pace)
        self.trace = Trace()
        self.trace.now = self.loop.time
        self.weather = Weather()
        self.erp = Erp(self.plan.settings.kinds, Random(seed + 3))
        self.writes = Writes()
        self.agent, self.relay = Machine("agent"), Machine("relay")
        self.relay.files, enrolled = new_store()
        self.agent.files = new_outbox()
        self.identities = Identities(
            Identity(enrolled.id, enrolled.tenant, "wss://relay", enrolled.epoch, KEY)
        )
        self.lines: list[Line] = []
        self.sent: Counter[tuple[str, int, str]] = Counter()
        self.acked: dict[str, int] = {}
        self.bounds: dict[str, Bound] = {}
        self.ending = False  # what ends is not started again
        self.opened = 0
        self.drives: list[Drive] = []
        self.lives: list[AgentLife | RelayLife] = []
        self.tasks: set[asyncio.Task[Any]] = set()
        self.asked: dict[str, float] = {}  # commands, and when
        self.false_acks: list[str] = []
        self.troubles: list[asyncio.Task[Any]] = []
        self.crashes: list[str] = []
        self.reading = Reading()
        self._looked_at: object = None
        self._missed: list[str] = []

    def play(self) -> Outcome:
        asyncio.set_event_loop(None)
        faults: list[str] = []
        try:
            with simulated(self.trace.logged):
                try:
                    faults = self.loop.run_until_complete(self._play())
                except Deadlock:
                    faults = ["I6: everybody waits, and nothing will come"]
                except Exception as error:  # what stopped it has been told, or the world itself broke
                    if not self.crashes:
                        self.crashes.append(_told("world", error))
                self.trace.note("end", faults=faults, turns=self.loop.turns)
                self.trace.over = True
                self.loop.run_until_complete(self.loop.bury())
        finally:
            for life in self.lives:
                life.let_go()
            for drive in self.drives:
                drive.close()
            self.loop.close()
        faults += [f"crash: {complaint}" for complaint in (*self.crashes, *self.loop.complaints)]
        return Outcome(
            self.seed,
            faults,
            self.trace.digest,
            self.plan,
            self.trace.lines,
            self.loop.turns,
            self.loop.time(),
            sum(self.sent.values()),
            len(self.erp.history),
        )

    async def _play(self) -> list[str]:
        for kind in self.plan.settings.kinds:
            for number in range(self.plan.rows):
                self.erp.put(kind.name, f"K{number:02}")
        self._start_relay()
        self._start_agent()
        self._spawn(self._churn())
        self._spawn(self._ask())
        for event in self.plan.events:
            await asyncio.sleep(event.after)  # noqa: TID251 - in virtual time
            self.trace.note("fault", fault=event.fault.value, lasts=event.lasts)
            await self._cause(event)
        self._calm_down()
        unsettled = await self._settle()
        arrivals = await self._fresh_changes() if not unsettled else []
        await self._stop(self.agent)
        await self._stop(self.relay)
        return unsettled + await self._judge(arrivals)

    # --- what happens at the source ---

    async def _churn(self) -> None:
        names = sorted(self.erp.tables)
        for _ in range(self.plan.changes):
            await asyncio.sleep(self.random.random() * self.plan.between)  # noqa: TID251 - in virtual time
            self._spawn(self.erp.change(self.random.choice(names)))

    async def _ask(self) -> None:
        for number in range(self.plan.commands):
            await asyncio.sleep(self.random.random() * 3 * self.plan.between)  # noqa: TID251 - in virtual time
            relay = self.relay.life
            if relay is None or not relay.up.is_set() or relay.drive.image is not None or relay.host.asleep:
                continue
            name = f"cmd-{self.seed}-{number}"
            self.asked[name] = self.loop.time()
            self._within(relay.host, relay.ask(name, self.random.choice((30.0, DAY))))

    # --- the two machines ---

    def _start_agent(self) -> None:
        machine, random = self.agent, Random(self.random.random())
        host, drive = self._new_life(machine)
        life = AgentLife(
            host,
            drive,
            HostClock(self.loop, host, machine),
            self.plan.settings,
            self.erp,
            self.writes,
            self.identities,
            random,
            self._open,
            self.parts,
        )
        self._live(machine, life, self._start_agent)

    def _start_relay(self) -> None:
        machine = self.relay
        host, drive = self._new_life(machine)
        life = RelayLife(host, drive, HostClock(self.loop, host, machine), self.plan.credit, self.parts)
        self._live(machine, life, self._start_relay)

    def _new_life(self, machine: Machine) -> tuple[Host, Drive]:
        machine.lives += 1
        host = self.loop.new_host(machine.name)
        host.clock = HostClock(self.loop, host, machine)
        name = f"{machine.name}-{machine.lives}"
        drive = Drive(self.folder / name, machine.files, Random(self.random.random()))
        self.drives.append(drive)
        host.after_work = lambda: self._fallen(machine)
        return host, drive

    def _live(self, machine: Machine, life: Any, again: Callable[[], None]) -> None:
        machine.life = life
        self.lives.append(life)
        self.trace.note("started", machine=machine.name, life=machine.lives)
        machine.task = self._within(life.host, life.run())
        machine.task.add_done_callback(
            lambda done: self._ended(machine, life, done, again), context=Context()
        )

    def _ended(
        self, machine: Machine, life: Any, done: asyncio.Task[None], again: Callable[[], None]
    ) -> None:
        """A process ended by itself: the service manager starts it again, unless it was asked to end."""
        if machine.life is not life or not life.host.alive:
            return
        error = None if done.cancelled() else done.exception()
        self.trace.note("ended", machine=machine.name, error=type(error).__name__)
        if error is not None and not _expected(error):
            self.crashes.append(_told(machine.name, error))
            self.loop.stop()
        self._bury(machine, Fate.KEPT)
        if not self.ending:
            machine.down_until = self.loop.time() + RESTART_SECONDS
            self.loop.call_later(RESTART_SECONDS, again, context=Context())

    def _fallen(self, machine: Machine) -> None:
        """Behind a piece of work: did the process die within it?"""
        if machine.life is not None and machine.life.drive.image is not None and machine.life.host.alive:
            self._die(machine, Fate.KEPT)

    def _die(self, machine: Machine, fate: Fate, *, silent: bool = False) -> None:
        life = machine.life
        if life is None:
            return
        self.trace.note("died", machine=machine.name)
        self._bury(machine, fate)
        for line in self.lines:
            if not line.cut and not silent:
                line.end_of(machine.name)
        again = self._start_agent if machine is self.agent else self._start_relay
        self.loop.call_later(1.0 + self.random.random() * 30.0, again, context=Context())

    def _bury(self, machine: Machine, fate: Fate) -> None:
        life = machine.life
        machine.files = {
            name: content
            for name, content in life.drive.fall(fate).items()
            if not name.endswith(("-shm", "-journal")) and ".new" not in name
        }
        life.host.alive = False
        machine.life = None
        if machine is self.relay:
            self._look_for_false_acks()

    def _look_for_false_acks(self) -> None:
        """At once: an agent that is asked again would mend what was acked and lost."""
        there = ends_in(self.folder / f"look-{self.relay.lives}", self.relay.files)
        for stream, seq in self.acked.items():
            if there.get(stream, 0) < seq:
                self.false_acks.append(
                    f"I2: {stream}: batch {seq} was acked, the store ended at {there.get(stream, 0)}"
                )

    async def _stop(self, machine: Machine) -> None:
        """SIGTERM, and wait."""
        while machine.life is None:
            await asyncio.sleep(1.0)  # noqa: TID251 - in virtual time
        self.ending = True
        life, task = machine.life, machine.task
        self.loop.call_soon(life.stopping.set, context=Context())
        if task is not None:
            await asyncio.wait({task})
        while machine.life is life:
            await asyncio.sleep(0.1)  # noqa: TID251 - until its files are kept

    # --- the network ---

    async def _open(self, life: AgentLife) -> AgentEnd:
        await asyncio.sleep(self.weather.latency)  # noqa: TID251 - in virtual time
        relay = self.relay.life
        if self.weather.black_hole:
            await asyncio.sleep(15.0)  # noqa: TID251 - in virtual time
            raise Unreachable("no answer", where="the simulated network")
        if self.weather.refuses or relay is None or not relay.up.is_set() or relay.host.asleep:
            raise Unreachable("nothing answers", where="the simulated network")
        line = Line(self.loop, self.weather, Random(self.random.random()))
        self.lines = [*[old for old in self.lines if not old.cut][-4:], line]
        self.opened += 1
        self._within(relay.host, self._serve(relay, RelayEnd(line, self._onlooker)))
        return AgentEnd(line, self._onlooker)

    async def _serve(self, relay: RelayLife, end: RelayEnd) -> None:
        try:
            await relay.serve(end)
        except* GroundwireError:
            pass  # websockets writes of it, and closes
        finally:
            await end.close()

    def _onlooker(self, way: str, message: str | bytes) -> None:
        """What somebody would see who looks at the line."""
        try:
            frame = decode(message)
        except ProtocolFault:
            self.crashes.append("a frame that cannot be read was sent")
            return
        if isinstance(frame, Batch):
            self.sent[frame.stream, frame.seq, frame.hash] += 1
            self.trace.note("batch", stream=frame.stream, seq=frame.seq, hash=frame.hash[:12])
            self._bound("bytes of a frame", len(message), 16 * 2**20)
        elif isinstance(frame, Ack):
            self.acked[frame.stream] = max(frame.seq, self.acked.get(frame.stream, 0))
            self.trace.note("ack", stream=frame.stream, seq=frame.seq)
        else:
            self.trace.note(way, frame=type(frame).__name__)

    def _bound(self, name: str, found: float, most: float) -> None:
        known = self.bounds.get(name)
        if known is None or found > known.found:
            self.bounds[name] = Bound(name, found, most)

    def _calm_down(self) -> None:
        self.trace.note("calm")
        for trouble in self.troubles:
            trouble.cancel()
        for machine in (self.agent, self.relay):
            self._mend(machine.life)
            if machine.life is not None:
                machine.life.drive.stand()
        self.writes.calm = True

    # --- the end ---

    async def _settle(self) -> list[str]:
        """Until everything has arrived, but not for ever."""
        calm = self.loop.time()
        deadline = calm + SETTLE_SECONDS + self.plan.changes * 30.0
        faults: list[str] = ["it did not begin"]
        while faults:
            if untold := await self._untold(calm):
                return [f"I6: commands without an outcome {TELL_SECONDS:.0f} s behind the faults: {untold}"]
            if self.loop.time() > deadline:
                return [f"I6: after the faults it did not settle: {faults[0]}", *faults[1:]]
            await asyncio.sleep(LOOK_SECONDS * (1 + self.random.random()))  # noqa: TID251 - in virtual time
            faults = await self._unsettled()
        return []

    async def _unsettled(self) -> list[str]:
        agent, relay = self.agent.life, self.relay.life
        if agent is None or relay is None or agent.link is None or not relay.up.is_set():
            return ["a process is not up"]
        if any(not task.done() for task in self.tasks if task.get_name() == "world"):
            return ["the source still changes"]
        if agent.link.state.phase != "connected":
            return [f"the link is {agent.link.state.phase}"]
        stats = await self._of(agent.host, agent.outbox.stats())
        if stats.pending_batches:
            return [f"{stats.pending_batches} batches are pending"]
        if open_ := await self._open_of(relay, self.asked):
            return [f"commands are open: {open_}"]
        return await self._missing(relay)

    async def _untold(self, calm: float) -> list[str]:
        """Commands that should have come to their end by now."""
        relay, now = self.relay.life, self.loop.time()
        late = [name for name, asked in self.asked.items() if max(asked, calm) + TELL_SECONDS < now]
        return await self._open_of(relay, late) if relay is not None and relay.up.is_set() else []

    async def _open_of(self, relay: RelayLife, names: Iterable[str]) -> list[str]:
        return [name for name in names if await self._state_of(relay, name) in _OPEN]

    async def _state_of(self, relay: RelayLife, name: str) -> CommandState | None:
        command = await self._of(relay.host, relay.store.command(new_store()[1].tenant, name))
        return None if command is None else command.state

    async def _stored(self, relay: RelayLife) -> list[Stored]:
        return await self.reading.of(relay.store)

    async def _missing(self, relay: RelayLife) -> list[str]:
        stored = await self._stored(relay)
        looked_at = (relay, len(stored), len(self.erp.history))
        if looked_at != self._looked_at:
            faults = judge(Account(self.erp.history, stored))
            self._missed = [fault for fault in faults if fault.startswith(("I1", "I3", "I4: run"))]
            self._looked_at = looked_at
        return self._missed

    async def _fresh_changes(self) -> list[Bound]:
        """After the faults, a change of each stream, and how long it takes to the relay's store."""
        fresh = {self.erp.put(kind.name, "fresh"): kind for kind in self.plan.settings.kinds}
        bounds: list[Bound] = []
        began = self.loop.time()
        most = self.plan.settings.every.total_seconds() + ARRIVAL_SECONDS
        longest = most + max(kind.lag.total_seconds() for kind in fresh.values()) + 600.0
        while fresh and self.loop.time() - began < longest:
            await asyncio.sleep(1.0)  # noqa: TID251 - in virtual time
            if self.relay.life is None:
                continue
            stored = await self._stored(self.relay.life)
            there = {rev for batch in stored for _, rev, _ in batch.records}
            for rev in sorted(there & fresh.keys()):
                kind = fresh.pop(rev)
                bounds.append(Bound(kind.name, self.loop.time() - began, most + kind.lag.total_seconds()))
        bounds += [Bound(kind.name, longest, most) for kind in fresh.values()]
        while self.loop.time() - began < longest and await self._unsettled():
            await asyncio.sleep(LOOK_SECONDS)  # noqa: TID251 - in virtual time
        return bounds

    async def _judge(self, arrivals: list[Bound]) -> list[str]:
        """From the files that are left."""
        store, outbox = await self._reopened()
        stored: list[Stored] = await Reading().of(store)
        entities = {kind.entity: f"erp/{kind.name}" for kind in self.plan.settings.kinds}
        shown = await shown_by(store, self.folder, entities, HostClock(self.loop, Host("judge"), self.relay))
        commands = []
        for name in self.asked:
            command = await store.command(new_store()[1].tenant, name)
            if command is not None:
                commands.append(Asked(name, self.writes.effects[name], command.state.value))
        stats = await outbox.stats()
        ends = {
            stream: End(known.last_seq, known.acked_seq, known.pending_batches)
            for stream, known in stats.streams.items()
        }
        await outbox.aclose()
        await store.aclose()
        wire = Wire(self.acked, self.sent, self.plan.credit, self.opened)
        account = Account(
            self.erp.history,
            stored,
            ends,
            wire,
            shown,
            commands,
            arrivals,
            tuple(self.bounds.values()),
        )
        return judge(account) + self.erp.faults + self.false_acks

    async def _reopened(self) -> tuple[Any, Any]:
        from agent.outbox.store import Outbox
        from relay.store.sqlite import SqliteStore

        folder = self.folder / "end"
        folder.mkdir()
        for machine in (self.agent, self.relay):
            for name, content in machine.files.items():
                (folder / name).write_bytes(content)
        clock = HostClock(self.loop, Host("judge"), self.agent)
        store = await SqliteStore.open(folder / "relay.db")
        return store, await Outbox.open(folder / "outbox.db", clock=clock)

    # --- tasks ---

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = self.loop.create_task(work, name="world", context=Context())
        self.tasks.add(task)
        return task

    def _within(self, host: Host, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        context = Context()
        context.run(HOST.set, host)
        task = self.loop.create_task(work, context=context)
        self.tasks.add(task)
        return task

    async def _of(self, host: Host, work: Awaitable[Any]) -> Any:
        """Ask a host something; nothing, if it dies meanwhile."""
        del host
        return await work


_OPEN: Final = (CommandState.QUEUED, CommandState.SENT, CommandState.RUNNING)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _told(name: str, error: BaseException) -> str:
    """With the places that it came by."""
    first = _first(error)
    places = [
        f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(first.__traceback__)
    ]
    return f"the {name} ended with {first!r} at {' '.join(places[-6:])}"


def _expected(error: BaseException) -> bool:
    return isinstance(_first(error), GroundwireError)


def play(folder: Path, seed: int, parts: Parts | None = None, plan: Plan | None = None) -> Outcome:
    # What is collected may have words of its own to say: not in the middle of a world.
    gc.disable()
    try:
        return World(folder, seed, parts, plan).play()
    finally:
        gc.enable()
