from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.findings import Level
from agent.model.run import rfc3339
from agent.standing import AWAY_FOR_LONG, findings_of, line_of, verdict_of

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def status(**parts: Any) -> dict[str, Any]:
    """An agent with which all is well, but for the parts that are given."""
    return {
        "relay": {"phase": "connected", "error": None, "held_back": None},
        "connections": [{"name": "erp", "paused": False, "streams": [{"name": "orders", "error": None}]}],
        "outbox": {"pending_batches": 0, "dead_letters": 0, "reading_paused": False, "streams": {}},
        "figures": {"backlog": {"bytes": 0, "high_water_bytes": 100, "full_in_seconds": None}},
        "files": [],
        "commands": {"in_doubt": 0},
        "audit": {"error": None},
        "trace": {"state": "off"},
    } | parts


def streams(*codes: str | None) -> list[dict[str, Any]]:
    return [
        {
            "name": f"s{number}",
            "error": None
            if code is None
            else {"code": code, "message": f"trouble of s{number}", "hint": "mend it", "where": ""},
        }
        for number, code in enumerate(codes)
    ]


def relay(code: str, away: timedelta) -> dict[str, Any]:
    error = {"code": code, "message": "nobody answers", "hint": "look"}
    return {"phase": "waiting", "error": error, "away_since": rfc3339(NOON - away), "held_back": None}


def found(**parts: Any) -> list[tuple[str, str]]:
    return [(one.code, one.level.value) for one in findings_of(status(**parts), NOON)]


def certificates(**days: float) -> list[dict[str, Any]]:
    shown = [{"hop": hop, "expiresAt": rfc3339(NOON + timedelta(days=left))} for hop, left in days.items()]
    return [{"name": "erp", "paused": False, "streams": [], "certificates": shown}]


def test_certificates_of_the_relay_and_of_every_hop_to_a_source_are_judged_by_one_rule() -> None:
    relay = {"phase": "connected", "certificate_ends": rfc3339(NOON + timedelta(days=20))}
    parts = {"relay": relay, "connections": certificates(source=3, token=20, proxy=200, client=-1)}
    findings = findings_of(status(**parts), NOON)

    assert sorted((one.where, one.code, one.level.value, one.cause) for one in findings) == [
        ("erp", "certificate.ended", "problem", "the certificate of the agent itself, its client certificate has ended"),
        ("erp", "certificate.ending", "warning", "the certificate of the server that gives out tokens ends in 20 days"),
        ("erp", "certificate.urgent", "problem", "the certificate of the source ends in 3 days"),
        ("relay", "certificate.ending", "warning", "the certificate of the relay ends in 20 days"),
    ]  # fmt: skip
    assert all(one.next_step and one.evidence for one in findings)


def test_of_an_agent_with_which_all_is_well_nothing_is_found() -> None:
    verdict = verdict_of(findings_of(status(), NOON))

    assert verdict == {"level": "ok", "text": "All well", "problems": 0, "warnings": 0, "findings": []}


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"relay": relay("unreachable", timedelta(minutes=1))}, ("relay.unreachable", "warning")),
        ({"relay": relay("unreachable", AWAY_FOR_LONG)}, ("relay.unreachable", "problem")),
        ({"relay": relay("identity_refused", timedelta(0))}, ("relay.identity_refused", "problem")),
        ({"commands": {"in_doubt": 1}}, ("commands.in_doubt", "problem")),
        ({"audit": {"error": {"message": "full", "hint": "room"}}}, ("audit.unavailable", "problem")),
        (
            {"trace": {"state": "on", "connections": ["erp"], "until": "later"}},
            ("trace.on", "notice"),
        ),
        (
            {"outbox": {"pending_batches": 9, "dead_letters": 0, "reading_paused": True, "streams": {}}},
            ("outbox.full", "problem"),
        ),
        (
            {"figures": {"backlog": {"bytes": 9, "high_water_bytes": 100, "full_in_seconds": 60.0}}},
            ("outbox.fills", "warning"),
        ),
        (
            {
                "outbox": {
                    "dead_letters": 3,
                    "reading_paused": False,
                    "streams": {"erp/orders": {"dead_letters": 3}},
                }
            },
            ("outbox.dead_letters", "warning"),
        ),
        (
            {"connections": [{"name": "erp", "paused": True, "streams": []}]},
            ("connection.paused", "notice"),
        ),
        (
            {
                "files": [
                    {
                        "name": "erp",
                        "in_force": False,
                        "problems": [{"message": "no", "where": "x", "hint": ""}],
                    }
                ]
            },
            ("configuration.file", "problem"),
        ),
        (
            {"relay": {"held_back": {"connections": ["erp"], "reason": "no credits"}}},
            ("relay.held_back", "problem"),
        ),
    ],
)
def test_each_trouble_is_found_with_its_level(parts: dict[str, Any], expected: tuple[str, str]) -> None:
    assert found(**parts) == [expected]


@pytest.mark.parametrize(
    ("code", "level"),
    [
        ("unreachable", "warning"),
        ("source_changed", "problem"),
        ("policy", "notice"),
        ("unheard_of", "warning"),
    ],
)
def test_a_stream_s_trouble_weighs_by_what_would_mend_it(code: str, level: str) -> None:
    assert found(connections=[{"name": "erp", "streams": streams(code)}]) == [(f"stream.{code}", level)]


def test_a_source_that_is_away_is_one_thing_to_mend_however_many_streams_it_has() -> None:
    connections = [{"name": "erp", "streams": streams(*["credentials_refused"] * 7, None)}]

    (finding,) = findings_of(status(connections=connections), NOON)

    assert finding.where == "erp: s0, s1, s2, s3, s4 and 2 more"


def test_streams_that_are_each_misconfigured_are_things_of_their_own() -> None:
    assert (
        len(found(connections=[{"name": "erp", "streams": streams("configuration", "configuration")}])) == 2
    )


def test_problems_come_first_and_are_counted_in_the_head_line() -> None:
    findings = findings_of(
        status(
            relay=relay("unreachable", timedelta(0)),
            commands={"in_doubt": 2},
            connections=[{"name": "erp", "paused": True, "streams": streams("source_changed")}],
        ),
        NOON,
    )

    assert [one.level for one in findings] == [Level.PROBLEM, Level.PROBLEM, Level.WARNING, Level.NOTICE]
    assert verdict_of(findings)["text"] == "2 things need a person, 1 to keep an eye on"


def test_notices_leave_all_well() -> None:
    findings = findings_of(status(connections=[{"name": "erp", "paused": True, "streams": []}]), NOON)

    assert verdict_of(findings)["text"] == "All well"
    assert verdict_of(findings)["level"] == "notice"


def test_the_one_line_says_the_verdict_the_gravest_cause_the_relay_and_what_waits() -> None:
    def line(**parts: Any) -> str:
        document = status(**parts)
        return line_of({**document, "verdict": verdict_of(findings_of(document, NOON))})

    waiting = {"pending_batches": 1, "dead_letters": 0, "reading_paused": False, "streams": {}}
    assert line() == "All well; relay connected, 0 batches wait"
    assert line(outbox=waiting, relay=relay("unreachable", AWAY_FOR_LONG)) == (
        "1 thing needs a person: relay: nobody answers; relay waiting, 1 batch waits"
    )
