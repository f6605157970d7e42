"""When the certificates of a client's hops end, from the handshakes that it makes anyway."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

import httpcore
import pytest
import trustme

from agent.clock import SystemClock
from drivers.contract import BadConfiguration, Hop, HopCertificate
from drivers.http.client import HttpClient
from drivers.http.handshakes import certificate_ends
from drivers.http.messages import Request
from drivers.http.options import HttpOptions

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]]
TOKEN = b'{"access_token": "t", "expires_in": 3600}'
SOON, LATER, LATEST = (
    SystemClock().utcnow().replace(microsecond=0) + timedelta(days=days) for days in (3, 40, 90)
)


class Shown(httpcore.AsyncNetworkStream):
    """A connection behind a handshake."""

    def __init__(self, certificate: bytes) -> None:
        self._certificate = certificate

    def get_extra_info(self, info: str) -> object:
        return self if info == "ssl_object" else None

    def getpeercert(self, _binary: bool) -> bytes:
        return self._certificate


class Site:
    """An authority, and servers whose certificates end when a test says."""

    def __init__(self, folder: Path) -> None:
        self.ca = trustme.CA()
        self.file = folder / "ca.pem"
        self.ca.cert_pem.write_to_path(str(self.file))
        self._servers: list[asyncio.Server] = []
        self._served: list[asyncio.Task[None]] = []

    def context(self, ends: datetime) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert("localhost", not_after=ends).configure_cert(context)
        return context

    async def server(self, ends: datetime | None, body: bytes = b"{}") -> str:
        """Its URL."""

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while head := await reader.readuntil(b"\r\n\r\n"):
                    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                    await reader.readexactly(int(length or 0))
                    writer.write(ANSWER % (len(body), body))
            await _closed(writer)

        return await self._listening(answer, ends)

    async def proxy(self, ends: datetime | None) -> str:
        """One that lets everything through, over TLS where `ends` is given."""

        async def through(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            port = int(head.split(b" ")[1].rpartition(b":")[2])
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            await asyncio.gather(_pour(reader, far_writer), _pour(far_reader, writer))

        return await self._listening(through, ends)

    async def _listening(self, serve: Serve, ends: datetime | None) -> str:
        def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._served.append(asyncio.ensure_future(serve(reader, writer)))

        context = None if ends is None else self.context(ends)
        server = await asyncio.start_server(begin, "127.0.0.1", 0, ssl=context)
        self._servers.append(server)
        scheme = "http" if ends is None else "https"
        return f"{scheme}://localhost:{server.sockets[0].getsockname()[1]}"

    async def aclose(self) -> None:
        for server in self._servers:
            server.close()
        await asyncio.gather(*self._served)


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, ssl.SSLError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    await _closed(writer)


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError, ssl.SSLError):
        await writer.wait_closed()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    made = Site(tmp_path)
    yield made
    await made.aclose()


@asynccontextmanager
async def client(
    site: Site, seen: list[HopCertificate], leads_to: Hop = Hop.SOURCE, **options: object
) -> AsyncIterator[HttpClient]:
    given = HttpOptions.model_validate({"ca_file": str(site.file), **options})
    made = HttpClient(given, {"client_secret": "s"}, seen=seen.append, leads_to=leads_to)
    try:
        yield made
    finally:
        await made.aclose()


async def test_the_source_and_the_server_of_tokens_are_told_apart_once_for_each_connection(
    site: Site,
) -> None:
    source, token = await site.server(LATER), await site.server(SOON, TOKEN)
    auth = {"kind": "oauth2", "token_url": f"{token}/token", "client_id": "c"}
    seen: list[HopCertificate] = []
    async with client(site, seen, url=source, auth=auth, parallel=1) as made:
        for _ in range(3):
            assert (await made.send(Request("GET", "/x"))).status == 200

    assert seen == [HopCertificate(Hop.TOKEN, SOON), HopCertificate(Hop.SOURCE, LATER)]


async def test_a_renewed_certificate_is_told_with_the_next_connection(site: Site) -> None:
    seen: list[HopCertificate] = []
    async with client(site, seen, url=await site.server(SOON)) as first:
        await first.send(Request("GET", "/x"))
    async with client(site, seen, url=await site.server(LATER)) as second:
        await second.send(Request("GET", "/x"))

    assert [one.expires_at for one in seen] == [SOON, LATER]


async def test_behind_a_proxy_that_speaks_tls_both_are_told(site: Site) -> None:
    """The proxy's certificate may come from the company's own authority, as the source's does."""
    source, proxy = await site.server(LATER), await site.proxy(SOON)
    seen: list[HopCertificate] = []
    async with client(site, seen, url=source, proxy=proxy) as made:
        assert (await made.send(Request("GET", "/x"))).status == 200

    assert seen == [HopCertificate(Hop.PROXY, SOON), HopCertificate(Hop.SOURCE, LATER)]


async def test_behind_a_plain_proxy_the_source_is_told(site: Site) -> None:
    seen: list[HopCertificate] = []
    options = {"url": await site.server(LATER), "proxy": await site.proxy(None)}
    async with client(site, seen, **options) as made:
        assert (await made.send(Request("GET", "/x"))).status == 200

    assert seen == [HopCertificate(Hop.SOURCE, LATER)]


async def test_the_clients_own_certificate_is_told_before_anything_is_connected(
    site: Site, tmp_path: Path
) -> None:
    own = tmp_path / "own.pem"
    site.ca.issue_cert("agent@example", not_after=LATEST).private_key_and_cert_chain_pem.write_to_path(
        str(own)
    )
    seen: list[HopCertificate] = []
    async with client(site, seen, url="https://localhost:1", certificate_file=str(own)):
        pass

    assert seen == [HopCertificate(Hop.CLIENT, LATEST)]


async def test_what_is_not_taken_or_not_encrypted_is_not_told(site: Site, tmp_path: Path) -> None:
    """A handshake that failed has proved nothing, and its failure is told as what it is."""
    stranger = Site(tmp_path)
    strange = await stranger.server(LATER)
    stranger.file.write_bytes(site.ca.cert_pem.bytes())
    seen: list[HopCertificate] = []
    async with client(site, seen, url=await site.server(None)) as plain:
        await plain.send(Request("GET", "/x"))
    async with client(stranger, seen, url=strange) as refused:
        with pytest.raises(BadConfiguration, match="not accepted"):
            await refused.send(Request("GET", "/x"))
    await stranger.aclose()

    assert seen == []


def test_a_certificate_of_a_version_that_is_none_is_as_good_as_none(site: Site) -> None:
    """TLS takes it, so that nothing may end by it."""
    own = ssl.PEM_cert_to_DER_cert(site.ca.cert_pem.bytes().decode())
    second = own.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x01", 1)

    assert certificate_ends(Shown(own)) is not None
    assert certificate_ends(Shown(second)) is None


async def test_another_part_of_the_way_is_named_as_the_driver_says(site: Site) -> None:
    seen: list[HopCertificate] = []
    async with client(site, seen, Hop.PACKAGES, url=await site.server(LATER)) as made:
        await made.send(Request("GET", "/x"))

    assert seen == [HopCertificate(Hop.PACKAGES, LATER)]
