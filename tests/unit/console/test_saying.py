"""What pages make of numbers, moments, findings and runs."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from agent.console.charts import Bar, bars
from agent.console.pages.overview import connection_row, page_of
from agent.console.pages.runs import chart_of
from agent.console.rendering import ago, lasting, number, plural

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


def test_moments_are_said_as_a_person_would() -> None:
    assert ago("2026-01-05T11:58:50Z", NOW) == "1 min 10 s ago"
    assert ago("2026-01-05T12:15:00Z", NOW) == "in 15 min"
    assert ago("2026-01-05T12:00:00.400Z", NOW) == "just now"
    assert ago(None, NOW) == "never"
    assert lasting("2026-01-03T11:00:00Z", NOW) == "for 2 d 1 h"


def test_numbers_are_grouped_and_have_their_noun() -> None:
    assert number(1234567) == "1\N{NARROW NO-BREAK SPACE}234\N{NARROW NO-BREAK SPACE}567"
    assert (plural(1, "batch", "batches"), plural(0, "batch", "batches")) == ("1 batch", "0 batches")


@pytest.mark.parametrize(
    ("code", "where", "page"),
    [
        ("stream.unreachable", "erp: vendors, assets", "connections/erp"),
        ("connection.paused", "erp", "connections/erp"),
        ("stream.source_changed", "erp/vendors", "connections/erp"),
        ("outbox.dead_letters", "outbox", "dead-letters"),
        ("outbox.full", "outbox", "in-flight"),
        ("configuration.file", "connections/erp.toml:3", "settings"),
        ("relay.unreachable", "relay", ""),
    ],
)
def test_each_finding_leads_to_where_it_is_looked_into(code: str, where: str, page: str) -> None:
    assert page_of({"code": code, "where": where}) == page


def test_what_is_drawn_holds_no_markup_of_a_source() -> None:
    drawn = bars([Bar("<script>", (1.0,), ("good",))], title='"><script>')

    assert "<script>" not in drawn
    assert "&lt;script&gt;" in drawn


def _run(**changed: Any) -> dict[str, Any]:
    return {
        "stream": "erp/vendors",
        "startedAt": "2026-01-05T12:00:00Z",
        "status": "succeeded",
        "counts": {"enqueued": 0, "tombstones": 0, "deadLetters": 0},
        "error": None,
        **changed,
    }


def test_a_failed_run_stands_out_also_where_it_read_nothing() -> None:
    error = {"code": "unreachable", "message": "", "hint": ""}
    drawn = chart_of([_run(), _run(status="failed", error=error)], title="runs")

    assert drawn.count('class="bar fail"') == 1
    assert drawn.count('class="bar none"') == 1


def test_a_connections_row_is_the_sum_of_its_streams() -> None:
    stream = {"error": None, "lastRun": None, "nextRunAt": None}
    connection = {
        "name": "erp",
        "system": "sandbox",
        "state": "idle",
        "paused": False,
        "streams": [
            {**stream, "name": "vendors", "lastRun": _run()},
            {**stream, "name": "assets", "error": {"code": "unreachable"}},
        ],
    }
    waiting = {"pending_batches": 2, "pending_bytes": 10, "dead_letters": 1}
    row = connection_row(
        connection, {"erp/vendors": waiting, "erp/assets": waiting, "other/vendors": waiting}
    )

    assert (row["batches"], row["bytes"], row["letters"], row["faulty"]) == (4, 20, 2, 1)
    assert row["last"] == "2026-01-05T12:00:00Z"


def test_an_agent_that_serves_no_page_loads_nothing_for_it() -> None:
    code = "import sys, agent.app; print([m for m in ('starlette', 'uvicorn', 'jinja2') if m in sys.modules])"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )

    assert found.stdout.strip() == "[]"
