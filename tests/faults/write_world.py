"""Commands that write, executed by the real kinds, executor and journal while the agent dies at any step.

The relay repeats what is not answered, in any order and more often than needed. The oracle compares what it was told
at last with what the system holds.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

import structlog

from agent.clock import ManualClock
from agent.commands.effects import Effects
from agent.commands.executor import Executor
from agent.commands.matrix import Matrices
from agent.commands.ports import State
from agent.commands.writing import Writer, write_kinds
from agent.outbox.journal import STARTED, CommandJournal
from agent.outbox.limits import Limits
from agent.outbox.opening import open_database
from agent.policy.model import Policy, PolicyFile
from agent.protocol.frames import Command
from drivers.contract import OperationKind, StreamSpec
from tests.faults.simulated_system import NEVER, Life, SimulatedDriver, SimulatedSystem, Traits

COMMANDS: Final = 50  # of one world
MOST_LIVES: Final = 12  # of one world's agent, before one that does not die
STREAM: Final = StreamSpec("orders", "purchase_order")
FINAL: Final = frozenset(State) - {State.RUNNING}
POLICY: Final = Policy(
    PolicyFile.model_validate(
        {
            "connections": {
                "erp": {
                    "commands": [kind.value for kind in OperationKind],
                    "write": {
                        "purchase_order": {
                            "operations": [kind.value for kind in OperationKind],
                            "fields": "all",
                            "statuses": ["approved"],
                        }
                    },
                }
            }
        }
    )
)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a mutant exchanges."""

    effects: Callable[[ManualClock], Effects] = Effects
    executor: type[Executor] = Executor
    journal: Callable[[Any, Life], Any] = field(default_factory=lambda: MortalJournal)
    kinds: Callable[[Writer], Sequence[Any]] = write_kinds


@dataclass(slots=True)
class Tally:
    executions: int = 0
    interrupted: int = 0  # of them: the reply was lost, or the agent died between the start and the outcome
    deaths: int = 0
    effects: int = 0
    states: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    falsehoods: list[str] = field(default_factory=list)


class MortalJournal:
    """The real journal; the agent may die right before and right after anything is written."""

    def __init__(self, journal: CommandJournal, life: Life) -> None:
        self._journal = journal
        self._life = life

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._journal, name)

        async def mortal(*args: Any, **kwargs: Any) -> Any:
            await self._life.step()
            result = await method(*args, **kwargs)
            await self._life.step()
            return result

        return mortal


class MortalTrail:
    def __init__(self, life: Life) -> None:
        self._life = life

    async def record(self, action: str, actor: object, facts: Mapping[str, Any]) -> None:
        await self._life.step()


class NoRecords:
    async def present(self, connection: str, entity: str, key: str) -> None:
        return None

    async def leaving(self, connection: str, entity: str, key: str) -> None:
        return None


class OneSystem:
    """The connection `erp` of one life."""

    def __init__(self, driver: SimulatedDriver) -> None:
        self._driver = driver
        self._object = object()

    def names(self) -> Sequence[str]:
        return ("erp",)

    def incarnation(self, connection: str) -> object:
        return self._object

    def streams(self, connection: str) -> Sequence[StreamSpec]:
        return (STREAM,)

    def require(self, connection: str) -> None: ...

    def driver(self, connection: str) -> SimulatedDriver:
        return self._driver

    def fetch(self, connection: str, stream: str, key: str) -> None: ...

    def compare(self, connection: str, stream: str) -> None: ...


class World:
    """One system, one journal, many lives of the agent."""

    def __init__(self, folder: Path, seed: int, parts: Parts) -> None:
        self.random = Random(seed)
        self.clock = ManualClock()
        self.parts = parts
        settles = self.random.choice((0.0, 5.0, 120.0, None))
        silent = self.random.choice((0.0, 0.0, 0.0, 400.0, NEVER))
        traits = Traits(settles, unique=self.random.random() < 0.5, silent_until=silent)
        self.system = SimulatedSystem(traits, self.clock, self.random)
        self.database = open_database(folder / f"world-{seed}.db", wal_bytes=1 << 24)
        # Only processes die here; what a power cut does to the file is another suite's.
        self.database.connection.pragma("synchronous", 0)
        self.journal = CommandJournal(_at_once, self.database, clock=self.clock, limits=Limits())
        self.told: dict[str, tuple[State, Mapping[str, Any]]] = {}
        self.commands = [self._command(f"w{seed}-{number}") for number in range(COMMANDS)]
        self.acks: list[tuple[str, State]] = []
        self.cut: set[str] = set()  # commands that were under way when the agent died
        self.tally = Tally(executions=COMMANDS)

    async def play(self) -> Tally:
        for number in range(MOST_LIVES + 1):
            steps = (
                NEVER if number == MOST_LIVES else self.random.randint(1, self.random.choice((30, 200, 900)))
            )
            await self._live(steps)
            if self._all_told():
                break
            self.tally.deaths += 1
            self.cut |= {record.id for record in await self.journal.unfinished() if record.state == STARTED}
            self.clock.advance(
                self.random.choice((0.0, 1.0, 60.0))
            )  # until the service manager starts it again
        self.clock.advance(10_000)  # whatever could still come is there
        self._judge()
        self.tally.interrupted = len(self.cut | self.system.unanswered)
        self.database.connection.close()
        return self.tally

    def _command(self, id: str) -> Command:  # noqa: A002 - the protocol's word
        kind = self.random.choice(list(OperationKind))
        args: dict[str, Any] = {"connection": "erp", "entity": "purchase_order"}
        if kind is not OperationKind.CREATE:
            args["key"] = f"K-{id}"
        if kind in (OperationKind.CREATE, OperationKind.UPDATE):
            args["record"] = {"title": "a pump"}
        if kind is OperationKind.SET_STATUS:
            args["status"] = "approved"
        far = self.random.random() < 0.97
        deadline = (
            self.clock.utcnow() + timedelta(days=90) if far else self.clock.utcnow() + timedelta(seconds=90)
        )
        return Command(id, kind.value, args, deadline.isoformat().replace("+00:00", "Z"))

    async def _live(self, steps: float) -> None:
        life = Life(steps)
        system = OneSystem(SimulatedDriver(self.system, life))
        matrices = Matrices(system, lambda: POLICY, self.clock)
        journal = self.parts.journal(self.journal, life)
        writer = Writer(
            matrices, system, NoRecords(), journal, lambda: POLICY, self.clock, self.parts.effects(self.clock)
        )

        async def send(command: str, state: str, result: Mapping[str, Any]) -> None:
            await life.step()
            self._hear(command, State(state), result)

        executor = self.parts.executor(journal, self.parts.kinds(writer), self.clock, MortalTrail(life), send)
        try:
            async with asyncio.TaskGroup() as group:
                living = group.create_task(self._relay(executor, group, life))
                dying = group.create_task(life.dead.wait())
                await asyncio.wait({living, dying}, return_when=asyncio.FIRST_COMPLETED)
                life.bury()
                raise _Over
        except* _Over:
            pass

    async def _relay(self, executor: Executor, group: asyncio.TaskGroup, life: Life) -> None:
        """Send what has no answer, more than once, and confirm what came."""
        await executor.start(group)
        while not self._all_told():
            waiting = [command for command in self.commands if command.id not in self.told]
            chosen = self.random.sample(waiting, min(len(waiting), self.random.randint(1, 8)))
            for command in (*chosen, *self.random.sample(self.commands, 2)):
                await executor.handle(command)
            await self._confirm(executor)
            for _ in range(self.random.randint(1, 60)):
                await asyncio.sleep(0)  # noqa: TID251 - gives the loop a turn, waits for nothing
        await self._confirm(executor)

    async def _confirm(self, executor: Executor) -> None:
        while self.acks:
            await executor.result_acked(*self.acks.pop(self.random.randrange(len(self.acks))))

    def _hear(self, command: str, state: State, result: Mapping[str, Any]) -> None:
        if state not in FINAL:
            return
        known = self.told.get(command)
        if known is not None and known[0] is not state:
            self.tally.falsehoods.append(f"{command}: {known[0]}, and then {state}")
        self.told[command] = (state, result)
        self.acks.append((command, state))

    def _all_told(self) -> bool:
        return len(self.told) == len(self.commands)

    def _judge(self) -> None:
        """At most one effect each, and what was said of it is true."""
        traits = self.system.traits
        for command in self.commands:
            state, result = self.told.get(command.id, (None, {}))
            there = self.system.count(command.id)
            self.tally.effects += there
            self.tally.states[str(state)] += 1
            self.tally.codes[str(result.get("code", ""))] += 1
            wrong = ""
            if there > 1 or self.system.calls.get(command.id, 0) > 1:
                wrong = f"{there} effects of {self.system.calls[command.id]} calls"
            elif state is None:
                wrong = "never answered"
            elif state is State.SUCCEEDED and not there:
                wrong = "succeeded without an effect"
            elif state in (State.FAILED, State.REFUSED, State.EXPIRED, State.CANCELLED) and there:
                wrong = f"{state} with an effect"
            elif state is State.IN_DOUBT and traits.settles is not None and traits.silent_until == 0.0:
                # Every lookup fails one time in five: fifteen minutes of that are never in doubt.
                wrong = "in doubt though the system could tell"
            if wrong:
                self.tally.falsehoods.append(f"{command.id} ({traits}): {wrong}, told {state} {result}")


class _Over(Exception):
    """A life has come to its end."""


async def _at_once(work: Callable[[], Any]) -> Any:
    return work()


@contextmanager
def quiet() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


def play(folder: Path, interruptions: int, *, first_seed: int = 0, parts: Parts | None = None) -> Tally:
    """Worlds until so many executions were interrupted."""
    whole = Tally()
    seed = first_seed
    while whole.interrupted < interruptions:
        with quiet():
            tally = asyncio.run(World(folder, seed, parts or Parts()).play())
        for file in folder.glob(f"world-{seed}.db*"):
            file.unlink()
        whole.executions += tally.executions
        whole.interrupted += tally.interrupted
        whole.deaths += tally.deaths
        whole.effects += tally.effects
        whole.states += tally.states
        whole.codes += tally.codes
        whole.falsehoods += tally.falsehoods
        seed += 1
    return whole
