"""How far events may be read is asked with each page and each delivery: it must not take longer with each event kept."""

from __future__ import annotations

from pathlib import Path

from relay.store.events import FIRST_HELD
from tests.unit.relay.making import opened


async def test_what_is_held_back_is_found_by_its_source_and_not_among_all_events(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        steps = await relay.store.engine.read(
            lambda sql: sql.execute(f"EXPLAIN QUERY PLAN {FIRST_HELD}", (1, 1))
        )

    assert [step[-1] for step in steps] == ["SEARCH events USING INDEX events_by_source (source>?)"]
