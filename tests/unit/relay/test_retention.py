from __future__ import annotations

import asyncio
import dataclasses
import json
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model.run import RunStatus
from relay.following import Following, Wanted
from relay.lifecycle import CommandState
from relay.retention import Ages, Sweeper, may_go
from relay.settings import Keeping, Retention
from relay.store.base import BatchHeader, Deleted, LetterFilter, Need, NewBatch, Place, RecordFilter
from tests.unit.relay.making import (
    NOW,
    Relay,
    Sender,
    dead_letters,
    enrolled,
    opened,
    orders,
    run_report,
    tombstones,
)
from tests.unit.relay.store.test_commands import command_of

DAYS = Retention(replaced_days=30, run_days=60, dead_letter_days=90, command_days=40)
ALL = RecordFilter(deleted=Deleted.INCLUDE)


def sweeper(relay: Relay, keeping: Retention = DAYS) -> Sweeper:
    return Sweeper(relay.store, relay.index, keeping, clock=relay.clock)


async def stored(relay: Relay, *batches: NewBatch) -> None:
    await relay.store.append_batches(batches)
    await relay.materialiser.catch_up()


async def swept(relay: Relay, days: int, keeping: Retention = DAYS) -> list[int]:
    """The positions that are left so many days later."""
    be(relay, days)
    await sweeper(relay, keeping).sweep()
    return [header.position for header in await relay.store.headers(0, 1_000)]


def be(relay: Relay, days: int) -> None:
    relay.clock.step_wall_clock((NOW + timedelta(days=days) - relay.clock.utcnow()).total_seconds())


async def shown(relay: Relay) -> dict[str, Any]:
    found = await relay.index.find("acme", "purchase_order", ALL, Place(), 1_000)
    rendered = map(json.loads, await relay.documents.render(found.records, "purchase_order"))
    return {document["key"]: document for document in rendered}


async def followed(relay: Relay, after: Place, copy: dict[str, Any]) -> Place:
    """Take everything behind a place into a copy, as a reader of the feed does."""
    following = Following(
        relay.store, relay.documents, relay.clock, Wanted("acme", "nav", "purchase_order"), after, 10_000
    )
    async for piece in following.pieces():
        table = piece.opened.decoded.table
        keys = piece.opened.decoded.keys if table is None else table["key"].to_pylist()
        notes = [None] * len(keys) if table is None else table["notes"].to_pylist()
        for key, note in list(zip(keys, notes, strict=True))[piece.first : piece.end]:
            if note is None:
                copy.pop(key, None)
            else:
                copy[key] = note
    return following.place


async def test_a_batch_goes_when_all_of_it_was_replaced_long_ago(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        sender = Sender(await enrolled(relay.store))
        await stored(
            relay,
            sender.batch(orders(["1", "2"], note="a")),
            sender.batch(orders(["1"], note="b")),
            sender.batch(orders(["1"], note="c")),
            sender.batch(orders(["3"], note="d")),
        )
        before = await shown(relay)

        assert await swept(relay, 29) == [1, 2, 3, 4]
        assert await swept(relay, 31) == [1, 3, 4]
        assert await shown(relay) == before


async def test_a_deleted_record_keeps_its_last_document_and_its_tombstone(tmp_path: Path) -> None:
    """Without the tombstone an older copy of the record would come back to life when the index is made anew."""
    async with opened(tmp_path) as relay:
        sender = Sender(await enrolled(relay.store))
        await stored(
            relay,
            sender.batch(orders(["1", "2"], note="a")),
            sender.batch(orders(["1"], note="last")),
            sender.batch(tombstones(["1"]), kind="tombstones"),
            sender.batch(orders(["9"])),
        )

        assert await swept(relay, 1_000) == [1, 2, 3, 4]
        assert (await shown(relay))["1"]["notes"] == "last"


async def test_what_the_index_has_not_seen_stays(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        sender = Sender(await enrolled(relay.store))
        await relay.store.append_batches([sender.batch(orders(["1"])) for _ in range(3)])

        assert await swept(relay, 1_000) == [1, 2, 3]
        await relay.materialiser.catch_up()
        assert await swept(relay, 2_000) == [3]


async def test_the_last_batch_of_a_stream_stays_for_it_says_where_the_stream_stands(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        agent = await enrolled(relay.store)
        sender = Sender(agent)
        await stored(
            relay,
            *(
                sender.batch(run_report(f"run-{n}"), kind="run", run=f"run-{n}", stream=f"nav/{n}")
                for n in (1, 2)
            ),
        )

        assert await swept(relay, 1_000) == [1, 2]
        assert {s: e.seq for s, e in (await relay.store.stream_ends(agent)).items()} == {
            "nav/1": 1,
            "nav/2": 2,
        }


async def test_runs_go_by_age_but_for_the_last_of_each_stream(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        sender = Sender(await enrolled(relay.store))
        await stored(
            relay,
            sender.batch(run_report("run-1", RunStatus.RUNNING), kind="run", run="run-1"),
            sender.batch(run_report("run-1"), kind="run", run="run-1"),
            sender.batch(run_report("run-2"), kind="run", run="run-2"),
            sender.batch(orders(["1"])),
        )

        assert await swept(relay, 31) == [2, 3, 4]  # the word that the first one had begun was replaced
        assert await swept(relay, 61) == [3, 4]
        assert await relay.index.run("acme", "run-1") is None
        assert [run.run for run in await relay.index.last_runs("acme", "nav")] == ["run-2"]


async def test_dead_letters_go_when_they_are_settled_or_too_old(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        sender = Sender(await enrolled(relay.store))
        unreadable = dataclasses.replace(sender.batch(orders(["1"])), payload=b"x", damaged="no payload")
        await stored(
            relay,
            unreadable,
            sender.batch(dead_letters("7"), kind="dead_letters"),
            sender.batch(dead_letters("8"), kind="dead_letters"),
            sender.batch(orders(["7"])),
        )

        assert await swept(relay, 31) == [1, 3, 4]
        letters = (await relay.index.dead_letters("acme", LetterFilter(), after=Place(), limit=9)).letters
        assert [letter.reason for letter in letters] == ["unreadable_batch", "required"]
        assert await swept(relay, 91) == [4]
        assert (await relay.index.dead_letters("acme", LetterFilter(), after=Place(), limit=9)).letters == []


async def test_commands_go_when_they_were_answered_long_ago(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        agent = await enrolled(relay.store)
        for name, outcome in [
            ("open", None), ("done", CommandState.SUCCEEDED), ("doubtful", CommandState.IN_DOUBT),
            ("failed", CommandState.FAILED),
        ]:  # fmt: skip
            await relay.store.add_command(
                command_of(agent, name, idempotency_key=name, deadline=NOW + timedelta(days=9)),
                NOW,
                most_open=9,
            )
            if outcome is not None:
                await relay.store.send_command(agent, name, NOW)
                await relay.store.answer_command(agent.id, name, outcome, {}, NOW)

        await swept(relay, 39)
        assert await _commands(relay) == {"open", "done", "doubtful", "failed"}
        await swept(relay, 41)
        assert await _commands(relay) == {"open", "doubtful"}


async def _commands(relay: Relay) -> set[str]:
    rows = await relay.store.engine.read(lambda db: db.execute("SELECT id FROM commands"))
    return {command_id for (command_id,) in rows}


async def test_a_tenant_may_have_ages_of_its_own(tmp_path: Path) -> None:
    keeping = Retention(replaced_days=30, tenants={"globex": Keeping(replaced_days=300)})
    async with opened(tmp_path) as relay:
        for tenant in ("acme", "globex"):
            sender = Sender(await enrolled(relay.store, tenant))
            await stored(relay, *(sender.batch(orders(["1"])) for _ in range(2)))

        assert await swept(relay, 31, keeping) == [2, 3, 4]
        assert await swept(relay, 301, keeping) == [2, 4]


@pytest.mark.parametrize("kind", ["records", "tombstones", "dead_letters", "run"])
@pytest.mark.parametrize("damaged", ["", "spoilt"])
def test_nothing_that_is_shown_ever_goes(kind: str, damaged: str) -> None:
    header = BatchHeader(1, "t", "a", "c", "c/s", "vendor", "r", kind, 1, 1, NOW, 1, damaged)

    assert not may_go(header, Need.SHOWN, Ages.of(Keeping()), NOW + timedelta(days=40_000))


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.lists(st.sampled_from("abcdef"), min_size=1, max_size=3, unique=True)),
        st.tuples(
            st.just("remove"), st.lists(st.sampled_from("abcdef"), min_size=1, max_size=2, unique=True)
        ),
        st.tuples(st.just("index"), st.just(())),
        st.tuples(st.just("sweep"), st.just(())),
        st.tuples(st.just("read"), st.just(())),
        st.tuples(st.just("rebuild"), st.just(())),
    ),
    min_size=4,
    max_size=25,
)


@given(events=EVENTS)
@settings(max_examples=40, deadline=None)
def test_whatever_was_dropped_a_reader_from_any_place_ends_with_what_the_lists_show(
    events: list[Any],
) -> None:
    """Readers that begin anew, that follow, and that stopped long ago; over an index that was made anew, too."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_churn(Path(folder), events))


async def _churn(folder: Path, events: list[Any]) -> None:
    async with opened(folder) as relay:
        sender = Sender(await enrolled(relay.store))
        readers: list[tuple[Place, dict[str, Any]]] = [(Place(), {})]
        truth: dict[str, str] = {}
        day = 0
        for number, (what, keys) in enumerate(events):
            day += 40
            be(relay, day)
            if what == "put":
                truth |= dict.fromkeys(keys, str(number))
                await _append(relay, sender.batch(orders(keys, note=str(number))), relay.clock.utcnow())
            elif what == "remove":
                truth = {key: note for key, note in truth.items() if key not in keys}
                await _append(relay, sender.batch(tombstones(keys), kind="tombstones"), relay.clock.utcnow())
            elif what == "index":
                await relay.materialiser.catch_up()
            elif what == "sweep":
                await swept(relay, day)
            elif what == "rebuild":
                await relay.materialiser.rebuild()
            else:
                place, copy = readers[-1]
                copy = dict(copy)
                readers.append((await followed(relay, place, copy), copy))
        await relay.materialiser.catch_up()
        await swept(relay, day + 40)
        for place, copy in readers:
            await followed(relay, place, copy)
            assert copy == truth
        await relay.materialiser.rebuild()
        assert {key: doc["notes"] for key, doc in (await shown(relay)).items() if not doc["deleted"]} == truth


async def _append(relay: Relay, batch: NewBatch, when: datetime) -> None:
    (outcome,) = await relay.store.append_batches([dataclasses.replace(batch, received_at=when)])
    assert outcome.outcome == "appended"
