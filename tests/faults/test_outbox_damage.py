"""F05-F08: full disks, failing disks, and files that are not what was written."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
from pathlib import Path

import apsw
import pytest

from agent.clock import ManualClock
from agent.errors import (
    AlreadyRunning,
    GroundwireError,
    NotPermitted,
    StorageDamaged,
    StorageFull,
    VersionMismatch,
)
from agent.outbox.database import PAGE_BYTES
from agent.outbox.opening import MIGRATIONS, open_database
from agent.outbox.store import BatchKind, FingerprintsDamaged, Limits, Outbox
from tests.unit.outbox.making import STREAM, all_pending, entry, letter, opened, segment

EVERY = 1 if os.environ.get("GROUNDWIRE_FLIPS") == "all" else 305  # of so many bytes one is flipped in CI
MARKED = b"<the payload of the second batch>" * 20


async def filled(path: Path) -> None:
    async with opened(path) as outbox:
        await outbox.append(entry(b"first" * 50, checkpoint="c1", fingerprints=segment({"k1": 1})))
        await outbox.append(
            entry(MARKED, checkpoint="c2", fingerprints=segment({"k2": 2}), letters=[letter("k9")])
        )
        await outbox.append(entry(b"third" * 50, checkpoint="c3", fingerprints=segment({"k3": 3})))


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 0x40
    path.write_bytes(content)


def spoil(path: Path, sql: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as raw:
        raw.execute(sql)
        raw.commit()


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


async def test_an_outbox_opens_on_a_full_disk_and_hands_out_what_it_holds(tmp_path):
    path = tmp_path / "outbox.db"
    await filled(path)
    failures = Failures("full-opening")
    failures.full = True

    async with opened(path, vfs="full-opening") as outbox:
        assert len(await all_pending(outbox)) == 3
        with pytest.raises(StorageFull):
            await outbox.append(entry(b"a"))
        failures.full = False
        assert await outbox.append(entry(b"a")) == (4,)


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


@pytest.fixture
def large_file(monkeypatch):
    """Every file counts as too large to be checked whole at opening."""
    monkeypatch.setattr("agent.outbox.opening.WHOLE_CHECK_BYTES", 0)


@pytest.mark.usefixtures("large_file")
@pytest.mark.parametrize("rewound", [False, True])
async def test_in_a_large_file_a_torn_payload_is_met_when_it_is_read_and_let_go_later(tmp_path, rewound):
    path = tmp_path / "outbox.db"
    async with opened(path) as outbox:
        await outbox.append(entry(b"first"))
        await outbox.append(entry(MARKED * 500, checkpoint="c1"))
        await outbox.append(entry(b"third"))
    content = bytearray(path.read_bytes())
    page = (content.rindex(MARKED) // PAGE_BYTES - 3) * PAGE_BYTES
    content[page : page + 4] = b"\xff\xff\xff\xff"  # the overflow page's pointer to the next one
    path.write_bytes(content)

    async with opened(path, limits=Limits(replay_bytes=0)) as outbox:
        if rewound:
            await outbox.rewound(STREAM, 10)
            assert await all_pending(outbox) == []
        else:
            assert [(batch.seq, batch.prev) for batch in await all_pending(outbox)] == [(1, 0), (3, 1)]
            assert outbox.damaged == 1
            await outbox.mark_acked(STREAM, 3)
            assert await outbox.prune() == 3
        assert await outbox.checkpoint(STREAM) is None
        assert (await outbox.stats()).kept_bytes == 0
        await outbox.append(entry(b"fourth"))
        assert [batch.payload for batch in await all_pending(outbox)] == [b"fourth"]


@pytest.mark.usefixtures("large_file")
@pytest.mark.parametrize("table", ["state", "stream", "batch", "run", "command"])
async def test_in_a_large_file_broken_tables_are_refused_at_opening(tmp_path, table):
    path = tmp_path / "outbox.db"
    await filled(path)
    with contextlib.closing(sqlite3.connect(path)) as raw:
        (page,) = raw.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
    content = bytearray(path.read_bytes())
    content[(page - 1) * PAGE_BYTES + 3 : (page - 1) * PAGE_BYTES + 5] = (
        b"\x7f\x7f"  # the page's number of cells
    )
    path.write_bytes(content)

    with pytest.raises(StorageDamaged):
        await Outbox.open(path, clock=ManualClock())

    assert path.read_bytes() == bytes(content)


@pytest.mark.parametrize("kept", [0, 1, 511, 8192, 8192 * 5 + 100])
async def test_a_truncated_file_is_refused_and_left_as_it_is(tmp_path, kept):
    path = tmp_path / "outbox.db"
    await filled(path)
    content = path.read_bytes()[:kept]
    path.write_bytes(content)

    with pytest.raises(StorageDamaged) as caught:
        await Outbox.open(path, clock=ManualClock())

    assert "re-sync" in caught.value.hint
    assert path.read_bytes() == content


async def test_a_file_of_somebody_else_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "outbox.db"
    with contextlib.closing(sqlite3.connect(path)) as raw:
        raw.execute("CREATE TABLE theirs (a)")
    content = path.read_bytes()

    with pytest.raises(StorageDamaged, match="not an outbox"):
        await Outbox.open(path, clock=ManualClock())

    assert path.read_bytes() == content


async def test_text_is_refused(tmp_path):
    path = tmp_path / "outbox.db"
    path.write_text("not a database " * 100)

    with pytest.raises(StorageDamaged):
        await Outbox.open(path, clock=ManualClock())


async def test_a_lost_write_ahead_log_is_noticed(tmp_path):
    path = tmp_path / "live" / "outbox.db"
    copy = tmp_path / "outbox.db"
    async with opened(path) as outbox:
        await outbox.append(entry(b"a", checkpoint="c1"))
        shutil.copy(path, copy)

    for _ in range(2):  # a service is started again and again
        with pytest.raises(StorageDamaged, match=r"outbox\.db-wal is missing"):
            await Outbox.open(copy, clock=ManualClock())


async def test_a_log_without_its_file_is_not_taken_for_a_new_start(tmp_path):
    path = tmp_path / "outbox.db"
    Path(f"{path}-wal").write_bytes(b"something")

    with pytest.raises(StorageDamaged, match="is gone"):
        await Outbox.open(path, clock=ManualClock())


async def test_a_newer_file_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "outbox.db"
    newer = (*MIGRATIONS, "CREATE TABLE added (a TEXT) STRICT")
    open_database(path, wal_bytes=2**20, migrations=newer).close()
    content = path.read_bytes()

    with pytest.raises(VersionMismatch, match=f"version {len(newer)}"):
        await Outbox.open(path, clock=ManualClock())

    assert path.read_bytes() == content


async def test_an_older_file_is_brought_forward_with_all_it_holds(tmp_path):
    path = tmp_path / "outbox.db"
    await filled(path)

    db = open_database(
        path, wal_bytes=2**20, migrations=(*MIGRATIONS, "ALTER TABLE run ADD COLUMN note TEXT")
    )

    assert db.value("SELECT count(*) FROM batch") == 3
    assert db.value("PRAGMA user_version") == len(MIGRATIONS) + 1
    db.close()


async def test_a_migration_that_fails_leaves_the_old_version(tmp_path):
    path = tmp_path / "outbox.db"
    await filled(path)

    with pytest.raises(StorageDamaged):
        open_database(
            path, wal_bytes=2**20, migrations=(*MIGRATIONS, "CREATE TABLE new (a); DROP TABLE missing")
        )

    async with opened(path) as outbox:
        assert len(await all_pending(outbox)) == 3


async def test_a_second_opening_is_refused_while_the_first_lives(tmp_path):
    path = tmp_path / "outbox.db"
    async with opened(path):
        with pytest.raises(AlreadyRunning):
            await Outbox.open(path, clock=ManualClock())

    async with opened(path) as outbox:
        assert await all_pending(outbox) == []


async def test_a_place_where_no_file_can_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(NotPermitted) as caught:
        await Outbox.open(tmp_path / "file" / "outbox.db", clock=ManualClock())

    assert str(tmp_path) in str(caught.value)


async def test_a_leftover_draft_of_an_interrupted_first_start_is_replaced(tmp_path):
    (tmp_path / "outbox.db.new").write_bytes(b"half")

    async with opened(tmp_path / "outbox.db") as outbox:
        assert await outbox.append(entry(b"a")) == (1,)

    assert not (tmp_path / "outbox.db.new").exists()


async def test_only_the_owner_may_read_the_file(tmp_path):
    async with opened(tmp_path / "state" / "outbox.db") as outbox:
        await outbox.append(entry(b"a"))

        for file in ("outbox.db", "outbox.db-wal"):
            assert (tmp_path / "state" / file).stat().st_mode & 0o077 == 0


class FailingFile(apsw.VFSFile):
    def __init__(self, failures: Failures, name, flags) -> None:
        self._failures = failures
        super().__init__("", name, flags)

    def xWrite(self, data, offset):
        if self._failures.full:
            raise apsw.FullError("no space left on device")
        super().xWrite(data, offset)

    def xSync(self, flags):
        if self._failures.sync:
            self._failures.failed_syncs += 1
            raise apsw.IOError("fsync failed")
        super().xSync(flags)


class Failures(apsw.VFS):
    """The platform's VFS with a disk that can be made full or failing."""

    def __init__(self, name: str) -> None:
        self.full = False
        self.sync = False
        self.failed_syncs = 0
        super().__init__(name, "")

    def xOpen(self, name, flags):
        return FailingFile(self, name, flags)


async def test_a_full_disk_stops_appends_until_there_is_room(tmp_path):
    path = tmp_path / "outbox.db"
    failures = Failures("full")
    async with opened(path, vfs="full") as outbox:
        await outbox.append(entry(b"a", checkpoint="c1"))
        failures.full = True
        with pytest.raises(StorageFull):
            await outbox.append(entry(b"b" * 100_000, checkpoint="c2"))

        assert [batch.payload for batch in await all_pending(outbox)] == [b"a"]
        assert await outbox.checkpoint(STREAM) == "c1"
        assert outbox.pending_bytes == 1

        failures.full = False
        assert await outbox.append(entry(b"c", checkpoint="c2")) == (2,)


async def test_a_prune_that_meets_a_full_disk_works_later(tmp_path):
    failures = Failures("full-prune")
    limits = Limits(replay_bytes=0)
    async with opened(tmp_path / "outbox.db", vfs="full-prune", limits=limits) as outbox:
        await outbox.append(entry(b"a" * 50_000, b"b" * 50_000))
        await outbox.mark_acked(STREAM, 2)
        failures.full = True
        with pytest.raises(StorageFull):
            await outbox.prune()
        failures.full = False

        assert await outbox.prune() == 2
        assert (await outbox.stats()).kept_bytes == 0


async def test_a_full_disk_while_the_log_is_copied_loses_no_commit(tmp_path):
    path = tmp_path / "outbox.db"
    failures = Failures("full-copy")
    outbox = await Outbox.open(path, clock=ManualClock(), vfs="full-copy", limits=Limits(wal_bytes=1))
    await outbox.append(entry(b"a"))
    outbox._db.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    original = outbox._db.connection

    class FullWhenCopying:
        def __getattr__(self, name):
            return getattr(original, name)

        def wal_checkpoint(self, **_):
            raise apsw.FullError("no space left on device")

    outbox._db.connection = FullWhenCopying()
    assert await outbox.append(entry(b"b")) == (2,)
    outbox._db.connection = original
    assert await outbox.append(entry(b"c")) == (3,)
    await outbox.aclose()
    assert not failures.full


async def test_after_a_failed_fsync_nothing_more_is_written(tmp_path):
    """The kernel may report success for the next fsync of pages that it dropped."""
    path = tmp_path / "outbox.db"
    failures = Failures("fsync")
    outbox = await Outbox.open(path, clock=ManualClock(), vfs="fsync")
    await outbox.append(entry(b"a", checkpoint="c1"))
    failures.sync = True
    with pytest.raises(StorageDamaged, match="failed") as caught:
        await outbox.append(entry(b"b", checkpoint="c2"))
    assert "disk" in caught.value.hint
    failures.sync = False
    asked = failures.failed_syncs

    assert await asyncio.wait_for(outbox.failure(), 10) is outbox._db.refused
    with pytest.raises(StorageDamaged):
        await outbox.append(entry(b"c", checkpoint="c3"))
    with pytest.raises(StorageDamaged):
        await outbox.mark_acked(STREAM, 1)
    await outbox.aclose()

    assert failures.failed_syncs == asked
    async with opened(path) as again:
        assert await again.checkpoint(STREAM) in ("c1", "c2")
        assert (await all_pending(again))[0].payload == b"a"


async def test_a_failed_fsync_while_the_log_is_copied_stops_the_next_write(tmp_path):
    failures = Failures("fsync-copy")
    outbox = await Outbox.open(
        tmp_path / "outbox.db", clock=ManualClock(), vfs="fsync-copy", limits=Limits(wal_bytes=1)
    )

    class FailsWhenCopying:
        def __init__(self, connection) -> None:
            self._connection = connection

        def __getattr__(self, name):
            return getattr(self._connection, name)

        def wal_checkpoint(self, **arguments):
            failures.sync = True
            try:
                return self._connection.wal_checkpoint(**arguments)
            finally:
                failures.sync = False

    outbox._db.connection = FailsWhenCopying(outbox._db.connection)
    assert await outbox.append(entry(b"a")) == (1,)
    assert isinstance(await asyncio.wait_for(outbox.failure(), 10), StorageDamaged)
    with pytest.raises(StorageDamaged):
        await outbox.append(entry(b"b"))
    await outbox.aclose()

    async with opened(tmp_path / "outbox.db") as again:
        assert [batch.payload for batch in await all_pending(again)] == [b"a"]
