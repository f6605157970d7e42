"""The switch to a new version, and back: what is kept before, who watches, what a way back does, in this order.

prepare     old version, agent stopped: the state copied, the program kept aside, the plan written
            (the package puts the new program in its place and starts it)
watch       old version, from the folder kept aside: well -> confirm, not well in its time -> roll back
go_on       old version, at a start of the machine: whatever of this a restart has cut
confirm     nothing is kept any more
roll_back   old version: service stopped -> program put back -> files that it cannot read put back -> started
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from agent.audit.log import open_trail
from agent.audit.who import current_actor
from agent.clock import Clock
from agent.errors import ConfigurationError, GroundwireError, NeedsPersonError
from agent.model.run import rfc3339
from agent.settings import Settings
from agent.upgrade import copying, programs
from agent.upgrade.plan import Phase, Plan, read_plan, write_plan
from agent.upgrade.rule import Judgement, Verdict, judge, seen_in
from agent.upgrade.services import Service
from agent.version import VERSION

LOOK_SECONDS: Final = 1.0
ANSWER_SECONDS: Final = 5.0
_LEFT: Final = {Phase.CONFIRMED: "confirm", Phase.ROLLED_BACK: "tidy"}
Ask = Callable[[], Awaitable[Mapping[str, Any]]]


class UpgradeFailed(NeedsPersonError):
    """The new version did not work in its time, and the old one runs again."""

    code = "upgrade_failed"
    default_hint = "Look at the log of the time between, and at the program in the folder that ends in `.failed`; install it again when that is mended."


@dataclass(frozen=True, slots=True)
class Switch:
    settings: Settings
    clock: Clock
    service: Service
    ask: Ask  # a running agent's status; raises GroundwireError where none answers
    program: Path | None = field(
        default_factory=programs.own_folder
    )  # None: the program is the admin's affair
    close: Callable[[Path], None] = lambda _: None  # a folder, to all who may not change programs

    async def prepare(self) -> dict[str, Any]:
        """Raises AlreadyRunning while an agent runs."""
        state_dir = self.settings.state_dir
        size = await asyncio.to_thread(copying.copy_state, state_dir)
        if self.program is not None:
            await asyncio.to_thread(programs.keep_aside, self.program, self.close)
        plan = Plan(before=VERSION, prepared_at=rfc3339(self.clock.utcnow()))
        await asyncio.to_thread(write_plan, state_dir, plan)
        return {"version": VERSION, "copied_bytes": size, "program": self._aside()}

    async def go_on(self, within: float) -> Judgement | None:
        """Whatever is left to do of an upgrade, from the beginning of what was cut; None: nothing is.

        The new version gets its whole time anew: what it did before the restart says nothing of what runs now.
        """
        plan = await asyncio.to_thread(read_plan, self.settings.state_dir)
        match None if plan is None else plan.phase:
            case Phase.GOING_BACK:
                raise self._gone_back(await self.roll_back(plan.reason if plan else ""))
            case Phase.PREPARED if await asyncio.to_thread(self.service.is_wanted):
                with suppress(GroundwireError):  # a version that does not start is what the watch is for
                    await asyncio.to_thread(self.service.start)
                return await self.watch(within)
            case Phase.CONFIRMED:
                await self.confirm("")  # what lies there still goes now
        return None

    async def watch(self, within: float) -> Judgement:
        """Returns when the new version works, confirmed; raises UpgradeFailed when the old one is back."""
        await asyncio.to_thread(self._required)
        began = self.clock.monotonic()
        while True:
            found = judge(await self._seen(), elapsed=self.clock.monotonic() - began, within=within)
            if found.verdict is not Verdict.WAIT:
                break
            await self.clock.sleep(LOOK_SECONDS)
            await asyncio.to_thread(self._required)  # somebody may decide it by hand meanwhile
        if found.verdict is Verdict.WELL:
            await self.confirm(found.reason)
            return found
        raise self._gone_back(await self.roll_back(f"not well within {within:.0f} s: {found.reason}"))

    async def confirm(self, reason: str) -> Plan:
        """Also of one that is confirmed already: what could not be removed then is removed now."""
        plan = await asyncio.to_thread(self._required, Phase.PREPARED, Phase.GOING_BACK, Phase.CONFIRMED)
        state_dir = self.settings.state_dir
        confirmed = replace(plan, phase=Phase.CONFIRMED, reason=plan.reason or reason)
        await asyncio.to_thread(write_plan, state_dir, confirmed)
        await asyncio.to_thread(copying.forget_copy, state_dir)
        if self.program is not None:
            await asyncio.to_thread(programs.forget, self.program)
        return confirmed

    @property
    def is_aside(self) -> bool:
        """Whether this very process runs from the folder kept aside."""
        return self.program is not None and programs.runs_from_kept(self.program)

    def left_to_do(self) -> str | None:
        """The command that ends an upgrade which was decided; every version keeps `confirm`."""
        plan = read_plan(self.settings.state_dir)
        return None if plan is None else _LEFT.get(plan.phase)

    async def tidy(self) -> None:
        """Behind a way back: the program kept aside is in its place, and what failed stays for whoever looks at it."""
        if self.program is not None and self.left_to_do() == "tidy":
            await asyncio.to_thread(programs.forget, self.program, failed=False)

    async def roll_back(self, reason: str) -> Plan:
        """Whatever is cut in it can be asked for again: each step looks whether it is done.

        The service is started also where a step fails: a version that cannot read the state says so and leaves it.
        """
        plan = await asyncio.to_thread(self._required, Phase.PREPARED, Phase.GOING_BACK)
        begun = replace(plan, phase=Phase.GOING_BACK, reason=reason)
        await asyncio.to_thread(write_plan, self.settings.state_dir, begun)
        await asyncio.to_thread(self.service.stop)
        try:
            return await self._put_back(begun)
        finally:
            await asyncio.to_thread(self.service.start)

    async def _put_back(self, plan: Plan) -> Plan:
        state_dir = self.settings.state_dir
        if self.program is not None and programs.is_kept(self.program):
            await asyncio.to_thread(programs.put_back, self.program)
        restored = await asyncio.to_thread(copying.put_back_what_is_newer, state_dir)
        rolled = replace(plan, phase=Phase.ROLLED_BACK, restored=(*plan.restored, *restored))
        await asyncio.to_thread(write_plan, state_dir, rolled)
        await self._note(rolled)
        return rolled

    def _required(self, *phases: Phase) -> Plan:
        plan = read_plan(self.settings.state_dir)
        if plan is None or plan.phase not in (phases or (Phase.PREPARED,)):
            raise ConfigurationError(
                "no upgrade is under way"
                if plan is None
                else f"the last upgrade was {plan.phase.value.replace('_', ' ')}",
                where=str(self.settings.state_dir),
                hint="`groundwire upgrade prepare` with the old version comes first.",
            )
        return plan

    async def _seen(self) -> Any:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return seen_in(await self.ask())
        except (GroundwireError, TimeoutError, KeyError, TypeError, AttributeError):
            return None  # nobody, or somebody that says it in another way: it is not known to be well

    async def _note(self, plan: Plan) -> None:
        actor = current_actor()
        facts = {"to": plan.before, "reason": plan.reason, "restored": list(plan.restored)}
        with copying.acting_as_owner(self.settings.state_dir):
            async with open_trail(
                self.settings.state_dir, self.clock, self.settings.audit.retention
            ) as trail:
                await trail.happened("upgrade_rolled_back", actor, facts)

    def _gone_back(self, plan: Plan) -> UpgradeFailed:
        return UpgradeFailed(
            f"version {plan.before} runs again: {plan.reason}", where=str(self.settings.state_dir)
        )

    def _aside(self) -> str | None:
        return None if self.program is None else str(programs.previous_of(self.program))
