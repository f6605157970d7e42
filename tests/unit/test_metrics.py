"""The local metrics as Prometheus reads them, held against docs/metrics.md."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from agent.clock import ManualClock
from agent.metrics import PREFIX, Metrics
from agent.model.run import RunMode, RunReport, RunStatus, RunTrigger
from agent.sync.supervisor import StreamState

PAGE = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
ROW = re.compile(r"^\| `(groundwire_agent_\w+)` \| (\w+) \| ([^|]*)\|", re.MULTILINE)
LABEL = re.compile(r"`(\w+)`")
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
MOVED = {"batches": 7, "records": 70, "bytes": 700}

STATUS: dict[str, Any] = {
    "relay": {
        "phase": "connected",
        "last_ack": "2026-01-05T11:00:00Z",
        "certificate_ends": "1970-01-01T00:00:07Z",
    },
    "outbox": {
        "pending_batches": 2,
        "pending_bytes": 200,
        "file_bytes": 4_096,
        "reading_paused": False,
        "streams": {
            "erp/a": {"dead_letters": 3},
            "erp/b": {"dead_letters": 4},
            "gone/x": {"dead_letters": 1},
        },
    },
    "figures": {
        "backlog": {
            "records": 20,
            "oldest_at": "2026-01-05T11:59:00Z",
            "high_water_bytes": 1_000,
            "full_in_seconds": 80.0,
            "disk_free_bytes": 5_000,
        },
        "since_start": {"enqueued": MOVED, "acked": MOVED},
        "last_acked": None,
    },
    "connections": [
        {
            "name": "erp",
            "paused": True,
            "streams": [{"state": "idle"}, {"state": "running"}, {"state": "idle"}],
            "certificates": [{"hop": "source", "expiresAt": "1970-01-01T00:00:09Z"}],
        }
    ],
    "commands": {"in_doubt": 1},
    "verdict": {"findings": [{"level": "problem"}, {"level": "notice"}]},
}


def metrics_of(status: Mapping[str, Any]) -> Metrics:
    async def ask() -> Mapping[str, Any]:
        return status

    return Metrics(ask, ManualClock(NOON))


def report(status: RunStatus, seconds: float = 5.0) -> RunReport:
    ended = None if status is RunStatus.RUNNING else NOON + timedelta(seconds=seconds)
    return RunReport(
        "r", "erp/a", "erp", "vendor", RunTrigger.SCHEDULE, RunMode.INCREMENTAL, status, NOON, ended
    )


async def scraped(metrics: Metrics) -> str:
    metrics._status.begin(asyncio.get_running_loop())
    return (await asyncio.to_thread(generate_latest, metrics.registry)).decode()


def values(text: str) -> dict[str, float]:
    return {
        one.name + "".join(f" {name}={value}" for name, value in sorted(one.labels.items())): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


async def test_every_metric_is_on_the_page_with_its_kind_and_labels_and_the_other_way_round() -> None:
    metrics = metrics_of(STATUS)
    metrics.run_told(report(RunStatus.SUCCEEDED))

    exposed = {}
    for family in text_string_to_metric_families(await scraped(metrics)):
        if family.name.startswith(PREFIX):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            exposed[name] = (family.type, {label for one in family.samples for label in one.labels} - {"le"})

    rows = ROW.findall(PAGE.read_text("utf-8"))
    allowed = {state.value for state in StreamState} | {"succeeded", "failed", "cancelled", "problem"}
    allowed |= {"warning", "notice"}
    assert {name: (kind, set(LABEL.findall(labels)) - allowed) for name, kind, labels in rows} == exposed


async def test_the_numbers_are_those_of_the_status() -> None:
    found = values(await scraped(metrics_of(STATUS)))

    expected = {
        "connected": 1.0,
        "pending_batches": 2.0,
        "pending_records": 20.0,
        "oldest_pending_seconds": 60.0,
        "outbox_full_in_seconds": 80.0,
        "acked_records_total": 70.0,
        "last_ack_timestamp_seconds": (NOON - timedelta(hours=1)).timestamp(),
        "dead_letters connection=erp": 7.0,
        "streams connection=erp state=idle": 2.0,
        "streams connection=erp state=retrying": 0.0,
        "connection_paused connection=erp": 1.0,
        "certificate_end_timestamp_seconds connection= hop=relay": 7.0,
        "certificate_end_timestamp_seconds connection=erp hop=source": 9.0,
        "findings level=problem": 1.0,
        "commands_in_doubt": 1.0,
    }
    assert {name: found.get(f"{PREFIX}_{name}") for name in expected} == expected


async def test_labels_are_names_of_connections_in_force_and_of_nothing_else() -> None:
    text = await scraped(metrics_of(STATUS))

    assert "gone" not in text
    assert "erp/a" not in text


async def test_what_is_not_known_is_absent() -> None:
    figures = {**STATUS["figures"], "backlog": {"full_in_seconds": None}}

    text = await scraped(metrics_of({**STATUS, "figures": figures}))

    assert "full_in_seconds" not in text
    assert "pending_bytes 200" in text


async def test_each_run_counts_once_however_many_pages_it_tells_of() -> None:
    metrics = metrics_of(STATUS)
    for _ in range(100):
        metrics.run_told(report(RunStatus.RUNNING))
    metrics.run_told(report(RunStatus.FAILED, seconds=20.0))

    found = values(await scraped(metrics))

    assert found[f"{PREFIX}_runs_total connection=erp status=failed"] == 1.0
    assert found[f"{PREFIX}_run_seconds_sum"] == 20.0
    assert not any("succeeded" in name for name in found)


async def test_an_agent_that_cannot_say_how_it_stands_leaves_the_process_own_numbers() -> None:
    async def broken() -> Mapping[str, Any]:
        raise RuntimeError("not now")

    text = await scraped(Metrics(broken, ManualClock(NOON)))

    assert "process_resident_memory_bytes" in text
    assert "pending" not in text


@asynccontextmanager
async def served(metrics: Metrics, port: int = 0) -> AsyncIterator[int]:
    with capture_logs() as logs:
        serving = asyncio.ensure_future(metrics.serve(port))
        while not logs:
            await asyncio.sleep(0.01)  # noqa: TID251 - another thread opens the port
        try:
            yield logs[0].get("port", 0)
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)


async def test_prometheus_is_answered_on_loopback_alone_and_nobody_afterwards() -> None:
    async with served(metrics_of(STATUS)) as port:
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"http://127.0.0.1:{port}/metrics")
        with socket.socket() as elsewhere:
            elsewhere.settimeout(30)
            refused = elsewhere.connect_ex(("127.0.0.2", port))

    assert answer.status_code == 200
    assert "groundwire_agent_pending_records 20.0" in answer.text
    assert refused != 0
    with socket.socket() as afterwards:
        assert afterwards.connect_ex(("127.0.0.1", port)) != 0


async def test_a_page_that_leads_a_name_of_its_own_here_reads_nothing() -> None:
    async with served(metrics_of(STATUS)) as port, httpx.AsyncClient(trust_env=False) as client:
        asked = {
            name: await client.get(f"http://127.0.0.1:{port}/metrics", headers={"Host": name})
            for name in (f"evil.example:{port}", "evil.example", f"localhost:{port}", "127.0.0.1:9")
        }

    assert [answer.status_code for answer in asked.values()] == [421, 421, 200, 200]
    assert "groundwire_agent" not in asked["evil.example"].text


async def test_a_port_that_is_taken_is_told_of_and_ends_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, capture_logs() as logs:
        await metrics_of(STATUS).serve(taken.getsockname()[1])

    (line,) = logs
    assert line["event"] == "metrics_not_served"
    assert "[metrics] port" in line["hint"]
