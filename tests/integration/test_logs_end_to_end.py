"""The logs of an agent and a relay that work together, as files and over the command line; and the agent's metrics."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import tomlkit
from prometheus_client.parser import text_string_to_metric_families

from agent.telemetry.spans import trace_of_command, trace_of_run
from tests.deployment import Deployment

SANDBOX = {"system": "sandbox", "sync": {"manual": True}}
PATIENCE = 90.0  # seconds; a machine that is busy with other things is no fault


class Talkative(Deployment):
    """Both sides tell everything they can, and the agent has its metrics on any free port."""

    def start_relay(self) -> None:
        self._relay = self._spawn(
            "relay",
            "relay",
            "run",
            str(self.relay),
            "--log-format",
            "json",
            "--log-level",
            "debug",
        )
        self._await(self._relay, "relay", lambda: self._answers("/healthz"))

    def talk(self) -> None:
        path = self.config / "agent.toml"
        document = tomlkit.parse(path.read_text())
        document["agent"]["log_level"] = "debug"  # type: ignore[index]
        document["metrics"] = {"enabled": True, "port": 0}
        path.write_text(tomlkit.dumps(document))


@dataclass(frozen=True)
class Site:
    deployment: Deployment
    run: dict[str, Any]
    command: str

    def at_agent(self) -> list[dict[str, Any]]:
        return lines_of(self.deployment.state / "log" / "agent.log")

    def at_relay(self) -> list[dict[str, Any]]:
        return lines_of(self.deployment.folder / "relay.log")


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.startswith("{")]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Talkative(tmp_path_factory.mktemp("site")) as deployment:
        deployment.talk()
        deployment.connect("box", SANDBOX)
        deployment.start_agent()
        runs = deployment.sync("box")
        deployment.wait_until_acked()
        command = deployment.post("/connections/box/test", {})["id"]
        deployment.wait_for_command(command)
        yield Site(deployment, next(one for one in runs if one["counts"]["enqueued"]), command)


def until(condition: Any, site: Site) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, site.deployment.log_tail()
        time.sleep(0.1)
    return found


def events(lines: list[dict[str, Any]], trace: str) -> set[str]:
    return {line["event"] for line in lines if line.get("trace") == trace}


def test_a_run_has_one_id_from_the_source_to_the_relay(site: Site) -> None:
    trace = trace_of_run(site.run["run"]).hex()
    here = {"run_started", "run_finished", "batch_enqueued", "batch_sent", "batch_acked"}
    there = {"batch_stored", "batch_shown"}

    until(lambda: here <= events(site.at_agent(), trace), site)
    until(lambda: there <= events(site.at_relay(), trace), site)


def test_a_command_has_one_id_on_both_sides(site: Site) -> None:
    trace = trace_of_command(site.command).hex()

    until(lambda: "command_finished" in events(site.at_agent(), trace), site)
    until(lambda: {"command_sent", "result_received"} <= events(site.at_relay(), trace), site)


def test_the_command_line_finds_a_run_by_its_trace_in_the_running_agent(site: Site) -> None:
    trace = trace_of_run(site.run["run"]).hex()

    said = site.deployment.command_line("log", "search", "--run", trace, "--level", "info", "--json")

    found = [json.loads(line) for line in said.splitlines()]
    assert {line["event"] for line in found} >= {"run_started", "run_finished"}
    assert {line["trace"] for line in found} == {trace}


def values_of(record: Any) -> Iterator[str]:
    """Texts of a record that cannot stand in a line by chance."""
    if isinstance(record, dict):
        for value in record.values():
            yield from values_of(value)
    elif isinstance(record, list):
        for value in record:
            yield from values_of(value)
    elif isinstance(record, str) and len(record) >= 8 and not record.isalpha() and not record[:4].isdecimal():
        yield record


def told_by_records(site: Site) -> set[str]:
    """What the relay shows of the records; more once its index has caught up."""
    known = {"purchase_order", "work_order", "inventory_item", "sandbox", "pending_approval"}
    return {
        value
        for path in ("purchase-orders", "vendors")
        for record in site.deployment.records(path)
        for name, member in record.items()
        if name
        in {"orderNo", "vendorName", "name", "email", "note", "lineItems", "description", "customFields"}
        for value in values_of(member)
    } - known


def test_no_line_of_either_side_holds_anything_of_a_record(site: Site) -> None:
    """At the level debug, which tells everything there is to tell."""
    until(lambda: len(told_by_records(site)) > 50, site)
    values = told_by_records(site)
    here = (site.deployment.state / "log" / "agent.log").read_text()
    there = (site.deployment.folder / "relay.log").read_text()

    assert [value for value in values if value in here or value in there] == []


def test_a_level_is_changed_while_it_runs_and_that_is_audited(site: Site) -> None:
    site.deployment.command_line("log", "level", "tunnel", "error", "--for", "30m")
    told = json.loads(site.deployment.command_line("log", "level", "--json"))
    site.deployment.command_line("log", "level", "tunnel", "default")

    assert [(one["name"], one["level"]) for one in told["changed"]] == [("tunnel", "error")]
    assert json.loads(site.deployment.command_line("log", "level", "--json"))["changed"] == []
    assert '"call":"log_level"' in audited(site)


def audited(site: Site) -> str:
    return site.deployment.command_line("audit", "show", "--json").replace('": "', '":"')


def test_the_metrics_are_those_of_the_status(site: Site) -> None:
    (served,) = [line for line in site.at_agent() if line["event"] == "metrics_served"]

    text = httpx.get(f"http://127.0.0.1:{served['port']}/metrics", trust_env=False).text

    found = {
        one.name: one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
        if one.name.startswith("groundwire_agent")
    }
    since = site.deployment.call("status")["figures"]["since_start"]
    assert found["groundwire_agent_connected"] == 1
    assert found["groundwire_agent_enqueued_records_total"] == since["enqueued"]["records"] > 0
    assert found["groundwire_agent_runs_total"] > 0


def test_at_night_the_letters_are_found_understood_and_dropped_with_what_the_commands_say(site: Site) -> None:
    """From the verdict on, each answer names the next command."""
    status = site.deployment.call("status")
    assert [one["code"] for one in status["verdict"]["findings"]] == ["outbox.dead_letters"]
    assert status["figures"]["last_acked"]["stream"].startswith("box/")
    assert "groundwire outbox reasons" in site.deployment.command_line("status")

    reasons = site.deployment.command_line("outbox", "reasons")
    (shown, *_) = json.loads(site.deployment.command_line("outbox", "dead-letters", "--json"))["dead_letters"]
    letter = site.deployment.command_line("outbox", "show", str(shown["id"]))
    assert "What to do:" in reasons
    assert "groundwire outbox requeue --stream box/" in reasons
    assert f"groundwire outbox requeue {shown['id']}" in letter
    assert "The rule:" in letter

    site.deployment.command_line("outbox", "drop", "--all", "--why", "trial data", "--yes")
    check = site.deployment.command_line("status", "--check")
    assert check.startswith("GROUNDWIRE OK - All well | pending_batches=0")
    assert '"why":"trial data"' in audited(site)


def test_without_metrics_nothing_listens(tmp_path: Path) -> None:
    with Deployment(tmp_path) as deployment:
        deployment.start_agent()
        sockets = psutil.Process(deployment.agent_pid).net_connections("tcp")

    assert [one.laddr for one in sockets if one.status == psutil.CONN_LISTEN] == []
