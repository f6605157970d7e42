from __future__ import annotations

import asyncio
import dataclasses
import json
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import StorageFull
from relay.store.base import Changes, Deleted, IndexedRecord, LetterFilter, Place, RecordFilter
from relay.store.index import SqliteRecordIndex
from tests.unit.relay.making import (
    Relay,
    Sender,
    dead_letters,
    enrolled,
    opened,
    orders,
    run_report,
    tombstones,
    vendors,
)

ALL = RecordFilter(deleted=Deleted.INCLUDE)


async def records(relay: Relay, wanted: RecordFilter = ALL, tenant: str = "acme") -> list[IndexedRecord]:
    return (await relay.index.find(tenant, "purchase_order", wanted, Place(), 1_000)).records


async def documents(relay: Relay, wanted: RecordFilter = ALL) -> dict[str, Any]:
    found = await records(relay, wanted)
    rendered = map(json.loads, await relay.documents.render(found, "purchase_order"))
    return {document["key"]: document for document in rendered}


async def test_a_damaged_batch_is_passed_over_and_stands_among_the_dead_letters(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        sender = Sender(await enrolled(relay.store))
        good, bad = sender.batch(orders(["1"], note="old")), sender.batch(orders(["1"], note="new"))
        bad = dataclasses.replace(bad, payload=b"garbage", damaged="no payload")
        await relay.store.append_batches([good, bad, sender.batch(orders(["2"]))])

        await relay.materialiser.rebuild()

        assert {key: found["notes"] for key, found in (await documents(relay)).items()} == {
            "1": "old",
            "2": "",
        }
        (letter,) = (
            await relay.index.dead_letters("acme", LetterFilter("nav"), after=Place(), limit=9)
        ).letters
        assert (
            letter.message
            == "Batch 2 (records, 1) cannot be read: no payload; a full re-sync brings them again"
        )
        (position,) = await relay.store.stream_positions("acme", "nav")
        assert (position.last_seq, position.records) == (3, 2)


async def test_the_newest_version_of_a_record_is_the_one_shown(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        sender = Sender(await enrolled(relay.store))
        old, new = sender.batch(orders(["1", "2"], note="old")), sender.batch(orders(["1"], note="new"))
        await relay.store.append_batches([old, new])

        await relay.materialiser.catch_up()

        found = await documents(relay)
        assert {key: found[key]["notes"] for key in found} == {"1": "new", "2": "old"}


async def test_a_deleted_record_keeps_its_last_document(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        sender = Sender(await enrolled(relay.store))
        await relay.store.append_batches(
            [
                sender.batch(orders(["1"], note="last")),
                sender.batch(tombstones(["1", "never seen"]), kind="tombstones"),
            ]
        )

        await relay.materialiser.catch_up()

        found = await documents(relay)
        assert (found["1"]["notes"], found["1"]["deleted"]) == ("last", True)
        assert (found["never seen"]["orderNo"], found["never seen"]["deleted"]) == (None, True)
        assert await records(relay, RecordFilter()) == []


async def test_a_record_deleted_twice_still_keeps_its_last_document(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        sender = Sender(await enrolled(relay.store))
        gone = [sender.batch(orders(["1"], note="last"))]
        gone += [sender.batch(tombstones(["1"]), kind="tombstones") for _ in range(2)]
        await relay.store.append_batches(gone)

        await relay.materialiser.catch_up()

        assert (await documents(relay))["1"]["notes"] == "last"


async def test_a_record_that_comes_back_is_no_longer_deleted(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        sender = Sender(await enrolled(relay.store))
        gone = sender.batch(tombstones(["1"]), kind="tombstones")
        await relay.store.append_batches([gone, sender.batch(orders(["1"]))])

        await relay.materialiser.catch_up()

        assert (await documents(relay, RecordFilter()))["1"]["deleted"] is False


async def test_sending_one_stream_again_leaves_the_others_alone(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        sender = Sender(await enrolled(relay.store))
        await relay.store.append_batches(
            [
                sender.batch(orders(["1"])),
                sender.batch(vendors(["1"]), stream="nav/vendors", entity="vendor"),
            ]
        )
        await relay.materialiser.catch_up()
        before = await relay.index.find("acme", "vendor", ALL, Place(), 10)

        await relay.store.append_batches([sender.batch(orders(["1"]), run="resync")])
        await relay.materialiser.catch_up()

        assert await relay.index.find("acme", "vendor", ALL, Place(), 10) == before


async def test_runs_and_dead_letters_are_found(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        sender = Sender(await enrolled(relay.store))
        await relay.store.append_batches(
            [
                sender.batch(dead_letters("7", "8"), kind="dead_letters"),
                sender.batch(run_report("run-1"), kind="run"),
            ]
        )

        await relay.materialiser.catch_up()

        run = await relay.index.run("acme", "run-1")
        letters = (
            await relay.index.dead_letters("acme", LetterFilter("nav"), after=Place(), limit=10)
        ).letters
        assert run is not None
        assert run.status == "succeeded"
        assert [letter.key for letter in letters] == ["7", "8"]
        assert await relay.index.run("other", "run-1") is None


async def test_a_dead_letter_is_settled_by_what_comes_behind_it_for_its_key(tmp_path: Path) -> None:
    """By its record, its tombstone or a newer letter; never by an older record or one of another entity."""
    async with opened(tmp_path) as relay:
        sender = Sender(await enrolled(relay.store))
        await relay.store.append_batches(
            [
                sender.batch(orders(["old"])),
                sender.batch(dead_letters("old", "passes", "goes", "again", "other"), kind="dead_letters"),
                sender.batch(orders(["passes"])),
                sender.batch(tombstones(["goes"]), kind="tombstones"),
                sender.batch(dead_letters("again"), kind="dead_letters"),
                sender.batch(vendors(["other"]), stream="nav/vendors", entity="vendor"),
            ]
        )

        await relay.materialiser.catch_up()

        letters = (await relay.index.dead_letters("acme", LetterFilter(), after=Place(), limit=10)).letters
        assert [(letter.key, letter.position) for letter in letters] == [
            ("old", 2),
            ("other", 2),
            ("again", 5),
        ]


async def test_rebuilding_makes_the_same_index(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        sender = Sender(await enrolled(relay.store))
        await relay.store.append_batches(
            [sender.batch(orders(["1", "2"])), sender.batch(tombstones(["1"]), kind="tombstones")]
        )
        await relay.materialiser.catch_up()
        before = await records(relay)

        await relay.materialiser.rebuild()

        assert await records(relay) == before


async def test_an_index_ahead_of_its_store_is_made_again(tmp_path: Path) -> None:
    """As after the store was put back from a copy, and the index was not."""
    async with opened(tmp_path) as relay:
        await relay.store.append_batches([Sender(await enrolled(relay.store)).batch(orders(["1"]))])
        await relay.index.apply(Changes(upto=99))

        await relay.materialiser._heal()

        assert (await relay.materialiser.lag()).batches == 0
        assert [record.key for record in await records(relay)] == ["1"]


async def test_changes_applied_before_change_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        sender = Sender(await enrolled(relay.store))
        await relay.store.append_batches([sender.batch(orders(["1"], note="old"))])
        await relay.materialiser.catch_up()
        old = relay.index
        applied: list[Changes] = []

        class Recording(SqliteRecordIndex):
            async def apply(self, changes: Changes) -> None:
                applied.append(changes)
                await super().apply(changes)

        relay.materialiser._index = Recording(old._path, old._writer, old._reader)
        await relay.store.append_batches([sender.batch(orders(["1"], note="new"))])
        await relay.materialiser.catch_up()
        await relay.materialiser.rebuild()
        for changes in applied:
            await old.apply(changes)

        assert (await documents(relay))["1"]["notes"] == "new"


async def test_the_index_waits_while_batches_arrive(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        sender = Sender(await enrolled(relay.store))
        relay.ingest.submit(sender.batch(orders(["1"])))
        waited = relay.clock.monotonic()
        committing = asyncio.create_task(relay.ingest.run())
        relay.ingest.stop()
        await committing

        await relay.materialiser._work_off()

        assert relay.clock.monotonic() > waited
        assert [record.key for record in await records(relay)] == ["1"]


async def test_a_full_disk_stops_the_index_and_not_the_relay(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        await relay.store.append_batches([Sender(await enrolled(relay.store)).batch(orders(["1"]))])
        failures = [StorageFull(), StorageFull()]

        class Full(SqliteRecordIndex):
            async def apply(self, changes: Changes) -> None:
                if failures:
                    raise failures.pop()
                await super().apply(changes)

        relay.materialiser._index = Full(relay.index._path, relay.index._writer, relay.index._reader)
        running = asyncio.create_task(relay.materialiser.run())
        async with asyncio.timeout(10):
            while (await relay.materialiser.lag()).batches:
                await asyncio.sleep(0)  # noqa: TID251 - a turn for the others
        running.cancel()

        assert failures == []


KEYS = st.sampled_from([f"k{number}" for number in range(6)])
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["records", "tombstones", "again", "materialise", "reopen", "rebuild"]),
        st.sampled_from(["nav/purchase_orders", "nav/archive", "sap/purchase_orders"]),
        st.lists(KEYS, min_size=1, max_size=4, unique=True),
    ),
    max_size=14,
)


@settings(max_examples=25)
@given(steps=STEPS)
def test_the_index_equals_a_plain_dict_whatever_the_order_and_the_restarts(steps: list[Any]) -> None:
    """Law: after catching up, each key shows its last appended version, deleted or not, in change order."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_compare(Path(folder), steps))


async def _compare(folder: Path, steps: list[Any]) -> None:
    expected: dict[str, dict[str, tuple[str, bool]]] = defaultdict(dict)
    sent: list[Any] = []
    sender: Sender | None = None
    rest = list(enumerate(steps))
    while True:
        async with opened(folder) as relay:
            sender = sender or Sender(await enrolled(relay.store))
            reopen = False
            while rest and not reopen:
                number, (what, stream, keys) = rest.pop(0)
                reopen = what == "reopen"
                await _step(relay, sender, sent, expected, f"v{number}", what, stream, keys)
            if not rest:
                await relay.materialiser.catch_up()
                await _check(relay, expected)
                return


async def _step(  # noqa: PLR0913, RUF100
    relay: Relay,
    sender: Sender,
    sent: list[Any],
    expected: Any,
    note: str,
    what: str,
    stream: str,
    keys: list[str],
) -> None:
    of_connection = expected[stream.partition("/")[0]]
    if what == "records":
        sent.append(sender.batch(orders(keys, note=note), stream=stream))
        for key in keys:
            of_connection.pop(key, None)
            of_connection[key] = (note, False)
    elif what == "tombstones":
        sent.append(sender.batch(tombstones(keys), stream=stream, kind="tombstones"))
        for key in keys:
            known = of_connection.pop(key, (None, True))
            of_connection[key] = (known[0], True)
    elif what == "rebuild":
        await relay.materialiser.rebuild()
    elif what == "materialise":
        await relay.materialiser.step()
    if what in ("records", "tombstones", "again") and sent:
        await relay.store.append_batches(sent[-3:])


async def _check(relay: Relay, expected: Any) -> None:
    for connection, wanted in expected.items():
        found = await records(relay, RecordFilter(connection=connection, deleted=Deleted.INCLUDE))
        rendered = map(json.loads, await relay.documents.render(found, "purchase_order"))
        assert {d["key"]: (d["notes"], d["deleted"]) for d in rendered} == wanted
        places = [record.place for record in found]
        assert places == sorted(places)


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_paging_shows_every_record_once_while_nothing_changes(tmp_path: Path, limit: int) -> None:
    async with opened(tmp_path) as relay:
        sender = Sender(await enrolled(relay.store))
        await relay.store.append_batches(
            [
                sender.batch(orders([f"{stream[:3]}{n}{m}" for m in range(3)]), stream=stream)
                for n in range(3)
                for stream in ("nav/purchase_orders", "sap/purchase_orders")
            ]
        )
        await relay.materialiser.catch_up()
        seen, after, more = [], Place(), True
        while more:
            found = await relay.index.find("acme", "purchase_order", ALL, after, limit)
            seen += [record.key for record in found.records]
            after, more = found.reached, found.more

        assert len(seen) == len(set(seen)) == 18


async def test_a_record_that_changes_while_it_is_paged_over_is_never_skipped(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        sender = Sender(await enrolled(relay.store))
        await relay.store.append_batches([sender.batch(orders(["1", "2", "3", "4"]))])
        await relay.materialiser.catch_up()
        first = await relay.index.find("acme", "purchase_order", ALL, Place(), 2)

        await relay.store.append_batches([sender.batch(orders(["1", "3"]))])
        await relay.materialiser.catch_up()
        rest = await relay.index.find("acme", "purchase_order", ALL, first.reached, 10)

        assert [record.key for record in first.records] == ["1", "2"]
        assert [record.key for record in rest.records] == ["4", "1", "3"]


async def test_a_rare_match_far_behind_is_reached_page_by_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.store.index_reading.SCANNED_ROWS", 5)
    async with opened(tmp_path) as relay:
        sender = Sender(await enrolled(relay.store))
        await relay.store.append_batches(
            [
                sender.batch(orders([f"{n}" for n in range(23)])),
                sender.batch(orders(["rare"], status="approved")),
            ]
        )
        await relay.materialiser.catch_up()
        wanted = RecordFilter(status="approved")
        seen, after, more, pages = [], Place(), True, 0
        while more:
            found = await relay.index.find("acme", "purchase_order", wanted, after, 10)
            seen += [record.key for record in found.records]
            after, more, pages = found.reached, found.more, pages + 1

        assert seen == ["rare"]
        assert pages > 1


async def test_a_page_looks_as_far_as_it_may_however_near_it_looked_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The near look is for what it saves alone: pages are the same without it."""
    async with opened(tmp_path) as relay:
        sender = Sender(await enrolled(relay.store))
        batches = [
            sender.batch(orders([f"{n}-{k}" for k in range(7)], status=("draft", "approved")[n % 5 == 4]))
            for n in range(15)
        ]
        await relay.store.append_batches(batches)
        await relay.materialiser.catch_up()

        async def walked(near: int, limit: int, status: str) -> list[tuple[list[str], bool]]:
            monkeypatch.setattr("relay.store.index_reading.NEAR_ROWS", near)
            pages, after, more = [], Place(), True
            while more:
                found = await relay.index.find(
                    "acme", "purchase_order", RecordFilter(status=status), after, limit
                )
                pages.append(([record.key for record in found.records], found.more))
                after, more = found.reached, found.more
            return pages

        for limit in (1, 5, 50):
            for status in ("", "approved"):
                plain = await walked(10**6, limit, status)
                assert [await walked(near, limit, status) for near in (1, 3, 20)] == [plain] * 3


async def test_filters_choose_by_their_columns(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        sender = Sender(await enrolled(relay.store))
        await relay.store.append_batches(
            [
                sender.batch(orders(["1"], status="approved", vendor_key="V1")),
                sender.batch(orders(["2"], status="draft", vendor_key="V2")),
            ]
        )
        await relay.materialiser.catch_up()

        async def keys(wanted: RecordFilter) -> list[str]:
            return [record.key for record in await records(relay, wanted)]

        assert await keys(RecordFilter(status="draft")) == ["2"]
        assert await keys(RecordFilter(vendor_key="V1")) == ["1"]
        assert await keys(RecordFilter(code="PO-2")) == ["2"]
        assert await keys(RecordFilter(key="1")) == ["1"]
        assert await keys(RecordFilter(connection="sap")) == []
        assert await records(relay, ALL, tenant="other") == []
