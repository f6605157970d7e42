from __future__ import annotations

import numpy as np

from agent.outbox.limits import LETTER_MESSAGE_CHARS, LETTER_RAW_BYTES
from agent.outbox.store import DeadLetter
from tests.unit.outbox.making import STREAM, entry, letter, segment

OTHER = "erp/vendors"


async def test_letters_are_listed_page_by_page_and_per_stream(outbox):
    await outbox.append(entry(letters=[letter("k1"), letter("k2")]))
    await outbox.append(entry(letters=[letter("k1")], stream=OTHER))

    first = await outbox.dead_letters(limit=2)
    rest = await outbox.dead_letters(limit=2, after_id=first[-1].id)

    assert [(found.stream, found.key) for found in [*first, *rest]] == [
        (STREAM, "k1"),
        (STREAM, "k2"),
        (OTHER, "k1"),
    ]
    assert [found.key for found in await outbox.dead_letters(OTHER)] == ["k1"]


async def test_a_letter_keeps_its_reason_its_hash_and_on_demand_its_row(outbox, clock):
    await outbox.append(entry(letters=[letter("k1", raw=b'{"a": 1}')], run="run-3"))

    (plain,) = await outbox.dead_letters()
    (whole,) = await outbox.dead_letters(with_raw=True)

    assert (plain.entity, plain.run, plain.field, plain.reason) == (
        "purchase_order",
        "run-3",
        "total",
        "not_a_number",
    )
    assert plain.raw_hash == 2**64 - 1
    assert plain.created_at == clock.utcnow()
    assert (plain.raw, whole.raw) == (None, b'{"a": 1}')


async def test_a_record_that_passes_later_is_no_longer_listed(outbox):
    await outbox.append(entry(letters=[letter("k1"), letter("k2")]))
    await outbox.append(entry(fingerprints=segment({"k1": 1}), stream=OTHER))
    assert len(await outbox.dead_letters()) == 2

    await outbox.append(entry(fingerprints=segment({"k1": 1})))

    assert [found.key for found in await outbox.dead_letters()] == ["k2"]


async def test_a_record_that_is_gone_at_the_source_is_no_longer_listed(outbox):
    await outbox.append(entry(letters=[letter("k1")]))

    await outbox.append(entry(fingerprints=segment({"k1": 0}, removed=True)))

    assert await outbox.dead_letters() == []


async def test_what_is_wrong_with_a_record_now_replaces_what_was_wrong_before(outbox):
    await outbox.append(entry(letters=[letter("k1", "total"), letter("k1", "vendor")]))

    await outbox.append(entry(letters=[letter("k1", "date")]))

    assert [found.field for found in await outbox.dead_letters()] == ["date"]


async def test_a_rejected_record_of_a_page_stays_listed_beside_its_fingerprint(outbox):
    """The runner keeps rejects' fingerprints as well, so that an unchanged reject is not reported again."""
    await outbox.append(entry(letters=[letter("k1")], fingerprints=segment({"k1": 1, "k2": 2})))

    assert [found.key for found in await outbox.dead_letters()] == ["k1"]


async def test_requeued_letters_are_marked_and_named_by_stream(outbox, clock):
    await outbox.append(entry(letters=[letter("k1"), letter("k1", "vendor"), letter("k2")]))
    await outbox.append(entry(letters=[letter("k3")], stream=OTHER))
    clock.advance(5)

    keys = await outbox.requeue([1, 2, 4, 999])

    assert keys == {STREAM: ("k1",), OTHER: ("k3",)}
    marked = {found.id: found.requeued_at for found in await outbox.dead_letters()}
    assert marked == {1: clock.utcnow(), 2: clock.utcnow(), 3: None, 4: clock.utcnow()}


async def test_dropped_letters_are_gone(outbox):
    await outbox.append(entry(letters=[letter("k1"), letter("k2")]))

    assert await outbox.drop([1, 999]) == 1
    assert [found.key for found in await outbox.dead_letters()] == ["k2"]
    assert await outbox.drop([]) == 0
    assert await outbox.requeue([]) == {}


async def test_rows_are_kept_for_the_first_letters_and_never_when_large(outbox, monkeypatch):
    monkeypatch.setattr("agent.outbox.letters.LETTERS_WITH_RAW", 2)
    large = letter("k1", raw=b"x" * (LETTER_RAW_BYTES + 1))
    await outbox.append(entry(letters=[large, letter("k2"), letter("k3"), letter("k4")]))

    kept = {found.key: found.raw is not None for found in await outbox.dead_letters(with_raw=True)}

    assert kept == {"k1": False, "k2": True, "k3": True, "k4": False}


async def test_a_long_message_is_cut(outbox):
    endless = DeadLetter(key="k1", field="f", reason="r", message="m" * 100_000, raw_hash=0, raw=b"")
    await outbox.append(entry(letters=[endless]))

    (found,) = await outbox.dead_letters()

    assert len(found.message) == LETTER_MESSAGE_CHARS


async def test_a_hash_given_as_numpy_integer_comes_back(outbox):
    hashed = DeadLetter(key="k1", field="f", reason="r", message="m", raw_hash=np.uint64(2**63), raw=b"")
    await outbox.append(entry(letters=[hashed]))

    assert (await outbox.dead_letters())[0].raw_hash == 2**63
