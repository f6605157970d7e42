"""The way to the relay: certificates, proxies, broken connections, and what `groundwire check` says of each."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from agent.errors import (
    ConfigurationError,
    CredentialsRefused,
    GroundwireError,
    Throttled,
    TransientError,
    Unreachable,
)
from agent.secrets import Secret
from agent.tunnel.diagnose import HopResult, check_tunnel
from agent.tunnel.endpoint import Endpoint, make_endpoint, make_proxy
from agent.tunnel.transport import open_channel
from tests.integration.tunnel_peer import Authority, Peer, listening
from tests.real_proxy import running_proxy


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.make(tmp_path)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


async def refusal_of(endpoint: Endpoint) -> GroundwireError:
    with pytest.raises(GroundwireError) as refused:
        await open_channel(endpoint)
    return refused.value


async def last_hop(endpoint: Endpoint) -> HopResult:
    return (await check_tunnel(endpoint))[-1]


class TestCertificates:
    async def test_one_of_the_own_authority_is_taken(self, authority: Authority) -> None:
        async with listening(Peer(), authority.server_context()) as port:
            endpoint = make_endpoint(f"wss://localhost:{port}", ca_file=authority.file)
            hops = await check_tunnel(endpoint)

        assert [hop.name for hop in hops] == ["certificates", "name", "connection", "tls", "websocket"]
        assert all(hop.ok for hop in hops)

    async def test_an_expired_one_is_refused(self, authority: Authority) -> None:
        async with listening(Peer(), authority.server_context(expired=True)) as port:
            endpoint = make_endpoint(f"wss://localhost:{port}", ca_file=authority.file)
            error = await refusal_of(endpoint)
            hop = await last_hop(endpoint)

        assert isinstance(error, Unreachable)
        assert "expired" in error.message
        assert "renew" in error.hint
        assert (hop.name, hop.ok) == ("tls", False)

    async def test_one_for_another_name_is_refused(self, authority: Authority) -> None:
        async with listening(Peer(), authority.server_context("relay.example")) as port:
            error = await refusal_of(make_endpoint(f"wss://localhost:{port}", ca_file=authority.file))

        assert isinstance(error, Unreachable)
        assert "another name than localhost" in error.hint

    async def test_one_of_an_unknown_authority_is_refused(self, authority: Authority, tmp_path: Path) -> None:
        other = tmp_path / "other"
        other.mkdir()
        async with listening(Peer(), Authority.make(other).server_context()) as port:
            error = await refusal_of(make_endpoint(f"wss://localhost:{port}", ca_file=authority.file))

        assert isinstance(error, Unreachable)
        assert str(authority.file) in error.hint

    async def test_one_that_the_system_does_not_trust_is_refused(self, authority: Authority) -> None:
        async with listening(Peer(), authority.server_context()) as port:
            error = await refusal_of(make_endpoint(f"wss://localhost:{port}"))

        assert isinstance(error, Unreachable)
        assert "relay.ca_file" in error.hint

    async def test_tls_1_1_is_refused(self, authority: Authority) -> None:
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            context = authority.server_context(newest=ssl.TLSVersion.TLSv1_1)
        async with listening(Peer(), context) as port:
            error = await refusal_of(make_endpoint(f"wss://localhost:{port}", ca_file=authority.file))

        assert error.where.startswith("TLS ")

    async def test_a_plain_server_is_not_spoken_to(self, authority: Authority) -> None:
        peer = Peer()
        async with listening(peer, None) as port:
            error = await refusal_of(make_endpoint(f"wss://localhost:{port}", ca_file=authority.file))

        assert isinstance(error, Unreachable)
        assert peer.sessions == 0

    async def test_a_missing_authority_file_is_a_matter_of_configuration(self, tmp_path: Path) -> None:
        endpoint = make_endpoint("wss://localhost:1", ca_file=tmp_path / "none.pem")

        assert isinstance(await refusal_of(endpoint), ConfigurationError)
        assert (await last_hop(endpoint)).name == "certificates"


class TestHops:
    async def test_a_name_that_does_not_resolve(self) -> None:
        hop = await last_hop(make_endpoint("wss://no-such-host.invalid"))

        assert (hop.name, hop.ok) == ("name", False)

    async def test_a_closed_port(self) -> None:
        endpoint = make_endpoint(f"wss://127.0.0.1:{free_port()}")

        assert isinstance(await refusal_of(endpoint), Unreachable)
        assert (await last_hop(endpoint)).name == "connection"

    async def test_a_server_that_is_no_relay(self) -> None:
        async with answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") as endpoint:
            error = await refusal_of(endpoint)
            hop = await last_hop(endpoint)

        assert "404" in error.message
        assert (hop.name, hop.ok) == ("websocket", False)

    async def test_a_redirect_is_not_followed(self) -> None:
        reply = b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
        async with answering(reply) as endpoint:
            assert "302" in (await refusal_of(endpoint)).message

    async def test_a_busy_relay_is_left_alone_for_as_long_as_it_asks(self) -> None:
        reply = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"
        async with answering(reply) as endpoint:
            error = await refusal_of(endpoint)

        assert isinstance(error, Throttled)
        assert error.retry_after == 7

    async def test_garbage_is_an_answer_of_its_own(self) -> None:
        async with answering(b"\x00\xff" * 500) as endpoint:
            assert isinstance(await refusal_of(endpoint), Unreachable)

    @pytest.mark.parametrize("cut", [0, 1, 10, 40])
    async def test_a_handshake_cut_short(self, cut: int) -> None:
        async with answering(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"[:cut]) as endpoint:
            assert isinstance(await refusal_of(endpoint), TransientError)


@contextlib.asynccontextmanager
async def answering(reply: bytes) -> AsyncIterator[Endpoint]:
    """A server that says the same to everybody and hangs up."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await reader.read(65_536)
            writer.write(reply)
            await writer.drain()
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield make_endpoint(f"ws://127.0.0.1:{port}", allow_plain_loopback=True)


@pytest.fixture(scope="module")
def proxy_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A real proxy that wants a user and a password."""
    with running_proxy(tmp_path_factory.mktemp("proxy"), "--basic-auth", "plant:s3cret") as port:
        yield port


class TestProxy:
    def endpoint(self, authority: Authority, relay: int, proxy: int, password: str | None) -> Endpoint:
        user = "plant" if password else ""
        through = make_proxy(
            f"http://127.0.0.1:{proxy}", user=user, password=Secret(password) if password else None
        )
        return make_endpoint(f"wss://localhost:{relay}", ca_file=authority.file, proxy=through)

    async def test_the_tunnel_goes_through_and_its_credentials_stay_there(
        self, authority: Authority, proxy_port: int
    ) -> None:
        peer = Peer()
        async with listening(peer, authority.server_context()) as port:
            hops = await check_tunnel(self.endpoint(authority, port, proxy_port, "s3cret"))

        assert [(hop.name, hop.ok) for hop in hops][3:] == [
            ("proxy", True),
            ("tls", True),
            ("websocket", True),
        ]
        assert not [name for name in peer.headers[0] if "authorization" in name.lower()]

    async def test_no_byte_that_reaches_the_relay_holds_the_proxys_credentials(self, proxy_port: int) -> None:
        captured = bytearray()

        async def capture(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            captured.extend(await reader.readuntil(b"\r\n\r\n"))
            writer.close()

        through = make_proxy(f"http://127.0.0.1:{proxy_port}", user="plant", password=Secret("s3cret"))
        server = await asyncio.start_server(capture, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            url = f"ws://127.0.0.1:{port}"
            await refusal_of(make_endpoint(url, allow_plain_loopback=True, proxy=through))

        assert captured.startswith(b"GET /agent HTTP/1.1")
        assert b"authorization" not in captured.lower()
        assert b"s3cret" not in captured
        assert base64.b64encode(b"plant:s3cret") not in captured

    @pytest.mark.parametrize("password", ["pass-mistaken", None])
    async def test_wrong_credentials_are_named_and_not_shown(
        self, authority: Authority, proxy_port: int, password: str | None
    ) -> None:
        endpoint = self.endpoint(authority, free_port(), proxy_port, password)
        error = await refusal_of(endpoint)
        hop = await last_hop(endpoint)

        assert isinstance(error, CredentialsRefused)
        assert (hop.name, hop.ok) == ("proxy", False)
        assert "pass-mistaken" not in f"{error!r} {error} {hop} {endpoint}"

    async def test_the_certificate_is_checked_behind_a_proxy_too(
        self, authority: Authority, proxy_port: int
    ) -> None:
        async with listening(Peer(), authority.server_context("relay.example")) as port:
            hop = await last_hop(self.endpoint(authority, port, proxy_port, "s3cret"))

        assert (hop.name, hop.ok) == ("tls", False)

    async def test_what_is_no_proxy(self, authority: Authority) -> None:
        async with answering(b"SSH-2.0-x\r\n\r\n") as fake:
            error = await refusal_of(self.endpoint(authority, 9, fake.port, None))

        assert isinstance(error, Unreachable)
        assert "no HTTP proxy" in error.message

    async def test_the_environment_names_no_proxy(
        self, authority: Authority, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
        async with listening(Peer(), authority.server_context()) as port:
            hop = await last_hop(make_endpoint(f"wss://localhost:{port}", ca_file=authority.file))

        assert (hop.name, hop.ok) == ("websocket", True)
