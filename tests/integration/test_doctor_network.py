"""What doctor says of the way to the relay, each fault by its real cause: names, proxies, TLS, clocks, silent hosts."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from agent.clock import SystemClock
from agent.doctor import certificates, clocks, names, proxies, relay
from agent.doctor.check import examine
from agent.doctor.checks import CHECKS
from agent.doctor.reaching import shown
from agent.findings import Level
from agent.tunnel.dial import Address
from tests.canaries import canary
from tests.integration.tunnel_peer import Authority, Peer, listening
from tests.premises import Premises
from tests.real_proxy import running_proxy
from tests.servers import free_port


class ClockOffBy:
    """The system's clock, wrong by so much."""

    def __init__(self, off: timedelta) -> None:
        self._off = off
        self._clock = SystemClock()

    def utcnow(self) -> datetime:
        return self._clock.utcnow() + self._off

    def monotonic(self) -> float:
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def proxy_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with running_proxy(tmp_path_factory.mktemp("proxy"), "--basic-auth", "plant:s3cret-right") as port:
        yield port


@contextlib.asynccontextmanager
async def a_relay(authority: Authority, **certificate: Any) -> AsyncIterator[int]:
    async with listening(Peer(), authority.server_context(**certificate)) as port:
        yield port


@contextlib.asynccontextmanager
async def saying(answer: bytes, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server with one answer for everybody."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """A port whose kernel drops every further SYN, as a firewall does: its queue of connections is full."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        address = server.getsockname()
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                client.connect(address)
        yield address[1]


def at(
    folder: Path, authority: Authority, port: int, *, host: str = "localhost", **settings: Any
) -> Premises:
    return Premises(folder, relay_url=f"wss://{host}:{port}/agent", ca_file=str(authority.file), **settings)


class TestNames:
    async def test_a_name_that_nobody_knows(self, tmp_path: Path) -> None:
        site = Premises(tmp_path, relay_url="wss://relay.invalid/agent")
        (site.root / "etc/resolv.conf").write_text("nameserver 192.0.2.53\nsearch plant.example\n")
        found = await site.ask(names.CHECK)
        one = found.get("names.unknown") or found["names.unanswered"]  # where no name server is reachable

        assert one.level is Level.PROBLEM
        assert "relay.invalid" in one.cause
        assert "192.0.2.53" in one.evidence
        assert "plant.example" in one.evidence

    async def test_the_names_of_systems_are_asked_for_too(self, tmp_path: Path) -> None:
        site = Premises(tmp_path)
        site.connect("erp", {"driver": "odata", "options": {"url": "https://erp.invalid/odata"}})
        found = await site.ask(names.CHECK)

        assert any(one.where == "erp: erp.invalid:443" for one in found.values())

    async def test_a_relay_that_is_an_address_needs_no_name(self, tmp_path: Path) -> None:
        assert await Premises(tmp_path).ask(names.CHECK) == {}

    async def test_a_name_that_resolves_is_fine(self, tmp_path: Path, authority: Authority) -> None:
        assert set(await at(tmp_path, authority, 9).ask(names.CHECK)) == {"names.ok"}


class TestProxy:
    async def test_the_right_password_is_fine(
        self, tmp_path: Path, authority: Authority, proxy_port: int
    ) -> None:
        async with a_relay(authority) as port:
            site = self.through(tmp_path, authority, port, proxy_port, "s3cret-right")
            found = await site.ask(proxies.CHECK, relay.CHECK)

        assert set(found) == {"proxy.ok", "relay.ok"}

    async def test_a_wrong_password_is_told_apart_and_not_shown(
        self, tmp_path: Path, authority: Authority, proxy_port: int
    ) -> None:
        wrong = canary("-proxy")
        site = self.through(tmp_path, authority, 443, proxy_port, wrong)
        found = await site.ask(proxies.CHECK, relay.CHECK)

        assert set(found) == {"proxy.wrong_password", "relay.untried"}
        assert "407" in found["proxy.wrong_password"].evidence
        assert "proxy-password" not in str(found)
        assert wrong not in str(found)

    async def test_a_wrong_password_is_tried_once_by_all_checks_together(
        self, tmp_path: Path, authority: Authority
    ) -> None:
        """Some proxies ask a directory, which locks the account after a few."""
        tries = 0

        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal tries
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await reader.readuntil(b"\r\n\r\n")
                tries += 1
                writer.write(b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\n\r\n")
                await writer.drain()
            writer.close()

        async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
            proxy = server.sockets[0].getsockname()[1]
            site = self.through(tmp_path, authority, 443, proxy, canary("-once"))
            found = await site.ask(*CHECKS)

        assert "proxy.wrong_password" in found
        assert tries == 1

    async def test_a_proxy_that_wants_a_password_of_who_has_none(
        self, tmp_path: Path, authority: Authority, proxy_port: int
    ) -> None:
        site = at(tmp_path, authority, 443, proxy=f"http://127.0.0.1:{proxy_port}")

        assert await site.bad(proxies.CHECK) == {"proxy.asks"}

    async def test_a_proxy_that_only_speaks_negotiate(self, tmp_path: Path, authority: Authority) -> None:
        answer = b"HTTP/1.1 407 Sign in\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\n\r\n"
        async with saying(answer) as proxy:
            site = self.through(tmp_path, authority, 443, proxy, "any")
            found = await site.ask(proxies.CHECK)

        assert "Negotiate or NTLM" in found["proxy.scheme"].cause

    @pytest.mark.parametrize(
        ("status", "code"), [("403 No", "forbidden"), ("502 Bad gateway", "cannot"), ("504 Late", "cannot")]
    )
    async def test_a_proxy_that_does_not_lead_there(
        self, tmp_path: Path, authority: Authority, status: str, code: str
    ) -> None:
        async with saying(f"HTTP/1.1 {status}\r\n\r\n".encode()) as proxy:
            site = at(tmp_path, authority, 443, proxy=f"http://127.0.0.1:{proxy}")
            found = await site.ask(proxies.CHECK)

        assert status in found[f"proxy.{code}"].evidence

    async def test_what_is_no_proxy(self, tmp_path: Path, authority: Authority) -> None:
        async with saying(b"220 mail.example ESMTP\r\n\r\n") as port:
            site = at(tmp_path, authority, 443, proxy=f"http://127.0.0.1:{port}")

            assert await site.bad(proxies.CHECK) == {"proxy.no_proxy"}

    async def test_a_proxy_that_is_not_there_is_no_wrong_password(
        self, tmp_path: Path, authority: Authority
    ) -> None:
        site = self.through(tmp_path, authority, 443, free_port(), "any")
        found = await site.ask(proxies.CHECK, relay.CHECK)

        assert set(found) == {"proxy.unreachable", "relay.untried"}
        assert "refused" in found["proxy.unreachable"].evidence

    async def test_a_proxy_of_the_environment_that_would_be_needed_is_named_without_its_password(
        self, tmp_path: Path, authority: Authority
    ) -> None:
        site = at(tmp_path, authority, 443, host="relay.invalid")
        secret = canary("-environment")
        site.environ["HTTPS_PROXY"] = f"http://plant:{secret}@proxy.plant.example:3128"
        found = await site.ask(proxies.CHECK)

        assert "$HTTPS_PROXY: http://proxy.plant.example:3128" in found["proxy.needed"].evidence
        assert secret not in str(found)

    async def test_a_proxy_for_everybody_that_is_not_used_is_only_worth_knowing(
        self, tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def known(_host: str, port: int) -> list[Address]:
            return [(socket.AF_INET, ("127.0.0.1", port))]  # a loopback name would need no proxy

        monkeypatch.setattr(proxies, "addresses_of", known)
        async with a_relay(authority) as port:
            site = at(tmp_path, authority, port, host="relay.plant.example")
            (site.root / "etc/environment").write_text('https_proxy="http://proxy.plant.example:3128"\n')
            found = await site.ask(proxies.CHECK)
            site.environ["no_proxy"] = "example.org, .plant.example"
            left_out = await site.ask(proxies.CHECK)

        assert found["proxy.unused"].level is Level.NOTICE
        assert left_out == {}

    def through(self, folder: Path, authority: Authority, port: int, proxy: int, password: str) -> Premises:
        file = folder / "password.secret"
        file.write_text(password)
        file.chmod(0o600)
        return at(
            folder,
            authority,
            port,
            proxy=f"http://127.0.0.1:{proxy}",
            proxy_user="plant",
            proxy_password=f"file:{file}",
        )


class TestRelay:
    async def test_a_way_that_works_is_fine_hop_by_hop(self, tmp_path: Path, authority: Authority) -> None:
        peer = Peer()
        async with listening(peer, authority.server_context()) as port:
            report = await examine(await at(tmp_path, authority, port).look(), [relay.CHECK])

        assert [one.cause for one in report.findings] == [
            "the port answers",
            "TLS works and the certificate is accepted",
            "the websocket opens",
        ]
        assert peer.received == 0
        assert peer.agents == {}

    async def test_a_port_that_nobody_listens_on(self, tmp_path: Path, authority: Authority) -> None:
        assert await at(tmp_path, authority, free_port()).bad(relay.CHECK) == {"relay.refused"}

    async def test_a_firewall_that_swallows_packets(self, tmp_path: Path, authority: Authority) -> None:
        with black_hole() as port:
            found = await at(tmp_path, authority, port, host="127.0.0.1").ask(relay.CHECK)

        assert "no answer within" in found["relay.unanswered"].evidence
        assert "firewall" in found["relay.unanswered"].next_step

    async def test_an_expired_certificate(self, tmp_path: Path, authority: Authority) -> None:
        async with a_relay(authority, expired=True) as port:
            found = await at(tmp_path, authority, port).ask(relay.CHECK)

        assert "2020-01-01" in found["relay.expired"].evidence

    async def test_a_certificate_that_ends_soon(self, tmp_path: Path, authority: Authority) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        end = SystemClock().utcnow() + timedelta(days=9)
        authority.ca.issue_cert("localhost", not_after=end).configure_cert(context)
        async with listening(Peer(), context) as port:
            found = await at(tmp_path, authority, port).ask(relay.CHECK)

        assert found["relay.expiring"].level is Level.WARNING
        assert f"{end:%Y-%m-%d}" in found["relay.expiring"].cause

    async def test_a_certificate_for_another_name(self, tmp_path: Path, authority: Authority) -> None:
        async with a_relay(authority, name="relay.example") as port:
            found = await at(tmp_path, authority, port).ask(relay.CHECK)

        assert found["relay.wrong_name"].cause == "the certificate is for relay.example"

    async def test_an_authority_that_this_host_does_not_know(
        self, tmp_path: Path, authority: Authority
    ) -> None:
        async with a_relay(authority) as port:
            found = await Premises(tmp_path, relay_url=f"wss://localhost:{port}").ask(relay.CHECK)

        assert "trustme" in found["relay.untrusted"].evidence
        assert "relay.ca_file" in found["relay.untrusted"].next_step

    async def test_a_port_without_tls(self, tmp_path: Path, authority: Authority) -> None:
        async with saying(b"HTTP/1.1 400 Bad\r\n\r\n") as port:
            assert await at(tmp_path, authority, port).bad(relay.CHECK) == {"relay.tls"}

    @pytest.mark.parametrize(
        ("answer", "code"),
        [(b"403 Forbidden", "relay.upgrade"), (b"200 OK", "relay.upgrade"), (b"503 Wait", "relay.busy")],
    )
    async def test_a_gateway_that_does_not_pass_the_websocket_on(
        self, tmp_path: Path, authority: Authority, answer: bytes, code: str
    ) -> None:
        said = b"HTTP/1.1 " + answer + b"\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        async with saying(said, authority.server_context()) as port:
            assert await at(tmp_path, authority, port).bad(relay.CHECK) == {code}

    async def test_an_agent_that_is_not_enrolled(self, tmp_path: Path) -> None:
        site = Premises(tmp_path)
        (site.state / "identity.json").unlink()

        assert await site.bad(relay.CHECK) == {"relay.unenrolled"}


class TestInspection:
    """A real proxy that opens TLS with an authority of its own, between this host and a real relay."""

    async def test_it_is_named_with_subject_issuer_and_fingerprint(
        self, tmp_path: Path, authority: Authority
    ) -> None:
        site_folder, proxy_folder = tmp_path / "site", tmp_path / "proxy"
        proxy_folder.mkdir()
        options = inspecting_options(proxy_folder, "Plant Firewall SSL Inspection CA")
        async with a_relay(authority) as port:
            with running_proxy(proxy_folder, *options, "--ca-file", str(authority.file)) as proxy:
                site = at(site_folder, authority, port, proxy=f"http://127.0.0.1:{proxy}")
                found = await site.ask(relay.CHECK)

        one = found["relay.inspected"]
        assert "Plant Firewall SSL Inspection CA" in one.cause
        assert "CN=Plant Firewall SSL Inspection CA" in one.evidence
        assert "SHA-256 " in one.evidence
        assert str(authority.file) in one.cause
        assert "relay.ca_file" in one.next_step

    async def test_where_it_is_trusted_it_is_worth_knowing(self, tmp_path: Path) -> None:
        ca = trustme.CA(organization_name="Zscaler Inc.")
        inspected = Authority(ca, tmp_path / "ca.pem")
        ca.cert_pem.write_to_path(str(inspected.file))
        async with a_relay(inspected) as port:
            found = await at(tmp_path, inspected, port).ask(relay.CHECK)

        assert found["relay.inspected_trusted"].level is Level.NOTICE
        assert "Zscaler" in found["relay.inspected_trusted"].cause

    async def test_another_authority_than_the_configured_one(
        self, tmp_path: Path, authority: Authority
    ) -> None:
        other = Authority.make(tmp_path)
        async with a_relay(other) as port:
            found = await at(tmp_path, authority, port).ask(relay.CHECK)

        assert "whether this issuer is his" in found["relay.inspected"].next_step


class TestClock:
    @pytest.mark.parametrize(
        ("off", "codes"),
        [
            (timedelta(seconds=20), {"clock.ok"}),
            (timedelta(seconds=-150), {"clock.off"}),
            (timedelta(hours=2), {"clock.wrong"}),
        ],
    )
    async def test_it_is_held_against_the_relays(
        self, tmp_path: Path, authority: Authority, off: timedelta, codes: set[str]
    ) -> None:
        async with a_relay(authority) as port:
            found = await at(tmp_path, authority, port).ask(clocks.CHECK, clock=ClockOffBy(off))

        assert set(found) == codes

    async def test_the_evidence_has_both_clocks(self, tmp_path: Path, authority: Authority) -> None:
        async with a_relay(authority) as port:
            found = await at(tmp_path, authority, port).ask(
                clocks.CHECK, clock=ClockOffBy(-timedelta(days=3))
            )

        assert found["clock.wrong"].cause == "this host's clock is 3 days behind"
        assert "its Date header says" in found["clock.wrong"].evidence

    async def test_a_certificate_that_begins_later_than_today_is_evidence_too(
        self, tmp_path: Path, authority: Authority
    ) -> None:
        """trustme's certificates begin in the year 2000."""
        async with a_relay(authority) as port:
            off = datetime(1999, 1, 1, tzinfo=UTC) - SystemClock().utcnow()
            found = await at(tmp_path, authority, port).ask(clocks.CHECK, clock=ClockOffBy(off))

        assert "clock.certificate" in found

    async def test_a_systems_date_header_counts_as_well(self, tmp_path: Path) -> None:
        answer = b"HTTP/1.1 401 No\r\nDate: Mon, 05 Jan 2015 12:00:00 GMT\r\n\r\n"
        async with saying(answer) as port:
            site = Premises(tmp_path, relay_url=f"wss://127.0.0.1:{free_port()}")
            site.connect("erp", {"driver": "odata", "options": {"url": f"http://127.0.0.1:{port}/odata"}})
            found = await site.ask(clocks.CHECK)

        assert "2015-01-05 12:00:00" in found["clock.wrong"].evidence
        assert found["clock.wrong"].where.startswith("erp: ")

    async def test_a_server_that_tells_no_time_is_only_worth_knowing(self, tmp_path: Path) -> None:
        async with saying(b"HTTP/1.1 200 OK\r\n\r\n") as port:
            site = Premises(tmp_path, relay_url=f"wss://127.0.0.1:{free_port()}")
            site.connect("erp", {"driver": "odata", "options": {"url": f"http://127.0.0.1:{port}/odata"}})

            assert set(await site.ask(clocks.CHECK)) == {"clock.unknown"}


class TestCertificatesOfSystems:
    async def test_one_that_this_host_does_not_trust(self, tmp_path: Path, authority: Authority) -> None:
        async with saying(b"HTTP/1.1 200 OK\r\n\r\n", authority.server_context()) as port:
            site = Premises(tmp_path)
            site.connect("erp", {"driver": "odata", "options": {"url": f"https://localhost:{port}/o"}})

            assert await site.bad(certificates.CHECK) == {"certificates.refused"}

    async def test_one_that_ends_soon(self, tmp_path: Path, authority: Authority) -> None:
        async with saying(b"HTTP/1.1 200 OK\r\n\r\n", authority.server_context()) as port:
            site = Premises(tmp_path)
            options = {"url": f"https://localhost:{port}/o", "ca_file": str(authority.file)}
            site.connect("erp", {"driver": "odata", "options": options})
            ends = shown(ssl.PEM_cert_to_DER_cert(authority.file.read_text())).ends
            today = await site.ask(certificates.CHECK)
            late = await site.bad(
                certificates.CHECK, clock=ClockOffBy(ends - SystemClock().utcnow() - timedelta(days=9))
            )

        assert set(today) == {"certificates.ok"}
        assert late == {"certificates.ending"}


async def test_with_every_host_black_holed_all_of_it_ends_in_its_time(
    tmp_path: Path, authority: Authority
) -> None:
    """Ten seconds are promised; the relay, its proxy, a database and a web service all swallow their packets here."""
    with black_hole() as port:
        site = at(tmp_path, authority, port, host="127.0.0.1", proxy=f"http://127.0.0.1:{port}")
        site.connect("web", {"driver": "odata", "options": {"url": f"https://127.0.0.1:{port}/odata"}})
        connection = {"Driver": "PostgreSQL Unicode", "Server": "127.0.0.1", "Port": port}
        site.connect("db", {"driver": "odbc", "options": {"connection": connection}})
        report = await examine(await site.look(), CHECKS, seconds=9.0)

    found = {one.code for one in report.findings}
    assert {"proxy.unreachable", "relay.untried", "sources.unreachable"} <= found
    assert "doctor.unfinished" not in found
    assert "doctor.failed" not in found
    assert report.seconds < 10


def inspecting_options(folder: Path, name: str) -> list[str]:
    """For proxy.py: an authority of that name, and the key of the certificates that it makes."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = SystemClock().utcnow()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = key.private_bytes(
        pem, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    files = {
        "--ca-key-file": plain,
        "--ca-cert-file": certificate.public_bytes(pem),
        "--ca-signing-key-file": plain,
    }
    options = ["--ca-cert-dir", str(folder)]
    for option, content in files.items():
        path = folder / f"{option.strip('-')}.pem"
        path.write_bytes(content)
        options += [option, str(path)]
    return options
