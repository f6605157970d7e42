"""What people see of the queue, and of the dead letters by cause."""

from __future__ import annotations

from agent.clock import ManualClock
from agent.outbox.store import BatchKind, Choice, Outbox
from tests.unit.outbox.making import STREAM, all_pending, entry, letter

OTHER = "erp2/vendors"


async def test_what_waits_is_listed_without_its_contents_page_by_page(
    outbox: Outbox, clock: ManualClock
) -> None:
    await outbox.append(entry(b"one", b"two"))
    clock.advance(7)
    await outbox.append(entry(b"three!", stream=OTHER, kind=BatchKind.TOMBSTONES))

    first = await outbox.listed(limit=2)
    rest = await outbox.listed(after_seq=first[-1].seq)

    assert [(one.seq, one.stream, one.bytes) for one in first] == [(1, STREAM, 3), (2, STREAM, 3)]
    assert [(one.stream, one.kind, one.bytes, one.enqueued_at) for one in rest] == [
        (OTHER, BatchKind.TOMBSTONES, 6, clock.utcnow())
    ]


async def test_a_connection_is_not_taken_for_another_whose_name_begins_alike(outbox: Outbox) -> None:
    await outbox.append(entry(b"one"))
    await outbox.append(entry(b"two", stream=OTHER))

    assert [one.stream for one in await outbox.listed(connection="erp")] == [STREAM]
    assert [one.stream for one in await outbox.listed(stream=OTHER)] == [OTHER]


async def test_what_was_acked_is_not_in_flight(outbox: Outbox) -> None:
    first, second = await outbox.append(entry(b"one", b"two"))
    await outbox.mark_acked(STREAM, first)

    assert [one.seq for one in await outbox.listed()] == [second]
    assert await outbox.batch(first) is None


async def test_a_batch_is_looked_at_as_it_would_be_sent_and_stays_where_it_is(outbox: Outbox) -> None:
    (seq,) = await outbox.append(entry(b"payload"))
    before = await all_pending(outbox)

    found = await outbox.batch(seq)

    assert found is not None
    assert (found.stream, found.payload) == (STREAM, b"payload")
    assert [one.seq for one in await all_pending(outbox)] == [one.seq for one in before]


async def test_looking_at_a_damaged_batch_does_not_take_it_out_of_the_queue(outbox: Outbox) -> None:
    """The link does that, and has the stream read again: a person who looks must not be what starts it."""
    (seq,) = await outbox.append(entry(b"payload"))
    outbox._db.run("UPDATE payload SET bytes = ? WHERE seq = ?", (b"PAYLOAD", seq))

    assert await outbox.batch(seq) is None
    assert [one.seq for one in await outbox.listed()] == [seq]
    assert outbox.damaged == 0


async def test_letters_are_grouped_by_cause_the_largest_first(outbox: Outbox, clock: ManualClock) -> None:
    began = clock.utcnow()
    await outbox.append(entry(letters=[letter("k1"), letter("k2", "date")]))
    clock.advance(5)
    await outbox.append(entry(letters=[letter("k3")]))
    await outbox.append(entry(letters=[letter("k1")], stream=OTHER))
    await outbox.requeue([1])

    found = await outbox.letter_groups(Choice())

    assert [(one.stream, one.field, one.count, one.asked_again) for one in found] == [
        (STREAM, "total", 2, 1),
        (STREAM, "date", 1, 0),
        (OTHER, "total", 1, 0),
    ]
    assert (found[0].oldest_at, found[0].newest_at) == (began, clock.utcnow())
    assert [one.stream for one in await outbox.letter_groups(Choice(connection="erp2"))] == [OTHER]


async def test_the_letters_of_a_cause_are_listed_and_counted_alone(outbox: Outbox) -> None:
    await outbox.append(entry(letters=[letter("k1"), letter("k2", "date"), letter("k3")]))
    choice = Choice(stream=STREAM, field="total", reason="not_a_number")

    assert [one.key for one in await outbox.letters(choice)] == ["k1", "k3"]
    assert await outbox.letter_ids(choice, limit=1) == [1]
    assert [one.key for one in await outbox.letters(Choice(key="k2"))] == ["k2"]


async def test_one_letter_comes_with_its_row_and_one_that_is_gone_does_not_come(outbox: Outbox) -> None:
    await outbox.append(entry(letters=[letter("k1", raw=b'{"a": 1}')]))

    found = await outbox.letter(1)

    assert found is not None
    assert found.raw == b'{"a": 1}'
    assert await outbox.letter(2) is None
    assert await outbox.letter_streams([1, 2]) == [STREAM]
