"""The half of the `soap` driver that speaks to AX 2012's document services (AIF)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from drivers.check_steps import named, stream_read, stream_written, tried_in_turn
from drivers.contract import (
    Capabilities,
    Catalogue,
    CheckStep,
    Column,
    Description,
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
from drivers.http.messages import Request
from drivers.recipes.recipe import operations_of
from drivers.soap.documents import checks
from drivers.soap.documents.catalogue import tables_of
from drivers.soap.documents.options import parse_connection, parse_stream, target_of
from drivers.soap.documents.port import Port
from drivers.soap.documents.reading import PageReader
from drivers.soap.documents.recipe_reader import read_writes
from drivers.soap.documents.shape import Document, StreamShape, document_of, shape_of
from drivers.soap.documents.writing import Writer
from drivers.soap.faults import refusal
from drivers.soap.options import folder_of
from drivers.soap.store import WsdlStore

VERSION: Final = "1"
_OK: Final = 200
_MOST_STRANGE: Final = 1_000  # names of elements of one service


class DocumentsDriver:
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
        self._client = HttpClient(self._options, secrets, agent="Groundwire", seen=seen)
        self._store = WsdlStore(self._client, self._options.url, folder_of(self._options, connection))
        self._seen: dict[tuple[str, str], Document] = {}
        # By service: elements that it gave and its WSDL does not have, and those for which it was fetched anew.
        self._strange: dict[tuple[str, str], set[str]] = {}
        self._sought: dict[tuple[str, str], set[str]] = {}
        self._product = ""

    def __repr__(self) -> str:
        return f"DocumentsDriver({self._name!r})"

    def describe(self) -> Description:
        return Description(
            driver="soap",
            version=VERSION,
            capabilities=Capabilities(
                incremental=True,
                keys=True,
                by_keys=True,
                consistent_snapshot=False,  # a record with its lines is one answer, and AX promises no more
                granularity=timedelta(seconds=1),
            ),
            product=self._product,
        )

    async def check(self, streams: Sequence[StreamSpec] = ()) -> Sequence[CheckStep]:
        steps = await tried_in_turn(checks.hops(self._options, self._client))
        if all(step.ok for step in steps):
            self._product = steps[-1].detail
            steps += [await stream_read(stream.name, self._try_stream(stream)) for stream in streams]
            steps += [
                await stream_written(stream.name, self._try_writes(stream))
                for stream in streams
                if stream.write
            ]
        return steps

    async def _try_stream(self, stream: StreamSpec) -> str:
        shape = await self._shape(stream, renew=True)
        return await checks.try_stream(self._port(shape), shape, await self.signpost(stream))

    async def _try_writes(self, stream: StreamSpec) -> str:
        writes = read_writes(stream, (await self._shape(stream)).document)
        return f"{named(writes.recipes)}; the document has every field, and only a write shows the rest"

    async def discover(self) -> Catalogue:
        """The documents of `options.ports`, and of what streams were read from: AX publishes no list of its ports."""
        for port, services in self._options.ports.items():
            where = f"options.ports.{port}"
            for service in services:
                address = f"{target_of(port)}?wsdl"
                definitions = await self._store.definitions(address, where=where, interface=service)
                self._seen[port, service] = document_of(definitions, where)
        return Catalogue(
            tuple(
                table
                for (port, service), document in sorted(self._seen.items())
                for table in tables_of(port, service, document)
            )
        )

    async def signpost(self, stream: StreamSpec) -> Mark | None:
        shape = await self._shape(stream)
        if not shape.changes:
            return None
        where = f"{shape.where}.{'changes' if shape.options.changes else 'replication_key'}"
        request = Request("GET", f"{shape.target}?wsdl", {"Accept": "*/*"}, where=where, repeatable=True)
        answer = await self._client.send(request)
        if answer.status != _OK:
            raise refusal(answer, where=where)  # whoever answered, its clock need not be the system's
        now = told_time(
            server_time(answer),
            whose="the server's",
            where=where,
            hint="Let the proxy pass the header on, or compare the stream in full.",
        )
        return Mark(MarkKind.TIMESTAMP, now.isoformat(timespec="seconds"))

    async def read(self, request: ReadRequest) -> AsyncIterator[Page]:
        shape = await self._shape(request.stream)
        name = (shape.options.port, shape.options.service)
        strange = self._strange.setdefault(name, set())

        def noted(tags: set[str]) -> None:
            if len(strange) < _MOST_STRANGE:
                strange.update(tags)

        reader = PageReader(self._port(shape), shape, request, unknown=noted)
        async for page in reader.pages():
            yield page

    async def plan(self, request: ReadRequest) -> ReadPlan:
        shape = await self._shape(request.stream)
        options = shape.options
        lister = options.changes if options.changes and request.mode is ReadMode.CHANGES else options.lister
        rows = len(request.keys) if request.mode is ReadMode.BY_KEYS else None
        together = min(self._options.page_size, request.call_rows or self._options.page_size)
        by_list = f"AIF cannot count. The keys are listed by {lister} first, then read {together} at a time."
        return ReadPlan(
            objects=(f"{options.service}.{lister}", f"{options.service}.read"),
            rows_per_call=min(request.page_rows, together),
            rows=rows,
            exact=rows is not None,
            notes=() if rows is not None else (by_list,),
        )

    async def columns(self, stream: StreamSpec) -> Sequence[Column]:
        shape = await self._shape(stream)
        found = [Column(each.name, each.kind.value) for each in shape.columns]
        for lines in shape.lines:
            found += [Column(f"{lines.name}.{each.name}", each.kind.value) for each in lines.columns]
        return found

    async def operations(self, streams: Sequence[StreamSpec]) -> Sequence[Operation]:
        found: list[Operation] = []
        limit = timedelta(seconds=self._options.request_seconds)
        for stream in streams:
            if stream.write:
                writes = read_writes(stream, (await self._shape(stream)).document)
                settles = dict.fromkeys(writes.recipes, max(writes.settles_after, limit))
                found += operations_of(stream, writes.recipes.values(), settles)
        return found

    async def execute(self, command: WriteCommand) -> Outcome:
        return await Writer(self._writable).execute(command)

    async def find_effect(self, command: WriteCommand) -> Outcome | None:
        return await Writer(self._writable).find_effect(command)

    async def aclose(self) -> None:
        await self._client.aclose()

    # --- services

    async def _writable(self, stream: StreamSpec) -> tuple[Port, StreamShape]:
        shape = await self._shape(stream)
        return self._port(shape), shape

    def _port(self, shape: StreamShape) -> Port:
        return Port(self._client, self._options, shape.document, target=shape.target, key=shape.options.key)

    async def _shape(self, stream: StreamSpec, *, renew: bool = False) -> StreamShape:
        options = parse_stream(stream.name, stream.options)
        name = (options.port, options.service)
        where = f"streams.{stream.name}.read.port"
        address = f"{target_of(options.port)}?wsdl"
        strange, sought = self._strange.get(name, set()), self._sought.setdefault(name, set())
        if renew or not strange <= sought:
            sought.update(strange)
            await self._store.refresh(address, where=where, interface=options.service)
        definitions = await self._store.definitions(address, where=where, interface=options.service)
        try:
            shape = shape_of(stream, definitions)
        except SourceChanged:
            # What is not in the WSDL that was kept may be in the service by now.
            definitions = await self._store.refresh(address, where=where, interface=options.service)
            shape = shape_of(stream, definitions)
        self._seen[name] = shape.document
        return shape
