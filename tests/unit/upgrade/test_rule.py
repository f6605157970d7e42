"""When a new version has shown that it works."""

from __future__ import annotations

import pytest

from agent.upgrade.rule import Seen, Verdict, judge

CONNECTED = Seen(connected=True, acked=False, beats_answered=0, waiting=0)


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        (None, Verdict.WAIT),
        (Seen(connected=False, acked=False, beats_answered=0, waiting=3), Verdict.WAIT),
        (Seen(connected=False, acked=True, beats_answered=0, waiting=3), Verdict.WAIT),
        (CONNECTED, Verdict.WAIT),
        (Seen(connected=True, acked=True, beats_answered=0, waiting=7), Verdict.WELL),
        (Seen(connected=True, acked=False, beats_answered=1, waiting=0), Verdict.WELL),
        (Seen(connected=True, acked=False, beats_answered=9, waiting=1), Verdict.WAIT),
        (Seen(connected=True, acked=False, beats_answered=1, waiting=1, held_back=True), Verdict.WELL),
    ],
)
def test_it_works_once_acked_or_with_nothing_to_send_answered(seen: Seen | None, verdict: Verdict) -> None:
    assert judge(seen, elapsed=1, within=2).verdict is verdict


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (None, "does not answer"),
        (Seen(connected=False, acked=False, beats_answered=0, waiting=0, error="refused"), "refused"),
        (Seen(connected=True, acked=False, beats_answered=4, waiting=2), "2 batches wait"),
        (CONNECTED, "no heartbeat"),
    ],
)
def test_what_has_not_come_in_its_time_is_named(seen: Seen | None, why: str) -> None:
    found = judge(seen, elapsed=2, within=2)

    assert found.verdict is Verdict.FAILED
    assert why in found.reason


def test_what_works_in_the_last_moment_works() -> None:
    assert judge(Seen(True, True, 0, 0), elapsed=99, within=2).verdict is Verdict.WELL
