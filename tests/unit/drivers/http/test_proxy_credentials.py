"""What a proxy is told to let a driver through stays between the two: K49."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from drivers.contract import BadConfiguration
from drivers.http.client import HttpClient
from drivers.http.messages import Request
from drivers.http.options import HttpOptions
from tests.canaries import canary

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


SECRETS = {"proxy_password": canary("of-the-proxy"), "password": canary("of-the-source")}
OF_THE_PROXY = basic("groundwire", SECRETS["proxy_password"])
OF_THE_SOURCE = basic("ann", SECRETS["password"])


@asynccontextmanager
async def proxy(heads: list[bytes]) -> AsyncIterator[str]:
    """Keeps the head of every request and answers in the place of whatever was asked for."""

    served: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                heads.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(
                    b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n" if b"CONNECT" in heads[-1] else ANSWER
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # whoever asked is gone
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.ensure_future(serve(reader, writer)))

    async with await asyncio.start_server(begin, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    await asyncio.gather(*served)


def fields(head: bytes) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in head.decode().split("\r\n")[1:-2]:
        name, _, value = line.partition(": ")
        found.setdefault(name.lower(), []).append(value)
    return found


def through(url: str, proxy_url: str) -> HttpClient:
    options = {
        "url": url,
        "proxy": proxy_url,
        "proxy_user": "groundwire",
        "auth": {"kind": "basic", "user": "ann"},
    }
    return HttpClient(HttpOptions.model_validate(options), SECRETS)


async def test_a_plain_request_holds_them_in_the_field_of_the_proxy_alone() -> None:
    """A proxy passes on every field but its own, so nothing of its own may stand in another."""
    heads: list[bytes] = []
    async with proxy(heads) as proxy_url:
        client = through("http://erp.example/sap", proxy_url)
        for _ in range(2):
            assert (await client.send(Request("GET", "http://erp.example/sap/x"))).status == 200
        await client.aclose()

    assert len(heads) == 2
    for head in heads:
        sent = fields(head)
        assert sent.pop("proxy-authorization") == [OF_THE_PROXY]
        assert sent.pop("authorization") == [OF_THE_SOURCE]
        assert OF_THE_PROXY not in str(sent)


async def test_a_proxy_that_is_asked_for_a_tunnel_learns_nothing_of_the_source() -> None:
    heads: list[bytes] = []
    async with proxy(heads) as proxy_url:
        client = through("https://erp.example/sap", proxy_url)
        with pytest.raises(BadConfiguration, match="proxy"):
            await client.send(Request("GET", "https://erp.example/sap/x"))
        await client.aclose()

    assert {head.split(b" ")[0] for head in heads} == {b"CONNECT"}
    assert {field for head in heads for field in fields(head)} == {"host", "accept", "proxy-authorization"}
