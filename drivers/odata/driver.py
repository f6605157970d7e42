"""`odata`: any service that speaks OData V2 or V4, by configuration alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
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
    SourceChanged,
    StreamSpec,
    Table,
    WriteCommand,
    unseen,
)
from drivers.http.client import HttpClient, told_time
from drivers.local_time import settled
from drivers.odata import checks
from drivers.odata.catalogue import tables_of
from drivers.odata.columns import key_text
from drivers.odata.edm import Kind, Model
from drivers.odata.fetching import SetReader
from drivers.odata.literals import iso
from drivers.odata.matrix import operations_of
from drivers.odata.options import ConnectionOptions, StreamOptions, parse_connection, parse_stream, time_zone
from drivers.odata.ordering import START, OrderedBy
from drivers.odata.planning import plan
from drivers.odata.reading import Fetched, PageReader, in_thread
from drivers.odata.recipe_reader import read_writes
from drivers.odata.service import Service
from drivers.odata.shape import Node, StreamShape, shape_of
from drivers.odata.writing import Writer

VERSION: Final = "1"
# The floor of an empty source: nothing that comes later can lie below it.
_LOWEST: Final = str(-(2**63))


class ODataDriver:
    def __init__(
        self,
        connection: str,
        options: Mapping[str, Any],
        secrets: Mapping[str, str],
        *,
        seen: SeenCertificate = unseen,
    ) -> None:
        self._name = connection
        self._options: ConnectionOptions = parse_connection(options)
        self._client = HttpClient(self._options, secrets, agent="Groundwire", seen=seen)
        self._services: dict[str, Service] = {}
        self._writer = Writer(self._service, lambda command: self._path_of(command.stream))
        self._product = ""

    def __repr__(self) -> str:
        return f"ODataDriver({self._name!r})"

    def describe(self) -> Description:
        return Description(
            driver="odata",
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
        # The services of single streams are tried with them: one that is missing leaves the others to be tried.
        own = bool(self._options.service) or any(self._uses_own_service(stream) for stream in streams)
        hops = await checks.hops(
            self._options, self._client, self._service(self._options.service), metadata=own
        )
        if all(hop.ok for hop in hops):
            self._product = checks.product(hops)
            hops += [await stream_read(stream.name, self._try_stream(stream)) for stream in streams]
            hops += [
                await stream_written(stream.name, self._try_writes(stream))
                for stream in streams
                if stream.write
            ]
        return hops

    async def _try_writes(self, stream: StreamSpec) -> str:
        writes = read_writes(stream, await self._model(stream))
        kinds = named(writes.recipes, none="none that the service takes")
        return f"{kinds}; the service knows every property, and only a write shows the rest"

    async def discover(self) -> Catalogue:
        own = self._options.service
        paths = dict.fromkeys(path for path in (own, *self._options.services, *self._services) if path)
        tables: list[Table] = []
        for path in paths or {own: None}:
            model = await self._service(path).model(where="options.service")
            tables += tables_of(model, "" if path == own else path)
        return Catalogue(tuple(tables))

    async def signpost(self, stream: StreamSpec) -> Mark | None:
        shape = await self._shape(stream)
        if shape.replication is None or shape.mark_kind is None:
            return None
        if shape.mark_kind is MarkKind.INTEGER:
            return Mark(MarkKind.INTEGER, await self._highest(shape))
        now = await self._server_time(shape)
        if shape.replication.kind is Kind.TIMESTAMP_TZ and shape.mark_kind is MarkKind.TIMESTAMP:
            return Mark(MarkKind.TIMESTAMP, now.isoformat(timespec="seconds"))
        zone = time_zone(shape.options, shape.where)
        local = settled(now.astimezone(zone).replace(tzinfo=None), zone)
        if shape.mark_kind is MarkKind.DATE:
            return Mark(MarkKind.DATE, local.date().isoformat())
        return Mark(MarkKind.TIMESTAMP, iso(local))

    async def read(self, request: ReadRequest) -> AsyncIterator[Page]:
        shape = await self._shape(request.stream)
        reader = PageReader(self._service, self._options.spared(request.call_rows), shape, request)
        # One page is fetched ahead while the one before it is finished. The task never outlives this generator.
        ahead: asyncio.Task[Fetched] | None = asyncio.create_task(reader.fetch(reader.start()))
        try:
            while ahead is not None:
                fetched = await ahead
                ahead = None
                if not fetched.complete:
                    ahead = asyncio.create_task(reader.fetch(fetched.position))
                page = await in_thread(reader, fetched)
                del fetched  # its records: the next page's are on their way
                yield page
        finally:
            if ahead is not None:
                ahead.cancel()
                with contextlib.suppress(DriverError, asyncio.CancelledError):
                    await ahead

    async def plan(self, request: ReadRequest) -> ReadPlan:
        shape = await self._shape(request.stream)
        options = self._options.spared(request.call_rows)
        reader = PageReader(self._service, options, shape, request)
        return await plan(self._service(shape.service), options, shape, reader, request)

    async def columns(self, stream: StreamSpec) -> Sequence[Column]:
        shape = await self._shape(stream)
        found = [Column(name, each.type, each.nullable) for name, each in shape.node.leaves()]
        for lines in shape.lines:
            found += [
                Column(f"{lines.name}.{name}", each.type, each.nullable) for name, each in lines.node.leaves()
            ]
        return found

    async def operations(self, streams: Sequence[StreamSpec]) -> Sequence[Operation]:
        found: list[Operation] = []
        limit = timedelta(seconds=self._options.request_seconds)
        for stream in streams:
            if stream.write:
                found += operations_of(stream, await self._model(stream), limit)
        return found

    async def execute(self, command: WriteCommand) -> Outcome:
        return await self._writer.execute(command)

    async def find_effect(self, command: WriteCommand) -> Outcome | None:
        return await self._writer.find_effect(command)

    async def aclose(self) -> None:
        await self._client.aclose()

    # --- services and streams

    def _service(self, path: str) -> Service:
        if path not in self._services:
            self._services[path] = Service(self._client, self._options, path)
        return self._services[path]

    def _uses_own_service(self, stream: StreamSpec) -> bool:
        try:
            return parse_stream(stream.name, stream.options).service is None
        except DriverError:
            return False  # its own step says what is wrong

    def _service_of(self, options: StreamOptions) -> str:
        return self._options.service if options.service is None else options.service

    def _path_of(self, stream: StreamSpec) -> str:
        return self._service_of(parse_stream(stream.name, stream.options))

    async def _model(self, stream: StreamSpec) -> Model:
        return await self._service(self._path_of(stream)).model(where=f"streams.{stream.name}.read.service")

    async def _shape(self, stream: StreamSpec) -> StreamShape:
        options = parse_stream(stream.name, stream.options)
        path = self._service_of(options)
        paths = list(
            dict.fromkeys(each.service for each in options.lines.values() if each.service is not None)
        )
        try:
            return await self._shape_of(stream, options, path, paths)
        except SourceChanged:
            for each in (path, *paths):
                self._service(each).forget()  # what is not in the model may be in the service by now
        return await self._shape_of(stream, options, path, paths)

    async def _shape_of(
        self, stream: StreamSpec, options: StreamOptions, path: str, paths: Sequence[str]
    ) -> StreamShape:
        where = f"streams.{stream.name}.read.lines"
        others = {each: await self._service(each).model(where=where) for each in paths}
        return shape_of(stream.name, options, await self._model(stream), service=path, others=others)

    async def _try_stream(self, stream: StreamSpec) -> str:
        shape = await self._shape(stream)
        request = checks.smallest_read(stream, await self.signpost(stream))
        reader = PageReader(self._service, self._options, shape, request)
        await in_thread(reader, await reader.fetch(None))
        return checks.describe_stream(shape)

    async def _server_time(self, shape: StreamShape) -> datetime:
        """The source's own present time, from the answer to the smallest question there is."""
        reader = self._reader_of(shape, Node(shape.order))
        await reader.ordered([OrderedBy(shape.order[0], shape.version)], START, [], 1)
        return told_time(
            reader.answered,
            whose="the server's",
            where=f"{shape.where}.replication_key",
            hint="Let the proxy pass the header on, or leave replication_key out.",
        )

    async def _highest(self, shape: StreamShape) -> str:
        assert shape.replication is not None  # noqa: S101 - asked only of streams that have one
        reader = self._reader_of(shape, Node((shape.replication,)))
        found = await reader.highest(shape.replication)
        return (key_text(shape.replication, found[0].p0) if found else None) or _LOWEST

    def _reader_of(self, shape: StreamShape, node: Node) -> SetReader:
        return SetReader(
            self._service(shape.service),
            shape.options.entity_set,
            node,
            shape.version,
            url_chars=self._options.url_chars,
            where=shape.where,
        )
