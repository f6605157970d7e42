"""What of a decision the audit log may hold."""

from __future__ import annotations

from datetime import UTC, datetime

from agent.commands.trail import judged
from agent.errors import GroundwireError, PolicyDenied, RecordError
from agent.policy.decision import Decision

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


async def decision_on(error: GroundwireError) -> Decision:
    async def judge(_now: datetime) -> Decision:
        raise error

    return await judged(judge, NOON)


async def test_the_words_of_a_source_that_broke_the_judgement_are_not_recorded() -> None:
    found = await decision_on(RecordError("no such vendor: Anna Schmidt"))

    assert (found.allowed, found.code) == (False, RecordError.code)
    assert "Schmidt" not in found.why


async def test_the_words_of_the_policy_are() -> None:
    found = await decision_on(PolicyDenied("no policy is in force"))

    assert (found.allowed, found.code, found.why) == (False, PolicyDenied.code, "no policy is in force")
