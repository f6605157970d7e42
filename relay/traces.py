"""The relay's spans: what becomes of a run's batches here, and commands. The agent's spans have the same traces."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final

from agent.clock import Clock
from agent.telemetry.spans import (
    Span,
    SpanSink,
    span_at_relay,
    span_of_command,
    span_of_delivery,
    trace_of_command,
    trace_of_run,
)
from relay.lifecycle import Command, CommandState
from relay.observing import Commit, Observer, Outcome, Round, Settled
from relay.store.base import AppendOutcome, BatchHeader, NewBatch

MAX_COMMANDS: Final = 10_000  # whose outcome is waited for


class Traces(Observer):
    def __init__(self, sink: SpanSink, clock: Clock) -> None:
        self._sink = sink
        self._clock = clock
        self._sent: OrderedDict[str, tuple[str, datetime]] = OrderedDict()

    def settled(self, settled: Settled) -> None:
        batch = settled.batch
        if settled.outcome is not AppendOutcome.APPENDED:
            return  # a repeat was ingested before, and another outcome ends the session
        self._sink.add(
            Span(
                trace_of_run(batch.run),
                span_at_relay("ingest", batch.run, batch.stream, batch.seq),
                "ingest",
                batch.received_at,
                self._clock.utcnow(),
                span_of_delivery(batch.run, batch.stream, batch.seq),
                {
                    "stream": batch.stream,
                    "seq": batch.seq,
                    "kind": batch.kind,
                    "records": batch.count,
                    "bytes": len(batch.payload),
                    "damaged": bool(batch.damaged),
                },
            )
        )

    def committed(self, commit: Commit) -> None:
        ended = commit.begun + timedelta(seconds=commit.seconds)
        for batch in commit.batches:
            self._step("append", batch, commit.begun, ended, len(commit.batches))

    def materialised(self, done: Round) -> None:
        ended = done.begun + timedelta(seconds=done.seconds)
        for header in done.headers:
            self._step("materialise", header, done.begun, ended, len(done.headers))

    def _step(
        self, name: str, batch: NewBatch | BatchHeader, begun: datetime, ended: datetime, together: int
    ) -> None:
        self._sink.add(
            Span(
                trace_of_run(batch.run),
                span_at_relay(name, batch.run, batch.stream, batch.seq),
                name,
                begun,
                ended,
                span_at_relay("ingest", batch.run, batch.stream, batch.seq),
                {"stream": batch.stream, "seq": batch.seq, "batches": together},
            )
        )

    def command_sent(self, command: Command) -> None:
        self._sent.setdefault(command.id, (command.kind, self._clock.utcnow()))
        while len(self._sent) > MAX_COMMANDS:
            self._sent.popitem(last=False)

    def command_answered(self, outcome: Outcome) -> None:
        sent = self._sent.pop(outcome.command, None)
        if sent is None:
            return
        kind, at = sent
        failed = outcome.state is not CommandState.SUCCEEDED
        self._sink.add(
            Span(
                trace_of_command(outcome.command),
                span_of_command("relay", outcome.command),
                "command",
                at,
                self._clock.utcnow(),
                attributes={"command": outcome.command, "kind": kind, "state": outcome.state.value},
                error=outcome.state.value if failed else "",
            )
        )
