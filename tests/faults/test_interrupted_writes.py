"""Writes that are interrupted anywhere have at most one effect, and what is said of them is true.

GROUNDWIRE_INTERRUPTIONS says how many executions are interrupted, GROUNDWIRE_SEED where to begin. The mutants are agents
with one mistake each: an oracle that does not find them proves nothing.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from agent.commands.effects import Effect, Effects, GetDriver
from agent.commands.ports import Call
from agent.commands.writing import Create, Delete, SetStatus, Update, Writer, write_kinds
from agent.errors import GroundwireError
from agent.outbox.journal import CommandJournal
from drivers.contract import Operation, OutcomeStatus, WriteCommand
from tests.faults.simulated_system import Life
from tests.faults.write_world import MortalJournal, Parts, Tally, play

INTERRUPTIONS: Final = int(os.environ.get("GROUNDWIRE_INTERRUPTIONS", "2000"))
ENOUGH_FOR_EVERY_END: Final = 1_000
SEED: Final = int(os.environ.get("GROUNDWIRE_SEED", "0"))
ENOUGH: Final = 600  # interruptions in which each mutant has to be found


@pytest.mark.timeout(0 if INTERRUPTIONS > 5_000 else 120)
def test_interrupted_writes_have_at_most_one_effect_and_a_true_outcome(tmp_path: Path) -> None:
    tally = play(tmp_path, INTERRUPTIONS, first_seed=SEED)

    print(_summary(tally))
    assert tally.falsehoods == []
    assert tally.interrupted >= INTERRUPTIONS
    if INTERRUPTIONS < ENOUGH_FOR_EVERY_END:
        return
    # Every way in which a write can end was taken.
    assert {"succeeded", "failed", "in_doubt", "expired"} <= set(tally.states)
    assert {"rejected", "no_effect", "no_lookup", "lookup_failed", "record"} <= set(tally.codes)


def test_a_system_that_answers_lookups_leaves_few_doubts(tmp_path: Path) -> None:
    """In doubt are only writes to systems that cannot tell, or did not within a quarter of an hour."""
    tally = play(tmp_path, ENOUGH, first_seed=10_000)

    assert tally.states["in_doubt"] == tally.codes["no_lookup"] + tally.codes["lookup_failed"]


class RetriesBlindly(Effects):
    """Takes a lost reply for a lost request."""

    async def cause(
        self, command: WriteCommand, operation: Operation, driver: GetDriver, call: Call
    ) -> Effect:
        try:
            await driver().execute(command)
        except GroundwireError as error:
            if error.code in {"unreachable", "driver_crashed"}:
                return await super().cause(command, operation, driver, call)
            raise
        return Effect(OutcomeStatus.SUCCEEDED)


class BelievesAnAbsenceAtOnce(Effects):
    async def look_up(
        self, command: WriteCommand, operation: Operation, driver: GetDriver, call: Call
    ) -> Effect:
        try:
            found = await driver().find_effect(command)
        except (GroundwireError, OSError):
            return await super().look_up(command, operation, driver, call)
        if found is None:
            return Effect(OutcomeStatus.FAILED, "no_effect")
        return Effect(OutcomeStatus.SUCCEEDED, outcome=found)


class TakesAFailedLookupForAnAbsence(Effects):
    async def look_up(
        self, command: WriteCommand, operation: Operation, driver: GetDriver, call: Call
    ) -> Effect:
        effect = await super().look_up(command, operation, driver, call)
        if effect.status is OutcomeStatus.IN_DOUBT:
            return Effect(OutcomeStatus.FAILED, effect.code)
        return effect


class StartsBeforeTheJournalKnows(MortalJournal):
    """Says that the start is on the disk, and writes it only with the outcome."""

    def __init__(self, journal: CommandJournal, life: Life) -> None:
        super().__init__(journal, life)
        self._promised: set[str] = set()

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        mortal = super().__getattr__(name)

        async def hasty(command: str, *args: Any, **kwargs: Any) -> Any:
            if name == "start":
                self._promised.add(command)
                return None
            if name == "finish" and command in self._promised:
                await self._journal.start(command)
            return await mortal(command, *args, **kwargs)

        return hasty if name in ("start", "finish") else mortal


class RunsAgainAfterACrash:
    """Does not ask what became of a command that had started."""

    async def recover(self, call: Call, arguments: Any) -> Any:
        return await self.run(call, arguments)  # type: ignore[attr-defined]


class CreateAgain(RunsAgainAfterACrash, Create): ...


class UpdateAgain(RunsAgainAfterACrash, Update): ...


def running_again(writer: Writer) -> Sequence[Any]:
    others = [kind for kind in write_kinds(writer) if isinstance(kind, Delete | SetStatus)]
    return [CreateAgain(writer), UpdateAgain(writer), *others]


MUTANTS: Final = {
    "retries blindly": Parts(effects=RetriesBlindly),
    "believes an absence at once": Parts(effects=BelievesAnAbsenceAtOnce),
    "takes a failed lookup for an absence": Parts(effects=TakesAFailedLookupForAnAbsence),
    "starts before the journal knows": Parts(journal=StartsBeforeTheJournalKnows),
    "runs again after a crash": Parts(kinds=running_again),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_oracle_finds_an_agent_that(mutant: str, tmp_path: Path) -> None:
    tally = play(tmp_path, ENOUGH, parts=MUTANTS[mutant])

    assert tally.falsehoods != []


def test_a_world_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    assert play(tmp_path, 1, first_seed=7) == play(tmp_path, 1, first_seed=7)


def _summary(tally: Tally) -> str:
    states = ", ".join(f"{number} {state}" for state, number in sorted(tally.states.items()))
    doubts = ", ".join(f"{tally.codes[code]} {code}" for code in ("no_lookup", "lookup_failed"))
    return (
        f"{tally.executions} executions, {tally.interrupted} interrupted, {tally.deaths} deaths of the agent,"
        f" {tally.effects} effects: {states}; in doubt for {doubts}"
    )
