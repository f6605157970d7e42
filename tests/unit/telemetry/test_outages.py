from __future__ import annotations

from datetime import UTC, datetime, timedelta

from agent.telemetry.outages import Outage, SharedOutage

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def test_a_day_of_failing_for_two_reasons_in_turn_is_two_lines_and_a_count() -> None:
    outage = Outage()

    news = [
        outage.is_news(("unreachable", "timeout")[turn % 2], NOON + timedelta(seconds=10 * turn))
        for turn in range(8_640)
    ]

    assert sum(news) == 2
    assert outage.over(NOON + timedelta(days=1)) == {"away_seconds": 86_400, "tries": 8_640}


def test_the_next_outage_is_news_again() -> None:
    outage = Outage()
    outage.is_news("unreachable", NOON)
    outage.over(NOON)

    assert outage.over(NOON) == {}
    assert outage.is_news("unreachable", NOON)


def test_what_several_share_is_back_once_all_of_them_are_served() -> None:
    outage = SharedOutage()

    assert [outage.is_news(who, "unreachable", NOON) for who in ("a", "b", "a")] == [True, False, False]
    assert outage.over("never away", NOON) == {}
    assert outage.over("a", NOON) == {}
    assert outage.over("b", NOON) == {"away_seconds": 0, "tries": 3}
