from __future__ import annotations

import asyncio

from agent.protocol.frames import Result, decode, encode
from agent.tunnel.results import MAX_UNACKED_RESULTS, ResultBox


async def test_a_result_is_sent_again_in_each_session_until_it_is_settled() -> None:
    box = ResultBox()
    result = Result("c1", "succeeded")
    await box.put(result)

    assert box.take_unsent() == [result]
    assert box.take_unsent() == []
    box.begin_session()
    assert box.take_unsent() == [result]
    assert box.settle("c1", "succeeded")
    box.begin_session()
    assert box.take_unsent() == []


async def test_the_ack_of_an_earlier_state_settles_nothing() -> None:
    box = ResultBox()
    await box.put(Result("c1", "running"))
    await box.put(Result("c1", "succeeded"))

    assert not box.settle("c1", "running")
    assert box.take_unsent() == [Result("c1", "succeeded")]
    assert not box.settle("unknown", "running")


async def test_a_result_above_a_frame_keeps_its_state() -> None:
    box = ResultBox()
    await box.put(Result("c1", "failed", {"text": "x" * 100_000}))
    (sent,) = box.take_unsent()

    assert (sent.command, sent.state) == ("c1", "failed")
    assert sent.result == {"code": "result_too_large"}
    encode(sent)


async def test_a_result_that_no_frame_may_hold_keeps_its_state() -> None:
    """The relay would end the session over it, and over each repeat of it."""
    deep: list[object] = []
    for _ in range(20):
        deep = [deep]
    for unreadable in ({"text": "\ud800"}, {"deep": deep}, {"number": float("nan")}):
        box = ResultBox()
        await box.put(Result("c1", "succeeded", dict(unreadable)))
        (sent,) = box.take_unsent()

        assert decode(encode(sent)) == Result("c1", "succeeded", {"code": "unexpected"})


async def test_a_full_box_makes_its_sender_wait_for_an_ack() -> None:
    box = ResultBox()
    for n in range(MAX_UNACKED_RESULTS):
        await box.put(Result(f"c{n}", "succeeded"))
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(box.put(Result("late", "succeeded")))
        await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop
        assert not waiting.done()
        box.settle("c0", "succeeded")

    assert Result("late", "succeeded") in box.take_unsent()


async def test_what_was_handed_over_late_replaces_no_outcome_but_one_in_doubt() -> None:
    """Senders wait for room, so a word of progress may come after the end that it led to."""
    box = ResultBox()
    for state in ("running", "in_doubt", "refused", "running", "succeeded", "in_doubt", "running", "refused"):
        await box.put(Result("c1", state))

    assert box.take_unsent() == [Result("c1", "succeeded")]


async def test_progress_that_waited_for_room_does_not_replace_the_outcome() -> None:
    box = ResultBox()
    for n in range(MAX_UNACKED_RESULTS):
        await box.put(Result(f"c{n}", "succeeded"))
    async with asyncio.TaskGroup() as group:
        for state in ("succeeded", "running"):
            group.create_task(box.put(Result("late", state)))
        await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop
        box.settle("c0", "succeeded")

    assert [result.state for result in box.take_unsent() if result.command == "late"] == ["succeeded"]
