"""How documents are rendered: at once where that is quick, else beside the loop; the same either way."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from agent.model.json_texts import to_json
from relay.documents import Documents
from relay.store.base import Place, RecordFilter
from tests.unit.relay.making import Relay, Sender, enrolled, opened, orders


async def shown(relay: Relay, limit: int, *, include_raw: bool = False) -> list[bytes]:
    found = await relay.index.find("acme", "purchase_order", RecordFilter(), Place(), limit)
    return await relay.documents.render(found.records, "purchase_order", include_raw=include_raw)


async def test_a_usual_page_is_rendered_at_once_and_a_large_one_beside_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread waits for its turn, which takes longer than the page; a large page would hold up everybody else."""
    where: list[bool] = []

    def noting(*args: Any, **named: Any) -> list[bytes]:
        where.append(threading.current_thread() is threading.main_thread())
        return to_json(*args, **named)

    monkeypatch.setattr("relay.documents.to_json", noting)
    async with opened(tmp_path) as relay:
        sender = Sender(await enrolled(relay.store))
        keys = [f"{n:03}" for n in range(200)]
        await relay.store.append_batches([sender.batch(orders(keys, note="n" * 4_000))])
        await relay.materialiser.catch_up()

        small = await shown(relay, 20)
        large = await shown(relay, 200)
        raw = await shown(relay, 20, include_raw=True)

        assert where == [True, False, False]
        assert large[:20] == small
        assert len(raw) == 20


async def test_what_is_kept_open_is_counted_with_all_that_it_takes(tmp_path: Path) -> None:
    """A record that comes alone is a few bytes of content in some kilobytes of table."""
    async with opened(tmp_path) as relay:
        sender = Sender(await enrolled(relay.store))
        batches = [sender.batch(orders([f"{number:03}"])) for number in range(200)]
        await relay.store.append_batches(batches)
        positions = [header.position for header in await relay.store.headers(0, 1_000)]
        documents = Documents(relay.store, cache_bytes=2**20)

        first = await documents.batch(positions[0])
        for position in positions:
            await documents.batch(position)

        assert len(positions) == len(batches)
        assert await documents.batch(positions[-1]) is await documents.batch(positions[-1])
        assert await documents.batch(positions[0]) is not first
        assert first.held() > 40 * first.size
