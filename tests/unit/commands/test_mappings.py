"""The kinds of commands about mappings, over the real service and a source in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.audit.trail import Actor, Origin
from agent.clock import ManualClock
from agent.commands.answers import fits
from agent.commands.arguments import read_arguments
from agent.commands.mappings import mapping_kinds
from agent.commands.ports import Answer, Call, Refused, State
from agent.errors import PolicyDenied, Stale
from agent.mapping.overlay import Change
from agent.policy.decision import Decision
from agent.policy.leave import LeaveFilter, compile_leave
from agent.policy.model import LeaveRule
from tests.unit.mappings.probing import ANNA, World

NOW = datetime.fromisoformat("2026-01-05T12:00:00+00:00")
TITLE = [{"path": ["title"], "spec": "region"}]


class Desk:
    """Sends commands as the executor would: arguments, judge, prepare, run."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.rule: LeaveRule | None = LeaveRule(fields="all")
        self.allowed = True
        self.remap = True

    def judge(self, connection: str, name: str, now: datetime) -> Decision:
        return Decision(self.allowed, "allowed" if self.allowed else "not_allowed", f"{connection} {name}")

    def leaving(self, connection: str, entity: str) -> LeaveFilter:
        if self.rule is None:
            raise PolicyDenied
        return compile_leave(self.rule, entity, b"key")

    def kind(self, name: str) -> Any:
        kinds = mapping_kinds(self.world.mappings, self.judge, self.leaving, lambda *_: self.remap)
        return next(kind for kind in kinds if kind.name == name)

    async def send(self, name: str, command: str = "c1", **args: Any) -> Answer:
        kind = self.kind(name)
        arguments = read_arguments(kind.arguments, {"connection": "erp", "stream": "orders", **args})
        await kind.prepare(arguments)
        answer: Answer = await kind.run(call(command), arguments)
        return answer

    async def recover(self, name: str, command: str = "c1", **args: Any) -> Answer:
        kind = self.kind(name)
        arguments = read_arguments(kind.arguments, {"connection": "erp", "stream": "orders", **args})
        answer: Answer = await kind.recover(call(command), arguments)
        return answer


def call(command: str) -> Call:
    async def progress(_: Mapping[str, Any]) -> None: ...

    return Call(command, NOW + timedelta(hours=1), Actor(Origin.RELAY, "planner"), progress)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(World(tmp_path, ManualClock()))


@pytest.mark.parametrize("name", ["read_mapping", "preview_mapping", "change_mapping", "revert_mapping"])
async def test_the_policy_is_asked_for_each_command_by_its_name(desk: Desk, name: str) -> None:
    kind = desk.kind(name)
    args: dict[str, Any] = {"changes": TITLE, "based_on": 0, "to": 0}
    arguments = kind.arguments.model_construct(connection="erp", stream="orders", **args)

    assert (await kind.judge(arguments, NOW)).why == f"erp {name}"
    desk.allowed = False
    assert not (await kind.judge(arguments, NOW)).allowed


async def test_a_mapping_is_read_with_its_versions(desk: Desk) -> None:
    await desk.send("change_mapping", changes=TITLE, based_on=0, note="why")

    answer = await desk.send("read_mapping")

    fields = {line["field"]: line for line in answer.result["fields"]}
    assert (fields["title"]["origin"], fields["title"]["columns"]) == ("changed", ["region"])
    assert fields["orderNo"]["origin"] == "file"
    assert "dueAt" in answer.result["unmapped"]
    assert [(one["version"], one["name"], one["note"]) for one in answer.result["versions"]] == [
        (1, "planner", "why")
    ]


async def test_a_change_says_its_version_and_that_records_may_be_mapped_again(desk: Desk) -> None:
    answer = await desk.send("change_mapping", changes=TITLE, based_on=0)

    assert answer.state is State.SUCCEEDED
    assert answer.result["version"] == 1
    assert answer.result["changed"] == ["title"]
    assert answer.result["remap"] == "offered"
    assert desk.world.trail.lines[0][1] == Actor(Origin.RELAY, "planner")


async def test_a_preview_shows_what_may_leave_and_does_not_even_count_the_rest(desk: Desk) -> None:
    desk.world.base["notes"] = "no"
    desk.rule = LeaveRule.model_validate(
        {"fields": "all", "except": ["notes"], "rows": {"orderNo": ["1", "3"]}}
    )

    answer = await desk.send("preview_mapping", changes=TITLE)

    (row,) = answer.result["rows"]
    assert row["key"] == "1"
    assert row["differences"] == [{"field": "title", "before": None, "after": "north"}]
    assert (answer.result["tried"], answer.result["withheld"]) == (1, 2)
    assert answer.result["after"]["rejected"] == 0, "a row that may not leave is rejected, and not counted"
    assert "south" not in str(answer.result)


@pytest.mark.parametrize("name", ["preview_mapping", "change_mapping"])
async def test_what_the_policy_keeps_is_not_moved_into_a_field_that_leaves(desk: Desk, name: str) -> None:
    desk.world.base["notes"] = "region"
    desk.rule = LeaveRule.model_validate({"fields": "all", "except": ["notes"]})
    based_on = {"based_on": 0} if name == "change_mapping" else {}

    with pytest.raises(Refused) as refused:
        await desk.send(name, changes=TITLE, **based_on)

    assert (refused.value.code, [fault.field for fault in refused.value.faults]) == (
        "field_not_allowed",
        ["title"],
    )
    assert desk.world.source.requests == []


async def test_a_version_that_would_let_leave_what_the_policy_keeps_is_not_put_back_from_outside(
    desk: Desk,
) -> None:
    await desk.world.mappings.change("erp", "orders", [Change(("title",), spec="region")], ANNA)
    await desk.world.mappings.revert("erp", "orders", 0, ANNA)
    desk.world.base["notes"] = "region"
    desk.rule = LeaveRule.model_validate({"fields": "all", "except": ["notes"]})

    with pytest.raises(Refused, match="field_not_allowed"):
        await desk.send("revert_mapping", to=1)

    assert desk.world.mappings.read("erp", "orders").history.number == 2


async def test_the_policy_is_asked_again_where_the_mapping_changed_meanwhile(desk: Desk) -> None:
    """Between the look before it begins and its turn, somebody at the host keeps the column."""
    desk.rule = LeaveRule.model_validate({"fields": "all", "except": ["notes"]})
    kind = desk.kind("change_mapping")
    arguments = read_arguments(
        kind.arguments, {"connection": "erp", "stream": "orders", "changes": TITLE, "based_on": 0}
    )
    await kind.prepare(arguments)
    desk.world.base["notes"] = "region"

    with pytest.raises(PolicyDenied):
        await kind.run(call("c1"), arguments)

    assert desk.world.mappings.read("erp", "orders").history.number == 0


async def test_no_row_may_be_made_to_leave_by_a_change(desk: Desk) -> None:
    desk.world.base["organizationKey"] = "region"
    desk.rule = LeaveRule.model_validate({"fields": "all", "rows": {"organizationKey": ["north"]}})

    with pytest.raises(Refused, match="field_not_allowed"):
        await desk.send(
            "preview_mapping", changes=[{"path": ["organizationKey"], "spec": {"const": "north"}}]
        )


async def test_where_rows_are_chosen_a_change_tells_no_numbers(desk: Desk) -> None:
    desk.rule = LeaveRule.model_validate({"fields": "all", "rows": {"orderNo": ["1"]}})

    answer = await desk.send("change_mapping", changes=TITLE, based_on=0)

    assert (answer.state, "tried" in answer.result) == (State.SUCCEEDED, False)


@pytest.mark.parametrize("name", ["preview_mapping", "change_mapping", "revert_mapping"])
async def test_where_nothing_may_leave_there_is_nothing_to_try_or_to_change(desk: Desk, name: str) -> None:
    desk.rule = None
    args: dict[str, dict[str, Any]] = {
        "preview_mapping": {"changes": TITLE},
        "change_mapping": {"changes": TITLE, "based_on": 0},
        "revert_mapping": {"to": 0},
    }

    with pytest.raises(PolicyDenied):
        await desk.send(name, **args[name])

    assert (await desk.send("read_mapping")).result["version"] == 0


async def test_a_mapping_is_read_with_samples_of_what_leaves(desk: Desk) -> None:
    desk.world.base |= {"title": "region", "notes": "region"}
    desk.rule = LeaveRule.model_validate(
        {"fields": "all", "except": ["notes"], "mask": ["title"], "rows": {"orderNo": ["2"]}}
    )

    answer = await desk.send("read_mapping", samples=5)

    samples = {line["field"]: line["samples"] for line in answer.result["fields"]}
    assert samples == {"orderNo": ["2"], "totalNetValue": ["2.5"], "title": ["***"], "notes": [None]}
    assert "south" not in str(answer.result)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ([{"path": ["nonsense"], "spec": "x"}], "changes"),
        ([{"path": ["title"], "spec": {"frm": "x"}}], "title"),
        ([{"path": ["orderNo"], "remove": True}], None),
    ],
)
async def test_changes_that_cannot_work_are_refused_before_anything_is_tried(
    desk: Desk, changes: Any, field: str | None
) -> None:
    with pytest.raises(Refused) as refused:
        await desk.send("change_mapping", changes=changes, based_on=0)

    assert refused.value.code == "bad_mapping"
    assert [fault.field for fault in refused.value.faults] == ([field] if field else [])
    assert desk.world.source.requests == []


@pytest.mark.parametrize(("name", "more"), [("preview_mapping", {}), ("change_mapping", {"based_on": 0})])
async def test_a_column_that_the_source_has_not_is_a_fault_of_the_changes(
    desk: Desk, name: str, more: dict[str, Any]
) -> None:
    answer = await desk.send(name, changes=[{"path": ["title"], "spec": "nowhere"}], **more)

    assert answer.state is State.FAILED
    assert answer.result["code"] == "source_changed"
    assert [fault["field"] for fault in answer.result["fields"]] == ["changes"]


@pytest.mark.parametrize(
    ("name", "args", "field"),
    [
        ("read_mapping", {"stream": "nowhere"}, "stream"),
        ("preview_mapping", {"stream": "nowhere", "changes": TITLE}, "stream"),
        ("change_mapping", {"stream": "nowhere", "changes": TITLE, "based_on": 0}, "stream"),
        ("revert_mapping", {"stream": "nowhere", "to": 0}, "stream"),
        ("revert_mapping", {"to": 99}, "to"),
    ],
)
async def test_a_stream_or_version_that_is_not_there_is_a_fault_of_its_argument(
    desk: Desk, name: str, args: dict[str, Any], field: str
) -> None:
    with pytest.raises(Refused, match="bad_arguments") as refused:
        await desk.send(name, **args)

    assert [fault.field for fault in refused.value.faults] == [field]


async def test_a_change_for_an_older_version_is_refused_as_stale(desk: Desk) -> None:
    await desk.send("change_mapping", changes=TITLE, based_on=0)

    with pytest.raises(Stale):
        await desk.send("change_mapping", changes=TITLE, based_on=0)


async def test_the_relay_cannot_accept_rejects(desk: Desk) -> None:
    with pytest.raises(Refused, match="bad_arguments"):
        await desk.send("change_mapping", changes=TITLE, based_on=0, accept_rejects=True)


async def test_a_change_can_be_taken_back(desk: Desk) -> None:
    await desk.send("change_mapping", changes=TITLE, based_on=0)

    answer = await desk.send("revert_mapping", "c2", to=0)

    assert (answer.result["version"], answer.result["changed"]) == (2, ["title"])


async def test_after_a_crash_a_change_is_found_by_its_command_and_not_made_again(desk: Desk) -> None:
    await desk.send("change_mapping", "c7", changes=TITLE, based_on=0)
    desk.world.mappings = desk.world.service()

    made = await desk.recover("change_mapping", "c7", changes=TITLE, based_on=0)
    never = await desk.recover("change_mapping", "c8", changes=TITLE, based_on=0)

    assert (made.state, made.result["version"]) == (State.SUCCEEDED, 1)
    assert (never.state, never.result["code"]) == (State.FAILED, "interrupted")
    assert desk.world.mappings.read("erp", "orders").history.number == 1


async def test_a_change_that_was_made_is_not_called_cancelled(desk: Desk) -> None:
    kind = desk.kind("change_mapping")
    arguments = read_arguments(
        kind.arguments, {"connection": "erp", "stream": "orders", "changes": TITLE, "based_on": 0}
    )
    task = asyncio.ensure_future(kind.run(call("c1"), arguments))
    while not desk.world.trail.lines:
        await asyncio.sleep(0)  # noqa: TID251 - turns of the loop
    task.cancel()

    answer = await task

    assert (answer.state, answer.result["version"]) == (State.SUCCEEDED, 1)


async def test_a_large_answer_is_cut_to_what_a_frame_holds(desk: Desk) -> None:
    desk.world.source.rows = [
        {"no": str(number), "total": "1", "region": "ü" * 2_000} for number in range(100)
    ]

    answer = await desk.send("preview_mapping", changes=TITLE, rows=100)

    assert fits(answer.result)
    assert answer.result["truncated"]
    assert 0 < len(answer.result["rows"]) < 100
    assert answer.result["withheld"] == 0
