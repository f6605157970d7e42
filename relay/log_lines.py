"""What becomes of each batch and command, as lines with the trace that the agent's own lines have."""

from __future__ import annotations

import logging

import structlog

from agent.telemetry.context import told_of_command, told_of_run
from relay.lifecycle import Command
from relay.observing import Observer, Round, Settled

log = structlog.get_logger()


def log_lines_wanted() -> bool:
    """Whether this process logs the level debug; one that has set no log up does not."""
    return structlog.is_configured() and bool(log.is_enabled_for(logging.DEBUG))


class LogLines(Observer):
    """Of the level debug: a relay stores many. What is wrong with one is told where it is found."""

    def settled(self, settled: Settled) -> None:
        batch = settled.batch
        log.debug(
            "batch_stored",
            agent=batch.agent,
            stream=batch.stream,
            seq=batch.seq,
            kind=batch.kind,
            records=batch.count,
            outcome=settled.outcome.value,
            **told_of_run(batch.run),
        )

    def materialised(self, done: Round) -> None:
        for header in done.headers:
            log.debug("batch_shown", stream=header.stream, seq=header.seq, **told_of_run(header.run))

    def command_sent(self, command: Command) -> None:
        log.debug("command_sent", **told_of_command(command.id))
