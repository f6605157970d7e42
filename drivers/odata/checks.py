"""`groundwire check`, hop by hop: each step is tried only when the one before it worked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Final

from drivers.contract import CheckStep, DriverError, Mark, ReadMode, ReadRequest, StreamSpec, Unreachable
from drivers.http.addresses import open_addresses
from drivers.http.client import HttpClient
from drivers.http.messages import Request
from drivers.http.transport import port_of
from drivers.odata.options import ConnectionOptions
from drivers.odata.service import Service
from drivers.odata.shape import StreamShape

_PORT_SECONDS: Final = 5.0  # a closed port answers at once; only a firewall makes one wait
_ANSWER: Final = "answer"
_METADATA: Final = "metadata"


async def hops(
    options: ConnectionOptions, client: HttpClient, service: Service, *, metadata: bool
) -> list[CheckStep]:
    host, port = port_of(options.proxy or options.url)
    where = "options.proxy" if options.proxy else "options.url"

    async def name() -> str:
        return ", ".join(await open_addresses(host, port, where=where))

    async def door() -> str:
        return await _answer(host, port, where)

    async def answer() -> str:
        return await _server(client, service, used=metadata)

    steps: list[tuple[str, Callable[[], Awaitable[str]]]] = [
        ("host name", name),
        ("port", door),
        (_ANSWER, answer),
    ]
    if metadata:
        steps.append((_METADATA, _model_of(service)))
    done: list[CheckStep] = []
    for title, step in steps:
        try:
            done.append(CheckStep(title, ok=True, detail=await step()))
        except DriverError as error:
            done.append(failed(title, error))
            break
    return done


def product(steps: Sequence[CheckStep]) -> str:
    """What answered, as far as it says."""
    said = next((step.detail for step in steps if step.name == _ANSWER), "")
    version = next((step.detail for step in steps if step.name == _METADATA), "")
    return f"{version.partition(',')[0]} at {said}" if version else said


def failed(name: str, error: DriverError, *, stream: str = "") -> CheckStep:
    place = f"{error.where}: " if error.where else ""
    return CheckStep(
        name, ok=False, detail=f"{place}{error.message}", hint=error.hint, stream=stream, code=error.code
    )


def smallest_read(stream: StreamSpec, now: Mark | None) -> ReadRequest:
    mode = ReadMode.SCAN if now is None else ReadMode.CHANGES
    return ReadRequest(stream, mode, end=now, page_rows=1)


def describe_stream(shape: StreamShape) -> str:
    count = len(list(shape.node.leaves()))
    mark = f", changes by {shape.replication.name}" if shape.replication else ", no replication key"
    sets = f", {len(shape.lines)} line sets" if shape.lines else ""
    return f"{count} columns, key {', '.join(each.name for each in shape.key)}{mark}{sets}"


async def _answer(host: str, port: int, where: str) -> str:
    address = (await open_addresses(host, port, where=where))[0]
    try:
        async with asyncio.timeout(_PORT_SECONDS):
            _, writer = await asyncio.open_connection(address, port)
            writer.close()
    except (OSError, TimeoutError) as error:
        reason = "no answer in time" if isinstance(error, TimeoutError) else error.strerror or str(error)
        raise Unreachable(
            f"nothing answers at {host}:{port}: {reason}",
            where=where,
            hint="See that the server listens there and that no firewall stands between.",
        ) from error
    return f"{host}:{port} answers"


async def _server(client: HttpClient, service: Service, *, used: bool) -> str:
    """TLS, proxy and sign-in: what the server says of itself, whatever it says to the question.

    Where no stream reads what lies there, as above the services of a SAP Gateway, it may say that nobody may.
    """
    request = Request("GET", service.address("", {}), {"Accept": "application/json"}, repeatable=True)
    answer = await client.send(request)
    if used or answer.status == HTTPStatus.UNAUTHORIZED:
        service.refuse_sign_in(answer)
    server = answer.headers.get("server") or answer.headers.get("sap-server") or "a server without a name"
    return server.replace("true", "SAP")


def _model_of(service: Service) -> Callable[[], Awaitable[str]]:
    async def model() -> str:
        found = await service.model(where="options.service")
        return f"OData V{found.version}, {len(found.sets)} entity sets"

    return model
