"""F05-F08: full disks, failing disks, and files that are not what was written."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

import apsw
import pytest

from agent.errors import (
    GroundwireError,
)
from agent.outbox.store import BatchKind, FingerprintsDamaged, Limits
from tests.faults.outbox_files import MARKED, filled, flip, spoil
from tests.unit.outbox.making import STREAM, all_pending, entry, opened, segment

EVERY = 1 if os.environ.get("GROUNDWIRE_FLIPS") == "all" else 305  # of so many bytes one is flipped in CI


async def test_a_damaged_batch_leaves_the_sequence_and_its_stream_is_read_again(tmp_path):
    path = tmp_path / "outbox.db"
    await filled(path)
    flip(path, path.read_bytes().index(MARKED) + 7)

    async with opened(path) as outbox:
        batches = await all_pending(outbox)

        assert [(batch.seq, batch.prev) for batch in batches] == [(1, 0), (3, 1)]
        assert outbox.damaged == 1
        assert await outbox.checkpoint(STREAM) is None
        found = await outbox.fingerprints(STREAM)
        assert len(found.key_hashes) == 3
        assert found.content_hashes.tolist() == [0, 0, 0]
        assert (await outbox.stats()).streams[STREAM].damaged == 1
        assert await outbox.append(entry(b"fourth")) == (4,)
        assert (await all_pending(outbox))[-1].prev == 3


async def test_a_damaged_last_batch_is_left_out_of_the_chain(tmp_path):
    path = tmp_path / "outbox.db"
    async with opened(path) as outbox:
        await outbox.append(entry(b"first"))
        await outbox.append(entry(MARKED))
    flip(path, path.read_bytes().index(MARKED))

    async with opened(path) as outbox:
        assert [batch.seq for batch in await all_pending(outbox)] == [1]
        await outbox.append(entry(b"third"))

        assert [(batch.seq, batch.prev) for batch in await all_pending(outbox)] == [(1, 0), (3, 1)]


@pytest.mark.parametrize("rows_too", [False, True])
async def test_damaged_batches_in_a_row_are_all_bridged(tmp_path, rows_too):
    path = tmp_path / "outbox.db"
    async with opened(path) as outbox:
        await outbox.append(entry(b"1", b"2", b"3", b"4", b"5"))
    spoil(path, "UPDATE payload SET bytes = x'00' WHERE seq IN (2, 3, 4)")
    if rows_too:
        spoil(path, "UPDATE batch SET entity = 'x' WHERE seq = 3")

    async with opened(path) as outbox:
        assert [(batch.seq, batch.prev) for batch in await all_pending(outbox)] == [(1, 0), (5, 1)]
        assert outbox.damaged == 3
        assert await outbox.mark_acked(STREAM, 5) == 2


async def test_a_payload_that_cannot_even_be_deleted_does_not_stop_the_prune(tmp_path):
    async with opened(tmp_path / "outbox.db", limits=Limits(replay_bytes=0)) as outbox:
        await outbox.append(entry(b"a"))
        await outbox.mark_acked(STREAM, 1)
        healthy = outbox._db.connection

        class BrokenPayload:
            def __getattr__(self, name):
                return getattr(healthy, name)

            def execute(self, sql, bindings=()):
                if sql.startswith("DELETE FROM payload"):
                    raise apsw.CorruptError("database disk image is malformed")
                return healthy.execute(sql, bindings)

        outbox._db.connection = BrokenPayload()

        assert await outbox.prune() == 1

        outbox._db.connection = healthy
        assert (await outbox.stats()).kept_bytes == 0
        assert await outbox.append(entry(b"b")) == (2,)


async def test_the_relay_may_have_had_the_batch_that_is_damaged_here(tmp_path):
    path = tmp_path / "outbox.db"
    await filled(path)
    flip(path, path.read_bytes().index(MARKED))

    async with opened(path) as outbox:
        await all_pending(outbox)

        assert await outbox.mark_acked(STREAM, 2) == 1
        assert [(batch.seq, batch.prev) for batch in await all_pending(outbox)] == [(3, 2)]


async def test_a_run_that_began_before_the_damage_cannot_move_the_checkpoint(tmp_path):
    path = tmp_path / "outbox.db"
    await filled(path)
    flip(path, path.read_bytes().index(MARKED))

    async with opened(path) as outbox:
        assert await outbox.checkpoint(STREAM) == "c3"
        await all_pending(outbox)  # the link meets the damage while the run goes on
        await outbox.append(entry(b"next page", checkpoint="c4"))

        assert await outbox.checkpoint(STREAM) is None
        await outbox.append(entry(b"page of the next run", checkpoint="d1"))
        assert await outbox.checkpoint(STREAM) == "d1"


async def test_keys_of_damaged_tombstones_are_found_again(tmp_path):
    path = tmp_path / "outbox.db"
    async with opened(path) as outbox:
        await outbox.append(entry(b"records", fingerprints=segment({"k1": 1, "k2": 2})))
        gone = segment({"k2": 0}, removed=True)
        await outbox.append(entry(MARKED, fingerprints=gone, kind=BatchKind.TOMBSTONES))
        assert len((await outbox.fingerprints(STREAM)).key_hashes) == 1
    flip(path, path.read_bytes().index(MARKED))

    async with opened(path) as outbox:
        await all_pending(outbox)
        found = await outbox.fingerprints(STREAM)

        assert sorted((await outbox.keys_of(STREAM, found.key_hashes)).values()) == ["k1", "k2"]


@pytest.mark.parametrize("kind", [BatchKind.RUN, BatchKind.DEAD_LETTERS])
async def test_a_damaged_report_costs_no_re_sync(tmp_path, kind):
    path = tmp_path / "outbox.db"
    async with opened(path) as outbox:
        await outbox.append(entry(MARKED, kind=kind, checkpoint="c1"))
    flip(path, path.read_bytes().index(MARKED))

    async with opened(path) as outbox:
        assert await all_pending(outbox) == []
        assert outbox.damaged == 1
        assert await outbox.checkpoint(STREAM) == "c1"


@pytest.mark.parametrize(
    "column", ["count = 77", "kind = 'run'", "prev = 9", "stream = 9", "enqueued_at = 1"]
)
async def test_a_changed_value_in_a_batch_row_is_noticed(tmp_path, column):
    path = tmp_path / "outbox.db"
    await filled(path)
    spoil(path, f"UPDATE batch SET {column} WHERE seq = 2")

    async with opened(path) as outbox:
        assert [(batch.seq, batch.prev) for batch in await all_pending(outbox)] == [(1, 0), (3, 1)]
        assert await outbox.checkpoint(STREAM) is None


@pytest.mark.parametrize(
    "column", ["checkpoint = 'c9'", "last_seq = 9", "acked_seq = 2", "expired_segment = 7"]
)
async def test_a_changed_stream_row_is_rebuilt_and_the_stream_read_again(tmp_path, column):
    path = tmp_path / "outbox.db"
    await filled(path)
    spoil(path, f"UPDATE stream SET {column}")

    async with opened(path) as outbox:
        assert await outbox.checkpoint(STREAM) is None
        assert outbox.damaged == 1
        await outbox.append(entry(b"fourth"))
        assert [(batch.seq, batch.prev) for batch in await all_pending(outbox)] == [
            (1, 0),
            (2, 1),
            (3, 2),
            (4, 3),
        ]


async def test_damaged_hashes_are_dropped_and_their_stream_read_again(tmp_path):
    path = tmp_path / "outbox.db"
    await filled(path)
    spoil(path, "UPDATE segment SET content_hashes = zeroblob(length(content_hashes)) WHERE id = 2")

    async with opened(path) as outbox:
        found = await outbox.fingerprints(STREAM)

        assert sorted((await outbox.keys_of(STREAM, found.key_hashes)).values()) == ["k1", "k3"]
        assert found.content_hashes.tolist() == [0, 0]
        assert await outbox.checkpoint(STREAM) is None
        assert outbox.damaged == 1


async def test_damaged_keys_end_the_run_and_the_next_one_reads_everything(tmp_path):
    path = tmp_path / "outbox.db"
    await filled(path)
    spoil(path, "UPDATE segment_keys SET keys = zeroblob(length(keys)) WHERE id = 2")

    async with opened(path) as outbox:
        wanted = segment({"k1": 0, "k2": 0, "k3": 0}).key_hashes
        with pytest.raises(FingerprintsDamaged):
            await outbox.keys_of(STREAM, wanted)

        assert sorted((await outbox.keys_of(STREAM, wanted)).values()) == ["k1", "k3"]
        assert await outbox.checkpoint(STREAM) is None


@pytest.mark.timeout(0 if EVERY == 1 else 300)
async def test_a_flipped_byte_anywhere_is_refused_counted_or_harmless(tmp_path):
    """No crash, no endless loop, and nothing handed out that was not enqueued."""
    whole = tmp_path / "whole.db"
    await filled(whole)
    path = tmp_path / "outbox.db"
    expected = {1: b"first" * 50, 2: MARKED, 3: b"third" * 50}
    for position in range(0, whole.stat().st_size, EVERY):
        Path(f"{path}-wal").unlink(missing_ok=True)
        shutil.copy(whole, path)
        flip(path, position)
        with contextlib.suppress(GroundwireError):
            async with opened(path) as outbox:
                for batch in await all_pending(outbox):
                    assert batch.payload == expected[batch.seq]
                    assert batch.count == 1
                await outbox.fingerprints(STREAM)
                await outbox.append(entry(b"next"))
                assert await outbox.checkpoint(STREAM) in ("c3", None)
