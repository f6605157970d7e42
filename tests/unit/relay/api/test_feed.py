"""The change feed: its two forms, its bounds, its cursors."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from agent.model.payload import encode_records
from relay import following
from relay.api import feed as feed_routes
from relay.api import paced
from relay.api.feed_forms import ARROW
from tests.feed_reader import FeedReader
from tests.unit.relay.api.serving import Served, filled, served
from tests.unit.relay.making import Sender, enrolled, orders, run_report, tombstones, vendors

ORDERS = "/feed/nav/purchase_order"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as made:
        yield made


async def read(api: Served, reader: FeedReader, path: str = ORDERS, **params: Any) -> FeedReader:
    answer = await api.acme.get(path, params=reader.params(**params))
    assert answer.status_code == 200, answer.text
    reader.read(answer.content)
    return reader


async def test_changes_come_in_order_and_go_on_where_they_ended(api: Served) -> None:
    sender = await filled(api)
    reader = await read(api, FeedReader(), limit=2)
    assert (reader.keys, reader.more) == (["1", "a/b c"], True)

    await read(api, reader)
    assert [(line["type"], line["key"]) for line in reader.took[2:]] == [
        ("record", "gone"),
        ("tombstone", "gone"),
    ]
    assert not reader.more
    await read(api, reader)
    assert len(reader.took) == 4

    await api.store(sender.batch(tombstones(["1"]), kind="tombstones"))
    await read(api, reader)
    assert (reader.took[-1]["key"], reader.took[-1]["document"]["deleted"]) == ("1", True)
    assert [key for _, _, key in reader.copy] == ["a/b c"]


async def test_a_record_of_the_feed_is_the_record_of_the_list(api: Served) -> None:
    await filled(api)
    reader = await read(api, FeedReader())
    listed = (await api.acme.get("/purchase-orders")).json()["items"]

    assert listed == list(reader.copy.values())


async def test_the_feed_of_everything_holds_every_connection_and_entity(api: Served) -> None:
    await filled(api)
    reader = await read(api, FeedReader(), "/feed")

    assert [(line["entity"], line["key"]) for line in reader.took] == [
        ("purchase_order", "1"), ("purchase_order", "a/b c"), ("purchase_order", "gone"), ("vendor", "V1"),
        ("purchase_order", "gone"),
    ]  # fmt: skip


def streams(content: bytes) -> list[pa.Table]:
    source, tables = io.BytesIO(content), []
    while source.tell() < len(content):
        tables.append(pa.ipc.open_stream(source).read_all())
    return tables


async def test_in_arrow_each_stretch_is_a_stream_with_its_cursor_and_the_last_one_ends_it(
    api: Served,
) -> None:
    await filled(api)
    answer = await api.acme.get(ORDERS, headers={"Accept": ARROW}, params={"limit": 2})
    first = streams(answer.content)
    cursor = first[-1].schema.metadata[b"cursor"].decode()
    rest = streams((await api.acme.get(ORDERS, headers={"Accept": ARROW}, params={"cursor": cursor})).content)

    def told(tables: list[pa.Table]) -> list[tuple[str, list[str]]]:
        return [(table.schema.metadata[b"type"].decode(), table["key"].to_pylist()) for table in tables]

    assert answer.headers["content-type"] == ARROW
    assert told(first) == [("record", ["1", "a/b c"]), ("end", [])]
    assert told(rest) == [("record", ["gone"]), ("tombstone", ["gone"]), ("end", [])]
    assert first[-1].schema.metadata[b"more"] == b"true"
    assert rest[-1].schema.metadata[b"more"] == b"false"
    assert rest[1].schema.field("deleted_at").type == pa.timestamp("us", "UTC")
    # Each stream says where to go on behind it, so that an answer that was cut is not read again.
    assert first[0].schema.metadata[b"cursor"] == first[-1].schema.metadata[b"cursor"]


async def test_amounts_are_exact_in_both_forms(api: Served) -> None:
    amount = Decimal("12345678901234567890.0000000001")
    table = pa.table(
        {
            "key": pa.array(["1"]),
            "total_net_value": pa.array([amount], pa.decimal128(38, 10)),
            "updated_at": pa.array([datetime(2026, 1, 5, tzinfo=UTC)], pa.timestamp("us", "UTC")),
        }
    )
    sender = Sender(await enrolled(api.relay.store))
    await api.store(sender.batch(encode_records(table, {"entity": "purchase_order", "connection": "nav"})))

    reader = await read(api, FeedReader())
    (found, _end) = streams((await api.acme.get(ORDERS, headers={"Accept": ARROW})).content)

    assert reader.took[0]["document"]["totalNetValue"] == str(amount)
    assert (found["total_net_value"].to_pylist(), found.schema.field("total_net_value").type) == (
        [amount],
        pa.decimal128(38, 10),
    )


@pytest.mark.parametrize("stop_after", range(12))
async def test_a_reader_that_is_killed_at_any_line_goes_on_and_misses_nothing(
    api: Served, monkeypatch: pytest.MonkeyPatch, stop_after: int
) -> None:
    monkeypatch.setattr(following, "PIECE_ROWS", 2)
    await filled(api)
    answer = await api.acme.get(ORDERS)
    reader = FeedReader()
    reader.read(answer.content, stop_after=stop_after)

    while reader.more:
        await read(api, reader)

    assert sorted(key for _, _, key in reader.copy) == ["1", "a/b c"]


async def test_now_is_a_cursor_behind_what_the_lists_show(api: Served) -> None:
    """Not behind what is stored: a copy of the lists that was made from then on would lack what they did not show yet."""
    sender = await filled(api)
    await api.relay.store.append_batches([sender.batch(orders(["stored, and not shown yet"]))])
    reader = await read(api, FeedReader(), cursor="now")
    await read(api, reader)

    assert reader.keys == ["stored, and not shown yet"]


async def test_a_page_that_is_read_while_the_first_change_behind_a_start_comes_can_be_gone_on_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That change began another era of the store: the page's cursor is one of it."""
    async with served(tmp_path) as api:
        sender = await filled(api)
    async with served(tmp_path) as api:
        find = api.relay.index.find

        async def found(*asked: Any) -> Any:
            await api.store(sender.batch(orders(["later"])))
            return await find(*asked)

        with monkeypatch.context() as while_it_comes:
            while_it_comes.setattr(api.relay.index, "find", found)
            page = await api.acme.get("/purchase-orders")
        assert "later" in [item["key"] for item in page.json()["items"]]

        behind = await api.acme.get("/purchase-orders", params={"cursor": page.json()["nextCursor"]})

        assert (behind.status_code, behind.json()["items"]) == (200, [])


async def test_who_waits_while_the_first_change_behind_a_start_comes_goes_on_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It began another era of the store; the reader has lost nothing, and nothing was lost."""
    monkeypatch.setattr(feed_routes, "_PAUSE_SECONDS", 0.0)
    reader = FeedReader()
    async with served(tmp_path) as api:
        sender = await filled(api)
        await read(api, reader)
    async with served(tmp_path) as api:
        looked = asyncio.Event()
        begin = following.Following.begin

        async def begun(place: following.Following) -> bool:
            found = await begin(place)
            looked.set()
            return found

        monkeypatch.setattr(following.Following, "begin", begun)
        waiting = asyncio.create_task(read(api, reader, wait=30))
        async with asyncio.timeout(60):
            await looked.wait()
            await api.store(sender.batch(orders(["behind the start"])))
            await waiting
        assert reader.keys[-1] == "behind the start"
        await read(api, reader)


async def test_who_waits_is_answered_when_something_of_his_comes(
    api: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_routes, "_PAUSE_SECONDS", 0.0)
    sender = await filled(api)
    reader = await read(api, FeedReader(), "/feed/nav/vendor")
    waiting = asyncio.create_task(read(api, reader, "/feed/nav/vendor", wait=30))
    for keys in (["2"], ["3"]):  # of another entity
        await api.store(sender.batch(orders(keys)))
    assert not waiting.done()
    await api.store(sender.batch(vendors(["V2"]), stream="nav/vendors", entity="vendor"))

    async with asyncio.timeout(60):
        await waiting
    assert reader.keys == ["V1", "V2"]


async def test_who_waits_in_vain_is_told_so_in_time(api: Served) -> None:
    await filled(api)
    reader = await read(api, FeedReader())
    before = len(reader.took)
    waiting = asyncio.create_task(read(api, reader, wait=30))
    async with asyncio.timeout(60):
        while not waiting.done():
            api.relay.clock.advance(1.0)
            await asyncio.sleep(0)  # noqa: TID251 - no time passes

    assert len(reader.took) == before
    assert not reader.more


@pytest.mark.parametrize("cursor", ["x", "0", "WyJwIiwxNyw0XQ", "€" * 9, "A" * 9_999])
async def test_a_cursor_that_was_not_given_out_is_refused(api: Served, cursor: str) -> None:
    await filled(api)
    answer = await api.acme.get(ORDERS, params={"cursor": cursor})

    assert answer.status_code == 422
    assert "not one that this feed gave out" in answer.json()["detail"]


async def test_a_cursor_is_good_for_its_own_feed_alone(api: Served) -> None:
    """Another feed would go on behind what it never gave."""
    await filled(api)
    reader = await read(api, FeedReader())

    for path in ("/feed", "/feed/nav/vendor"):
        assert (await api.acme.get(path, params=reader.params())).status_code == 422
    await api.store(Sender(await enrolled(api.relay.store, "globex")).batch(orders(["1"])))
    assert (await api.globex.get(ORDERS, params=reader.params())).status_code == 422


@pytest.mark.parametrize("path", ["/feed/none/purchase_order", "/feed/nav/none", "/feed/nav"])
async def test_what_does_not_exist_has_no_feed(api: Served, path: str) -> None:
    await filled(api)

    assert (await api.acme.get(path)).status_code in (404, 422)


async def test_a_reader_ahead_of_a_store_that_came_from_a_backup_is_told_to_begin_anew(
    tmp_path: Path,
) -> None:
    """Also when the store has grown past the reader's place again, with other batches."""
    backup = tmp_path / "backup.db"
    reader, in_time = FeedReader(), FeedReader()
    async with served(tmp_path) as api:
        sender = await filled(api)
        await read(api, in_time)
    backup.write_bytes((tmp_path / "relay.db").read_bytes())
    as_then = deepcopy(sender)
    async with served(tmp_path) as api:
        await api.store(sender.batch(orders(["lost"])), sender.batch(orders(["lost too"])))
        await read(api, reader)
        listed = (await api.acme.get("/purchase-orders")).json()["nextCursor"]

    (tmp_path / "relay.db").write_bytes(backup.read_bytes())
    async with served(tmp_path) as api:
        shorter = await api.acme.get(ORDERS, params=reader.params())
        for number in range(5):
            await api.store(as_then.batch(orders([f"other {number}"])))
        grown = await api.acme.get(ORDERS, params=reader.params())
        list_goes_on = await api.acme.get("/purchase-orders", params={"cursor": listed})
        await read(api, in_time)
        reader.begin_anew()
        await read(api, reader)

    assert (shorter.status_code, grown.status_code, list_goes_on.status_code) == (410, 410, 410)
    assert "Begin without a cursor" in grown.json()["detail"]
    assert reader.copy == in_time.copy
    assert len(in_time.copy) == 7


async def test_one_answer_is_bounded_in_time_for_a_reader_that_is_slow(
    api: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends in order, with a cursor, and the reader comes again."""
    sender = await filled(api)
    await api.store(*(sender.batch(orders([f"{number}"])) for number in range(10)))
    monkeypatch.setattr(following, "MAX_SECONDS", 3.0)
    place = following.Following(
        api.relay.store, api.relay.documents, api.relay.clock, following.Wanted("acme", "nav", "purchase_order"),
        following.Place(), 1_000,
    )  # fmt: skip
    pieces = 0
    async for _ in place.pieces():
        pieces += 1
        api.relay.clock.advance(1.0)

    assert (pieces, place.more) == (3, True)


async def test_a_reader_that_takes_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paced, "TAKE_SECONDS", 0.01)
    produced = 0

    async def lines() -> AsyncIterator[bytes]:
        nonlocal produced
        while True:
            produced += 1
            yield b"x"

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    async with asyncio.timeout(60):
        await paced.PacedResponse(lines()).stream_response(send)

    assert produced == 1


async def test_a_damaged_batch_is_passed_over(api: Served) -> None:
    await filled(api)
    await api.relay.store.quarantine(1, "spoilt")

    assert (await read(api, FeedReader())).keys == ["gone"]


async def test_run_reports_alone_are_no_change_and_the_cursor_gets_past_them(
    api: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "HEADERS_AT_ONCE", 2)
    monkeypatch.setattr(following, "MAX_HEADERS", 4)
    sender = await filled(api)
    reader = await read(api, FeedReader())
    before = len(reader.took)
    await api.store(*(sender.batch(run_report(f"run-{n}"), kind="run", run=f"run-{n}") for n in range(9)))
    await api.store(sender.batch(orders(["9"])))

    told = []
    for _ in range(4):
        await read(api, reader)
        told.append((len(reader.took) - before, reader.more))

    assert told == [(0, True), (0, True), (1, False), (1, False)]
