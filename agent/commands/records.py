"""One record read at its source now, in the form in which the platform would see it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any, Protocol

from agent.clock import Clock
from agent.errors import ConfigurationError, RecordError
from agent.model.render import to_documents
from agent.policies.in_force import Leaves
from agent.policy.leave import EVERYTHING, LeaveFilter
from agent.sync.runner import Stream
from drivers.contract import Page, ReadMode, ReadRequest


class Reads(Protocol):
    """A driver, as far as it reads."""

    def read(self, request: ReadRequest) -> AsyncGenerator[Page, None]: ...


class Sources(Protocol):
    """The connections in force. Everything raises a GroundwireError for what is not there, or cannot be read."""

    def choose(
        self, connection: str, streams: list[str] | None = None, entities: list[str] | None = None
    ) -> list[tuple[str, str]]: ...

    def stream(self, connection: str, name: str) -> Stream: ...

    def aside(self, name: str) -> Reads: ...


class RecordRejected(RecordError):
    """The record does not fit the unified model as its stream maps it."""

    code = "record_rejected"
    default_hint = "`groundwire mapping preview CONNECTION/STREAM --key KEY` shows which field, and why."

    def __init__(self, field: str, reason: str, *, where: str) -> None:
        super().__init__(where=where)
        self.field = field
        self.reason = reason


class LiveRecords:
    """Reads records by key through the connections' second drivers; no run under way is disturbed."""

    def __init__(self, sources: Sources, clock: Clock, leaving: Leaves) -> None:
        self._sources = sources
        self._clock = clock
        self._leaving = leaving

    async def read(
        self, connection: str, entity: str, key: str, *, stream: str | None = None
    ) -> Mapping[str, Any] | None:
        """The record's JSON form with what the policy lets leave; None: it is not there, or must not leave.

        Of several streams that hold the entity the first that has the key, unless one is named. Raises PolicyDenied
        where nothing of the entity leaves, RecordRejected, and whatever reading raises.
        """
        wanted = self._sources.choose(connection, [stream] if stream else None, [entity])
        if not wanted:
            raise ConfigurationError(f"the stream {stream!r} does not hold {entity!r}", where=connection)
        for _, name in wanted:
            found = await self._read(self._sources.stream(connection, name), key, self._leave_now)
            if found is not None:
                return found
        return None

    async def read_whole(self, stream: Stream, key: str) -> Mapping[str, Any] | None:
        """For decisions on this host alone: what the policy holds back is in it."""
        return await self._read(stream, key, lambda _: EVERYTHING)

    def _leave_now(self, stream: Stream) -> LeaveFilter:
        """By the policy in force when the record is there: the stream may have been made under the one before."""
        facts = stream.facts
        return self._leaving(facts.connection, facts.entity, send_raw=facts.send_raw)

    async def _read(
        self, stream: Stream, key: str, leave: Callable[[Stream], LeaveFilter]
    ) -> Mapping[str, Any] | None:
        request = ReadRequest(stream.spec, ReadMode.BY_KEYS, keys=(key,))
        driver = self._sources.aside(stream.facts.connection)
        async with aclosing(driver.read(request)) as pages:
            async for page in pages:
                if page.table.num_rows:
                    return self._formed(stream, page, leave(stream))
        return None

    def _formed(self, stream: Stream, page: Page, leave: LeaveFilter) -> Mapping[str, Any] | None:
        mapped = stream.mapping.apply(page.table, with_raw=stream.facts.send_raw)
        if mapped.rejects:
            raise RecordRejected(mapped.rejects[0].field, mapped.rejects[0].reason, where=stream.address)
        records = leave.apply(mapped.records).records
        if not records.num_rows:
            return None
        meta = stream.facts.meta("", self._clock.utcnow())
        del meta["sync_run"]  # no run has brought it
        stated = records.replace_schema_metadata(meta)
        return to_documents(stated, [0], include_raw=stream.facts.send_raw, entity=stream.facts.entity)[0]
