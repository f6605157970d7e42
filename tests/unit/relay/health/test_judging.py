from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agent.certificates import RENEW_BEFORE, URGENT_BEFORE
from relay.health.facts import Certificate, Drain, OutboxRoom, Waiting
from relay.health.judging import HealthState, judge_agent, judge_connection
from relay.health.rules import DEFAULTS, KINDS, Rule, Setting
from tests.unit.relay.health.facts import AGENT, CONNECTION, GIB, NOW, agent, ago, connection

OK, ATTENTION, FAILING = HealthState.OK, HealthState.ATTENTION, HealthState.FAILING


def of_agent(**change: Any) -> tuple[HealthState, list[str]]:
    verdict = judge_agent(agent(**change), DEFAULTS, NOW)
    return verdict.state, [reason.code for reason in verdict.reasons]


def of_connection(**change: Any) -> tuple[HealthState, list[str]]:
    verdict = judge_connection(connection(**change), AGENT, DEFAULTS, NOW)
    return verdict.state, [reason.code for reason in verdict.reasons]


def test_what_is_well_has_no_reasons() -> None:
    assert of_agent() == (OK, [])
    assert of_connection() == (OK, [])


def test_an_agent_of_before_that_says_nothing_is_well_as_far_as_can_be_seen() -> None:
    assert of_agent(skew=None, told_at=None, waiting=None, room=None, drain=None, certificates=()) == (OK, [])
    assert of_connection(paused=None, next_run_at=None, late_since=None, dead_letters=None) == (OK, [])


@pytest.mark.parametrize(
    ("change", "state", "codes"),
    [
        ({"connected": False, "seen_at": ago(minutes=14)}, ATTENTION, ["not_connected"]),
        ({"connected": False, "seen_at": ago(minutes=16)}, FAILING, ["agent_offline"]),
        ({"connected": False, "seen_at": None, "enrolled_at": ago(minutes=2)}, ATTENTION, ["not_connected"]),
        ({"waiting": Waiting(9, 1_000_001, 9), "drain": Drain(9.0, 1.0)}, ATTENTION, ["backlog_records"]),
        ({"waiting": Waiting(1, 1, 241 * 60), "drain": Drain(1.0, 1.0)}, ATTENTION, ["backlog_time"]),
        ({"waiting": Waiting(1, 1, 1, ago(hours=5)), "drain": None}, ATTENTION, ["backlog_time"]),
        ({"room": OutboxRoom(1000, 0, 100 * GIB, 50 * GIB)}, ATTENTION, ["outbox_full"]),
        ({"room": OutboxRoom(4 * GIB, 0, 100 * GIB, 19 * GIB)}, ATTENTION, ["outbox_full"]),
        ({"room": replace(AGENT.room or OutboxRoom(), reading_paused=True)}, ATTENTION, ["reading_paused"]),
        ({"skew": timedelta(seconds=-121)}, ATTENTION, ["clock_skew"]),
        ({"certificates": (Certificate("relay", NOW + timedelta(days=20)),)}, ATTENTION, ["certificate_expires"]),
    ],
)  # fmt: skip
def test_an_agent_is_judged_by_its_facts(
    change: dict[str, Any], state: HealthState, codes: list[str]
) -> None:
    assert of_agent(**change) == (state, codes)


@pytest.mark.parametrize(
    ("change", "state", "codes"),
    [
        ({"error_code": "unreachable", "error_since": ago(minutes=29)}, ATTENTION, ["unreachable"]),
        (
            {"error_code": "unreachable", "error_since": ago(minutes=31)},
            FAILING,
            ["connection_error", "unreachable"],
        ),
        (
            {"error_code": "credentials_refused", "error_since": ago(minutes=1), "refused_since": ago(minutes=1)},
            FAILING,
            ["credentials_refused"],
        ),
        ({"late_since": ago(hours=25)}, FAILING, ["no_successful_sync"]),
        ({"dead_letters": 101}, ATTENTION, ["dead_letters"]),
        (
            {"paused": True, "late_since": ago(days=9), "error_code": "x", "error_since": ago(days=9)},
            ATTENTION,
            ["paused"],
        ),
    ],
)  # fmt: skip
def test_a_connection_is_judged_by_its_facts(
    change: dict[str, Any], state: HealthState, codes: list[str]
) -> None:
    assert of_connection(**change) == (state, codes)


def test_a_connection_fails_with_its_agent() -> None:
    lately = judge_connection(CONNECTION, agent(connected=False, seen_at=ago(minutes=1)), DEFAULTS, NOW)
    long_ago = judge_connection(CONNECTION, agent(connected=False, seen_at=ago(hours=1)), DEFAULTS, NOW)

    assert (lately.state, [one.code for one in lately.reasons]) == (ATTENTION, ["agent_not_connected"])
    assert long_ago.state is FAILING


def test_versions_and_the_relays_own_certificate_are_looked_at() -> None:
    old = judge_agent(AGENT, DEFAULTS, NOW, minimum=(1, 3))
    ending = judge_agent(
        AGENT, DEFAULTS, NOW, relay_certificate=Certificate("relay", NOW + timedelta(days=1, hours=1))
    )
    ended = judge_agent(AGENT, DEFAULTS, NOW, relay_certificate=Certificate("relay", ago(days=1)))

    assert [one.code for one in old.reasons] == ["version_old"]
    assert judge_agent(AGENT, DEFAULTS, NOW, minimum=(1, 2, 3)).state is OK
    assert (
        ending.reasons[0].message == "The certificate of the relay ends in 1 days, and has not been renewed."
    )
    assert ended.reasons[0].message == "The certificate of the relay has ended."


def test_a_certificate_on_the_way_to_a_source_is_the_connections_and_is_said_once() -> None:
    def judged(hop: str, days: float) -> list[tuple[str, str]]:
        facts = replace(CONNECTION, certificates=(Certificate(hop, NOW + timedelta(days=days)),))
        return [(one.code, one.message) for one in judge_connection(facts, AGENT, DEFAULTS, NOW).reasons]

    assert judged("source", 30) == []
    assert judged("token", 20.5) == [
        ("certificate_expires", "The certificate of the server that gives out tokens ends in 20 days.")
    ]
    assert judged("source", 6.5) == [
        ("certificate_urgent", "The certificate of the source ends in 6 days, and has not been renewed.")
    ]
    assert judged("<b>hop", 20.5) == [("certificate_expires", "A certificate on the way ends in 20 days.")]


def test_agent_and_relay_go_by_the_same_days() -> None:
    assert DEFAULTS[Rule.CERTIFICATE_EXPIRES].threshold == RENEW_BEFORE.days
    assert DEFAULTS[Rule.CERTIFICATE_URGENT].threshold == URGENT_BEFORE.days


def test_the_worst_reason_comes_first_and_each_has_a_hint() -> None:
    verdict = judge_agent(
        agent(connected=False, seen_at=ago(days=1), skew=timedelta(hours=1), waiting=Waiting(1, 10**9, 1)),
        DEFAULTS,
        NOW,
    )

    assert [reason.state for reason in verdict.reasons] == [FAILING, ATTENTION, ATTENTION]
    assert all(reason.hint and reason.message for reason in verdict.reasons)


def test_a_rule_that_is_switched_off_judges_nothing() -> None:
    rules = {**DEFAULTS, Rule.CLOCK_SKEW: Setting(120, enabled=False)}

    assert judge_agent(agent(skew=timedelta(hours=1)), rules, NOW).state is OK


def test_every_rule_has_a_threshold_a_sentence_with_its_value_and_a_hint() -> None:
    assert set(KINDS) == set(Rule)
    assert all("{}" in kind.says and kind.hint and kind.unit for kind in KINDS.values())
