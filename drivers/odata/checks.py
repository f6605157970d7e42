"""`groundwire check`, hop by hop: each step is tried only when the one before it worked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Final

from drivers.check_steps import AsyncStep, tried_in_turn
from drivers.contract import CheckStep, Mark, ReadMode, ReadRequest, StreamSpec
from drivers.http.client import HttpClient
from drivers.http.hops import way_to
from drivers.http.messages import Request
from drivers.odata.options import ConnectionOptions
from drivers.odata.service import Service
from drivers.odata.shape import StreamShape

_ANSWER: Final = "answer"
_METADATA: Final = "metadata"


async def hops(
    options: ConnectionOptions, client: HttpClient, service: Service, *, metadata: bool
) -> list[CheckStep]:
    async def answer() -> str:
        return await _server(client, service, used=metadata)

    steps: list[AsyncStep] = [*way_to(options), (_ANSWER, answer)]
    if metadata:
        steps.append((_METADATA, _model_of(service)))
    return await tried_in_turn(steps)


def product(steps: Sequence[CheckStep]) -> str:
    """What answered, as far as it says."""
    said = next((step.detail for step in steps if step.name == _ANSWER), "")
    version = next((step.detail for step in steps if step.name == _METADATA), "")
    return f"{version.partition(',')[0]} at {said}" if version else said


def smallest_read(stream: StreamSpec, now: Mark | None) -> ReadRequest:
    mode = ReadMode.SCAN if now is None else ReadMode.CHANGES
    return ReadRequest(stream, mode, end=now, page_rows=1)


def describe_stream(shape: StreamShape) -> str:
    count = len(list(shape.node.leaves()))
    mark = f", changes by {shape.replication.name}" if shape.replication else ", no replication key"
    sets = f", {len(shape.lines)} line sets" if shape.lines else ""
    return f"{count} columns, key {', '.join(each.name for each in shape.key)}{mark}{sets}"


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
