"""What is in flight, and why it is still here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from agent.calls.queue import BatchGone, QueueCalls, why_waiting
from agent.clock import ManualClock
from agent.model.payload import encode_records, encode_tombstones
from agent.outbox.store import BatchDraft, BatchKind, Entry, Outbox
from agent.tunnel.link import LinkPhase, LinkState

NOW = ManualClock().utcnow()
META = {"entity": "vendor"}
CONNECTED = LinkState(LinkPhase.CONNECTED, NOW)


def drafts() -> tuple[BatchDraft, ...]:
    hashes = pa.array([1, 2, 3], pa.uint64())
    table = pa.table({"key": ["1", "2", "3"], "name": ["A", "B", "C"], "content_hash": hashes})
    return (
        BatchDraft(BatchKind.RECORDS, 3, encode_records(table, META)),
        BatchDraft(BatchKind.TOMBSTONES, 2, encode_tombstones(["8", "9"], NOW, META)),
    )


async def ask(path: Path, call: str, link: LinkState = CONNECTED, **args: Any) -> Any:
    async with await Outbox.open(path / "outbox.db", clock=ManualClock()) as outbox:
        if not await outbox.waiting():
            await outbox.append(Entry("erp/vendors", "run-1", "vendor", drafts()))
        calls = QueueCalls(outbox, lambda: link, lambda: True)
        return await calls.handlers()[call](args, lambda _: None)


async def test_what_waits_is_listed_with_how_much_and_why(tmp_path: Path) -> None:
    held = replace(CONNECTED, held_back=("erp",), held_back_reason="its pool is used up")

    found = await ask(tmp_path, "in_flight", held, limit=1)

    assert [(one["seq"], one["kind"], one["count"]) for one in found["batches"]] == [(1, "records", 3)]
    assert found["next"] == 1
    assert found["waiting"]["erp/vendors"]["records"] == 5
    assert found["why"]["code"] == "on_its_way"
    assert found["held"] == {"erp": "its pool is used up"}


async def test_the_records_of_a_batch_are_shown_as_the_platform_will_see_them(tmp_path: Path) -> None:
    first = await ask(tmp_path, "batch", seq=1, limit=2)
    last = await ask(tmp_path, "batch", seq=1, offset=2, limit=2)
    gone = await ask(tmp_path, "batch", seq=2)

    assert [one["name"] for one in first["records"]] == ["A", "B"]
    assert (first["next"], last["next"]) == (2, None)
    assert [one["key"] for one in last["records"]] == ["3"]
    assert gone["keys"] == ["8", "9"]


async def test_a_batch_that_was_acked_meanwhile_says_so(tmp_path: Path) -> None:
    with pytest.raises(BatchGone) as raised:
        await ask(tmp_path, "batch", seq=99)

    assert "acked it meanwhile" in raised.value.hint


def test_why_something_waits_is_the_first_thing_in_its_way() -> None:
    away = LinkState(
        LinkPhase.WAITING, NOW, retry_at=NOW, error_code="unreachable", error="nothing answered", hint="Look."
    )

    assert why_waiting(away, settled=False)["code"] == "policy"
    assert why_waiting(away, settled=True)["code"] == "unreachable"
    assert why_waiting(away, settled=True)["hint"] == "Look."
    assert why_waiting(LinkState(LinkPhase.CONNECTING, NOW), settled=True)["code"] == "connecting"
