"""What pages make of the documents of calls."""

from __future__ import annotations

from typing import Any

import pytest

from agent.console.pages import audit, dead_letters, in_flight, mapping, mapping_edit, policy, security
from agent.console.pages.asking import link, whole_number
from agent.console.rendering import spoken
from agent.errors import ConfigurationError


@pytest.mark.parametrize("text", ["-1", "1.5", "\N{ARABIC-INDIC DIGIT ONE}", "9" * 19, "1 or 1"])
def test_what_is_no_number_in_an_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        whole_number(text)


def test_an_address_says_what_is_given_and_nothing_else() -> None:
    assert link("audit", who="a&b", action="", before=None) == "audit?who=a%26b"
    assert link("audit") == "audit"


def test_what_stands_between_backticks_is_code_and_the_rest_is_escaped() -> None:
    assert spoken("run `groundwire <x>` & wait") == "run <code>groundwire &lt;x&gt;</code> &amp; wait"
    assert spoken("a lone ` and <b>") == "a lone ` and &lt;b&gt;"


def test_what_waits_is_summed_and_the_oldest_is_found() -> None:
    def one(records: int, oldest: str | None) -> dict[str, Any]:
        return {"batches": 1, "records": records, "bytes": 10, "oldest_at": oldest}

    found = in_flight.totals({"a/x": one(3, "2026-01-02T00:00:00Z"), "a/y": one(4, "2026-01-01T00:00:00Z")})

    assert found == {"batches": 2, "records": 7, "bytes": 20, "oldest_at": "2026-01-01T00:00:00Z"}
    assert in_flight.totals({})["oldest_at"] is None


def test_a_cause_leads_to_its_own_letters() -> None:
    group = {"stream": "erp/orders", "field": "a.b", "reason": "missing", "count": 1}

    assert dead_letters.with_address(group)["address"] == (
        "dead-letters?stream=erp%2Forders&field=a.b&reason=missing"
    )


def test_a_field_is_shown_with_both_sides_of_the_chosen_record() -> None:
    line = {"columns": ["a", "b"], "sources": [["1", "2"], ["3", None]], "samples": ["12", None]}

    second = mapping.row_of(line, 1)
    beyond = mapping.row_of(line, 2)

    assert [(one["column"], one["value"]) for one in second["source"]] == [("a", "3"), ("b", None)]
    assert (second["sampled"], second["made"]) == (True, None)
    assert (beyond["sampled"], beyond["source"][0]["known"]) == (False, False)


@pytest.mark.parametrize(
    ("value", "shown"),
    [([{"a": 1}], "1 line"), ([], "0 lines"), (["x", "y"], "x, y"), (0, 0), (False, False)],
)
def test_a_list_is_told_by_its_length_and_nothing_is_taken_for_empty(value: Any, shown: Any) -> None:
    line = {"columns": [], "sources": [[]], "samples": [value]}

    assert mapping.row_of(line, 0)["made"] == shown


def test_a_mistake_is_shown_with_the_line_that_was_typed() -> None:
    found: dict[str, Any] = {
        "faults": [{"line": 2, "place": "x", "message": "m", "hint": ""}, {"line": 9, "message": "n"}],
        "changes": [],
        "preview": None,
        "error": None,
    }

    result = mapping_edit.result_of(found, 'a = "1"\r\n  b = 7')

    assert [fault["written"] for fault in result["faults"]] == ["b = 7", ""]
    assert not result["stale"]


def test_differences_are_bounded_and_the_rest_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapping_edit, "MAX_ROWS", 2)
    row = {"key": "1", "differences": [{"field": "f", "before": 1, "after": 2}] * 3, "more": 4}
    found: dict[str, Any] = {"faults": [], "changes": [], "preview": {"rows": [row]}, "error": None}

    result = mapping_edit.result_of(found, "")

    assert (len(result["differing"]), result["more"]) == (2, 5)


@pytest.mark.parametrize(
    ("form", "asked"),
    [
        ({"question": "command", "command": "sync", "key": "1"}, {"command": "sync"}),
        ({"question": "leave", "entity": "vendor", "key": " 7 "}, {"entity": "vendor", "key": "7"}),
        (
            {"question": "write", "entity": "vendor", "operation": "update", "record": '{"name": "N"}'},
            {"entity": "vendor", "operation": "update", "record": {"name": "N"}},
        ),
    ],
)
def test_a_question_asks_for_its_own_fields_alone(form: dict[str, str], asked: dict[str, Any]) -> None:
    assert policy.question({"connection": "erp", **form}) == {"connection": "erp", **asked}


@pytest.mark.parametrize("record", ["{", "[1]"])
def test_a_record_that_is_none_is_refused_with_an_example(record: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        policy.question({"question": "write", "record": record})

    assert "title" in raised.value.hint


def test_facts_of_a_line_are_for_people() -> None:
    facts = {
        "hash": "ab" * 32,
        "refused": False,
        "streams": ["a", "b"],
        "note": "",
        "signature": "s",
        "of": {"x": 1},
    }

    assert audit.facts_of(facts) == [
        ("hash", "abababababab…"), ("refused", "no"), ("streams", "a, b"), ("of", "x 1"),
    ]  # fmt: skip


def test_findings_stand_with_what_they_are_about_and_none_is_left_out() -> None:
    findings = [
        {"code": "certificates.ended", "level": "problem"},
        {"code": "files.ok", "level": "ok"},
        {"code": "odbc.missing", "level": "warning"},
    ]

    parts = security.parts_of(findings)

    assert [(part["title"], len(part["wrong"]), len(part["fine"])) for part in parts] == [
        ("Certificates and the relay", 1, 0),
        ("Permissions and account", 0, 1),
        ("Everything else", 1, 0),
    ]
