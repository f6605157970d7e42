"""What an engine answers from memory, and when it no longer does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from relay.cursors import Cursors
from relay.identities import bearer_of, create_tenant, create_token, rotate_key
from relay.store.administration import Administration
from relay.store.base import Place, TokenScope
from relay.store.keys import Kind
from relay.store.sql import REMEMBERED, Sql
from relay.store.sqlite_sql import changes_remembered
from tests.unit.relay.making import NOW, Relay, Sender, enrolled, opened, orders


@pytest.fixture
async def relay(tmp_path: Path) -> AsyncIterator[Relay]:
    async with opened(tmp_path) as running:
        await create_tenant(running.store, "acme", NOW)
        yield running


class Counted:
    """A read that says how often it was really done."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, db: Sql) -> int:
        self.times += 1
        return int(db.value("SELECT count(*) FROM tenants"))


async def test_what_was_asked_once_is_answered_without_the_store(relay: Relay) -> None:
    count = Counted()

    found = [await relay.store.engine.recall("count", count) for _ in range(3)]

    assert (found, count.times) == ([1, 1, 1], 1)


async def test_batches_that_are_stored_let_it_be_remembered(relay: Relay) -> None:
    sender, count = Sender(await enrolled(relay.store)), Counted()
    await relay.store.append_batches([sender.batch(orders(["1"]))])  # the first begins an era
    await relay.store.engine.recall("count", count)

    await relay.store.append_batches([sender.batch(orders(["2"]))])
    await relay.store.engine.recall("count", count)

    assert count.times == 1


@pytest.mark.parametrize("table", REMEMBERED)
async def test_a_write_to_any_table_that_is_remembered_is_seen_behind_it(relay: Relay, table: str) -> None:
    count = Counted()
    await relay.store.engine.recall("count", count)

    await relay.store.engine.write(lambda db: db.execute(f"DELETE FROM {table} WHERE 1 = 0"))
    await relay.store.engine.recall("count", count)

    assert count.times == 2


async def test_a_write_that_failed_leaves_nothing_of_itself_in_memory(relay: Relay) -> None:
    count = Counted()
    await relay.store.engine.recall("count", count)

    def half(db: Sql) -> None:
        db.change("DELETE FROM tenants WHERE id = 'acme'")
        raise ValueError("half")

    with pytest.raises(ValueError, match="half"):
        await relay.store.engine.write(half)

    assert await relay.store.engine.recall("count", count) == 1


async def test_what_is_not_there_takes_no_room(relay: Relay) -> None:
    asked: list[int] = []

    for number in (1, 2):
        await relay.store.engine.recall("none", lambda _, number=number: asked.append(number))  # type: ignore[misc]

    assert asked == [1, 2]


def test_a_statement_that_reads_changes_nothing() -> None:
    assert not changes_remembered("SELECT id FROM tenants")
    assert changes_remembered("UPDATE tokens SET name = ?")
    assert changes_remembered("WITH a AS (SELECT 1) UPDATE eras SET mark = ''")
    assert not changes_remembered("INSERT INTO batches (position) VALUES (?)")


async def test_a_key_counts_from_the_moment_on_that_its_change_was_answered(relay: Relay) -> None:
    store, administration = relay.store, Administration(relay.store.engine)
    old = await create_token(store, "acme", "reader", NOW, scopes=frozenset({TokenScope.READ}))
    key_id = old.text.split("_")[1]
    assert await bearer_of(store, old.text, NOW) is not None

    rotated = await rotate_key(store, Kind.TOKEN, "acme", key_id, NOW, timedelta(0))
    assert rotated is not None
    assert await bearer_of(store, old.text, NOW) is None
    assert await bearer_of(store, rotated[1].text, NOW) is not None

    await administration.revoke_key(Kind.TOKEN, "acme", key_id, NOW)
    assert await bearer_of(store, rotated[1].text, NOW) is None


async def test_a_cursor_of_what_came_later_is_taken_though_the_end_was_remembered(relay: Relay) -> None:
    sender = Sender(await enrolled(relay.store))
    cursors = await Cursors.open(relay.store.engine)
    await relay.store.append_batches([sender.batch(orders(["1"]))])
    first = await cursors.read("", "acme")
    begun = await cursors.read(first.cursor(Place(1, 0)), "acme")

    await relay.store.append_batches([sender.batch(orders(["2"]))])
    later = await cursors.read(begun.cursor(Place(2, 0)), "acme")

    assert later.place == Place(2, 0)
