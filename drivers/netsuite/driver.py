"""`netsuite`: one account of NetSuite over REST, read by SuiteQL and written through its records."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from drivers.check_steps import named, stream_read, stream_written
from drivers.contract import (
    Capabilities,
    Catalogue,
    CheckStep,
    Column,
    Description,
    DriverError,
    Mark,
    MarkKind,
    Operation,
    Outcome,
    Page,
    ReadPlan,
    ReadRequest,
    SeenCertificate,
    StreamSpec,
    WriteCommand,
    unseen,
)
from drivers.http.client import HttpClient, server_time, told_time
from drivers.local_time import settled
from drivers.netsuite import checks, queries
from drivers.netsuite.catalogue import discover
from drivers.netsuite.options import parse_connection, zone_of
from drivers.netsuite.planning import plan
from drivers.netsuite.reading import Fetched, PageReader
from drivers.netsuite.recipes import read_writes
from drivers.netsuite.service import Service
from drivers.netsuite.shape import Kind, StreamShape, shape_of
from drivers.netsuite.writing import Writer, operations_of

VERSION: Final = "1"


class NetSuiteDriver:
    def __init__(
        self,
        connection: str,
        options: Mapping[str, Any],
        secrets: Mapping[str, str],
        *,
        seen: SeenCertificate = unseen,
    ) -> None:
        self._name = connection
        self._options = parse_connection(options)
        self._zone = zone_of(self._options)
        self._client = HttpClient(self._options, secrets, seen=seen)
        self._service = Service(self._client, self._options.url)
        self._writer = Writer(self._service)
        self._product = ""

    def __repr__(self) -> str:
        return f"NetSuiteDriver({self._name!r})"

    def describe(self) -> Description:
        return Description(
            driver="netsuite",
            version=VERSION,
            capabilities=Capabilities(
                incremental=True,
                keys=True,
                by_keys=True,
                consistent_snapshot=False,
                granularity=timedelta(seconds=1),
            ),
            product=self._product,
        )

    async def check(self, streams: Sequence[StreamSpec] = ()) -> Sequence[CheckStep]:
        writing = [stream for stream in streams if stream.write]
        hops = await checks.hops(self._options, self._client, self._service, records=bool(writing))
        if not all(hop.ok for hop in hops):
            return hops
        self._product = f"NetSuite account {self._options.account}"
        steps = [await stream_read(stream.name, self._try_stream(stream)) for stream in streams]
        writes = [await stream_written(stream.name, self._try_writes(stream)) for stream in writing]
        return [*hops, *steps, *writes]

    async def _try_stream(self, stream: StreamSpec) -> str:
        shape = shape_of(stream)
        request = checks.smallest_read(stream, await self.signpost(stream))
        reader = self._reader(shape, request)
        reader.finish(await reader.fetch(None))
        return checks.describe_stream(shape)

    async def _try_writes(self, stream: StreamSpec) -> str:
        return f"{named(read_writes(stream).recipes)}; only a write shows whether the role may and the form takes it"

    async def discover(self) -> Catalogue:
        return await discover(self._service, self._options.records)

    async def signpost(self, stream: StreamSpec) -> Mark | None:
        """NetSuite's own time, from an answer to the stream's query that holds nothing."""
        shape = shape_of(stream)
        if shape.replication is None or shape.mark_kind is None:
            return None
        where = f"{shape.where}.replication_key"
        statement = queries.header_page(shape, shape.key, [queries.NOTHING])
        answer = (await self._service.query(statement, limit=1, where=where)).answer
        now = told_time(
            server_time(answer),
            whose="NetSuite's",
            where=where,
            hint="Let the proxy pass the header on, or leave replication_key out.",
        )
        if shape.replication.kind is Kind.TIMESTAMP_TZ:
            return Mark(MarkKind.TIMESTAMP, now.isoformat(timespec="seconds"))
        local = settled(now.astimezone(self._zone).replace(tzinfo=None), self._zone)
        if shape.mark_kind is MarkKind.DATE:
            return Mark(MarkKind.DATE, local.date().isoformat())
        return Mark(MarkKind.TIMESTAMP, local.isoformat(timespec="seconds"))

    async def read(self, request: ReadRequest) -> AsyncIterator[Page]:
        reader = self._reader(shape_of(request.stream), request)
        # One page is fetched ahead while the one before it is finished. The task never outlives this generator.
        ahead: asyncio.Task[Fetched] | None = asyncio.create_task(reader.fetch(reader.start()))
        try:
            while ahead is not None:
                fetched = await ahead
                ahead = None
                if not fetched.complete:
                    ahead = asyncio.create_task(reader.fetch(fetched.position))
                yield await asyncio.to_thread(reader.finish, fetched)
        finally:
            if ahead is not None:
                ahead.cancel()
                with contextlib.suppress(DriverError, asyncio.CancelledError):
                    await ahead

    async def plan(self, request: ReadRequest) -> ReadPlan:
        shape = shape_of(request.stream)
        options = self._options.spared(request.call_rows)
        return await plan(self._service, options, shape, self._reader(shape, request), request)

    async def columns(self, stream: StreamSpec) -> Sequence[Column]:
        shape = shape_of(stream)
        lines = [
            Column(f"{each.name}.{column.name}", column.kind.value)
            for each in shape.lines
            for column in each.columns
        ]
        return [*(Column(column.name, column.kind.value) for column in shape.columns), *lines]

    async def operations(self, streams: Sequence[StreamSpec]) -> Sequence[Operation]:
        limit = timedelta(seconds=self._options.request_seconds)
        return [each for stream in streams if stream.write for each in operations_of(stream, limit)]

    async def execute(self, command: WriteCommand) -> Outcome:
        return await self._writer.execute(command)

    async def find_effect(self, command: WriteCommand) -> Outcome | None:
        return await self._writer.find_effect(command)

    async def aclose(self) -> None:
        await self._client.aclose()

    def _reader(self, shape: StreamShape, request: ReadRequest) -> PageReader:
        return PageReader(self._service, shape, request, rows=self._options.spared(request.call_rows).rows)
