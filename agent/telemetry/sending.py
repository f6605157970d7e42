"""Whether spans are sent, and whereto: as local configuration says, and nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from agent.clock import Clock
from agent.telemetry.spans import Nowhere, SpanSink

if TYPE_CHECKING:
    from agent.telemetry.otlp import OtlpSender


def sink_to(endpoint: str | None, resource: Mapping[str, str], clock: Clock) -> SpanSink:
    """Raises ConfigurationError for an address that cannot be one, or a package that is missing."""
    if not endpoint:
        return Nowhere()
    from agent.telemetry.otlp import OtlpSender  # noqa: PLC0415 - only where it is asked for

    return OtlpSender(endpoint, resource, clock)


@asynccontextmanager
async def sending(sink: SpanSink) -> AsyncIterator[None]:
    """What the sink is given is sent meanwhile, and what is left at the end for a moment longer."""
    sender = _sender(sink)
    if sender is None:
        yield
        return
    task = asyncio.create_task(sender.run(), name="traces")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await sender.close()


def _sender(sink: SpanSink) -> OtlpSender | None:
    if isinstance(sink, Nowhere):
        return None
    from agent.telemetry.otlp import OtlpSender  # noqa: PLC0415 - loaded by then

    return sink if isinstance(sink, OtlpSender) else None
