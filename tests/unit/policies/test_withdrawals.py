"""The outbox holds only what may leave under the rule in force; real outbox, real filters."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agent.clock import ManualClock
from agent.errors import NotPermitted, PolicyDenied
from agent.outbox.store import Outbox
from agent.policies.in_force import NoPolicy
from agent.policies.withdrawals import Withdrawals
from agent.policy.leave import EVERYTHING, LeaveFilter, compile_leave
from agent.policy.model import LeaveRule
from agent.sync.cursor import CHECKPOINT_VERSION, Checkpoint, read_checkpoint
from tests.unit.outbox.making import STREAM, all_pending, entry

OTHER = "gone/orders"


def leave(**rule: Any) -> LeaveFilter:
    return compile_leave(LeaveRule.model_validate({"fields": "all", **rule}), "purchase_order", b"k" * 32)


MASKED = leave(mask=["notes"])


class World:
    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self.rule: LeaveFilter | Exception = MASKED
        self.withdrawals = Withdrawals(outbox, self.leaving)

    def leaving(self, connection: str, entity: str, *, send_raw: bool = False) -> LeaveFilter:
        if isinstance(self.rule, Exception):
            raise self.rule
        return self.rule

    async def enqueued_under(self, rule: LeaveFilter, stream: str = STREAM) -> None:
        checkpoint = Checkpoint(initial_done=True).under_rule(rule.fingerprint)
        await self.outbox.append(entry(b"record", stream=stream, checkpoint=checkpoint.to_text()))

    async def waiting(self) -> int:
        return len(await all_pending(self.outbox))

    async def needs_resend(self, rule: LeaveFilter) -> bool:
        return read_checkpoint(await self.outbox.checkpoint(STREAM)).needs_resend(rule.fingerprint)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with await Outbox.open(tmp_path / "outbox.db", clock=ManualClock()) as outbox:
        yield World(outbox)


async def test_what_was_made_under_the_rule_in_force_stays(world: World) -> None:
    await world.enqueued_under(MASKED)
    await world.withdrawals.of_stream(STREAM, "purchase_order")
    assert await world.waiting() == 1


@pytest.mark.parametrize(
    "rule", [EVERYTHING, leave(rows={"status": ["closed"]}), leave(mask=["notes", "title"])]
)
async def test_what_was_made_under_another_rule_is_taken_back_and_sent_again_under_any(
    world: World, rule: LeaveFilter
) -> None:
    await world.enqueued_under(rule)
    await world.withdrawals.of_stream(STREAM, "purchase_order")
    assert await world.waiting() == 0
    # Also where the rule becomes what it was before anything was read.
    assert await world.needs_resend(MASKED)
    assert await world.needs_resend(rule)


@pytest.mark.parametrize("error", [PolicyDenied(), NotPermitted()])
async def test_where_nothing_leaves_or_its_key_is_not_there_all_is_taken_back(
    world: World, error: Exception
) -> None:
    await world.enqueued_under(MASKED)
    world.rule = error
    await world.withdrawals.of_stream(STREAM, "purchase_order")
    assert await world.waiting() == 0


async def test_a_file_that_is_wrong_takes_nothing_back(world: World) -> None:
    await world.enqueued_under(MASKED)
    world.rule = NoPolicy()
    await world.withdrawals.of_stream(STREAM, "purchase_order")
    await world.withdrawals.elsewhere(list)
    assert await world.waiting() == 1


async def test_connections_that_do_not_run_are_looked_after_too(world: World) -> None:
    await world.enqueued_under(EVERYTHING)
    await world.enqueued_under(EVERYTHING, OTHER)
    await world.withdrawals.elsewhere(lambda: ["erp"])
    assert [batch.stream for batch in await all_pending(world.outbox)] == [STREAM]


async def test_what_a_newer_version_enqueued_is_taken_back_for_nobody_here_knows_its_rule(
    world: World,
) -> None:
    """After a version was gone back from: what waits may have been made under any rule."""
    newer = json.dumps({"version": CHECKPOINT_VERSION + 1})
    await world.outbox.append(entry(b"record", stream=STREAM, checkpoint=newer))
    await world.outbox.append(entry(b"record", stream=OTHER, checkpoint=newer))

    await world.withdrawals.of_stream(STREAM, "purchase_order")
    assert await world.waiting() == 1
    await world.withdrawals.elsewhere(lambda: ())

    assert await world.waiting() == 0
    assert await world.outbox.last_checkpoint(STREAM) is None, "all of it is read again"
