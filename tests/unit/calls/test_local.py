from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from agent.calls.local import LocalCalls
from agent.clock import ManualClock
from agent.errors import TransientError
from agent.model.run import RunReport, RunTrigger
from agent.outbox.values import OutboxStats
from agent.sync.runner import RunResult
from agent.tunnel.link import LinkPhase, LinkState


class StoppedMeanwhile:
    """Connections of which the one that is asked for a run is taken out of force before the run can end."""

    def __init__(self) -> None:
        self.watchers: set[Any] = set()

    def addressed(self, texts: Sequence[str]) -> list[tuple[str, str]]:
        return [("erp", "orders")]

    def start_syncs(
        self, wanted: Sequence[tuple[str, str]], trigger: RunTrigger, **_: bool
    ) -> list[asyncio.Future[RunResult]]:
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[RunResult]] = [loop.create_future() for _ in wanted]
        for future in futures:
            loop.call_soon(future.cancel)
        return futures


def _ignore(_: RunReport) -> None: ...


@pytest.mark.parametrize(("call", "args"), [("sync", {}), ("resync", {})])
async def test_whoever_waits_for_a_run_is_told_that_its_connection_was_stopped(
    call: str, args: dict[str, Any]
) -> None:
    """And is not cut off without a word."""
    parts: Any = (None, StoppedMeanwhile(), None, None, None)
    handler = LocalCalls(*parts).handlers()[call]

    with pytest.raises(TransientError, match="the connection was stopped before the run ended"):
        await handler(args, _ignore)


async def test_a_part_of_the_status_may_have_to_be_waited_for() -> None:
    class Nothing:
        damaged = 0
        reading_paused = True

        def local_status(self) -> list[Any]:
            return []

        async def stats(self) -> OutboxStats:
            return OutboxStats({}, 0, 0, None, 0, 0, 0, 0)

    async def doubts() -> dict[str, int]:
        return {"in_doubt": 2}

    link = LinkState(LinkPhase.CONNECTED, ManualClock().utcnow())
    parts: Any = (None, Nothing(), Nothing(), lambda: link, None)
    calls = LocalCalls(*parts, sections={"commands": doubts, "audit": dict})

    status = await calls.handlers()["status"]({}, _ignore)

    assert status["outbox"]["reading_paused"]
    assert status["commands"] == {"in_doubt": 2}
    assert status["audit"] == {}
