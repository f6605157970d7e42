"""`rfc`: SAP systems by their function modules, over RFC or classic SOAP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
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
    RecordFault,
    SeenCertificate,
    SourceChanged,
    StreamSpec,
    WriteCommand,
    unseen,
)
from drivers.rfc import checks
from drivers.rfc.caller import Caller, CallFailed, Unsendable
from drivers.rfc.catalogue import columns_of, discover
from drivers.rfc.engine import Engine
from drivers.rfc.errors import masked, translate
from drivers.rfc.opening import open_caller
from drivers.rfc.options import parse_connection
from drivers.rfc.planning import plan
from drivers.rfc.recipes import operations_of
from drivers.rfc.writing import Writer

VERSION: Final = "1"
_Result = TypeVar("_Result")


class RfcDriver:
    def __init__(
        self,
        connection: str,
        options: Mapping[str, Any],
        secrets: Mapping[str, str],
        *,
        caller: Caller | None = None,
        seen: SeenCertificate = unseen,
    ) -> None:
        """`caller`: instead of the one that the options name."""
        self._name = connection
        self._options = parse_connection(options)
        self._engine = Engine(
            self._options, caller or open_caller(self._options, secrets, seen), tuple(secrets.values())
        )

        self._writer = Writer(self._engine)

    def __repr__(self) -> str:
        return f"RfcDriver({self._name!r})"

    def describe(self) -> Description:
        return Description(
            driver="rfc",
            version=VERSION,
            capabilities=Capabilities(
                incremental=True,
                keys=True,
                by_keys=True,
                consistent_snapshot=False,
                granularity=timedelta(seconds=1),
            ),
            product=self._engine.product,
        )

    async def check(self, streams: Sequence[StreamSpec] = ()) -> Sequence[CheckStep]:
        found = await self._in_thread(checks.check, self._engine)
        hops = [replace(hop, detail=masked(hop.detail, self._engine.secrets)) for hop in found]
        if not all(hop.ok for hop in hops):
            return hops
        reads = [await self._check_stream(stream) for stream in streams]
        writes = [await self._check_writes(stream) for stream in streams if stream.write]
        return [*hops, *reads, *writes]

    async def _check_stream(self, stream: StreamSpec) -> CheckStep:
        try:
            return await self._in_thread(checks.check_stream, self._engine, stream)
        except DriverError as error:
            return failed(f"stream {stream.name}", error, stream=stream.name)

    async def _check_writes(self, stream: StreamSpec) -> CheckStep:
        name = f"writes of {stream.name}"
        try:
            detail = await self._in_thread(self._writer.check, stream)
        except DriverError as error:
            return failed(name, error, stream=stream.name)
        return CheckStep(name, ok=True, detail=detail or "none", stream=stream.name)

    async def discover(self) -> Catalogue:
        return await self._in_thread(discover, self._engine)

    async def signpost(self, stream: StreamSpec) -> Mark | None:
        return await self._in_thread(self._engine.signpost, stream)

    async def read(self, request: ReadRequest) -> AsyncIterator[Page]:
        pages = iter(await self._in_thread(self._engine.pages, request))
        while True:
            page = await self._in_thread(_next, pages)
            if page is None:
                return
            yield page

    async def plan(self, request: ReadRequest) -> ReadPlan:
        return await self._in_thread(plan, self._engine, request)

    async def columns(self, stream: StreamSpec) -> Sequence[Column]:
        return await self._in_thread(columns_of, self._engine, stream)

    async def operations(self, streams: Sequence[StreamSpec]) -> Sequence[Operation]:
        return tuple(operation for stream in streams for operation in operations_of(stream, self._options))

    async def execute(self, command: WriteCommand) -> Outcome:
        return await self._in_thread(self._writer.execute, command)

    async def find_effect(self, command: WriteCommand) -> Outcome | None:
        return await self._in_thread(self._writer.find_effect, command)

    async def aclose(self) -> None:
        await self._in_thread(self._engine.close)

    async def _in_thread(self, work: Callable[..., _Result], *arguments: Any) -> _Result:
        """Run blocking work in a thread; whatever an answer may do to the libraries becomes a DriverError."""
        try:
            return await asyncio.to_thread(work, *arguments)
        except CallFailed as error:
            raise translate(error, hidden=self._engine.secrets) from error
        except Unsendable as error:
            raise RecordFault(
                f"a value cannot be sent to SAP: {error}", hint="Remove the character from the record."
            ) from error
        except DriverError as error:
            if isinstance(error, SourceChanged):
                self._engine.dictionary.forget()  # what is asked next time is what there is then
            error.message = masked(error.message, self._engine.secrets)
            error.args = (error.message,)
            raise
        except (pa.ArrowException, OverflowError) as error:
            raise SourceChanged(
                f"the system's answer cannot be understood: {type(error).__name__}: {error}"[:300],
                where="driver",
                hint="Leave out columns of unusual types.",
            ) from error


def _next(pages: Iterator[Page]) -> Page | None:
    return next(pages, None)
