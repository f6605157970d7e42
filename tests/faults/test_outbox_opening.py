"""F05-F08: files that are not what was written, as they are opened."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from agent.clock import ManualClock
from agent.errors import (
    AlreadyRunning,
    NotPermitted,
    StorageDamaged,
    VersionMismatch,
)
from agent.outbox.database import PAGE_BYTES
from agent.outbox.opening import MIGRATIONS, open_database
from agent.outbox.store import Limits, Outbox
from tests.faults.outbox_files import MARKED, filled
from tests.unit.outbox.making import STREAM, all_pending, entry, opened


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


@pytest.fixture
def large_file(monkeypatch):
    """Every file counts as too large to be checked whole at opening."""
    monkeypatch.setattr("agent.outbox.opening.WHOLE_CHECK_BYTES", 0)
