"""The relay's lines of batches and commands have the trace that the agent's own lines have."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import Any

import structlog
from structlog.testing import capture_logs

from agent.telemetry.context import of_command, of_run
from agent.telemetry.logging import configure_logging
from relay.log_lines import LogLines, log_lines_wanted
from relay.observing import Settled
from relay.store.base import AppendOutcome
from tests.unit.relay.making import Sender, orders


def test_a_stored_batch_has_the_trace_of_its_run_at_the_agent() -> None:
    agent: Any = SimpleNamespace(id="agent-1", tenant="default", lineage=1, epoch=1)
    batch = Sender(agent).batch(orders(["1"]))

    with capture_logs() as logs:
        LogLines().settled(Settled(batch, AppendOutcome.APPENDED, "2026-01-05T12:00:00Z"))
    stream = io.StringIO()
    configure_logging(format="json", stream=stream, environ={})
    with of_run(batch.run, batch.stream):
        structlog.get_logger().info("run_finished")

    (at_relay,) = logs
    at_agent = json.loads(stream.getvalue())
    assert (at_relay["event"], at_relay["outcome"], at_relay["log_level"]) == (
        "batch_stored",
        "appended",
        "debug",
    )
    assert at_relay["trace"] == at_agent["trace"]
    assert at_relay["run"] == at_agent["run"] == batch.run


def test_a_command_has_one_trace_on_both_sides() -> None:
    with of_command("c1"):
        told = structlog.contextvars.get_contextvars()

    assert told["command"] == "c1"
    assert len(told["trace"]) == 32


def test_a_relay_that_does_not_log_debug_makes_no_such_lines() -> None:
    configure_logging(format="json", stream=io.StringIO(), environ={})
    assert not log_lines_wanted()

    configure_logging(level="debug", format="json", stream=io.StringIO(), environ={})
    assert log_lines_wanted()
