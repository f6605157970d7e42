"""The faults of a plan, as they come over a world."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import Context
from random import Random
from typing import Any

from tests.faults.power_cut import Fate
from tests.sim.loop import SimulatedLoop
from tests.sim.machines import Machine
from tests.sim.network import Line, Weather
from tests.sim.plan import DAY, Event, Fault
from tests.sim.source import Erp
from tests.sim.trace import Trace


class Troubles:
    """The part of a world that goes wrong."""

    loop: SimulatedLoop
    trace: Trace
    agent: Machine
    relay: Machine
    erp: Erp
    weather: Weather
    lines: list[Line]
    troubles: list[asyncio.Task[Any]]
    _die: Callable[..., None]
    _spawn: Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]]

    async def _cause(self, event: Event) -> None:
        random = Random(event.number)
        match event.fault:
            case Fault.KILL_AGENT | Fault.POWER_AGENT:
                self._strike(self.agent, event.fault is Fault.POWER_AGENT, random)
            case Fault.KILL_RELAY | Fault.POWER_RELAY:
                self._strike(self.relay, event.fault is Fault.POWER_RELAY, random)
            case Fault.KILL_BOTH:
                self._strike(self.agent, power=False, random=random)
                self._strike(self.relay, power=False, random=random)
            case Fault.RESTART_AGENT | Fault.RESTART_RELAY:
                machine = self.agent if event.fault is Fault.RESTART_AGENT else self.relay
                if machine.life is not None and not machine.life.host.asleep:
                    self.loop.call_soon(machine.life.stopping.set, context=Context())
            case Fault.CUT:
                for line in self.lines:
                    line.break_off()
            case Fault.AGENT_CLOCK | Fault.RELAY_CLOCK:
                machine = self.agent if event.fault is Fault.AGENT_CLOCK else self.relay
                machine.skew += random.choice((DAY, -DAY, 3600.0, -3600.0, 1.0, -1.0))
            case Fault.SUSPEND_AGENT:
                if self.agent.life is not None:  # waited for: nobody else is to be simulated for three days
                    await self._trouble(event)
            case _:
                self.troubles.append(self._spawn(self._trouble(event)))

    def _strike(self, machine: Machine, power: bool, random: Random) -> None:
        """Now, or at one of the next operations on its disk."""
        if machine.life is None or machine.life.host.asleep:
            return
        fate = random.choice((Fate.DROPPED, Fate.MIXED)) if power else Fate.KEPT
        operations = random.choice((0, random.randrange(1, 60)))
        if operations == 0:
            self._die(machine, fate, silent=power)
        else:
            machine.life.drive.fall_after(operations, fate)

    async def _trouble(self, event: Event) -> None:
        """What lasts for a while."""
        with self._troubled(event):
            await asyncio.sleep(event.lasts)  # noqa: TID251 - in virtual time

    @contextmanager
    def _troubled(self, event: Event) -> Iterator[None]:
        machine = self.agent if "agent" in event.fault.value else self.relay
        life = machine.life
        match event.fault:
            case Fault.BLACK_HOLE:
                self.weather.black_hole = True
            case Fault.NO_NETWORK:
                self.weather.refuses = True
                for line in self.lines:
                    line.break_off()
            case Fault.SLOW_NETWORK:
                self.weather.latency = 5.0
            case Fault.ACK_TROUBLE:
                self.weather.ack_trouble = 0.5
            case Fault.SOURCE_FAILS:
                self.erp.mood.fails = 0.4
            case Fault.AGENT_DISK_FULL | Fault.RELAY_DISK_FULL if life is not None:
                life.drive.full = True
            case Fault.SUSPEND_AGENT | Fault.SUSPEND_RELAY if life is not None and not life.host.asleep:
                self.loop.suspend(life.host)
        try:
            yield
        finally:
            self._undo(event.fault, life)

    def _undo(self, fault: Fault, life: Any) -> None:
        """End this trouble alone: others may last longer."""
        match fault:
            case Fault.BLACK_HOLE:
                self.weather.black_hole = False
            case Fault.NO_NETWORK:
                self.weather.refuses = False
            case Fault.SLOW_NETWORK:
                self.weather.latency = 0.02
            case Fault.ACK_TROUBLE:
                self.weather.ack_trouble = 0.0
            case Fault.SOURCE_FAILS:
                self.erp.mood.fails = 0.0
            case Fault.AGENT_DISK_FULL | Fault.RELAY_DISK_FULL if life is not None:
                life.drive.full = False
            case Fault.SUSPEND_AGENT | Fault.SUSPEND_RELAY if life is not None and life.host.asleep:
                self.loop.wake(life.host)

    def _mend(self, life: Any) -> None:
        for fault in Fault:
            self._undo(fault, life)
