from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from relay.health.alerts import Alert, Steps, measures_of, raised, steps
from relay.health.facts import Certificate, Fleet, Waiting
from relay.health.rules import DEFAULTS, KINDS, Measure, Rule, Setting
from tests.unit.relay.health.facts import AGENT, CONNECTION, NOW, agent, ago, connection

SKEW = DEFAULTS[Rule.CLOCK_SKEW].threshold


def skew(value: float | None) -> Measure:
    return Measure(Rule.CLOCK_SKEW, value, "agt_1")


def alert(measure: Measure, now: datetime = NOW) -> Alert:
    return raised(measure, alert_id="alt_1", tenant="acme", rules=DEFAULTS, now=now)


def test_what_is_beyond_its_threshold_is_raised_and_what_is_at_it_is_not() -> None:
    assert steps([skew(SKEW + 1)], DEFAULTS, []).raised == (skew(SKEW + 1),)
    assert steps([skew(SKEW)], DEFAULTS, []).raised == ()


def test_what_stands_is_not_raised_again() -> None:
    standing = alert(skew(SKEW + 1))

    assert steps([skew(SKEW * 9)], DEFAULTS, [standing]) == Steps((), ())


def test_an_alert_ends_a_little_further_than_its_threshold_and_not_at_it() -> None:
    standing = alert(skew(SKEW + 1))

    assert steps([skew(SKEW - 1)], DEFAULTS, [standing]).cleared == ()
    assert steps([skew(SKEW * 0.8)], DEFAULTS, [standing]).cleared == (standing,)


def test_a_certificate_is_alerted_below_its_threshold_and_cleared_a_day_above_it() -> None:
    days = DEFAULTS[Rule.CERTIFICATE_EXPIRES].threshold

    def left(value: float) -> Measure:
        return Measure(Rule.CERTIFICATE_EXPIRES, value)

    standing = alert(left(days - 1))
    assert steps([left(days - 0.5)], DEFAULTS, []).raised
    assert not steps([left(days)], DEFAULTS, []).raised
    assert not steps([left(days + 0.5)], DEFAULTS, [standing]).cleared
    assert steps([left(days + 1)], DEFAULTS, [standing]).cleared == (standing,)


def test_silence_takes_no_alert_back() -> None:
    assert steps([skew(None)], DEFAULTS, [alert(skew(SKEW + 1))]).cleared == ()
    assert steps([skew(None)], DEFAULTS, []).raised == ()


def test_what_is_gone_or_switched_off_clears_its_alert() -> None:
    standing = alert(skew(SKEW + 1))
    off = {**DEFAULTS, Rule.CLOCK_SKEW: Setting(SKEW, enabled=False)}

    assert steps([], DEFAULTS, [standing]).cleared == (standing,)
    assert steps([skew(SKEW * 9)], off, [standing]).cleared == (standing,)
    assert steps([skew(SKEW * 9)], off, []).raised == ()


def test_each_rule_raises_for_the_agent_or_connection_that_it_is_about() -> None:
    worst = agent(
        connected=False,
        seen_at=ago(days=1),
        skew=timedelta(hours=1),
        waiting=Waiting(1, 10**9, 2**60, ago(days=1)),
        drain=None,
        certificates=(Certificate("relay", ago(days=1)),),
    )
    failing = connection(
        late_since=ago(days=9),
        dead_letters=10**6,
        error_since=ago(days=1),
        error_code="x",
        certificates=(Certificate("source", ago(days=1)),),
    )
    fleet = Fleet([(worst, [failing])], Certificate("relay", ago(days=1)))

    found = steps(measures_of(fleet, NOW), DEFAULTS, []).raised

    assert {measure.rule for measure in found} == set(Rule)
    assert {measure.subject for measure in found if measure.rule is Rule.CERTIFICATE_EXPIRES} == {
        ("certificate_expires", "", ""),
        ("certificate_expires", "agt_1", ""),
        ("certificate_expires", "agt_1", "nav"),
    }
    assert all(alert(measure).message and alert(measure).hint for measure in found)
    assert not steps(measures_of(Fleet([(AGENT, [CONNECTION])]), NOW), DEFAULTS, []).raised


@given(st.lists(st.one_of(st.none(), st.floats(0, 400)), max_size=40))
def test_raised_and_cleared_take_turns_whatever_is_measured(values: list[float | None]) -> None:
    """Never two alerts of one thing at a time; each ends once; and a word in between says neither."""
    standing: list[Alert] = []
    kind, threshold = KINDS[Rule.CLOCK_SKEW], SKEW
    for number, value in enumerate(values):
        found = steps([skew(value)], DEFAULTS, standing)
        assert len(found.raised) + len(found.cleared) <= 1
        if value is not None and kind.beyond(value, threshold):
            assert not found.cleared
        if found.raised:
            assert not standing
            standing = [replace(alert(found.raised[0]), id=f"alt_{number}")]
        if found.cleared:
            assert list(found.cleared) == standing
            standing = []
