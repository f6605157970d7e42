"""What is known of the certificates on the way to a source, for how long, and when it is somebody's business."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.certificates import WORDS, code_of, level_of
from agent.findings import Level
from agent.seen_certificates import SeenCertificates
from agent.settings import ConnectionSettings
from drivers.contract import Hop, HopCertificate

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
ERP = ConnectionSettings("erp", "odata", options={"url": "https://erp.example", "service": "s"})


def shown(hop: Hop, days: float) -> HopCertificate:
    return HopCertificate(hop, NOON + timedelta(days=days))


def ends(seen: SeenCertificates, settings: ConnectionSettings = ERP) -> Any:
    status = seen.status(settings)
    return {one["hop"]: one["expiresAt"] for one in status["certificates"]} if status else None


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def seen(told: list[str]) -> SeenCertificates:
    return SeenCertificates(lambda: told.append("changed"))


def test_nothing_is_said_before_anything_was_seen(seen: SeenCertificates) -> None:
    """An empty list would take back at the relay what the agent said before its restart."""
    assert seen.status(ERP) == {}


def test_a_hops_newest_certificate_counts_whichever_driver_of_the_connection_saw_it(
    seen: SeenCertificates, told: list[str]
) -> None:
    seen.note(ERP, [shown(Hop.SOURCE, 3), shown(Hop.PROXY, 9)])
    seen.note(ERP, [shown(Hop.SOURCE, 90)])

    assert ends(seen) == {"proxy": "2026-01-14T12:00:00Z", "source": "2026-04-05T12:00:00Z"}
    assert told == ["changed", "changed"]


def test_what_is_seen_again_is_no_news(seen: SeenCertificates, told: list[str]) -> None:
    for _ in range(3):
        seen.note(ERP, [shown(Hop.SOURCE, 3)])

    assert told == ["changed"]


def test_a_restart_of_the_connection_forgets_nothing_and_another_way_to_the_source_everything(
    seen: SeenCertificates,
) -> None:
    seen.note(ERP, [shown(Hop.SOURCE, 3), shown(Hop.PROXY, 9)])
    elsewhere = replace(ERP, options={"url": "https://new.example", "service": "s"})

    assert ends(seen, replace(ERP, enabled=False)) is not None
    assert ends(seen, elsewhere) == {}, "the old way's are taken back"
    seen.note(elsewhere, [shown(Hop.SOURCE, 90)])
    assert ends(seen, elsewhere) == {"source": "2026-04-05T12:00:00Z"}


@pytest.mark.parametrize(
    ("driver", "options", "may"),
    [
        ("odata", {"url": "https://erp"}, True),
        ("odata", {"url": "http://erp"}, False),
        ("odata", {"url": "http://erp", "proxy": "https://proxy:3128"}, True),
        ("odata", {"url": "http://erp", "auth": {"kind": "oauth2", "token_url": "https://id"}}, True),
        ("soap", {"services": "nav-pages", "url": "https://nav"}, True),
        ("netsuite", {"account": "1"}, True),  # whose host follows from the account
        ("rfc", {"host": "sap", "http": {"url": "https://sap"}}, True),
        ("rfc", {"host": "sap"}, False),
        ("odbc", {"connection": {"Encrypt": "yes", "Server": "sql"}}, False),
        ("sandbox", {}, False),
        ("odata", {"url": 7}, False),
    ],
)
def test_where_no_certificate_can_be_seen_none_is_said_at_once(
    seen: SeenCertificates, driver: str, options: dict[str, Any], may: bool
) -> None:
    """So that a connection that goes over ODBC from now on has not got its old certificate's alert for ever."""
    status = seen.status(ConnectionSettings("erp", driver, options=options))

    assert status == ({} if may else {"certificates": []})


@pytest.mark.parametrize(
    ("days", "level", "code"),
    [
        (22, Level.OK, ""),
        (20.9, Level.WARNING, "ending"),
        (7.1, Level.WARNING, "ending"),
        (6.9, Level.PROBLEM, "urgent"),
        (0.1, Level.PROBLEM, "urgent"),
        (-0.1, Level.PROBLEM, "ended"),
    ],
)
def test_how_grave_an_end_is(days: float, level: Level, code: str) -> None:
    ends_at = NOON + timedelta(days=days)

    assert (level_of(ends_at, NOON), code_of(ends_at, NOON)) == (level, code)


def test_every_hop_has_a_name_for_people() -> None:
    assert set(WORDS) == {"relay", *map(str, Hop)}
