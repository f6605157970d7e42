from __future__ import annotations

import tracemalloc

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.outbox.fingerprints import (
    Part,
    choose_generations,
    cut,
    merge,
    newest_of_each,
    pack_hashes,
    pack_keys,
    positions_of,
    unpack_hashes,
    unpack_keys,
)
from agent.outbox.limits import SEGMENTS_BEFORE_COMPACTION
from agent.outbox.store import Segment
from tests.unit.outbox.making import STREAM, entry, hash_of, opened, segment

HASHES = st.integers(0, 2**64 - 1)
PARTS = st.lists(
    st.tuples(st.dictionaries(st.integers(0, 20), HASHES, max_size=8), st.booleans()), max_size=8
)


def part(contents: dict[int, int], *, removed: bool = False) -> Part:
    ordered = sorted(contents)
    return Part(
        np.array(ordered, dtype=np.uint64),
        np.array([contents[key] for key in ordered], dtype=np.uint64),
        removed,
    )


@given(PARTS)
def test_merging_is_what_a_dict_does_with_the_oldest_first(oldest_first):
    expected: dict[int, tuple[int, bool]] = {}
    for contents, removed in oldest_first:
        expected |= {key: (content, removed) for key, content in contents.items()}

    merged = merge([part(contents, removed=removed) for contents, removed in reversed(oldest_first)])

    found = zip(merged.content_hashes.tolist(), merged.removed.tolist(), strict=True)
    assert dict(zip(merged.key_hashes.tolist(), found, strict=True)) == expected
    assert merged.key_hashes.tolist() == sorted(expected)


@given(PARTS)
def test_a_merged_key_knows_where_it_came_from(oldest_first):
    parts = [part(contents, removed=removed) for contents, removed in reversed(oldest_first)]

    merged = merge(parts)

    together = np.concatenate([p.key_hashes for p in parts]) if parts else np.empty(0, np.uint64)
    assert together[merged.origin].tolist() == merged.key_hashes.tolist()


@given(st.lists(HASHES, max_size=30))
def test_of_a_key_that_a_page_holds_twice_the_last_one_counts(keys):
    hashes = np.array(keys, dtype=np.uint64)

    chosen = newest_of_each(hashes)

    last = {key: position for position, key in enumerate(keys)}
    assert chosen.tolist() == [last[key] for key in sorted(last)]


@given(wanted=st.lists(st.integers(0, 30), max_size=20), known=st.sets(st.integers(0, 30)))
def test_positions_are_found_for_the_known_and_only_for_them(wanted, known):
    hits, places = positions_of(np.array(wanted, dtype=np.uint64), np.array(sorted(known), dtype=np.uint64))

    assert [wanted[hit] for hit in hits] == [sorted(known)[place] for place in places]
    assert len(hits) == sum(key in known for key in wanted)


@given(rows=st.integers(0, 500), at_most=st.integers(1, 60))
def test_pieces_cover_everything_once_and_none_is_too_large(rows, at_most):
    pieces = list(cut(rows, at_most=at_most))

    assert [row for piece in pieces for row in range(piece.start, piece.stop)] == list(range(rows))
    assert all(0 < piece.stop - piece.start <= at_most for piece in pieces)


@given(st.lists(st.integers(1, 10_000), max_size=60))
def test_after_merging_each_older_generation_is_more_than_twice_what_is_newer(rows):
    taken = choose_generations(rows)

    assert taken == len(rows) or (taken >= 2 and rows[taken] > 2 * sum(rows[:taken]))


def test_a_stream_that_grows_page_by_page_rewrites_each_key_a_few_times_only():
    generations: list[int] = []
    written = 0
    for _ in range(4_096):
        generations.insert(0, 1)
        if len(generations) > SEGMENTS_BEFORE_COMPACTION:
            taken = choose_generations(generations)
            merged = sum(generations[:taken])
            generations[:taken] = [merged]
            written += merged

    assert written < 8 * 4_096


@given(st.lists(HASHES, max_size=20))
def test_hashes_survive_being_packed(hashes):
    assert unpack_hashes(pack_hashes(np.array(hashes, dtype=np.uint64))).tolist() == hashes


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=10), max_size=20))
def test_keys_survive_being_packed(keys):
    assert unpack_keys(pack_keys(pa.array(keys, pa.string()))).to_pylist() == keys


async def test_fingerprints_hold_the_newest_content_of_every_present_key(outbox):
    await outbox.append(entry(fingerprints=segment({"k1": 1, "k2": 2, "k3": 3})))
    await outbox.append(entry(fingerprints=segment({"k1": 10})))
    await outbox.append(entry(fingerprints=segment({"k2": 0, "k3": 0}, removed=True)))
    await outbox.append(entry(fingerprints=segment({"k3": 30})))
    await outbox.append(entry(fingerprints=segment({"k1": 99}), stream="erp/vendors"))

    found = await outbox.fingerprints(STREAM)

    expected = {hash_of("k1"): 10, hash_of("k3"): 30}
    assert dict(zip(found.key_hashes.tolist(), found.content_hashes.tolist(), strict=True)) == expected
    assert found.key_hashes.tolist() == sorted(expected)
    assert found.key_hashes.dtype == found.content_hashes.dtype == np.uint64


async def test_a_stream_never_seen_has_no_fingerprints(outbox):
    found = await outbox.fingerprints(STREAM)

    assert (len(found.key_hashes), found.key_hashes.dtype) == (0, np.uint64)
    assert await outbox.keys_of(STREAM, segment({"k1": 1}).key_hashes) == {}


async def test_keys_are_found_by_hash_in_every_segment_and_unknown_ones_left_out(outbox):
    await outbox.append(entry(fingerprints=segment({"k1": 1, "ä/ö": 2})))
    await outbox.append(entry(fingerprints=segment({"k3": 3})))

    keys = await outbox.keys_of(STREAM, segment({"k3": 0, "ä/ö": 0, "nobody": 0}).key_hashes)

    assert keys == {hash_of("k3"): "k3", hash_of("ä/ö"): "ä/ö"}


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), "chunked"])
async def test_keys_come_as_any_arrow_string_column(outbox, kind):
    plain = segment({"k1": 1, "k2": 2})
    keys = pa.chunked_array([["k1"], ["k2"]]) if kind == "chunked" else plain.keys.cast(kind)

    await outbox.append(entry(fingerprints=type(plain)(plain.key_hashes, plain.content_hashes, keys)))

    assert sorted((await outbox.keys_of(STREAM, plain.key_hashes)).values()) == ["k1", "k2"]


async def test_a_reset_stream_keeps_its_keys_and_batches_but_knows_no_content(outbox):
    await outbox.append(entry(b"a", checkpoint="c1", fingerprints=segment({"k1": 1, "k2": 2})))
    await outbox.append(entry(stream="erp/vendors", checkpoint="v1", fingerprints=segment({"k9": 9})))

    await outbox.reset_stream(STREAM)
    await outbox.append(entry(b"b", checkpoint="c2", fingerprints=segment({"k2": 22})))

    found = await outbox.fingerprints(STREAM)
    assert dict(zip(found.key_hashes.tolist(), found.content_hashes.tolist(), strict=True)) == {
        hash_of("k1"): 0,
        hash_of("k2"): 22,
    }
    assert await outbox.checkpoint(STREAM) == "c2"
    assert (await outbox.fingerprints("erp/vendors")).content_hashes.tolist() == [9]
    assert (await outbox.stats()).pending_batches == 2


async def test_compaction_changes_the_number_of_segments_and_nothing_else(path, monkeypatch):
    monkeypatch.setattr("agent.outbox.segments.BASE_SEGMENT_ROWS", 10)
    async with opened(path) as outbox:
        for number in range(SEGMENTS_BEFORE_COMPACTION + 5):
            await outbox.append(
                entry(fingerprints=segment({f"k{number % 30}": number, f"j{number}": number}))
            )
            gone = segment({f"j{number - 3}": 0}, removed=True)
            await outbox.append(entry(fingerprints=gone))
        await outbox.reset_stream(STREAM)
        await outbox.append(entry(fingerprints=segment({"k1": 77})))
        before = await outbox.fingerprints(STREAM)
        keys = await outbox.keys_of(STREAM, before.key_hashes)

        await outbox.compact_fingerprints(STREAM)

        after = await outbox.fingerprints(STREAM)
        assert after.key_hashes.tolist() == before.key_hashes.tolist()
        assert after.content_hashes.tolist() == before.content_hashes.tolist()
        assert await outbox.keys_of(STREAM, before.key_hashes) == keys
        assert len(keys) == len(before.key_hashes)
        assert outbox._db.value("SELECT count(*) FROM segment") <= len(keys) // 10 + 1
        assert outbox._db.value("SELECT max(rows) FROM segment") <= 10


@pytest.mark.parametrize("rows_at_a_time", [1, 3, 10_000])
async def test_merging_range_by_range_gives_what_merging_all_at_once_gives(path, monkeypatch, rows_at_a_time):
    monkeypatch.setattr("agent.outbox.segments.MERGED_ROWS", rows_at_a_time)
    expected: dict[str, int] = {}
    async with opened(path) as outbox:
        for number in range(SEGMENTS_BEFORE_COMPACTION + 8):
            contents = {f"k{(number * 7 + place) % 50}": number * 10 + place + 1 for place in range(5)}
            gone = number % 5 == 4
            await outbox.append(entry(b"x", fingerprints=segment(contents, removed=gone)))
            expected = {key: content for key, content in expected.items() if key not in contents}
            expected |= {} if gone else contents
        await outbox.compact_fingerprints(STREAM)
        found = await outbox.fingerprints(STREAM)
        names = await outbox.keys_of(STREAM, found.key_hashes)

    hashes = zip(found.key_hashes.tolist(), found.content_hashes.tolist(), strict=True)
    assert {names[key]: content for key, content in hashes} == expected


async def test_a_long_stream_is_merged_in_the_memory_of_a_range(path, monkeypatch):
    monkeypatch.setattr("agent.outbox.segments.MERGED_ROWS", 8_192)
    rows, segments = 4_096, SEGMENTS_BEFORE_COMPACTION + 2
    async with opened(path) as outbox:
        for number in range(segments):
            hashes = np.random.default_rng(number).integers(0, 2**64, rows, dtype=np.uint64)
            keys = pa.array(hashes).cast(pa.string())
            await outbox.append(entry(fingerprints=Segment(hashes, hashes, keys)))
        tracemalloc.start()
        await outbox.compact_fingerprints(STREAM)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        found = await outbox.fingerprints(STREAM)

    assert len(found.key_hashes) == rows * segments
    assert peak < rows * segments * 16  # less than the hashes alone, all at once


async def test_few_segments_are_left_alone(outbox):
    for number in range(SEGMENTS_BEFORE_COMPACTION):
        await outbox.append(entry(fingerprints=segment({f"k{number}": 1})))

    await outbox.compact_fingerprints(STREAM)
    await outbox.compact_fingerprints("erp/unknown")

    assert outbox._db.value("SELECT count(*) FROM segment") == SEGMENTS_BEFORE_COMPACTION


async def test_a_long_pass_compacts_by_itself(outbox, monkeypatch):
    monkeypatch.setattr("agent.outbox.append.SEGMENTS_AT_MOST", 5)
    for number in range(20):
        await outbox.append(entry(fingerprints=segment({f"k{number}": number})))

    assert outbox._db.value("SELECT count(*) FROM segment") <= 5
    assert len((await outbox.fingerprints(STREAM)).key_hashes) == 20


async def test_removed_keys_are_remembered_until_their_tombstones_are_acked(outbox, monkeypatch):
    """If the tombstones are lost before the relay has them, their keys must be found gone once more."""
    monkeypatch.setattr("agent.outbox.store.SEGMENTS_BEFORE_COMPACTION", 1)
    await outbox.append(entry(fingerprints=segment({"k1": 1, "k2": 2})))
    await outbox.append(entry(b"tombstones", fingerprints=segment({"k2": 0}, removed=True)))

    await outbox.compact_fingerprints(STREAM)
    assert outbox._db.value("SELECT count(*) FROM segment WHERE removed = 1") == 1

    await outbox.mark_acked(STREAM, 1)
    await outbox.compact_fingerprints(STREAM)
    assert outbox._db.value("SELECT count(*) FROM segment WHERE removed = 1") == 0
    assert len((await outbox.fingerprints(STREAM)).key_hashes) == 1


async def test_an_empty_segment_is_no_segment(outbox):
    await outbox.append(entry(fingerprints=segment({})))

    assert outbox._db.value("SELECT count(*) FROM segment") == 0
