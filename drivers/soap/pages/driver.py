"""Page services of NAV, and of Business Central up to version 28."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from drivers.check_steps import named, stream_read, stream_written
from drivers.contract import (
    BadConfiguration,
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
    ReadMode,
    ReadPlan,
    ReadRequest,
    SeenCertificate,
    SourceChanged,
    StreamSpec,
    WriteCommand,
    unseen,
)
from drivers.http.client import HttpClient, server_time, told_time
from drivers.local_time import settled
from drivers.soap.channel import Channel
from drivers.soap.columns import ARROW
from drivers.soap.options import folder_of
from drivers.soap.pages import checks
from drivers.soap.pages.catalogue import published
from drivers.soap.pages.days import DayForms
from drivers.soap.pages.options import parse_connection, parse_stream, zone_of
from drivers.soap.pages.reading import Fetched, PageReader
from drivers.soap.pages.service import PageService
from drivers.soap.pages.shape import PageShape, shape_of
from drivers.soap.pages.writing import Writer
from drivers.soap.store import WsdlStore

VERSION: Final = "1"
_FIRST_YEAR, _LAST_YEAR = 1990, 9000  # of a server's clock: far from where times cannot be moved


class PagesDriver:
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
        self._client = HttpClient(self._options, secrets, seen=seen)
        store = WsdlStore(self._client, self._options.url, folder_of(self._options, connection))
        self._service = PageService(Channel(self._client), store, self._options)
        self._forms = DayForms(self._service)
        self._writer = Writer(self._service, self._shape)
        self._pages: dict[str, None] = {}  # that streams were read of
        self._product = ""

    def __repr__(self) -> str:
        return f"PagesDriver({self._name!r})"

    def describe(self) -> Description:
        return Description(
            driver="soap",
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
        hops = await checks.hops(self._options, self._client, self._service)
        if all(hop.ok for hop in hops):
            self._product = checks.product(hops)
            hops += [await stream_read(stream.name, self._try_stream(stream)) for stream in streams]
            hops += [
                await stream_written(stream.name, self._try_writes(stream))
                for stream in streams
                if stream.write
            ]
        return hops

    async def _try_stream(self, stream: StreamSpec) -> str:
        options = parse_stream(stream.name, stream.options)
        # As it is now, and not as it was when it was kept.
        await self._service.store.refresh(
            self._service.address("Page", options.page), where=f"streams.{stream.name}.read.page"
        )
        shape = await self._shape(stream)
        now = await self.signpost(stream)
        mode = ReadMode.SCAN if now is None else ReadMode.CHANGES
        request = ReadRequest(stream, mode, end=now, page_rows=1)
        reader = PageReader(self._service, self._forms, shape, request)
        await asyncio.to_thread(reader.finish, await reader.fetch(None))
        return checks.describe_stream(shape)

    async def _try_writes(self, stream: StreamSpec) -> str:
        operations = await self._writer.operations(stream)
        kinds = named((each.kind for each in operations), none="none that the page takes")
        return f"{kinds}; the page knows every field, and only a write shows the rest"

    async def discover(self) -> Catalogue:
        return await published(self._service, list(self._pages))

    async def signpost(self, stream: StreamSpec) -> Mark | None:
        shape = await self._shape(stream)
        if shape.mark_kind is None:
            return None
        await self._service.records(
            shape.options.page, shape.model, list(shape.options.filter.items()), size=1, where=shape.where
        )
        where = f"{shape.where}.replication_key"
        answer = self._service.channel.answer
        now = told_time(
            None if answer is None else server_time(answer),
            whose="the server's",
            where=where,
            hint="Let the proxy pass the header on, or leave replication_key out.",
        )
        if not _FIRST_YEAR <= now.year <= _LAST_YEAR:
            raise SourceChanged(
                f"the server's answers carry a Date that cannot be: it is in the year {now.year}",
                where=where,
                hint="Correct the server's clock.",
            )
        if shape.mark_kind is MarkKind.TIMESTAMP:
            return Mark(MarkKind.TIMESTAMP, now.isoformat(timespec="seconds"))
        return Mark(MarkKind.DATE, self._day(now).isoformat())

    def _day(self, now: datetime) -> date:
        zone = zone_of(self._options)
        return settled(now.astimezone(zone).replace(tzinfo=None), zone).date()

    async def plan(self, request: ReadRequest) -> ReadPlan:
        return PageReader(self._service, self._forms, await self._shape(request.stream), request).plan()

    async def read(self, request: ReadRequest) -> AsyncIterator[Page]:
        reader = PageReader(self._service, self._forms, await self._shape(request.stream), request)
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

    async def columns(self, stream: StreamSpec) -> Sequence[Column]:
        shape = await self._shape(stream)
        found = [Column(each.name, str(ARROW[each.kind])) for each in shape.columns]
        for lines in shape.lines:
            found += [Column(f"{lines.name}.{each.name}", str(ARROW[each.kind])) for each in lines.columns]
        return found

    async def operations(self, streams: Sequence[StreamSpec]) -> Sequence[Operation]:
        found: list[Operation] = []
        for stream in streams:
            if stream.write:
                found += await self._writer.operations(stream)
        return found

    async def execute(self, command: WriteCommand) -> Outcome:
        return await self._writer.execute(command)

    async def find_effect(self, command: WriteCommand) -> Outcome | None:
        return await self._writer.find_effect(command)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _shape(self, stream: StreamSpec) -> PageShape:
        options = parse_stream(stream.name, stream.options)
        where = f"streams.{stream.name}.read.page"
        self._pages[options.page] = None
        try:
            return shape_of(stream.name, options, await self._service.model(options.page, where=where))
        except (SourceChanged, BadConfiguration):
            self._service.drifted.add(options.page)  # what is not in the WSDL may be in the page by now
        return shape_of(stream.name, options, await self._service.model(options.page, where=where))
