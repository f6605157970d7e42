"""`dmf`: Finance & Operations over its data management package API, the one that is supported on-premises."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from drivers.check_steps import named, stream_read, stream_written
from drivers.contract import (
    Capabilities,
    Catalogue,
    CheckStep,
    Column,
    Description,
    Mark,
    NotPermitted,
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
from drivers.dmf import checks
from drivers.dmf.catalogue import discover
from drivers.dmf.deadline import Deadline
from drivers.dmf.exports import Exports
from drivers.dmf.options import folder_of, parse_connection
from drivers.dmf.planning import plan
from drivers.dmf.reading import PageReader, columns_of
from drivers.dmf.recipes import read_writes
from drivers.dmf.service import Service
from drivers.dmf.shape import StreamShape, of_company, shape_of
from drivers.dmf.writing import Writer

VERSION: Final = "1"
_PURPOSE: Final = "columns"


class DmfDriver:
    def __init__(
        self,
        connection: str,
        options: Mapping[str, Any],
        secrets: Mapping[str, str],
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,  # noqa: TID251 - between two looks at a job
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,  # noqa: TID251 - the age of files that outlive the process
        seen: SeenCertificate = unseen,
    ) -> None:
        self._name = connection
        self._options = parse_connection(options)
        self._service = Service(self._options, secrets, seen=seen)

        def make_deadline() -> Deadline:
            return Deadline(
                self._options.call_seconds,
                poll_seconds=self._options.poll_seconds,
                monotonic=monotonic,
                pause=pause,
            )

        folder = folder_of(self._options, connection)
        self._exports = Exports(self._service, self._options, folder, now=now, make_deadline=make_deadline)
        self._writer = Writer(self._service, self._options, self._exports, make_deadline=make_deadline)
        self._product = ""

    def __repr__(self) -> str:
        return f"DmfDriver({self._name!r})"

    def describe(self) -> Description:
        # No changes are offered: an export of changes moves its mark at the server, whether it arrives here or not.
        capabilities = Capabilities(incremental=False, keys=True, by_keys=True, consistent_snapshot=False)
        return Description("dmf", VERSION, capabilities, self._product)

    async def check(self, streams: Sequence[StreamSpec] = ()) -> Sequence[CheckStep]:
        hops = await checks.hops(self._options, self._service)
        if not all(hop.ok for hop in hops):
            return hops
        self._product = "Dynamics 365 Finance & Operations"
        steps = [await stream_read(stream.name, self._try_stream(stream)) for stream in streams]
        writing = [stream for stream in streams if stream.write]
        writes = [await stream_written(stream.name, self._try_writes(stream)) for stream in writing]
        return [*hops, *steps, *writes]

    async def _try_stream(self, stream: StreamSpec) -> str:
        shape = self._shape(stream)
        with suppress(
            NotPermitted
        ):  # to see a project is another right than to export it, which is tried next
            await checks.project(self._service, shape)
        return await checks.exported(self._exports, shape, stream)

    async def _try_writes(self, stream: StreamSpec) -> str:
        self._writer.operations_of(stream)
        kinds = named(read_writes(stream).recipes)
        return f"{kinds}; only a write shows whether the user may and the entity takes it"

    async def discover(self) -> Catalogue:
        return await discover(self._service)

    async def signpost(self, stream: StreamSpec) -> Mark | None:
        self._shape(stream)
        return None

    async def read(self, request: ReadRequest) -> AsyncIterator[Page]:
        reader = PageReader(self._shape(request.stream), request)
        pages = reader.pages(self._exports)
        try:
            async for page in pages:
                yield page
        finally:
            await pages.aclose()

    async def plan(self, request: ReadRequest) -> ReadPlan:
        shape = self._shape(request.stream)
        PageReader(shape, request)
        return plan(shape, self._options, request)

    async def columns(self, stream: StreamSpec) -> Sequence[Column]:
        shape = of_company(self._shape(stream), self._shape(stream).companies[0])
        file, token = await self._exports.obtain(shape, purpose=_PURPOSE)
        try:
            return columns_of(shape, file)
        finally:
            file.close()
            await self._exports.release(shape, token, _PURPOSE)

    async def operations(self, streams: Sequence[StreamSpec]) -> Sequence[Operation]:
        return [each for stream in streams if stream.write for each in self._writer.operations_of(stream)]

    async def execute(self, command: WriteCommand) -> Outcome:
        return await self._writer.execute(command)

    async def find_effect(self, command: WriteCommand) -> Outcome | None:
        return await self._writer.find_effect(command)

    async def aclose(self) -> None:
        await self._service.aclose()

    def _shape(self, stream: StreamSpec) -> StreamShape:
        return shape_of(stream, self._options.legal_entities)
