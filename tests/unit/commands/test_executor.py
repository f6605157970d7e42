from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agent.audit.trail import Actor, Origin
from agent.commands.ports import Answer, Call, FieldFault, Refused, State
from agent.errors import AuditUnavailable, StorageFull, Unreachable
from agent.outbox.journal import JournalConflict
from agent.policy.decision import Decision
from tests.unit.commands.making import opened, until, working

PERSON = Actor(Origin.LOCAL, "anna")


async def test_a_command_runs_and_its_outcome_is_told(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        async with working(world):
            await world.executor.handle(world.command(args={"connection": "erp", "number": 7}))

        assert world.answer() == ("succeeded", {"number": 7})
        assert world.sync.begun == ["c1"]


async def test_a_repeat_is_answered_from_the_journal_and_runs_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        async with working(world):
            await world.executor.handle(world.command())
            await until(lambda: world.states()[-1:] == ["succeeded"])
            for number in range(100):
                await world.executor.handle(world.command())
                await until(lambda told=number + 2: world.states().count("succeeded") == told)  # type: ignore[misc]

        assert world.sync.begun == ["c1"]
        assert world.states()[-101:] == ["succeeded"] * 101
        assert world.trail.actions() == ["command_allowed", "command_finished"]


async def test_a_repeat_while_it_runs_repeats_its_progress(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        held = world.sync.gate = asyncio.Event()
        async with working(world):
            await world.executor.handle(world.command())
            await until(lambda: world.states() == ["running"])
            await world.executor.handle(world.command())
            held.set()

        assert world.states() == ["running", "running", "succeeded"]
        assert world.sync.begun == ["c1"]


async def test_the_same_id_with_another_body_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        async with working(world):
            await world.executor.handle(world.command())
            await until(lambda: world.states()[-1:] == ["succeeded"])
            await world.executor.result_acked("c1", "succeeded")
            await world.executor.handle(world.command(args={"connection": "erp", "number": 1}))

        assert world.answer() == ("refused", {"code": "conflict"})
        assert world.sync.begun == ["c1"]
        assert await world.state_of() == "succeeded"
        assert world.trail.actions()[-1] == "command_refused"


@pytest.mark.parametrize("allowed", [True, False])
async def test_a_conflict_is_told_behind_the_answer_of_the_command_that_came_first(
    tmp_path: Path, allowed: bool
) -> None:
    """The relay takes the first outcome that it hears, and an ack of one `refused` must not settle the other."""
    state = "succeeded" if allowed else "refused"
    async with opened(tmp_path) as world:
        world.sync.decision = Decision(allowed=allowed, code="not_allowed", why="")
        held = world.sync.gate = asyncio.Event()
        async with working(world):
            await world.executor.handle(world.command())
            for number in (1, 2):
                await world.executor.handle(world.command(args={"connection": "erp", "number": number}))
            await world.executor.result_acked("c1", "running")
            held.set()
            await until(lambda: state in world.states())
            await world.executor.handle(world.command(args={"connection": "erp", "number": 3}))
            assert world.answer()[1] != {"code": "conflict"}
            await world.executor.result_acked("c1", "in_doubt")
            assert world.answer()[1] != {"code": "conflict"}
            await world.executor.result_acked("c1", state)

        assert [told for told in world.states() if told != "running"] == [state, "refused"]
        assert world.answer() == ("refused", {"code": "conflict"})
        assert await world.outbox.journal.unacked() == []
        assert world.trail.actions().count("command_refused") == (3 if allowed else 4)


@pytest.mark.parametrize(
    ("name", "args", "result"),
    [
        ("delete_everything", {}, {"code": "unknown_command"}),
        (
            "sync",
            {},
            {
                "code": "bad_arguments",
                "fields": [{"field": "connection", "code": "required", "message": "is missing"}],
            },
        ),
        (
            "sync",
            {"connection": "erp", "number": "secret-1", "surprise": 1},
            {
                "code": "bad_arguments",
                "fields": [
                    {"field": "number", "code": "not_a_number", "message": "must be a whole number"},
                    {
                        "field": "surprise",
                        "code": "unknown_field",
                        "message": "is not an argument of this command",
                    },
                ],
            },
        ),
    ],
)
async def test_what_cannot_be_read_is_refused_with_a_fault_per_field(
    tmp_path: Path, name: str, args: dict[str, Any], result: dict[str, Any]
) -> None:
    async with opened(tmp_path) as world:
        async with working(world):
            await world.executor.handle(world.command(name=name, args=args))

        assert world.answer() == ("refused", result)
        assert world.sync.judged == 0
        assert world.trail.actions() == ["command_refused"]
        assert await world.outbox.journal.unaudited() == []


async def test_the_policy_refuses_with_code_and_fields_and_its_reason_stays_here(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        world.sync.decision = Decision(
            allowed=False,
            code="field_not_allowed",
            why="because of secret-rule",
            rule="p:1",
            fields=("notes",),
        )
        async with working(world):
            await world.executor.handle(world.command())

        state, result = world.answer()
        assert (state, result["code"]) == ("refused", "field_not_allowed")
        assert [one["field"] for one in result["fields"]] == ["notes"]
        assert "secret-rule" not in str(world.sent)
        assert world.sync.begun == []
        action, actor, facts = world.trail.lines[0]
        assert (action, actor.origin, facts["why"], facts["rule"]) == (
            "command_refused",
            Origin.RELAY,
            "because of secret-rule",
            "p:1",
        )
        assert (facts["command"], facts["name"], facts["connection"]) == ("c1", "sync", "erp")


async def test_an_allowed_command_and_its_outcome_are_in_the_audit_log(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        world.sync.work = _fail
        async with working(world):
            await world.executor.handle(world.command())

        assert world.trail.actions() == ["command_allowed", "command_finished"]
        assert world.trail.lines[1][2]["state"] == "failed"
        assert world.trail.lines[1][2]["code"] == "unreachable"
        assert await world.outbox.journal.unaudited() == []


async def _fail(_call: Call, _arguments: Any) -> Answer:
    raise Unreachable("host secret-erp is down")


async def test_a_failed_run_fails_the_command_without_the_words_of_its_error(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        world.sync.work = _fail
        async with working(world):
            await world.executor.handle(world.command())

        assert world.answer() == ("failed", {"code": "unreachable"})
        assert "secret-erp" not in str(world.sent)


async def test_without_an_audit_log_nothing_is_done_until_it_is_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        world.trail.available = False
        async with working(world):
            await world.executor.handle(world.command(seconds=10**6))
            await until(lambda: world.clock.monotonic() > 20)
            assert (world.sync.begun, await world.state_of()) == ([], "received")
            world.trail.available = True

        assert world.answer()[0] == "succeeded"
        assert world.sync.judged > 2  # the policy may have changed meanwhile


async def test_a_command_that_waits_for_the_audit_log_expires(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        world.trail.available = False
        async with working(world):
            await world.executor.handle(world.command())
            await until(lambda: world.states() != [])
            assert world.answer() == ("expired", {})
            world.trail.available = True

        assert world.sync.begun == []
        assert world.trail.actions() == ["command_finished"]
        assert await world.outbox.journal.unaudited() == []


async def test_an_outcome_that_could_not_be_audited_is_told_and_audited_later(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:

        async def break_the_log(_call: Call, _arguments: Any) -> Answer:
            world.trail.available = False
            return Answer(State.SUCCEEDED, {})

        world.sync.work = break_the_log
        async with asyncio.TaskGroup() as group:
            await world.executor.start(group)
            await world.executor.handle(world.command())
            await until(lambda: world.states()[-1:] == ["succeeded"])
            await world.executor.stop()
        assert len(await world.outbox.journal.unaudited()) == 1
    async with opened(tmp_path) as after:
        async with working(after):
            pass

        assert after.trail.actions() == ["command_finished"]
        assert await after.outbox.journal.unaudited() == []


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (Refused("not_supported"), {"code": "not_supported"}),
        (
            Refused("invalid", (FieldFault("lineItems[0].quantity", "required", "is missing"),)),
            {
                "code": "invalid",
                "fields": [{"field": "lineItems[0].quantity", "code": "required", "message": "is missing"}],
            },
        ),
        (Unreachable("host secret-erp"), {"code": "unreachable"}),
    ],
)
async def test_what_is_found_wrong_before_it_begins_is_refused(
    tmp_path: Path, error: Exception, result: dict[str, Any]
) -> None:
    async with opened(tmp_path) as world:
        world.sync.refusal = error
        async with working(world):
            await world.executor.handle(world.command())

        assert world.answer() == ("refused", result)
        assert world.sync.begun == []
        assert world.trail.actions() == ["command_allowed", "command_finished"]


async def test_a_command_behind_its_deadline_expires(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        async with working(world):
            await world.executor.handle(world.command(seconds=0))

        assert world.states() == ["expired"]
        assert world.sync.begun == []


async def test_a_deadline_that_passes_while_it_is_prepared_keeps_it_from_starting(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:

        async def slow(_arguments: Any) -> None:
            world.clock.advance(61)

        world.sync.prepare = slow  # type: ignore[method-assign]
        async with working(world):
            await world.executor.handle(world.command())

        assert world.states() == ["expired"]
        assert world.sync.begun == []


async def test_what_had_started_when_the_process_died_is_not_run_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        world.sync.gate = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            await world.executor.start(group)
            await world.executor.handle(world.command())
            await until(lambda: world.sync.begun != [])
            await world.executor.stop()
    async with opened(tmp_path) as after:
        async with working(after):
            pass

        assert (after.sync.begun, after.sync.recovered) == ([], ["c1"])
        assert after.answer() == ("failed", {"code": "interrupted"})


async def test_what_had_only_been_received_is_judged_again_and_run(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        await world.executor.handle(world.command())  # not started yet
        await world.executor.handle(world.command("c2", name="create"))
    async with opened(tmp_path) as after:
        after.create.decision = Decision(allowed=False, code="not_allowed", why="")
        async with working(after):
            pass

        assert (after.sync.begun, after.create.begun) == (["c1"], [])
        assert (after.answer("c1")[0], after.answer("c2")[0]) == ("succeeded", "refused")


async def test_an_answer_is_repeated_after_a_restart_until_the_relay_has_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as world, working(world):
        await world.executor.handle(world.command())
    async with opened(tmp_path) as after:
        async with working(after):
            pass
        assert after.states() == ["succeeded"]
        await after.executor.result_acked("c1", "running")
        assert len(await after.outbox.journal.unacked()) == 1
        await after.executor.result_acked("c1", "succeeded")
    async with opened(tmp_path) as settled:
        async with working(settled):
            pass

        assert settled.sent == []


async def test_answers_that_wait_for_the_relay_do_not_keep_the_agent_from_starting(tmp_path: Path) -> None:
    """Of very many the last ones wait for acks, which need a link, which is made after the start."""
    async with opened(tmp_path) as world, working(world):
        await world.executor.handle(world.command())
    async with opened(tmp_path) as after:
        acked = asyncio.Event()

        async def wait_for_acks(_command: str, _state: str, _result: Mapping[str, Any]) -> None:
            await acked.wait()

        after._send = wait_for_acks  # type: ignore[method-assign]
        after.executor = after.make()
        async with asyncio.timeout(30), working(after):
            acked.set()


async def test_an_answer_that_waits_for_the_relay_takes_no_room_from_others(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        acked = asyncio.Event()

        async def wait_for_acks(_command: str, _state: str, _result: Mapping[str, Any]) -> None:
            await acked.wait()

        world._send = wait_for_acks  # type: ignore[method-assign]
        world.executor = world.make()
        async with working(world):
            for number in range(40):
                await world.executor.handle(world.command(f"c{number}", name="create"))
            await until(lambda: len(world.create.begun) == 40)
            acked.set()


async def test_a_full_disk_delays_start_and_answer_and_loses_neither(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        journal = world.outbox.journal
        for name in ("start", "finish"):
            setattr(journal, name, _full_twice(getattr(journal, name)))
        async with working(world):
            await world.executor.handle(world.command())

        assert world.answer()[0] == "succeeded"
        assert world.sync.begun == ["c1"]
        assert world.clock.monotonic() >= 40
        assert [record.state for record in await journal.unacked()] == ["succeeded"]


def _full_twice(write: Any) -> Any:
    tries = 0

    async def refusing(*arguments: Any) -> None:
        nonlocal tries
        tries += 1
        if tries <= 2:
            raise StorageFull
        await write(*arguments)

    return refusing


async def test_a_command_that_finds_no_room_to_start_before_its_deadline_expires(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:

        async def full(_command: str) -> None:
            raise StorageFull

        world.outbox.journal.start = full  # type: ignore[method-assign]
        async with working(world):
            await world.executor.handle(world.command())

        assert world.states() == ["expired"]
        assert world.sync.begun == []


async def test_a_command_that_waited_for_room_is_judged_again(tmp_path: Path) -> None:
    """Quiet hours may have begun meanwhile, or the policy may be another."""
    async with opened(tmp_path) as world:
        start = world.outbox.journal.start

        async def full_once(command: str) -> None:
            world.outbox.journal.start = start  # type: ignore[method-assign]
            world.sync.decision = Decision(allowed=False, code="quiet_hours", why="it is late")
            raise StorageFull

        world.outbox.journal.start = full_once  # type: ignore[method-assign]
        async with working(world):
            await world.executor.handle(world.command())

        assert world.answer() == ("refused", {"code": "quiet_hours"})
        assert world.sync.begun == []


@pytest.mark.parametrize(("name", "state"), [("sync", "failed"), ("create", "in_doubt")])
async def test_something_unforeseen_ends_its_command_and_no_other(
    tmp_path: Path, name: str, state: str
) -> None:
    """Whether a write had its effect is not known then."""
    async with opened(tmp_path) as world:

        async def break_down(call: Call, _arguments: Any) -> Answer:
            if call.id == "c1":
                raise RuntimeError("secret-value")
            return Answer(State.SUCCEEDED, {})

        world.sync.work = world.create.work = break_down
        async with working(world):
            await world.executor.handle(world.command("c1", name=name))
            await world.executor.handle(world.command("c2", name=name))

        assert world.answer("c1") == (state, {"code": "unexpected"})
        assert world.answer("c2")[0] == "succeeded"
        assert "secret-value" not in str(world.sent)


@pytest.mark.parametrize("step", ["judge", "prepare"])
async def test_something_unforeseen_before_a_write_begins_changed_nothing(tmp_path: Path, step: str) -> None:
    async with opened(tmp_path) as world:

        async def break_down(*_arguments: Any) -> Any:
            raise RuntimeError

        setattr(world.create, step, break_down)
        async with working(world):
            await world.executor.handle(world.command(name="create"))

        assert world.answer() == ("failed", {"code": "unexpected"})
        assert world.create.begun == []


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ({"text": "x" * 70_000}, {"code": "result_too_large"}),
        ({"text": "ß" * 20_000}, {"code": "result_too_large"}),
        ({"text": object()}, {"code": "unexpected"}),
    ],
)
async def test_a_result_that_cannot_travel_gives_way_to_a_code(
    tmp_path: Path, result: dict[str, Any], told: dict[str, Any]
) -> None:
    async with opened(tmp_path) as world:

        async def answer(_call: Call, _arguments: Any) -> Answer:
            return Answer(State.SUCCEEDED, result)

        world.sync.work = answer
        async with working(world):
            await world.executor.handle(world.command())

        assert world.answer() == ("succeeded", told)


async def test_progress_is_told_at_most_once_a_second_and_the_newest_wins(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:

        async def count(call: Call, _arguments: Any) -> Answer:
            for number in range(100):
                await call.progress({"n": number})
                await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop, for who tells it
            await until(lambda: {"n": 99} in [result for _, _, result in world.sent])
            return Answer(State.SUCCEEDED, {})

        world.sync.work = count
        began = world.clock.monotonic()
        async with working(world):
            await world.executor.handle(world.command())

        running = [result for _, state, result in world.sent if state == "running"]
        assert running[-1] == {"n": 99}
        assert len(running) <= world.clock.monotonic() - began + 1
        assert world.states()[-1] == "succeeded"
        assert (await world.outbox.journal.get("c1")).result == {}  # type: ignore[union-attr]


async def test_writes_to_one_connection_follow_each_other_in_their_order(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        under_way: set[str] = set()
        most: dict[str, int] = {}

        async def watch(call: Call, arguments: Any) -> Answer:
            under_way.add(f"{arguments.connection} {call.id}")
            mine = [one for one in under_way if one.startswith(arguments.connection + " ")]
            most[arguments.connection] = max(most.get(arguments.connection, 0), len(mine))
            for _ in range(5):
                await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop
            under_way.discard(f"{arguments.connection} {call.id}")
            return Answer(State.SUCCEEDED, {})

        world.create.work = watch
        async with working(world):
            for number in range(40):
                args = {"connection": "erp" if number % 2 else "mes"}
                await world.executor.handle(world.command(f"c{number:02}", name="create", args=args))

        assert most == {"erp": 1, "mes": 1}
        for remainder in (0, 1):
            order = [one for one in world.create.begun if int(one[1:]) % 2 == remainder]
            assert order == sorted(order)


async def test_a_write_is_judged_when_the_one_before_it_has_ended(tmp_path: Path) -> None:
    """So that the limit on writes in an hour holds whatever arrives at one moment."""
    async with opened(tmp_path) as world:

        async def at_most_three(_arguments: Any, now: Any) -> Decision:
            count = await world.outbox.journal.writes_since("erp", None, now)
            return Decision(allowed=count < 3, code="allowed" if count < 3 else "too_many", why="")

        world.create.judge = at_most_three  # type: ignore[method-assign]
        async with working(world):
            for number in range(10):
                await world.executor.handle(world.command(f"c{number}", name="create"))

        assert len(world.create.begun) == 3


async def test_kinds_run_beside_each_other_and_not_too_many_of_them(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        held = world.sync.gate = asyncio.Event()
        async with working(world):
            for number in range(40):
                await world.executor.handle(world.command(f"c{number}"))
            await until(lambda: len(world.sync.begun) == 32)
            await world.executor.handle(world.command("stop", name="cancel", args={"command": "c39"}))
            await until(lambda: world.states("stop")[-1:] == ["succeeded"])  # waits for nobody
            assert len(world.sync.begun) == 32
            held.set()

        assert len(world.sync.begun) == 39


async def test_a_body_that_the_disk_changed_is_not_carried_out(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        await world.executor.handle(world.command("c1"))
        await world.executor.handle(world.command("c2", name="create"))
        await world.outbox.journal.start("c2")
        world.outbox._db.run("UPDATE command SET body = CAST(replace(body, 'erp', 'mes') AS BLOB)")
        async with working(world):
            pass

        assert world.sync.begun == []
        assert world.create.recovered == []
        assert world.answer("c1") == ("failed", {"code": "storage_damaged"})
        assert world.answer("c2") == ("in_doubt", {"code": "storage_damaged"})


async def test_a_write_whose_recovery_fails_stays_in_doubt(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        await world.executor.handle(world.command(name="create"))
        await world.outbox.journal.start("c1")
        world.create.on_recover = _fail
        async with working(world):
            pass

        assert world.answer() == ("in_doubt", {"code": "unreachable"})


async def _doubt(_call: Call, _arguments: Any) -> Answer:
    return Answer(State.IN_DOUBT, {"code": "in_doubt", "reference": ""})


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED])
async def test_a_person_settles_a_command_in_doubt(tmp_path: Path, state: State) -> None:
    async with opened(tmp_path) as world:
        world.create.work = _doubt
        async with working(world):
            await world.executor.handle(world.command(name="create"))
            await until(lambda: world.states()[-1:] == ["in_doubt"])
            await world.executor.result_acked("c1", "in_doubt")
            found = await world.executor.settle(
                "c1", state, {"reference": "4500001", "note": "asked secret-person"}, PERSON
            )

        assert found.state == state
        told, result = world.answer()
        assert (told, result["reference"], result["settledBy"]) == (state, "4500001", "person")
        assert "secret-person" not in str(world.sent)
        action, actor, facts = world.trail.lines[-1]
        assert (action, actor, facts["note"]) == ("command_settled", PERSON, "asked secret-person")
        assert [one.state for one in await world.outbox.journal.unacked()] == [state]


async def test_only_a_command_in_doubt_is_settled_and_only_once_and_audited(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        world.create.work = _doubt
        async with working(world):
            await world.executor.handle(world.command("c1", name="create"))
            await world.executor.handle(world.command("c2"))
        world.executor = world.make()
        with pytest.raises(JournalConflict):
            await world.executor.settle("c2", State.FAILED, {}, PERSON)
        with pytest.raises(JournalConflict):
            await world.executor.settle("nobody", State.FAILED, {}, PERSON)
        world.trail.available = False
        with pytest.raises(AuditUnavailable):
            await world.executor.settle("c1", State.FAILED, {}, PERSON)
        assert await world.state_of("c1") == "in_doubt"
        world.trail.available = True
        async with working(world):
            await world.executor.settle("c1", State.FAILED, {}, PERSON)
            with pytest.raises(JournalConflict):
                await world.executor.settle("c1", State.SUCCEEDED, {}, PERSON)

        assert await world.state_of("c1") == "failed"
        assert world.trail.actions().count("command_settled") == 1


async def test_an_agent_that_stops_waits_for_a_write_that_has_begun(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        held = world.create.gate = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            await world.executor.start(group)
            await world.executor.handle(world.command("c1", name="create"))
            await world.executor.handle(world.command("c2", name="create"))
            await until(lambda: world.create.begun == ["c1"])
            stopping = asyncio.create_task(world.executor.stop())
            await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop
            await world.executor.handle(world.command("c3"))
            held.set()
            await stopping

        states = [await world.state_of(command) for command in ("c1", "c2", "c3")]
        assert states == ["succeeded", "received", "received"]


async def test_a_command_whose_session_ends_while_it_is_written_down_runs_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        receive, written, go_on = world.outbox.journal.receive, asyncio.Event(), asyncio.Event()

        async def slowly(*args: Any, **more: Any) -> Any:
            received = await receive(*args, **more)
            written.set()
            await go_on.wait()
            return received

        world.outbox.journal.receive = slowly  # type: ignore[method-assign]
        async with working(world):
            session = asyncio.ensure_future(world.executor.handle(world.command()))
            await written.wait()
            session.cancel()
            go_on.set()
            await asyncio.wait({session})
            await world.executor.handle(world.command())  # the next session's repeat
            await until(lambda: "succeeded" in world.states())

        assert session.cancelled()
        assert world.sync.begun == ["c1"]
