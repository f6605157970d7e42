"""Records that may not leave any more leave neither now nor when the relay comes back from a backup."""

from __future__ import annotations

import pytest

from agent.outbox.store import BatchKind, Outbox
from tests.unit.outbox.making import STREAM, all_pending, entry, segment

OTHER = "erp/vendors"


async def payloads(outbox: Outbox) -> list[tuple[str, bytes]]:
    return [(batch.stream, batch.payload) for batch in await all_pending(outbox)]


async def chain(outbox: Outbox, stream: str = STREAM) -> list[tuple[int, int]]:
    return [(batch.prev, batch.seq) for batch in await all_pending(outbox) if batch.stream == stream]


async def test_records_and_dead_letters_go_and_the_rest_stays(outbox: Outbox) -> None:
    await outbox.append(entry(b"secret", checkpoint="old", fingerprints=segment({"1": 1})))
    await outbox.append(entry(b"letter", kind=BatchKind.DEAD_LETTERS))
    await outbox.append(entry(b"gone", kind=BatchKind.TOMBSTONES))
    await outbox.append(entry(b"run", kind=BatchKind.RUN))
    await outbox.append(entry(b"theirs", stream=OTHER, checkpoint="theirs"))

    assert await outbox.withdraw(STREAM, "new") == 2
    assert await payloads(outbox) == [(STREAM, b"gone"), (STREAM, b"run"), (OTHER, b"theirs")]
    assert await outbox.checkpoint(STREAM) == "new"
    assert await outbox.checkpoint(OTHER) == "theirs"
    assert len((await outbox.fingerprints(STREAM)).key_hashes) == 1
    assert await outbox.entities() == {OTHER: "purchase_order"}


async def test_the_relay_sees_no_gap(outbox: Outbox) -> None:
    (first,) = await outbox.append(entry(b"run", kind=BatchKind.RUN))
    await outbox.append(entry(b"a", b"b"))
    (last,) = await outbox.append(entry(b"run", kind=BatchKind.RUN))
    await outbox.withdraw(STREAM, None)
    assert await chain(outbox) == [(0, first), (first, last)]

    (after,) = await outbox.append(entry(b"c"))
    assert (await chain(outbox))[-1] == (last, after)


async def test_what_was_on_its_way_is_still_acked_and_followed(outbox: Outbox) -> None:
    (sent,) = await outbox.append(entry(b"on its way"))
    await outbox.append(entry(b"waiting"))
    (run,) = await outbox.append(entry(b"run", kind=BatchKind.RUN))
    await outbox.withdraw(STREAM, None)
    assert await outbox.holds(STREAM, sent, None)
    await outbox.mark_acked(STREAM, sent)
    assert await chain(outbox) == [(sent, run)]


async def test_a_relay_from_a_backup_does_not_get_it_again(outbox: Outbox) -> None:
    (first, _, last) = await outbox.append(entry(b"a", b"b", b"c", checkpoint="old"))
    await outbox.mark_acked(STREAM, last)
    assert await outbox.withdraw(STREAM, "new") == 3

    await outbox.replay(STREAM, first)
    assert await payloads(outbox) == []
    assert await outbox.checkpoint(STREAM) is None  # read again in full, by the rule of then


async def test_nothing_to_withdraw_changes_nothing(outbox: Outbox) -> None:
    await outbox.append(entry(b"run", kind=BatchKind.RUN, checkpoint="old"))
    assert await outbox.withdraw(STREAM, "new") == 0
    assert await outbox.withdraw("erp/unknown", "new") == 0
    assert await outbox.checkpoint(STREAM) == "old"


async def test_its_bytes_make_room(outbox: Outbox) -> None:
    await outbox.append(entry(b"x" * 1000))
    await outbox.withdraw(STREAM, None)
    assert outbox.pending_bytes == 0
    assert (await outbox.stats()).pending_batches == 0


@pytest.mark.parametrize("times", [2, 3])
async def test_again_changes_nothing(outbox: Outbox, times: int) -> None:
    await outbox.append(entry(b"a", checkpoint="old"))
    assert [await outbox.withdraw(STREAM, "new") for _ in range(times)] == [1] + [0] * (times - 1)
