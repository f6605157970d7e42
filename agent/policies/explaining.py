"""One record, read now and mapped, for `groundwire policy explain`: nothing of it is enqueued or logged."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Protocol

from agent.errors import ConfigurationError, RecordError
from agent.model.entities import ENTITIES
from agent.model.render import to_documents
from agent.policy.leave import EVERYTHING
from agent.policy.model import Policy
from agent.policy.names import AGENT_COMMANDS, COMMANDS, OPERATIONS, nearest, shown
from agent.settings import ConnectionSettings, Settings
from agent.streams import build_stream
from drivers.contract import Page, ReadMode, ReadRequest


def refuse_unknown(
    settings: Settings,
    policy: Policy,
    *,
    connection: str,
    command: str | None = None,
    entity: str | None = None,
    operation: str | None = None,
) -> None:
    """What does not exist is no question of the policy: it would look as if only a rule were missing."""
    connections = (*settings.connections, *(one.name for one in settings.broken), *policy.file.connections)
    for what, given, known in (
        ("connection", connection, connections),
        ("command", command, COMMANDS + AGENT_COMMANDS),
        ("entity", entity, tuple(ENTITIES)),
        ("operation", operation, OPERATIONS),
    ):
        if given is not None and given not in known:
            raise ConfigurationError(f"there is no {what} {shown(given)}", hint=nearest(given, known))


class Readable(Protocol):
    def read(self, request: ReadRequest) -> AsyncGenerator[Page, None]: ...


async def read_document(
    driver: Readable, settings: ConnectionSettings, entity: str, key: str
) -> dict[str, Any]:
    """The record's JSON form, whole. Raises RecordError where it is not there or cannot be mapped."""
    streams = [stream for stream in settings.streams.values() if stream.entity == entity]
    if not streams:
        there = sorted({stream.entity for stream in settings.streams.values()})
        raise ConfigurationError(
            f"the connection {settings.name} has no stream of the entity {entity!r}",
            hint=f"There are: {', '.join(there) or 'none'}.",
        )
    for one in streams:
        stream = build_stream(settings, one, EVERYTHING)
        request = ReadRequest(stream.spec, ReadMode.BY_KEYS, page_rows=1, keys=(key,))
        async with aclosing(driver.read(request)) as pages:
            async for page in pages:
                mapped = stream.mapping.apply(page.table)
                for document in to_documents(mapped.records, range(mapped.records.num_rows)):
                    if document["key"] == key:
                        return document
                if mapped.rejects:
                    fault = mapped.rejects[0]
                    raise RecordError(
                        f"the record cannot be mapped: {fault.field}: {fault.message}", where=stream.address
                    )
    raise RecordError(f"there is no {entity} with the key {key!r} at the source", where=settings.name)
