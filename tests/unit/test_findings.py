"""Findings as values: their order, and their form as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.findings import Finding, Level, counts, finding_from, gravest_first, worst


def finding(level: Level, code: str = "disk.full") -> Finding:
    return Finding(code, level, "/var/lib", "no room", "0 bytes free", "Make room.")


def test_a_finding_is_the_same_again_out_of_its_document() -> None:
    before = finding(Level.WARNING)

    assert finding_from(json.loads(json.dumps(before.to_document()))) == before


@pytest.mark.parametrize(
    "broken",
    [{"level": "grave"}, {"cause": 7}, {"code": None}],
    ids=["level", "number", "nothing"],
)
def test_what_is_no_finding_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        finding_from({**finding(Level.OK).to_document(), **broken})


def test_a_document_without_a_field_is_refused() -> None:
    with pytest.raises(ValueError, match="cause"):
        finding_from({"code": "a.b", "level": "ok", "where": "", "evidence": "", "next_step": ""})


def test_the_gravest_come_first_and_equals_stay_in_order() -> None:
    some = [
        finding(Level.OK),
        finding(Level.PROBLEM, "a.1"),
        finding(Level.NOTICE),
        finding(Level.PROBLEM, "a.2"),
    ]

    assert [one.code for one in gravest_first(some)][:2] == ["a.1", "a.2"]
    assert gravest_first(some)[-1].level is Level.OK


def test_the_worst_of_nothing_is_ok() -> None:
    assert worst([]) is Level.OK
    assert worst([finding(Level.NOTICE), finding(Level.WARNING), finding(Level.OK)]) is Level.WARNING


def test_counts_name_every_level_the_gravest_first() -> None:
    found = counts([finding(Level.OK), finding(Level.OK), finding(Level.PROBLEM)])

    assert list(found) == [Level.PROBLEM, Level.WARNING, Level.NOTICE, Level.OK]
    assert found[Level.OK] == 2
    assert found[Level.WARNING] == 0


def test_the_group_is_what_stands_before_the_point() -> None:
    assert finding(Level.OK, "names.unresolved").group == "names"
