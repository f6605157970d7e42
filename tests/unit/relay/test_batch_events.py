from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agent.clock import ManualClock
from agent.errors import StorageFull
from agent.model.run import RunStatus
from relay.batch_events import MAX_KEY_BYTES, MAX_KEYS
from relay.bus.memory import MemoryBus
from relay.events import StoredEvent
from relay.materialise import Materialiser
from relay.store.base import Changes
from relay.store.events import EventFilter
from relay.telling import BatchTeller
from relay.webhooks.store import EventStore
from tests.unit.relay.making import (
    NOW,
    Relay,
    Sender,
    enrolled,
    opened,
    orders,
    run_report,
    tombstones,
    vendors,
)

ALL_INDEXED = 10**9


class Told:
    """A relay whose batches are told of, and what was told."""

    def __init__(self, relay: Relay, sender: Sender) -> None:
        self.relay = relay
        self.sender = sender
        self.events = EventStore(relay.store.engine)
        self.materialiser = self.materialiser_of(relay)

    def materialiser_of(self, relay: Relay) -> Materialiser:
        bus = MemoryBus(relay.clock)
        teller = BatchTeller(self.events, relay.index.living, bus, clock=relay.clock)
        return Materialiser(
            relay.store, relay.index, relay.documents, relay.ingest, clock=relay.clock, teller=teller
        )

    async def send(self, payload: bytes, **more: Any) -> None:
        await self.relay.store.append_batches([self.sender.batch(payload, **more)])

    async def all(self) -> list[StoredEvent]:
        found = await self.events.find("acme", EventFilter(), 0, 1_000, indexed=ALL_INDEXED, now=NOW)
        return found.events

    async def after(self) -> list[tuple[str, list[str]]]:
        await self.materialiser.catch_up()
        return [(one.event.type.value, one.event.data.get("keys", [])) for one in await self.all()]


@pytest.fixture
async def told(tmp_path: Path) -> AsyncIterator[Told]:
    async with opened(tmp_path) as relay:
        yield Told(relay, Sender(await enrolled(relay.store)))


async def test_a_record_is_created_once_then_updated_then_deleted_then_created_again(told: Told) -> None:
    await told.send(orders(["1", "2"]))
    await told.send(orders(["2", "3"]))
    await told.send(tombstones(["1"]), kind="tombstones")
    await told.send(orders(["1"]))

    assert await told.after() == [
        ("record.created", ["1", "2"]),
        ("record.created", ["3"]),
        ("record.updated", ["2"]),
        ("record.deleted", ["1"]),
        ("record.created", ["1"]),
    ]


async def test_it_is_the_same_whether_the_index_had_them_before_or_they_come_in_one_round(told: Told) -> None:
    for payload, kind in (
        (orders(["1", "2"]), "records"),
        (orders(["2", "3"]), "records"),
        (tombstones(["1"]), "tombstones"),
        (orders(["1"]), "records"),
    ):
        await told.send(payload, kind=kind)
        await told.after()

    assert await told.after() == [
        ("record.created", ["1", "2"]),
        ("record.created", ["3"]),
        ("record.updated", ["2"]),
        ("record.deleted", ["1"]),
        ("record.created", ["1"]),
    ]


async def test_the_deletion_of_what_was_never_here_is_no_event(told: Told) -> None:
    await told.send(tombstones(["9"]), kind="tombstones")

    assert await told.after() == []


async def test_another_entity_or_connection_has_keys_of_its_own(told: Told) -> None:
    await told.send(orders(["1"]))
    await told.send(vendors(["1"]), stream="nav/vendors", entity="vendor")
    await told.send(orders(["1"]), stream="sap/purchase_orders")

    await told.materialiser.catch_up()

    found = [(one.event.type.value, one.event.connection, one.event.subject) for one in await told.all()]
    assert found == [
        ("record.created", "nav", "purchase_order"),
        ("record.created", "nav", "vendor"),
        ("record.created", "sap", "purchase_order"),
    ]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (RunStatus.RUNNING, "sync.started"),
        (RunStatus.SUCCEEDED, "sync.completed"),
        (RunStatus.FAILED, "sync.failed"),
        (RunStatus.CANCELLED, "sync.failed"),
    ],
)
async def test_a_run_is_told_of(told: Told, status: RunStatus, kind: str) -> None:
    await told.send(run_report("run-1", status), kind="run", entity="purchase_order")
    await told.send(run_report("run-1", status), kind="run", entity="purchase_order")
    await told.materialiser.catch_up()

    [one] = await told.all()
    assert (one.event.type.value, one.event.subject, one.event.data["status"]) == (kind, "run-1", status)
    assert one.event.data["counts"]["read"] == 3


async def test_an_index_that_is_made_again_tells_nothing_again(told: Told) -> None:
    await told.send(orders(["1"]))
    before = await told.after()
    await told.materialiser.rebuild()

    await told.send(orders(["1", "2"]))

    assert await told.after() == [*before, ("record.created", ["2"]), ("record.updated", ["1"])]


async def test_a_crash_between_telling_and_the_index_loses_nothing_and_tells_nothing_twice(
    told: Told,
) -> None:
    """The telling is durable first; the index is given the same batches again."""
    await told.send(orders(["1"]))

    class Dies:
        def __getattr__(self, name: str) -> Any:
            return getattr(told.relay.index, name)

        async def apply(self, changes: Changes) -> None:
            raise StorageFull

    dies: Any = Dies()
    teller = BatchTeller(
        told.events, told.relay.index.living, MemoryBus(ManualClock(NOW)), clock=told.relay.clock
    )
    dying = Materialiser(
        told.relay.store, dies, told.relay.documents, told.relay.ingest, clock=told.relay.clock, teller=teller
    )
    with pytest.raises(StorageFull):
        await dying.step()
    await told.send(orders(["1", "2"]))

    assert await told.after() == [
        ("record.created", ["1"]), ("record.created", ["2"]), ("record.updated", ["1"]),
    ]  # fmt: skip


async def test_what_was_stored_before_there_were_events_is_no_news(tmp_path: Path) -> None:
    """The migration that brings events notes how far the batches had come."""
    async with opened(tmp_path) as relay:
        sender = Sender(await enrolled(relay.store))
        await relay.store.append_batches([sender.batch(orders(["1"]))])
        last = await relay.store.last_position()
        events = EventStore(relay.store.engine)
        await events.tell_of_batches(0, last, [], NOW)
        told = Told(relay, sender)
        await told.send(orders(["1"]))

        assert await told.after() == [("record.updated", ["1"])]


async def test_many_keys_are_cut_and_the_count_says_how_many_there_were(told: Told) -> None:
    await told.send(orders([str(number) for number in range(MAX_KEYS + 50)]))
    await told.send(orders([f"{number}".rjust(100, "x") for number in range(150)]))
    await told.materialiser.catch_up()

    many, long = [one.event.data for one in await told.all()]
    assert (many["count"], len(many["keys"]), many["allKeys"]) == (MAX_KEYS + 50, MAX_KEYS, False)
    assert (long["count"], len(long["keys"]), long["allKeys"]) == (150, MAX_KEY_BYTES // 100, False)


async def test_a_batch_that_cannot_be_read_is_no_event(told: Told) -> None:
    broken = told.sender.batch(orders(["1"]))
    from dataclasses import replace

    await told.relay.store.append_batches([replace(broken, damaged="unreadable")])

    assert await told.after() == []


async def test_ids_are_the_same_for_the_same_batch(tmp_path: Path) -> None:
    """Should the store come back from a copy and the batches be sent again, platforms know them by their ids."""
    ids = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        async with opened(tmp_path / name) as relay:
            told = Told(relay, Sender(await enrolled(relay.store)))
            await told.send(orders(["1"]))
            await told.after()
            ids.append([one.event.id for one in await told.all()])

    assert ids[0] == ids[1]
