"""`odbc`: any database that has an ODBC driver, by configuration alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, TypeVar

import pyarrow as pa

from drivers.check_steps import failed
from drivers.contract import (
    Capabilities,
    Catalogue,
    CheckStep,
    Column,
    Description,
    DriverError,
    Mark,
    Operation,
    Outcome,
    Page,
    ReadPlan,
    ReadRequest,
    SourceChanged,
    StreamSpec,
    WriteCommand,
)
from drivers.odbc import checks
from drivers.odbc.ahead import fetched_in_order
from drivers.odbc.catalogue import discover
from drivers.odbc.connection_string import build
from drivers.odbc.dialects import Dialect
from drivers.odbc.learning import learn
from drivers.odbc.matrix import operations_of
from drivers.odbc.names import with_names
from drivers.odbc.options import parse_connection
from drivers.odbc.planning import plan
from drivers.odbc.reading import PageReader
from drivers.odbc.session import Session
from drivers.odbc.shape import StreamShape
from drivers.odbc.signposts import signpost_of
from drivers.odbc.write_checks import check_writes
from drivers.odbc.writing import Writer

_Result = TypeVar("_Result")

VERSION: Final = "1"


class OdbcDriver:
    def __init__(
        self,
        connection: str,
        options: Mapping[str, Any],
        secrets: Mapping[str, str],
        *,
        dialect: Dialect | None = None,
    ) -> None:
        """`dialect`: of a product that is none of `dialects.DIALECTS`."""
        self._name = connection
        self._options = parse_connection(options)
        text = build(
            self._options.connection,
            secrets,
            self._options.tls,
            connect_seconds=self._options.connect_seconds,
        )
        self._session = Session(self._options, text, tuple(secrets.values()), dialect)
        self._writer = Writer(self._session)

    def __repr__(self) -> str:
        return f"OdbcDriver({self._name!r})"

    def describe(self) -> Description:
        return Description(
            driver="odbc",
            version=VERSION,
            capabilities=Capabilities(
                incremental=True,
                keys=True,
                by_keys=True,
                consistent_snapshot=bool(self._session.product) and self._session.dialect.consistent,
            ),
            product=self._session.product,
        )

    async def check(self, streams: Sequence[StreamSpec] = ()) -> Sequence[CheckStep]:
        hops = await _in_thread(checks.check, self._options, self._session)
        if not all(hop.ok for hop in hops):
            return hops
        steps = [await self._check_stream(stream) for stream in streams]
        writes = [await self._check_writes(stream) for stream in streams]
        return [*hops, *steps, *(step for step in writes if step is not None)]

    async def _check_stream(self, stream: StreamSpec) -> CheckStep:
        try:
            return await _in_thread(checks.check_stream, self._session, self._named(stream))
        except DriverError as error:
            return failed(f"stream {stream.name}", error, stream=stream.name)

    async def _check_writes(self, stream: StreamSpec) -> CheckStep | None:
        try:
            named = self._named(stream)
        except DriverError as error:
            return failed(f"writes of {stream.name}", error, stream=stream.name) if stream.write else None
        return await _in_thread(check_writes, self._session, named)

    def _named(self, stream: StreamSpec) -> StreamSpec:
        return with_names(stream, self._options)

    async def discover(self) -> Catalogue:
        return await _in_thread(discover, self._session)

    async def signpost(self, stream: StreamSpec) -> Mark | None:
        return await _in_thread(self._signpost, stream)

    async def read(self, request: ReadRequest) -> AsyncIterator[Page]:
        reader = await _in_thread(self._reader, request)
        at_once = self._options.pages_at_once
        try:
            async with aclosing(
                fetched_in_order(reader, reader.start(), _in_thread, pages_at_once=at_once)
            ) as pages:
                async for fetched in pages:
                    yield await _in_thread(reader.finish, fetched)
        finally:
            reader.close()

    async def columns(self, stream: StreamSpec) -> Sequence[Column]:
        shape = await _in_thread(self._shape, stream)
        lines = [
            Column(f"{each.name}.{column.name}", column.native or column.kind.value)
            for each in shape.lines
            for column in each.columns
        ]
        return [
            *(Column(column.name, column.native or column.kind.value) for column in shape.columns),
            *lines,
        ]

    async def plan(self, request: ReadRequest) -> ReadPlan:
        named = replace(request, stream=self._named(request.stream))
        return await _in_thread(plan, self._session, named)

    async def operations(self, streams: Sequence[StreamSpec]) -> Sequence[Operation]:
        named = [self._named(stream) for stream in streams]
        return operations_of(named, timedelta(seconds=self._options.query_seconds))

    async def execute(self, command: WriteCommand) -> Outcome:
        return await _in_thread(self._writer.execute, self._command(command))

    async def find_effect(self, command: WriteCommand) -> Outcome | None:
        return await _in_thread(self._writer.find_effect, self._command(command))

    def _command(self, command: WriteCommand) -> WriteCommand:
        return replace(command, stream=self._named(command.stream))

    async def aclose(self) -> None:
        await _in_thread(self._writer.close)
        await _in_thread(self._session.close)

    def _shape(self, stream: StreamSpec) -> StreamShape:
        return learn(self._session, self._named(stream))

    def _reader(self, request: ReadRequest) -> PageReader:
        return PageReader(self._session, self._shape(request.stream), request)

    def _signpost(self, stream: StreamSpec) -> Mark | None:
        return signpost_of(self._session, self._shape(stream))


async def _in_thread(work: Callable[..., _Result], *arguments: Any) -> _Result:
    """Run blocking work in a thread; what an answer may do to the libraries that read it becomes a DriverError."""
    try:
        return await asyncio.to_thread(work, *arguments)
    except (pa.ArrowException, ValueError, OverflowError) as error:
        raise SourceChanged(
            f"the source's answer cannot be understood: {type(error).__name__}",
            where="driver",
            hint="Cast the columns of unusual types to text in the query.",
        ) from error
