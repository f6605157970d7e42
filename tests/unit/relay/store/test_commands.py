"""The store keeps commands to their states, whatever comes, in whatever order, and however often it is reopened."""

from __future__ import annotations

import asyncio
import dataclasses
import tempfile
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.lifecycle import OUTCOMES, OVERDUE_AFTER, SETTLED, Command, CommandState, Step
from relay.store import commands
from relay.store.base import Admission, Agent, CommandFilter
from relay.store.sqlite import SqliteStore
from tests.unit.relay.making import NOW, enrolled, opened

DEADLINE = NOW + timedelta(minutes=10)
MANY = 100


def command_of(agent: Agent, command_id: str = "cmd_1", **changes: Any) -> Command:
    plain = Command(
        id=command_id, tenant=agent.tenant, agent=agent.id, connection="nav", kind="create", args={"a": 1},
        idempotency_key=None, request_hash=b"hash", state=CommandState.QUEUED, created_at=NOW, updated_at=NOW,
        deadline=DEADLINE, history=(Step(CommandState.QUEUED, NOW),),
    )  # fmt: skip
    return dataclasses.replace(plain, **changes)


async def found(store: SqliteStore, command_id: str = "cmd_1") -> Command:
    command = await store.command("acme", command_id)
    assert command is not None
    return command


async def test_a_command_is_added_once_per_idempotency_key(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        agent = await enrolled(relay.store)
        command = command_of(agent, idempotency_key="same")
        first = await relay.store.add_command(command, NOW, most_open=MANY)

        repeated = await relay.store.add_command(
            dataclasses.replace(command, id="cmd_2"), NOW, most_open=MANY
        )
        other = await relay.store.add_command(
            dataclasses.replace(command, id="cmd_3", request_hash=b"other"), NOW, most_open=MANY
        )

        assert (first.admission, repeated.admission) == (Admission.NEW, Admission.REPEATED)
        assert repeated.command == command
        assert other.admission is Admission.CONFLICT


async def test_a_command_that_was_answered_long_ago_still_owns_its_key(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        agent = await enrolled(relay.store)
        command = command_of(agent, idempotency_key="same")
        await relay.store.add_command(command, NOW, most_open=MANY)
        await relay.store.answer_command(agent.id, "cmd_1", CommandState.SUCCEEDED, {}, NOW)

        later = NOW + timedelta(days=30)
        repeated = await relay.store.add_command(
            dataclasses.replace(command, id="cmd_2"), later, most_open=MANY
        )

        assert (repeated.admission, repeated.command.id) == (Admission.REPEATED, "cmd_1")


async def test_what_nobody_will_answer_any_more_does_not_count_as_open(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        agent = await enrolled(relay.store)
        await relay.store.add_command(command_of(agent), NOW, most_open=1)
        await relay.store.send_command(agent, "cmd_1", NOW)
        second = command_of(agent, "cmd_2")

        soon = await relay.store.add_command(second, DEADLINE, most_open=1)
        late = await relay.store.add_command(second, DEADLINE + OVERDUE_AFTER, most_open=1)

        assert (soon.admission, late.admission) == (Admission.TOO_MANY, Admission.NEW)
        assert (await found(relay.store)).state is CommandState.SENT


async def test_a_command_is_noted_as_sent_before_it_goes_out_and_only_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        agent = await enrolled(relay.store)
        await relay.store.add_command(command_of(agent), NOW, most_open=MANY)

        outgoing = await relay.store.send_command(agent, "cmd_1", NOW)
        again = await relay.store.send_command(agent, "cmd_1", NOW)

        assert outgoing == await found(relay.store)
        assert again is None


async def test_a_new_session_gets_what_has_no_answer_in_the_order_it_was_asked_for(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        agent = await enrolled(relay.store)
        for name in ("cmd_9", "cmd_5", "cmd_7", "cmd_1"):
            await relay.store.add_command(command_of(agent, name), NOW, most_open=MANY)
        await relay.store.send_command(agent, "cmd_5", NOW)
        await relay.store.answer_command(agent.id, "cmd_7", CommandState.RUNNING, {}, NOW)

        outgoing = await relay.store.send_commands(agent, NOW)

        assert [command.id for command in outgoing] == ["cmd_9", "cmd_5", "cmd_1"]
        assert {command.state for command in outgoing} == {CommandState.SENT}


async def test_what_was_sent_is_sent_again_behind_its_deadline_and_what_was_not_expires(
    tmp_path: Path,
) -> None:
    """The agent may have done the one; nobody has seen the other."""
    async with opened(tmp_path) as relay:
        agent = await enrolled(relay.store)
        for name in ("cmd_1", "cmd_2"):
            await relay.store.add_command(command_of(agent, name), NOW, most_open=MANY)
        await relay.store.send_command(agent, "cmd_1", NOW)

        outgoing = await relay.store.send_commands(agent, DEADLINE)

        assert [command.id for command in outgoing] == ["cmd_1"]
        gone = await found(relay.store, "cmd_2")
        assert (gone.state, gone.history[-1].at) == (CommandState.EXPIRED, DEADLINE)


async def test_a_command_of_an_agent_that_was_replaced_is_in_doubt_and_not_given_to_the_new_one(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as relay:
        old = await enrolled(relay.store, key=b"1" * 32)
        for name in ("cmd_1", "cmd_2", "cmd_3"):
            await relay.store.add_command(command_of(old, name), NOW, most_open=MANY)
        await relay.store.send_command(old, "cmd_1", NOW)
        await relay.store.send_command(old, "cmd_2", NOW)
        await relay.store.answer_command(old.id, "cmd_2", CommandState.RUNNING, {}, NOW)
        new = await enrolled(relay.store, bound="plant", key=b"2" * 32)

        outgoing = await relay.store.send_commands(new, NOW)

        assert [command.id for command in outgoing] == ["cmd_3"]
        for name in ("cmd_1", "cmd_2"):
            command = await found(relay.store, name)
            assert (command.state, command.result) == (CommandState.IN_DOUBT, {"code": "agent_replaced"})


@pytest.mark.parametrize("state", [CommandState.RUNNING, *sorted(OUTCOMES)])
async def test_another_agents_word_counts_nothing(tmp_path: Path, state: CommandState) -> None:
    async with opened(tmp_path) as relay:
        agent = await enrolled(relay.store)
        stranger = await enrolled(relay.store, name="other")
        await relay.store.add_command(command_of(agent), NOW, most_open=MANY)

        assert not await relay.store.answer_command(stranger.id, "cmd_1", state, {}, NOW)
        assert await found(relay.store) == command_of(agent)


@pytest.mark.parametrize("before", [*OUTCOMES, CommandState.RUNNING])
async def test_that_an_id_stands_for_another_command_is_no_outcome_of_what_has_begun(
    tmp_path: Path, before: CommandState
) -> None:
    async with opened(tmp_path) as relay:
        agent = await enrolled(relay.store)
        await relay.store.add_command(command_of(agent), NOW, most_open=MANY)
        await relay.store.send_command(agent, "cmd_1", NOW)
        await relay.store.answer_command(agent.id, "cmd_1", before, {}, NOW)

        conflict = (CommandState.REFUSED, {"code": "conflict"})
        assert not await relay.store.answer_command(agent.id, "cmd_1", *conflict, NOW)
        assert (await found(relay.store)).state is before


async def test_cancelling_what_was_never_sent_and_sending_it_exclude_each_other(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        agent = await enrolled(relay.store)
        await relay.store.add_command(command_of(agent), NOW, most_open=MANY)
        wish = command_of(agent, "cmd_2", kind="cancel", args={"command": "cmd_1"})

        cancelling, outgoing = await asyncio.gather(
            relay.store.cancel_command("cmd_1", wish, NOW, most_open=MANY),
            relay.store.send_command(agent, "cmd_1", NOW),
        )

        assert cancelling is not None
        assert (cancelling.target.state is CommandState.CANCELLED) == (outgoing is None)


async def test_wishes_to_cancel_wishes_come_to_an_end(tmp_path: Path) -> None:
    """An agent that answers nothing must not let its tenant fill the store."""
    async with opened(tmp_path) as relay:
        agent = await enrolled(relay.store)
        await relay.store.add_command(command_of(agent, "cmd_0"), NOW, most_open=3)
        admissions = []
        for number in range(1, 6):
            target = f"cmd_{number - 1}"
            await relay.store.send_command(agent, target, NOW)
            wish = command_of(agent, f"cmd_{number}", kind="cancel", args={"command": target})
            cancelling = await relay.store.cancel_command(target, wish, NOW, most_open=3)
            assert cancelling is None or cancelling.wish is not None
            admissions.append(cancelling and cancelling.wish and cancelling.wish.admission)

        assert admissions == [Admission.NEW, Admission.NEW, Admission.TOO_MANY, None, None]


async def test_a_key_of_a_wish_to_cancel_is_good_for_ever(tmp_path: Path) -> None:
    """Also where the same was wished for without it, and the target has ended since."""
    async with opened(tmp_path) as relay:
        agent = await enrolled(relay.store)
        await relay.store.add_command(command_of(agent), NOW, most_open=MANY)
        await relay.store.send_command(agent, "cmd_1", NOW)
        plain = command_of(agent, "cmd_2", kind="cancel", args={"command": "cmd_1"})
        keyed = dataclasses.replace(plain, id="cmd_3", idempotency_key="mine")
        await relay.store.cancel_command("cmd_1", plain, NOW, most_open=MANY)
        await relay.store.cancel_command("cmd_1", keyed, NOW, most_open=MANY)
        await relay.store.answer_command(agent.id, "cmd_1", CommandState.SUCCEEDED, {}, NOW)

        again = await relay.store.cancel_command(
            "cmd_1", dataclasses.replace(keyed, id="cmd_4"), NOW, most_open=MANY
        )

        assert again is not None
        assert again.wish is not None
        assert (again.wish.admission, again.wish.command.id) == (Admission.REPEATED, "cmd_3")


async def test_numbers_and_texts_of_a_command_are_kept_to_the_digit(tmp_path: Path) -> None:
    args = {"record": {"a": "0.10", "b": 2**53 - 1, "c": "ü\u0000\u2028😀", "d": [None, True, {}]}}
    async with opened(tmp_path) as relay:
        agent = await enrolled(relay.store)
        await relay.store.add_command(command_of(agent, args=args), NOW, most_open=MANY)

        assert (await found(relay.store)).args == args


STEPS = st.one_of(
    st.tuples(st.sampled_from([CommandState.RUNNING, *sorted(OUTCOMES)]), st.sampled_from(["mine", "other"])),
    st.sampled_from(["send", "session", "cancel", "reopen", "replace"]),
    st.integers(1, 20),  # minutes that pass
)


class World:
    """One command in a store on disk, and the steps that may befall it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now: datetime = NOW
        self.seen: list[Command] = []
        self.heard: list[tuple[CommandState, int]] = []  # what the agent said, with the moment it was said at
        self.sent = False  # whether the command was ever handed out
        self.wishes = 0

    async def play(self, steps: list[Any]) -> None:
        self.store = await SqliteStore.open(self.folder / "relay.db")
        self.agent = await enrolled(self.store)
        await self.store.add_command(command_of(self.agent), self.now, most_open=MANY)
        await self.look()
        for step in steps:
            await self.step(step)
            await self.look()
        await self.store.aclose()

    async def step(self, step: Any) -> None:
        match step:
            case int(minutes):
                self.now += timedelta(minutes=minutes)
                await self.store.expire_commands(self.now)
            case "send":
                self.sent |= await self.store.send_command(self.agent, "cmd_1", self.now) is not None
            case "session":
                outgoing = await self.store.send_commands(self.agent, self.now)
                self.sent |= any(command.id == "cmd_1" for command in outgoing)
            case "cancel":
                self.wishes += 1
                wish = command_of(self.agent, f"wish_{self.wishes}", kind="cancel", args={"command": "cmd_1"})
                await self.store.cancel_command("cmd_1", wish, self.now, most_open=MANY)
            case "reopen":
                await self.store.aclose()
                self.store = await SqliteStore.open(self.folder / "relay.db")
            case "replace":
                self.agent = dataclasses.replace(self.agent, lineage=self.agent.lineage + 1)
            case (state, who):
                agent_id = self.agent.id if who == "mine" else "agt_other"
                result = {"said": len(self.seen)}
                await self.store.answer_command(agent_id, "cmd_1", state, result, self.now)
                if who == "mine":
                    self.heard.append((state, len(self.seen)))

    async def look(self) -> None:
        self.seen.append(await found(self.store))


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(STEPS, max_size=14))
def test_no_outcome_ever_changes_but_one_in_doubt_which_can_be_settled(steps: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        asyncio.run(world.play(steps))

    for before, after in pairwise(world.seen):
        if before.state is CommandState.IN_DOUBT:
            assert after == before or after.state in SETTLED
        elif not before.state.open:
            assert after == before
        if after != before:
            assert after.history[: len(before.history) - 1] == before.history[:-1]
            assert after.history[-1].state is after.state
    for command in world.seen:
        states = [step.state for step in command.history]
        assert len(states) == len(set(states))
        assert [step.at for step in command.history] == sorted(step.at for step in command.history)
        assert (command.result is None) == command.state.open
    check_who_said_it(world)


def check_who_said_it(world: World) -> None:
    """Every outcome is the agent's own word, or says of a command that nobody saw that it was not sent."""
    last = world.seen[-1]
    said = {state for state, _ in world.heard}
    if last.result == {"code": "never_sent"}:
        assert not world.sent
        assert last.state in (CommandState.EXPIRED, CommandState.CANCELLED)
    elif last.result == {"code": "agent_replaced"}:
        assert last.state is CommandState.IN_DOUBT
    elif not last.state.open:
        assert last.state in said


async def test_a_filtered_list_reads_nothing_of_what_it_passes_over(tmp_path: Path) -> None:
    """One thread serves every tenant: a search through all that was ever asked must not hold it."""
    async with opened(tmp_path) as relay:
        agent = await enrolled(relay.store)
        for number in range(200):
            big = command_of(agent, f"cmd_{number:03}", args={"record": "x" * 30_000})
            await relay.store.add_command(big, NOW, most_open=1_000)

    file = apsw.Connection(str(next(tmp_path.rglob("relay.db"))))
    for wanted in (
        CommandFilter(connection="other"),
        CommandFilter(kind="sync"),
        CommandFilter(state=CommandState.FAILED),
        CommandFilter(agent="agt_other"),
    ):
        pages_before, _ = file.status(apsw.SQLITE_DBSTATUS_CACHE_MISS)
        assert commands.many(file, "acme", wanted, "", 100) == []
        pages, _ = file.status(apsw.SQLITE_DBSTATUS_CACHE_MISS)
        assert pages - pages_before < 50  # of 200 commands with 8 each
    file.close()
