"""Dead letters as the command line and the console ask for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.calls.letters import LetterCalls, LetterUnknown
from agent.clock import ManualClock
from agent.errors import ConfigurationError, Paused, TransientError
from agent.model.run import RunTrigger
from agent.outbox.store import Outbox
from agent.sync.runner import RunResult
from tests.unit.outbox.making import STREAM, entry, letter


class Asked:
    """Connections that note what they are asked to read again, and never come to the end of it."""

    def __init__(self, *, paused: bool = False) -> None:
        self.keys: dict[str, tuple[str, ...]] = {}
        self.paused = paused
        self.runs: list[asyncio.Future[RunResult]] = []

    def require(self, wanted: Sequence[tuple[str, str]]) -> None:
        if self.paused and wanted:
            raise Paused(where=wanted[0][0])

    def fetch(
        self, keys: Mapping[str, Sequence[str]], trigger: RunTrigger
    ) -> list[asyncio.Future[RunResult]]:
        self.keys |= {stream: tuple(chosen) for stream, chosen in keys.items()}
        self.runs = [asyncio.get_running_loop().create_future() for _ in keys]
        return self.runs


@pytest.fixture
async def outbox(tmp_path: Path) -> AsyncIterator[Outbox]:
    async with await Outbox.open(tmp_path / "outbox.db", clock=ManualClock()) as box:
        await box.append(entry(letters=[letter("k1"), letter("k2", "date"), letter("k3")]))
        yield box


async def ask(outbox: Outbox, call: str, connections: Asked | None = None, **args: Any) -> Any:
    return await LetterCalls(outbox, connections or Asked()).handlers()[call](args, lambda _: None)


async def test_a_page_says_where_the_next_one_begins(outbox: Outbox) -> None:
    first = await ask(outbox, "dead_letters", limit=2)
    last = await ask(outbox, "dead_letters", limit=2, after_id=first["next"])

    assert [one["key"] for one in first["dead_letters"]] == ["k1", "k2"]
    assert [one["key"] for one in last["dead_letters"]] == ["k3"]
    assert last["next"] is None


async def test_a_group_is_asked_for_again_as_a_whole_and_nobody_has_to_wait(outbox: Outbox) -> None:
    connections = Asked()
    chosen = {"stream": STREAM, "field": "total"}

    answer = await ask(outbox, "requeue", connections, chosen=chosen, wait=False)

    assert answer == {"requeued": 2, "left": 0, "streams": [STREAM], "runs": []}
    assert connections.keys == {STREAM: ("k1", "k3")}
    (group, _) = (await ask(outbox, "dead_letter_groups"))["groups"]
    assert (group["count"], group["asked_again"]) == (2, 2)


async def test_what_a_paused_connection_would_never_read_is_not_marked_as_asked_for(outbox: Outbox) -> None:
    with pytest.raises(Paused):
        await ask(outbox, "requeue", Asked(paused=True), ids=[1], wait=False)

    assert [one["requeued_at"] for one in (await ask(outbox, "dead_letters"))["dead_letters"]] == [None] * 3


async def test_whoever_waits_is_told_that_the_connection_was_stopped(outbox: Outbox) -> None:
    connections = Asked()
    asked = asyncio.ensure_future(ask(outbox, "requeue", connections, ids=[1]))
    while not connections.runs:
        await asyncio.sleep(0)  # noqa: TID251 - until the call waits for its run

    connections.runs[0].cancel()

    with pytest.raises(TransientError, match="the connection was stopped before the run ended"):
        await asked


async def test_more_than_are_taken_at_once_are_said_to_be_left(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.calls.letters.MAX_AT_ONCE", 1)

    assert await ask(outbox, "drop", ids=[1, 2]) == {"dropped": 1, "left": 1}
    assert await ask(outbox, "drop", chosen={"stream": STREAM}) == {"dropped": 1, "left": 1}
    assert (await ask(outbox, "dead_letter_groups"))["total"] == 1


@pytest.mark.parametrize("chosen", [{}, {"field": "total"}, ["erp/orders"], {"stream": 1}])
async def test_nothing_is_dropped_without_a_stream_being_named(outbox: Outbox, chosen: Any) -> None:
    with pytest.raises(ConfigurationError):
        await ask(outbox, "drop", chosen=chosen)

    assert (await ask(outbox, "dead_letter_groups"))["total"] == 3


async def test_one_letter_has_its_source_record_and_a_gone_one_says_why_it_may_be(outbox: Outbox) -> None:
    assert (await ask(outbox, "dead_letter", id=1))["raw"] == "{}"

    with pytest.raises(LetterUnknown) as raised:
        await ask(outbox, "dead_letter", id=99)

    assert "has passed meanwhile" in raised.value.hint
