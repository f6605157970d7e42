from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agent.audit.trail import Actor, Origin
from agent.commands.ports import Answer, Call, FieldFault, Refused, State
from agent.errors import AuditUnavailable, Unreachable
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


async def test_a_write_whose_recovery_fails_stays_in_doubt(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        await world.executor.handle(world.command(name="create"))
        await world.outbox.journal.start("c1")
        world.create.on_recover = _fail
        async with working(world):
            pass

        assert world.answer() == ("in_doubt", {"code": "unreachable"})
