from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from agent.errors import StorageDamaged, StorageFull
from relay.store import database
from relay.store.database import Database
from relay.store.sqlite import STORE_FILE


async def test_after_a_failed_write_to_the_disk_nothing_more_is_written(tmp_path: Path) -> None:
    """A failed fsync may be reported as success the next time."""
    opened = await Database.open(tmp_path / "relay.db", STORE_FILE)

    def fails(_: apsw.Connection) -> None:
        raise apsw.IOError("disk I/O error")

    with pytest.raises(StorageDamaged):
        await opened.write(fails)
    with pytest.raises(StorageDamaged) as caught:
        await opened.write(lambda db: db.execute("INSERT INTO tenants VALUES ('a', 1)"))
    assert "Nothing more is written" in caught.value.hint
    await opened.aclose()


async def test_a_full_disk_may_have_room_again(tmp_path: Path) -> None:
    opened = await Database.open(tmp_path / "relay.db", STORE_FILE)

    def fails(db: apsw.Connection) -> None:
        db.execute("INSERT INTO tenants VALUES ('a', 1)")
        raise apsw.FullError("database or disk is full")

    with pytest.raises(StorageFull):
        await opened.write(fails)
    await opened.write(lambda db: db.execute("INSERT INTO tenants VALUES ('a', 1)").fetchall())
    await opened.aclose()


async def test_the_log_does_not_grow_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "CHECKPOINT_PAGES", 20)
    opened = await Database.open(tmp_path / "relay.db", STORE_FILE)
    for number in range(300):
        await opened.write(
            lambda db, n=number: db.execute("INSERT INTO tenants VALUES (?, 1)", (f"t{n}",)).fetchall()
        )

    assert (tmp_path / "relay.db-wal").stat().st_size < 100 * 4096
    await opened.aclose()


async def test_an_empty_file_is_a_loss_and_not_a_beginning(tmp_path: Path) -> None:
    (tmp_path / "relay.db").touch()

    with pytest.raises(StorageDamaged, match="empty"):
        await Database.open(tmp_path / "relay.db", STORE_FILE)


async def test_a_log_without_its_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "relay.db-wal").write_bytes(b"somebody's only copy")

    with pytest.raises(StorageDamaged, match="log"):
        await Database.open(tmp_path / "relay.db", STORE_FILE)
