"""The spans of a sync run, page by page."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any, Final, cast

from agent.clock import Clock
from agent.model.run import RunReport, RunStatus
from agent.outbox.store import Entry, Outbox
from agent.sync.quiet import Source
from agent.telemetry.spans import (
    Span,
    SpanSink,
    span_of_page,
    span_of_run,
    trace_of_run,
)
from drivers.contract import Column, Mark, Page, ReadRequest, StreamSpec

MAX_COMMANDS: Final = 1_000  # whose outcome is waited for


class RunTrace:
    """One run, seen from its ends: what it reads from, what it appends to, and what it reports.

    Of each page three steps: `read` until the driver has it, `map` until it is appended, `enqueue` until it is durable.
    """

    def __init__(self, sink: SpanSink, clock: Clock) -> None:
        self._sink = sink
        self._clock = clock
        self._run = ""
        self._page = 0
        self._steps = 0  # of the page
        self._within = False  # a page
        self._page_begun = self._mark = clock.utcnow()

    def source(self, source: Source) -> Source:
        return _Source(source, self)

    def outbox(self, outbox: Outbox) -> Outbox:
        return cast("Outbox", _Outbox(outbox, self))

    def progress(self, tell: Callable[[RunReport], None]) -> Callable[[RunReport], None]:
        def told(report: RunReport) -> None:
            tell(report)
            if report.status is not RunStatus.RUNNING:
                self._ended(report)

        return told

    def reading(self) -> None:
        self._page_begun = self._mark = self._clock.utcnow()

    def arrived(self) -> None:
        self._within = True
        self._step("read")

    def appending(self, run: str) -> None:
        self._run = self._run or run
        if self._within:
            self._step("map")

    def appended(self) -> None:
        if self._within:
            self._step("enqueue")

    def page_done(self, rows: int) -> None:
        self._within = False
        attributes = {"page": self._page, "read": rows}
        parent = span_of_run(self._run)
        self._add("page", self._page_span, self._page_begun, self._mark, parent, attributes)
        self._page += 1
        self._steps = 0
        self.reading()

    def _step(self, name: str) -> None:
        now = self._clock.utcnow()
        own = span_of_page(self._run, self._page, str(self._steps))
        self._add(name, own, self._mark, now, self._page_span, {})
        self._mark = now
        self._steps += 1

    def _ended(self, report: RunReport) -> None:
        attributes: dict[str, str | int] = {
            "run": report.run,
            "stream": report.stream,
            "entity": report.entity,
            "mode": report.mode.value,
            "trigger": report.trigger.value,
            "status": report.status.value,
            "read": report.counts.read,
            "enqueued": report.counts.enqueued,
            "dead_letters": report.counts.dead_letters,
            "pages": report.counts.pages,
        }
        trace, own = trace_of_run(report.run), span_of_run(report.run)
        ended = report.finished_at or self._clock.utcnow()
        error = "" if report.error is None else report.error.code
        self._sink.add(Span(trace, own, "run", report.started_at, ended, attributes=attributes, error=error))

    @property
    def _page_span(self) -> bytes:
        return span_of_page(self._run, self._page)

    def _add(
        self,
        name: str,
        own: bytes,
        begun: datetime,
        ended: datetime,
        parent: bytes,
        attributes: Mapping[str, int],
    ) -> None:
        trace = trace_of_run(self._run)
        self._sink.add(Span(trace, own, name, begun, ended, parent, dict(attributes)))


class _Source:
    """What a run reads from; its pages are noted."""

    def __init__(self, source: Source, trace: RunTrace) -> None:
        self._source = source
        self._trace = trace

    async def signpost(self, stream: StreamSpec) -> Mark | None:
        return await self._source.signpost(stream)

    async def columns(self, stream: StreamSpec) -> Sequence[Column]:
        return await self._source.columns(stream)

    async def read(self, request: ReadRequest) -> AsyncGenerator[Page, None]:
        self._trace.reading()
        async with aclosing(self._source.read(request)) as pages:
            async for page in pages:
                self._trace.arrived()
                try:
                    yield page
                finally:  # behind its last page a run reads no further
                    self._trace.page_done(page.table.num_rows)


class _Outbox:
    """The outbox as a run sees it; what is appended is noted. Everything else is the outbox's own."""

    def __init__(self, outbox: Outbox, trace: RunTrace) -> None:
        self._outbox = outbox
        self._trace = trace

    async def append(self, entry: Entry) -> tuple[int, ...]:
        self._trace.appending(entry.run)
        seqs = await self._outbox.append(entry)
        self._trace.appended()
        return seqs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._outbox, name)
