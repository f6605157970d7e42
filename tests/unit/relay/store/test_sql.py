"""What the functions over the seam rely on."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.store.sql import Sql
from tests.unit.relay.making import opened

NEW_TENANT = "INSERT INTO tenants (id, created_at) VALUES (?, ?) ON CONFLICT DO NOTHING"


async def test_a_change_says_how_many_rows_it_changed(tmp_path: Path) -> None:
    def work(db: Sql) -> list[int]:
        return [
            db.change(NEW_TENANT, ("a", 1)),
            db.change(NEW_TENANT, ("a", 1)),
            db.change(NEW_TENANT, ("b", 1)),
            db.change("UPDATE tenants SET created_at = 2"),
            db.change("DELETE FROM tenants WHERE id = ?1 OR id = ?1", ("c",)),
        ]

    async with opened(tmp_path) as relay:
        assert await relay.store.engine.write(work) == [1, 0, 1, 2, 0]


async def test_all_rows_are_changed_where_only_the_first_is_asked_back(tmp_path: Path) -> None:
    def work(db: Sql) -> None:
        db.change_many(NEW_TENANT, [("a", 1), ("b", 1), ("c", 1)])
        assert db.value("UPDATE tenants SET created_at = 9 RETURNING created_at") == 9

    async with opened(tmp_path) as relay:
        await relay.store.engine.write(work)

        assert await relay.store.engine.read(
            lambda db: db.execute("SELECT id, created_at FROM tenants ORDER BY id")
        ) == [("a", 9), ("b", 9), ("c", 9)]


async def test_work_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def work(db: Sql) -> None:
        db.execute(NEW_TENANT, ("a", 1))
        raise RuntimeError("stopped")

    async with opened(tmp_path) as relay:
        with pytest.raises(RuntimeError, match="stopped"):
            await relay.store.engine.write(work)

        assert await relay.store.engine.read(lambda db: db.row("SELECT * FROM tenants")) is None
        assert await relay.store.engine.read(lambda db: db.value("SELECT id FROM tenants")) is None
