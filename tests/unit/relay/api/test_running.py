"""Sync runs that are under way: shown, started and cancelled."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from relay.lifecycle import CommandState
from relay.store.base import Agent, ConnectionStatus
from tests.unit.relay.api.serving import Served, filled, served
from tests.unit.relay.making import NOW

RUN = "01jgrun"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as running:
        yield running


def report(**changed: Any) -> dict[str, Any]:
    return {
        "run": RUN, "stream": "nav/purchase_orders", "connection": "nav", "entity": "purchase_order",
        "trigger": "command", "mode": "incremental", "status": "running", "startedAt": "2026-01-05T12:00:00Z",
        "finishedAt": None, "counts": {"read": 0}, "error": None, "differences": None, **changed,
    }  # fmt: skip


async def told(api: Served, agent: Agent, *reports: Any) -> None:
    streams = tuple({"name": "purchase_orders", "state": "running", "lastRun": one} for one in reports)
    await api.relay.store.save_connections(agent, [ConnectionStatus("nav", streams=streams)], NOW)


async def started(api: Served, agent: Agent, progress: dict[str, Any]) -> str:
    """A sync that was asked for, and has told its progress."""
    command = str((await api.acme.post("/sync-runs", json={"connection": "nav"})).json()["id"])
    await api.relay.store.send_command(agent, command, NOW)
    await api.relay.store.answer_command(agent.id, command, CommandState.RUNNING, progress, NOW)
    return command


async def test_a_run_under_way_shows_the_counts_of_its_commands_progress(api: Served) -> None:
    agent = (await filled(api)).agent
    await told(api, agent, report())
    await started(api, agent, {"streams": {"nav/purchase_orders": {"read": 500, "enqueued": 20}}})

    one = (await api.acme.get(f"/sync-runs/{RUN}")).json()
    listed = (await api.acme.get("/sync-runs", params={"status": "running"})).json()

    assert one["status"] == "running"
    assert (one["counts"]["read"], one["counts"]["enqueued"]) == (500, 20)
    assert one["toldAt"] == "2026-01-05T12:00:00Z"
    assert listed["items"] == [one]
    assert (await api.globex.get(f"/sync-runs/{RUN}")).status_code == 404
    assert [run["run"] for run in (await api.acme.get("/sync-runs")).json()["items"]] == ["run-1"]


@pytest.mark.parametrize("strange", [None, "x", {}, report(status="succeeded"), report(counts="many")])
async def test_what_is_no_report_of_a_run_under_way_is_passed_over(api: Served, strange: Any) -> None:
    await told(api, (await filled(api)).agent, strange)

    assert (await api.acme.get("/sync-runs", params={"status": "running"})).json()["items"] == []


@pytest.mark.parametrize("by_run", [True, False])
async def test_a_run_is_cancelled_with_the_command_that_started_it(api: Served, by_run: bool) -> None:
    agent = (await filled(api)).agent
    await told(api, agent, report())
    command = await started(api, agent, {"streams": {"nav/purchase_orders": {"read": 1}}})

    answer = await api.acme.post(f"/sync-runs/{RUN if by_run else command}/cancel")

    assert answer.status_code == 202
    assert answer.json()["kind"] == "cancel"
    assert answer.json()["args"] == {"command": command}


async def test_a_run_that_no_command_started_or_that_has_ended_is_not_cancelled(api: Served) -> None:
    agent = (await filled(api)).agent
    await told(api, agent, report(trigger="schedule"))

    scheduled = await api.acme.post(f"/sync-runs/{RUN}/cancel")
    ended = await api.acme.post("/sync-runs/run-1/cancel")

    assert (scheduled.status_code, ended.status_code) == (409, 409)
    assert "schedule" in scheduled.json()["detail"]
    assert "succeeded" in ended.json()["detail"]
    assert (await api.acme.post("/sync-runs/nothing/cancel")).status_code == 404
    assert (await api.globex.post(f"/sync-runs/{RUN}/cancel")).status_code == 404


async def test_a_full_resync_is_started_like_any_sync(api: Served) -> None:
    await filled(api)
    body = {"connection": "nav", "entities": ["purchase_order"], "full": True}

    made = await api.acme.post("/sync-runs", json=body, headers={"Idempotency-Key": "k"})
    same = await api.acme.post("/sync-runs", json=body, headers={"Idempotency-Key": "k"})

    assert made.json()["kind"] == "resync"
    assert made.json()["args"] == {"connection": "nav", "entities": ["purchase_order"]}
    assert same.json()["id"] == made.json()["id"]
    for wrong in ({"connection": "no"}, {}, {"connection": "nav", "entities": ["nothing"]}):
        assert (await api.acme.post("/sync-runs", json=wrong)).status_code in (404, 422)
