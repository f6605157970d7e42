"""The spans of batches on their way, from their sending to their ack."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog

from agent.clock import Clock
from agent.telemetry.context import told_of_run
from agent.telemetry.spans import Nowhere, Span, SpanSink, span_of_delivery, span_of_run, trace_of_run

log = structlog.get_logger(__name__)


class Sent(Protocol):
    """A batch that is on its way."""

    @property
    def stream(self) -> str: ...
    @property
    def seq(self) -> int: ...
    @property
    def run(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def count(self) -> int: ...
    @property
    def payload(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class _OnItsWay:
    seq: int
    run: str
    kind: str
    count: int
    size: int
    begun: datetime


class DeliveryTrace:
    """The batches of one session, from their sending to their ack; as many as there is credit for."""

    def __init__(self, sink: SpanSink, clock: Clock) -> None:
        self._sink = sink
        self._clock = clock
        self._off = isinstance(sink, Nowhere)
        self._on_their_way: dict[str, deque[_OnItsWay]] = {}

    def sent(self, batch: Sent) -> None:
        waiting = self._on_their_way.setdefault(batch.stream, deque())
        size = len(batch.payload)
        waiting.append(_OnItsWay(batch.seq, batch.run, batch.kind, batch.count, size, self._clock.utcnow()))

    def acked(self, stream: str, seq: int) -> None:
        waiting = self._on_their_way.get(stream)
        now = self._clock.utcnow()
        while waiting and waiting[0].seq <= seq:
            one = waiting.popleft()
            log.debug("batch_acked", stream=stream, seq=one.seq, **told_of_run(one.run))
            if self._off:
                continue
            attributes: dict[str, str | int] = {
                "stream": stream,
                "seq": one.seq,
                "kind": one.kind,
                "records": one.count,
                "bytes": one.size,
            }
            own = span_of_delivery(one.run, stream, one.seq)
            self._sink.add(
                Span(trace_of_run(one.run), own, "deliver", one.begun, now, span_of_run(one.run), attributes)
            )
