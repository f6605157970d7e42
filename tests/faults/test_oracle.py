"""The oracle of the end-to-end tests notices what it is there to notice."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.oracle import judge_feed

SOURCE = {"vendor": {"V1": {"name": "new", "rev": 2}}, "purchase_order": {}}


def record(key: str, rev: int, name: str) -> dict[str, Any]:
    document = {"contentHash": f"{name}{rev}", "name": name, "customFields": {"rev": rev}}
    return {"type": "record", "entity": "vendor", "key": key, "document": document}


def tombstone(key: str) -> dict[str, Any]:
    return {"type": "tombstone", "entity": "vendor", "key": key, "document": {}}


OLD, NEW, GONE = record("V1", 1, "old"), record("V1", 2, "new"), record("V2", 1, "gone")


def test_the_newest_version_behind_an_older_one_is_right() -> None:
    assert judge_feed([OLD, GONE, NEW, tombstone("V2")], SOURCE) == []


@pytest.mark.parametrize(
    ("feed", "fault"),
    [
        ([], "lost"),
        ([OLD], "instead of"),
        ([NEW, OLD], "an older version came after a newer one"),
        ([OLD, NEW, NEW], "came twice"),
        ([NEW, GONE], "no longer, in the source"),
        ([NEW, tombstone("V1")], "lost"),
        ([record("V1", 2, "altered")], "instead of"),
    ],
)
def test_what_is_lost_repeated_reordered_altered_or_left_over_is_named(
    feed: list[dict[str, Any]], fault: str
) -> None:
    assert any(fault in found for found in judge_feed(feed, SOURCE))


def test_a_repeat_is_none_where_repeats_were_asked_for() -> None:
    assert judge_feed([NEW, NEW], SOURCE, repeats=True) == []
