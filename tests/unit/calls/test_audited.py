"""Local calls that change something are done only when their line is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from agent.audit.trail import Actor, Origin
from agent.calls.audit import AuditCalls
from agent.calls.audited import CHANGING, LINES_A_MINUTE, RefusedSignIns, audited
from agent.calls.commands import CommandCalls
from agent.calls.doctor import DoctorCalls
from agent.calls.editing import EditingCalls
from agent.calls.letters import LetterCalls
from agent.calls.local import LocalCalls
from agent.calls.logs import LogCalls
from agent.calls.mappings import MappingCalls
from agent.calls.policy import PolicyCalls
from agent.calls.previews import PreviewCalls
from agent.calls.queue import QueueCalls
from agent.calls.secrets import SecretCalls
from agent.clock import ManualClock
from agent.control import Handler, Progress
from agent.errors import AuditUnavailable

EVE = Actor(Origin.LOCAL, "eve")

# They read, or write a line of their own before they change something.
OTHERS = {
    "log", "log_levels", "status", "outbox", "dead_letters", "dead_letter", "dead_letter_groups", "in_flight", "batch",
    "preview", "discover", "check",
    "commands", "command", "settle_command", "cancel_command", "pause", "resume",
    "mapping_show", "mapping_preview", "mapping_change", "mapping_revert", "mapping_history", "mapping_adopt",
    "mappings", "mapping_text", "mapping_try", "audit_lines", "audit_verify", "audit_head", "doctor",
    "policy_state", "policy_record", "policy_words", "policy_explain",
    "secret_set", "secret_list", "secret_remove", "secret_export", "secret_import", "secret_rekey",
}  # fmt: skip


class Trail:
    def __init__(self, *, down: bool = False) -> None:
        self.down = down
        self.lines: list[tuple[str, Mapping[str, Any]]] = []

    async def record(self, action: str, actor: Actor, facts: Mapping[str, Any]) -> None:
        if self.down:
            raise AuditUnavailable
        self.lines.append((action, facts))

    async def happened(self, action: str, actor: Actor, facts: Mapping[str, Any]) -> None:
        self.lines.append((action, facts))


def calls(trail: Trail, done: list[str]) -> Mapping[str, Handler]:
    def handler(name: str) -> Handler:
        async def handle(_args: dict[str, Any], _progress: Progress) -> Any:
            done.append(f"{name} behind {len(trail.lines)} lines")

        return handle

    return audited({name: handler(name) for name in ("status", *CHANGING)}, trail)


@pytest.mark.parametrize("name", CHANGING)
async def test_a_call_that_changes_something_is_done_behind_its_line(name: str) -> None:
    trail, done = Trail(), list[str]()
    args = {
        "streams": ["erp/vendors"],
        "ids": [7],
        "connection": "erp",
        "stream": "vendors",
        "raw": "left out",
    }

    await calls(trail, done)[name](args, lambda _: None)

    told = {argument: args[argument] for argument in CHANGING[name] if argument in args}
    assert trail.lines == [("local_action", {"call": name, **told})]
    assert done == [f"{name} behind 1 lines"]


@pytest.mark.parametrize("name", CHANGING)
async def test_without_the_line_it_is_not_done(name: str) -> None:
    done: list[str] = []

    with pytest.raises(AuditUnavailable):
        await calls(Trail(down=True), done)[name]({}, lambda _: None)

    assert done == []


async def test_what_only_reads_leaves_no_line_and_needs_none() -> None:
    trail, done = Trail(down=True), list[str]()

    await calls(trail, done)["status"]({}, lambda _: None)

    assert (trail.lines, done) == ([], ["status behind 0 lines"])


def test_every_local_call_is_known_to_change_something_or_not_to() -> None:
    """A new one does not come without somebody having thought of its line."""
    groups = (
        LocalCalls,
        LetterCalls,
        QueueCalls,
        CommandCalls,
        MappingCalls,
        EditingCalls,
        AuditCalls,
        DoctorCalls,
        PolicyCalls,
        SecretCalls,
        PreviewCalls,
        LogCalls,
    )
    names = {name for group in groups for name in group.__new__(group).handlers()}

    assert names - OTHERS == set(CHANGING)


async def test_refused_sign_ins_are_written_ten_a_minute_and_the_rest_is_counted() -> None:
    trail, clock = Trail(), ManualClock()
    refused = RefusedSignIns(trail, clock)
    for _ in range(25):
        await refused.denied(EVE, "user")
    clock.advance(61)

    await refused.denied(EVE, "token")

    assert len(trail.lines) == LINES_A_MINUTE + 1
    assert trail.lines[-1] == ("sign_in_refused", {"why": "token", "not_recorded_before": 15})
