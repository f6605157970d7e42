"""Faults that were planted, each of which the worlds must find."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from agent.sync.runner import Runner
from drivers.contract import Mark, MarkKind, Page, ReadMode, ReadRequest
from relay.ingest import Ingest
from relay.store.base import Appended, AppendOutcome, NewBatch
from tests.sim.agent import Parts


class AckFirst(Ingest):
    """Says that a batch is stored before it is."""

    def submit(self, batch: NewBatch) -> asyncio.Future[Appended]:
        super().submit(batch)
        said: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
        said.set_result(Appended(AppendOutcome.APPENDED, batch.seq))
        return said


class Exclusive:
    """A source that is asked for what changed after the floor, and not at it."""

    def __init__(self, source: Any) -> None:
        self._source = source

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def read(self, request: ReadRequest) -> AsyncGenerator[Page, None]:
        if request.mode is ReadMode.CHANGES and request.start is not None:
            request = replace(request, start=_behind(request.start))
        pages: AsyncGenerator[Page, None] = self._source.read(request)
        return pages


class ExclusiveBound(Runner):
    def __init__(self, stream: Any, source: Any, *args: Any, **options: Any) -> None:
        super().__init__(stream, Exclusive(source), *args, **options)


class FloorTooEarly(Runner):
    """Moves the floor with the first page of a pass, though the others are still to come."""

    async def _take(self, report: Any, table: Any, known: Any, checkpoint: Any, *, resend: bool) -> Any:
        if checkpoint is not None and checkpoint.under_way is not None:
            checkpoint = checkpoint.completed(checkpoint.under_way)
        return await super()._take(report, table, known, checkpoint, resend=resend)


class CheckpointFirst(Runner):
    """Stores the checkpoint before the records that it covers."""

    async def _take(self, report: Any, table: Any, known: Any, checkpoint: Any, *, resend: bool) -> Any:
        if checkpoint is not None:
            await self._outbox.append(self._entry(report, checkpoint=checkpoint))
        return await super()._take(report, table, known, checkpoint, resend=resend)


def _behind(mark: Mark) -> Mark:
    if mark.kind is MarkKind.TIMESTAMP:
        return Mark(mark.kind, (datetime.fromisoformat(mark.value) + timedelta(microseconds=1)).isoformat())
    return Mark(mark.kind, str(int(mark.value) + 1))


MUTANTS: Final = {
    "ack before commit": Parts(ingest=AckFirst),
    "checkpoint before append": Parts(runner=CheckpointFirst),
    "exclusive lower bound": Parts(runner=ExclusiveBound),
    "floor moved on an incomplete pass": Parts(runner=FloorTooEarly),
}
