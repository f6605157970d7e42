"""One sync run is one trace, across the processes of agent and relay; so is one command. Read by a real collector."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from agent.telemetry.spans import span_of_command, span_of_run, trace_of_command, trace_of_run
from tests.deployment import Deployment
from tests.integration.otlp_receiver import Receiver, receiving

ROOT = Path(__file__).resolve().parents[2]
AGENT, RELAY = "groundwire-agent", "groundwire-relay"
SANDBOX = {"system": "sandbox", "sync": {"manual": True}}


def configure(deployment: Deployment, receiver: Receiver) -> None:
    """Both sides: each goes by its own file."""
    with (deployment.relay / "relay.toml").open("a") as file:
        file.write(f'\n[telemetry]\notlp_endpoint = "{receiver.url}"\n')
    path = deployment.config / "agent.toml"
    document = tomlkit.parse(path.read_text())
    document["telemetry"] = {"otlp_endpoint": receiver.url}
    path.write_text(tomlkit.dumps(document))


def until(receiver: Receiver, wanted: set[tuple[str, str]], trace: bytes) -> dict[tuple[str, str], list[Any]]:
    """The spans of a trace by service and name, once all of these have come."""
    deadline = time.monotonic() + 90
    while True:
        found: dict[tuple[str, str], list[Any]] = defaultdict(list)
        for service, span in receiver.spans():
            if span.trace_id == trace:
                found[service, span.name].append(span)
        if wanted <= found.keys():
            return found
        assert time.monotonic() < deadline, f"missing: {wanted - found.keys()}"
        time.sleep(0.1)


@dataclass(frozen=True)
class Site:
    receiver: Receiver
    deployment: Deployment
    run: dict[str, Any]
    command: str


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An agent that has synced, and was asked for something."""
    with receiving() as receiver, Deployment(tmp_path_factory.mktemp("site")) as deployment:
        configure(deployment, receiver)
        deployment.stop_relay()
        deployment.start_relay()
        deployment.connect("box", SANDBOX)
        deployment.start_agent()
        runs = deployment.sync("box")
        command = deployment.post("/connections/box/test", {})["id"]
        deployment.wait_for_command(command)
        yield Site(receiver, deployment, next(one for one in runs if one["counts"]["enqueued"]), command)


def test_a_run_is_one_trace_across_both_processes(site: Site) -> None:
    wanted = {(AGENT, name) for name in ("run", "page", "read", "map", "enqueue", "deliver")}
    wanted |= {(RELAY, name) for name in ("ingest", "append", "materialise")}

    found = until(site.receiver, wanted, trace_of_run(site.run["run"]))

    (root,) = found[AGENT, "run"]
    assert (root.span_id, root.parent_span_id) == (span_of_run(site.run["run"]), b"")
    spans = {span.span_id: span for named in found.values() for span in named}
    assert sum(map(len, found.values())) == len(spans), "no two spans have one id"
    assert {span.parent_span_id for span in found[RELAY, "ingest"]} <= spans.keys()
    assert {spans[one.parent_span_id].name for one in found[RELAY, "ingest"]} == {"deliver"}
    assert {spans[one.parent_span_id].name for one in found[AGENT, "map"]} == {"page"}
    assert {one.parent_span_id for one in found[AGENT, "page"]} == {root.span_id}
    assert {spans[one.parent_span_id].name for one in found[RELAY, "append"]} == {"ingest"}
    assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in spans.values())


def test_a_command_is_one_trace_across_both_processes(site: Site) -> None:
    wanted = {(RELAY, "command"), (AGENT, "command at agent")}

    found = until(site.receiver, wanted, trace_of_command(site.command))

    (at_relay,), (at_agent,) = found[RELAY, "command"], found[AGENT, "command at agent"]
    assert at_agent.parent_span_id == at_relay.span_id == span_of_command("relay", site.command)


def test_no_trace_holds_anything_of_a_record(site: Site) -> None:
    deadline = time.monotonic() + 90
    while not (numbers := {one["orderNo"] for one in records(site)} - {None}):
        assert time.monotonic() < deadline, site.deployment.log_tail()
        time.sleep(0.1)

    told = b"".join(body for _, _, body in site.receiver.requests)
    assert [number for number in numbers if number.encode() in told] == []
    assert {path for path, _, _ in site.receiver.requests} == {"/v1/traces"}


def records(site: Site) -> list[dict[str, Any]]:
    return list(site.deployment.records("purchase-orders"))


def test_an_agent_that_runs_tells_its_health_to_the_relay(site: Site) -> None:
    """Everything of it comes from the two processes: nothing is made up here."""

    def told() -> Any:
        (agent,) = site.deployment.get("/agents")["items"]
        found = site.deployment.get(f"/agents/{agent['id']}/health")
        connection = site.deployment.get("/connections/box/health")
        settled = found["backlog"] and not found["backlog"]["records"] and connection["lastSuccessAt"]
        return (found, connection) if settled else None

    deadline = time.monotonic() + 90
    while (health := told()) is None:
        assert time.monotonic() < deadline, site.deployment.log_tail()
        time.sleep(0.2)
    agent, connection = health

    of_this_machine = {"outbox_full"}  # its disk may be nearly full
    assert [one for one in agent["reasons"] if one["code"] not in of_this_machine] == []
    assert (agent["state"], agent["connected"]) == ("attention" if agent["reasons"] else "ok", True)
    assert abs(agent["clockSkewSeconds"]) < 60
    assert agent["outbox"]["diskFreeBytes"] > 0
    assert agent["lagSeconds"] >= 0
    (certificate,) = agent["certificates"]
    assert certificate["hop"] == "relay"
    assert (connection["state"], connection["credentials"]["state"]) == ("ok", "ok")
    assert connection["lastPosition"] > 0
    fleet = site.deployment.get("/fleet")
    assert (fleet["agents"], [one["name"] for one in fleet["items"]]) == (
        {"ok": 1, "attention": 0, "failing": 0},
        ["site-1"],
    )


def loaded(modules: str) -> set[str]:
    """What of tracing and metrics is loaded once these are."""
    program = (
        f"import sys, json, {modules};"
        "print(json.dumps([name for name in sys.modules if name.startswith(('opentelemetry', 'prometheus_client'))]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(json.loads(done.stdout))


def test_without_an_address_nothing_that_could_send_is_loaded() -> None:
    """The relay's web framework loads OpenTelemetry's interface, which does nothing by itself, where it finds it."""
    assert loaded("agent.app, agent.assembly") == set()
    senders = ("opentelemetry.proto", "opentelemetry.sdk", "opentelemetry.exporter", "prometheus_client")
    assert [name for name in loaded("relay.app") if name.startswith(senders)] == []
