"""A mapping edited as text, held against a source."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.calls.editing import EditingCalls, kept_here
from agent.clock import ManualClock
from agent.mapping.overlay import Action, Change
from agent.outbox.values import Choice, LetterGroup
from agent.policy.model import ConnectionRule, LeaveRule, Policy, PolicyFile
from tests.unit.mappings.probing import World


class SentBefore:
    async def last_checkpoint(self, stream: str) -> str | None:
        return None

    async def letter_groups(self, choice: Choice, *, limit: int = 100) -> Sequence[LetterGroup]:
        return []


def policy(**rule: Any) -> Policy:
    return Policy(
        PolicyFile(connections={"erp": ConnectionRule(leave={"purchase_order": LeaveRule(**rule)})})
    )


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, ManualClock())


async def ask(world: World, call: str, rules: Policy | None = None, **args: Any) -> Any:
    calls: Any = EditingCalls(world.mappings, lambda: rules or policy(fields="all"), SentBefore())  # type: ignore[arg-type]
    return await calls.handlers()[call]({"connection": "erp", "stream": "orders", **args}, lambda _: None)


async def test_a_change_is_shown_on_real_rows_with_what_saving_it_does(world: World) -> None:
    text = (await ask(world, "mapping_text"))["text"]

    found = await ask(world, "mapping_try", text=text + '[custom]\nregion = "region"\n', based_on=0)

    assert found["faults"] == []
    assert [change["path"] for change in found["changes"]] == [["custom", "region"]]
    assert found["preview"]["tried"] == 3
    assert found["effects"] == {
        "restarts": "erp", "records_sent": False, "dead_letters": 0, "stays": [],
    }  # fmt: skip
    assert world.trail.lines == []


async def test_a_column_that_the_source_has_not_is_a_fault_of_its_line(world: World) -> None:
    text = (await ask(world, "mapping_text"))["text"] + '[custom]\nregion = "regino"\n'

    found = await ask(world, "mapping_try", text=text)

    (fault,) = found["faults"]
    assert (fault["place"], text.splitlines()[fault["line"] - 1]) == (
        "customFields.region",
        'region = "regino"',
    )
    assert fault["hint"] == "Did you mean region?"
    assert found["error"] is None


async def test_a_version_made_meanwhile_is_said_and_the_text_is_judged_all_the_same(world: World) -> None:
    found = await ask(world, "mapping_try", text='orderNo = "number', based_on=7)

    assert found["error"]["code"] == "stale"
    assert [fault["line"] for fault in found["faults"]] == [1]


async def test_a_new_field_that_the_policy_keeps_here_is_told_before_it_is_saved(world: World) -> None:
    text = (await ask(world, "mapping_text"))["text"] + '[custom]\nregion = "region"\n'

    found = await ask(world, "mapping_try", policy(fields=("orderNo",)), text=text)

    assert found["effects"]["stays"] == ["customFields.region"]


def test_what_is_taken_out_or_only_a_default_is_not_said_to_stay_here() -> None:
    changes = (
        Change(("notes",), Action.REMOVE),
        Change(("defaults", "trim"), spec=True),
        Change(("title",), spec="t"),
    )

    assert kept_here(Policy.nothing("none"), "erp", "purchase_order", changes) == ["title"]
    assert kept_here(policy(fields="all"), "erp", "purchase_order", changes) == []


async def test_a_column_that_no_field_uses_is_offered_as_a_custom_field(world: World) -> None:
    text = (await ask(world, "mapping_text", add="region"))["text"]

    found = await ask(world, "mapping_try", text=text)

    assert found["faults"] == []
    assert [change["path"] for change in found["changes"]] == [["custom", "region"]]
