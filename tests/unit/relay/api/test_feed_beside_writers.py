"""Whoever follows the feed while agents write sees each batch once and in order (K17)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from relay.store.base import BatchHeader
from tests.feed_reader import FeedReader
from tests.unit.relay.api.serving import Served, served
from tests.unit.relay.making import Sender, enrolled, orders, vendors

BATCHES = 40  # of each stream


async def follow(
    client: httpx.AsyncClient, expected: int, path: str = "/feed", cursor: str = ""
) -> list[str]:
    """Ask again and again from where the last answer ended, as a reader would."""
    reader = FeedReader(cursor=cursor)
    async with asyncio.timeout(60):
        while len(reader.took) < expected:
            reader.read((await client.get(path, params=reader.params(limit=3))).content)
    reader.read((await client.get(path, params=reader.params())).content)
    return reader.keys


async def write(api: Served, sender: Sender, stream: str, keys: Sequence[str]) -> None:
    for key in keys:
        if stream.endswith("vendors"):
            await api.relay.store.append_batches(
                [sender.batch(vendors([key]), stream=stream, entity="vendor")]
            )
        else:
            await api.relay.store.append_batches([sender.batch(orders([key]), stream=stream)])


async def test_readers_beside_writers_see_each_batch_once_and_in_order(tmp_path: Path) -> None:
    """Some read all, some one entity: where nothing of theirs has come, the way back must not pass over what is to come."""
    async with served(tmp_path) as api:
        senders = [Sender(await enrolled(api.relay.store, name=f"plant-{n}")) for n in range(3)]
        streams = ["a/orders", "b/orders", "c/vendors"]
        written = {stream: [f"{stream}/{n:02}" for n in range(BATCHES)] for stream in streams}
        async with asyncio.TaskGroup() as group:
            everything = [group.create_task(follow(api.acme, 3 * BATCHES)) for _ in range(2)]
            await api.relay.store.append_batches(
                [senders[2].batch(vendors(["first"]), stream="c/vendors", entity="vendor")]
            )
            seldom = group.create_task(follow(api.acme, BATCHES + 1, "/feed/c/vendor"))
            for sender, stream in zip(senders, streams, strict=True):
                group.create_task(write(api, sender, stream, written[stream]))

    assert seldom.result() == ["first", *written["c/vendors"]]
    for seen in (reader.result() for reader in everything):
        assert sorted(seen) == sorted(["first", *(key for keys in written.values() for key in keys)])
        for stream, keys in written.items():
            assert [key for key in seen if key.startswith(stream)] == keys


async def test_what_is_written_while_an_empty_answer_is_made_is_in_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(tmp_path) as api:
        store = api.relay.store
        sender = Sender(await enrolled(store))
        await store.append_batches([sender.batch(orders(["1"]))])
        path = "/feed/nav/vendor"
        look = store.headers

        async def look_and_be_overtaken(*asked: Any, **wanted: Any) -> list[BatchHeader]:
            found = await look(*asked, **wanted)
            await store.append_batches([sender.batch(vendors(["V1"]), stream="nav/vendors", entity="vendor")])
            return found

        monkeypatch.setattr(store, "headers", look_and_be_overtaken)
        empty = FeedReader()
        empty.read((await api.acme.get(path)).content)
        monkeypatch.undo()

        assert empty.took == []
        assert await follow(api.acme, 1, path, empty.cursor) == ["V1"]
