"""What a relay, a full box or an ill moment may do to the executor."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.audit.trail import Actor
from agent.clock import ManualClock
from agent.commands.intake import take
from agent.commands.ports import Answer, Call, Refused, State
from agent.errors import AuditUnavailable, StorageFull
from agent.model.run import rfc3339
from agent.outbox.journal import JournalFull
from agent.outbox.limits import Limits
from agent.outbox.stamps import from_micros, to_micros
from agent.outbox.store import Outbox
from agent.protocol.frames import Command
from tests.unit.commands.making import World, opened, until, working

FAR = "2026-01-06T00:00:00Z"
HUGE = 123456789012345678901234567890


@pytest.mark.parametrize(
    ("args", "deadline", "field", "code"),
    [
        ({"connection": "erp", "number": HUGE}, FAR, "", "not_a_number"),
        ({"connection": "erp", "number": float("inf")}, FAR, "", "not_a_number"),
        ({"connection": "erp"}, "2026-02-30T00:00:00Z", "deadline", "not_a_moment"),
        ({"connection": "erp"}, "2026-01-06T00:00:60Z", "deadline", "not_a_moment"),
        ({"connection": "erp"}, "9999-12-31T23:59:59-14:00", "deadline", "not_a_moment"),
        ({"connection": "erp"}, "0001-01-01T00:00:00+14:00", "deadline", "not_a_moment"),
        ({"connection": "erp"}, "9999-12-31T23:59:59Z", "deadline", "too_far"),
    ],
)
async def test_what_cannot_be_written_down_as_it_came_is_refused_and_the_agent_lives(
    tmp_path: Path, args: dict[str, Any], deadline: str, field: str, code: str
) -> None:
    async with opened(tmp_path) as world:
        async with working(world):
            await world.executor.handle(Command("c1", "sync", args, deadline))
            await world.executor.handle(world.command("c2"))

        state, result = world.answer("c1")
        assert (state, result["code"]) == ("refused", "bad_arguments")
        assert [(one["field"], one["code"]) for one in result["fields"]] == [(field, code)]
        assert world.answer("c2")[0] == "succeeded"
        assert world.trail.actions("c1") == ["command_refused"]
        assert await world.outbox.journal.get("c1") is None
    async with opened(tmp_path) as after:
        assert await after.outbox.journal.unfinished() == []


async def test_what_cannot_be_written_down_does_not_answer_for_the_command_that_came_first(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as world:
        held = world.sync.gate = asyncio.Event()
        async with working(world):
            await world.executor.handle(world.command())
            await world.executor.handle(Command("c1", "sync", {"connection": "erp", "number": HUGE}, FAR))
            held.set()

        assert [told for told in world.states() if told != "running"] == ["succeeded"]


@given(
    args=st.dictionaries(
        st.text(max_size=5),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
            max_leaves=5,
        ),
    ),
    deadline=st.datetimes().map(lambda moment: moment.isoformat() + "+00:00") | st.text(max_size=30),
)
def test_whatever_comes_is_taken_with_a_moment_that_can_be_kept_or_refused(
    args: dict[str, Any], deadline: str
) -> None:
    now = ManualClock().utcnow()
    try:
        taken = take(Command("c1", "sync", args, deadline), now)
    except Refused:
        return
    assert from_micros(to_micros(taken.deadline)) == taken.deadline
    assert taken == take(Command("c2", "sync", dict(reversed(args.items())), deadline), now)


async def test_a_tunnel_without_room_never_makes_its_reader_wait(tmp_path: Path) -> None:
    """The room for an answer comes of acks, which the same reader hears."""
    async with opened(tmp_path) as world:
        async with working(world):
            await world.executor.handle(world.command())
            await until(lambda: world.states()[-1:] == ["succeeded"])
            await world.executor.result_acked("c1", "succeeded")
        full = asyncio.Event()

        async def no_room(_command: str, _state: str, _result: Mapping[str, Any]) -> None:
            await full.wait()

        world._send = no_room  # type: ignore[method-assign]
        world.executor = world.make()
        world.sync.gate = asyncio.Event()
        async with asyncio.timeout(30), working(world):
            for number in range(100):
                await world.executor.handle(world.command())  # a repeat
                await world.executor.handle(world.command(args={"connection": "erp", "number": 1}))
                await world.executor.handle(world.command("c2"))  # under way
                await world.executor.handle(Command(f"x{number}", "sync", {"number": HUGE}, FAR))
            assert len(world.executor._tasks) < 200
            full.set()
            world.sync.gate.set()


async def test_a_journal_that_is_full_takes_nothing_more_and_forgets_nothing(tmp_path: Path) -> None:
    clock = ManualClock()
    limits = Limits(open_commands=3)
    async with await Outbox.open(tmp_path / "outbox.db", clock=clock, limits=limits) as outbox:
        world = World(outbox, clock)
        async with working(world):
            for number in range(3):
                await world.executor.handle(world.command(f"c{number}"))
            with pytest.raises(JournalFull):
                await world.executor.handle(world.command("c3"))
            await world.executor.handle(world.command("c0"))
            await until(lambda: "succeeded" in world.states("c0"))
            await world.executor.result_acked("c0", "succeeded")
            await world.executor.handle(world.command("c3"))

        assert sorted(world.sync.begun) == ["c0", "c1", "c2", "c3"]


async def test_an_ack_that_finds_a_full_disk_counts_once_there_is_room(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        acked = world.outbox.journal.acked
        tries = 0

        async def full_twice(command: str, state: str | None = None) -> None:
            nonlocal tries
            tries += 1
            if tries <= 2:
                raise StorageFull
            await acked(command, state)

        world.outbox.journal.acked = full_twice  # type: ignore[method-assign]
        async with working(world):
            await world.executor.handle(world.command())
            await until(lambda: world.states()[-1:] == ["succeeded"])
            await world.executor.result_acked("c1", "succeeded")

        assert await world.outbox.journal.unacked() == []


@pytest.mark.parametrize(("busy", "waiting"), [("erp", "mes"), ("erp", "erp")])
async def test_syncs_that_take_hours_keep_nobody_else_from_being_served(
    tmp_path: Path, busy: str, waiting: str
) -> None:
    """Neither another connection's commands nor the writes and reads of the same one."""
    async with opened(tmp_path) as world:
        held = world.sync.gate = asyncio.Event()
        async with working(world):
            for number in range(100):
                await world.executor.handle(world.command(f"s{number}", args={"connection": busy}))
            await until(lambda: len(world.sync.begun) == 32)
            await world.executor.handle(world.command("w", name="create", args={"connection": waiting}))
            await world.executor.handle(world.command("c", name="cancel", args={"command": "s99"}))
            await until(lambda: world.states("w")[-1:] == ["succeeded"])
            await until(lambda: world.states("c")[-1:] == ["succeeded"])
            if busy != waiting:
                await world.executor.handle(world.command("t", args={"connection": waiting}))
                await until(lambda: "t" in world.sync.begun)
            held.set()


async def test_a_connection_whose_write_hangs_holds_up_no_other(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        held = asyncio.Event()

        async def hang(_call: Call, arguments: Any) -> Answer:
            if arguments.connection == "erp":
                await held.wait()
            return Answer(State.SUCCEEDED, {})

        world.create.work = hang
        async with working(world):
            for number in range(50):
                await world.executor.handle(world.command(f"c{number}", name="create"))
            await world.executor.handle(world.command("m", name="create", args={"connection": "mes"}))
            await until(lambda: world.states("m")[-1:] == ["succeeded"])
            assert world.create.begun == ["c0", "m"]
            held.set()


async def test_turns_are_forgotten_with_the_last_command_of_their_connection(tmp_path: Path) -> None:
    """A relay that makes up names must not fill the memory."""
    async with opened(tmp_path) as world:
        async with working(world):
            for number in range(20):
                for name in ("sync", "create"):
                    args = {"connection": f"made-up-{number}"}
                    await world.executor.handle(world.command(f"{name}{number}", name=name, args=args))
        gc.collect()

        assert len(world.executor._turns._writing) + len(world.executor._turns._rooms) == 0


async def test_outcomes_that_cannot_be_audited_wait_in_one_task(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        world.trail.available = False
        async with working(world):
            for number in range(50):
                await world.executor.handle(world.command(f"c{number}", seconds=0))
            await until(lambda: len(world.sent) == 50)
            await until(lambda: len(world.executor._tasks) == 1)
            world.trail.available = True

        assert world.trail.actions() == ["command_finished"] * 50
        assert await world.outbox.journal.unaudited() == []


@pytest.mark.parametrize(("name", "state"), [("create", "in_doubt"), ("sync", "failed")])
async def test_what_had_started_and_cannot_be_read_any_more_is_not_called_refused(
    tmp_path: Path, name: str, state: str
) -> None:
    """After a change of the program: that nothing was tried would be a guess."""
    async with opened(tmp_path) as world:
        await world.executor.handle(world.command(name=name, args={"connection": "erp", "gone": 1}))
        await world.outbox.journal.start("c1")
        async with working(world):
            pass

        assert world.answer() == (state, {"code": "bad_arguments"})


async def test_an_outcome_that_is_known_is_stored_before_the_agent_stops(tmp_path: Path) -> None:
    """Whatever the disk is doing at that moment: without it a write would be in doubt."""
    async with opened(tmp_path) as world:
        finish = world.outbox.journal.finish
        writing, go_on = asyncio.Event(), asyncio.Event()

        async def slow(*arguments: Any) -> None:
            writing.set()
            await go_on.wait()
            await finish(*arguments)

        world.outbox.journal.finish = slow  # type: ignore[method-assign]
        async with asyncio.TaskGroup() as group:
            await world.executor.start(group)
            await world.executor.handle(world.command(name="create"))
            await writing.wait()
            stopping = group.create_task(world.executor.stop())
            await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop
            go_on.set()
            await stopping

        assert await world.state_of() == "succeeded"


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.IN_DOUBT])
@pytest.mark.parametrize("odd", [{"number": HUGE}, {1: "a"}, {"set": {1}}])
async def test_a_result_that_cannot_be_stored_keeps_its_state(
    tmp_path: Path, state: State, odd: dict[Any, Any]
) -> None:
    async with opened(tmp_path) as world:

        async def answer(_call: Call, _arguments: Any) -> Answer:
            return Answer(state, odd)

        world.create.work = answer
        async with working(world):
            await world.executor.handle(world.command(name="create"))

        assert world.answer() == (state, {"code": "unexpected"})
        assert await world.state_of() == state


async def test_a_deadline_is_kept_in_utc_whatever_its_offset(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        deadline = rfc3339(world.clock.utcnow() + timedelta(hours=1))
        await world.executor.handle(Command("c1", "sync", {"connection": "erp"}, deadline))
        moved = deadline.replace("Z", "+01:00")  # an hour earlier: it has passed
        await world.executor.handle(Command("c2", "sync", {"connection": "erp"}, moved))
        async with working(world):
            pass

        assert (world.answer("c1")[0], world.answer("c2")[0]) == ("succeeded", "expired")


async def test_after_a_restart_a_write_waits_until_it_is_known_what_became_of_the_one_before_it(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as world:
        for number in range(3):
            await world.executor.handle(world.command(f"c{number}", name="create"))
        await world.outbox.journal.start("c0")
    async with opened(tmp_path) as after:
        known = asyncio.Event()

        async def look_up(_call: Call, _arguments: Any) -> Answer:
            await known.wait()
            return Answer(State.SUCCEEDED, {})

        after.create.on_recover = look_up
        async with working(after):
            await after.executor.handle(after.command("m", name="create", args={"connection": "mes"}))
            await until(lambda: after.states("m")[-1:] == ["succeeded"])
            assert (after.create.recovered, after.create.begun) == (["c0"], ["m"])
            known.set()

        assert after.create.begun == ["m", "c1", "c2"]


async def test_the_line_of_an_outcome_is_written_once(tmp_path: Path) -> None:
    """Whoever catches up with what could not be written leaves alone what is being written just now."""
    async with opened(tmp_path) as world:
        record, reached, go_on = world.trail.record, asyncio.Event(), asyncio.Event()
        failures = ["c1"]

        async def slow(action: str, actor: Actor, facts: Mapping[str, Any]) -> None:
            if action == "command_finished" and facts["command"] in failures:
                failures.remove(facts["command"])
                raise AuditUnavailable
            if action == "command_finished" and facts["command"] == "c0":
                reached.set()
                await go_on.wait()
            await record(action, actor, facts)

        world.trail.record = slow  # type: ignore[method-assign]
        async with working(world):
            await world.executor.handle(world.command("c0"))
            await reached.wait()
            await world.executor.handle(world.command("c1"))
            await until(lambda: world.trail.actions("c1")[-1:] == ["command_finished"] or not failures)
            for _ in range(100):
                await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop
            go_on.set()

        for command in ("c0", "c1"):
            assert world.trail.actions(command) == ["command_allowed", "command_finished"]
