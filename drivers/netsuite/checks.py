"""`groundwire check`, hop by hop: each step is tried only when the one before it worked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from drivers.check_steps import AsyncStep, tried_in_turn
from drivers.contract import CheckStep, Mark, ReadMode, ReadRequest, StreamSpec
from drivers.http.client import HttpClient
from drivers.http.hops import way_to
from drivers.netsuite.catalogue import record_types
from drivers.netsuite.options import ConnectionOptions
from drivers.netsuite.service import Service
from drivers.netsuite.shape import StreamShape

_SIGN_IN: Final = "sign-in"
_QUERIES: Final = "SuiteQL"
_RECORDS: Final = "records"


async def hops(
    options: ConnectionOptions, client: HttpClient, service: Service, *, records: bool
) -> list[CheckStep]:
    """`records`: whether a stream writes, so that the record service has to answer."""

    async def sign_in() -> str:
        await client.sign_in()
        kind = (
            "a token for the certificate"
            if options.auth.kind == "oauth2_certificate"
            else "each request is signed"
        )
        return f"{kind}; account {options.account}"

    async def suiteql() -> str:
        await service.answers(where="options")
        return f"{client_host(options)} answers queries"

    async def catalogue() -> str:
        return f"{await record_types(service)} record types"

    steps: list[AsyncStep] = [*way_to(options), (_SIGN_IN, sign_in), (_QUERIES, suiteql)]
    if records:
        steps.append((_RECORDS, catalogue))
    return await tried_in_turn(steps)


def client_host(options: ConnectionOptions) -> str:
    return options.url.partition("://")[2]


def smallest_read(stream: StreamSpec, now: Mark | None) -> ReadRequest:
    mode = ReadMode.SCAN if now is None else ReadMode.CHANGES
    return ReadRequest(stream, mode, end=now, page_rows=1)


def describe_stream(shape: StreamShape) -> str:
    mark = f", changes by {shape.replication.name}" if shape.replication else ", no replication key"
    sets = f", {len(shape.lines)} line sets" if shape.lines else ""
    return f"{len(shape.columns)} columns, key {_names(shape)}{mark}{sets}"


def _names(shape: StreamShape) -> str:
    names: Sequence[str] = [column.name for column in shape.key]
    return ", ".join(names)
