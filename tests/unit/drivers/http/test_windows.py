"""Signing in to a server that takes real NTLM and Negotiate handshakes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from spnego.channel_bindings import GssChannelBindings

from drivers.contract import BadConfiguration, CredentialsRefused, Unreachable
from drivers.http.client import HttpClient
from drivers.http.messages import Answer, Request
from drivers.http.options import HttpOptions
from drivers.http.windows import offered_schemes
from tests.windows_sign_in import PASSWORD, USER, WindowsServer, use_accounts


@pytest.fixture(autouse=True)
def accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_accounts(tmp_path, monkeypatch)


@contextmanager
def serving(**options: Any) -> Iterator[WindowsServer]:
    server = WindowsServer(lambda _method, _path, body: (200, body), **options)
    try:
        yield server
    finally:
        server.stop()


def client(server: WindowsServer, protocol: str = "negotiate", **options: Any) -> HttpClient:
    auth = {"kind": "windows", "user": USER, "protocol": protocol}
    made = HttpOptions.model_validate({"url": server.url, "auth": auth, **options})
    return HttpClient(made, {"password": PASSWORD})


async def ask(made: HttpClient, *bodies: bytes) -> list[Answer]:
    return await asyncio.gather(*(made.send(Request("POST", "/x", body=body)) for body in bodies))


@pytest.mark.parametrize("scheme", ["Negotiate", "NTLM"])
@pytest.mark.parametrize("protocol", ["negotiate", "ntlm"])
async def test_an_account_of_windows_signs_in(scheme: str, protocol: str) -> None:
    with serving(schemes=(scheme,)) as server:
        made = client(server, protocol)
        (answer,) = await ask(made, b"hello")
        await made.aclose()

    assert (answer.status, answer.body) == (200, b"hello")
    assert server.users == [USER]


async def test_a_connection_that_is_signed_in_is_not_asked_again() -> None:
    with serving() as server:
        made = client(server, parallel=1)
        for number in range(3):
            await ask(made, str(number).encode())
        await made.aclose()

    assert len(server.users) == 1
    assert [scheme for scheme, _ in server.seen].count("") == 3


async def test_requests_at_the_same_time_do_not_mix_their_handshakes() -> None:
    bodies = [str(number).encode() for number in range(20)]
    with serving() as server:
        made = client(server, parallel=4)
        answers = await ask(made, *bodies)
        await made.aclose()

    assert [answer.body for answer in answers] == bodies
    assert 1 <= len(server.users) <= 4


async def test_a_wrong_password_is_an_answer_of_401() -> None:
    with serving() as server:
        made = HttpClient(
            HttpOptions.model_validate({"url": server.url, "auth": {"kind": "windows", "user": USER}}),
            {"password": "wrong"},
        )
        (answer,) = await ask(made, b"")
        await made.aclose()

    assert answer.status == 401
    assert not server.users


async def test_a_server_that_offers_neither_is_named_with_what_it_offers() -> None:
    with serving(schemes=("Basic",)) as server:
        made = client(server)
        with pytest.raises(BadConfiguration, match="offers Basic") as raised:
            await ask(made, b"")
        await made.aclose()

    assert raised.value.where == "options.auth.protocol"


async def test_a_refused_kind_or_a_request_that_is_given_up_holds_no_connection() -> None:
    with serving(schemes=("Basic",)) as server:
        made = client(server, parallel=1, request_seconds=5)
        for _ in range(2):
            with pytest.raises(BadConfiguration):
                await ask(made, b"")
        await made.aclose()
    with serving() as server:
        made = client(server, parallel=1, request_seconds=5)
        for turns in range(0, 60, 3):
            task = asyncio.ensure_future(ask(made, b"given up"))
            for _ in range(turns):
                await asyncio.sleep(0)  # noqa: TID251 - gives the loop a turn, waits for nothing
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        (answer,) = await ask(made, b"hello")
        await made.aclose()

    assert answer.body == b"hello"


@pytest.mark.parametrize("token", [b"x", b"NTLMSSP\0\x02\0\0\0", b"\xa1\x03\x30\x01\x00", b"\xff" * 40])
@pytest.mark.parametrize("scheme", ["Negotiate", "NTLM"])
async def test_a_token_that_is_none_ends_the_sign_in_and_nothing_else(scheme: str, token: bytes) -> None:
    with serving(schemes=(scheme,), token=token) as server:
        made = client(server, parallel=1)
        for _ in range(2):
            with pytest.raises(CredentialsRefused) as raised:
                await ask(made, b"")
        await made.aclose()

    assert PASSWORD not in f"{raised.value.message}{raised.value.hint}"


async def test_a_server_that_does_not_prove_itself_behind_its_answer_leaves_open_what_it_did() -> None:
    with serving(schemes=("Negotiate",), last_token=b"\xff" * 40) as server:
        made = client(server)
        with pytest.raises(Unreachable, match="did not prove to be the server"):
            await ask(made, b"create")
        await made.aclose()

    assert server.users == [USER], "the request itself was carried out"


async def test_a_sign_in_whose_connection_does_not_last_ends_as_refused() -> None:
    with serving(hangs_up=True) as server:
        made = client(server)
        (answer,) = await ask(made, b"")
        await made.aclose()

    assert answer.status == 401
    assert not server.users


async def test_over_tls_the_sign_in_is_bound_to_the_servers_certificate(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with serving(context=context) as server:
        for bindings, expected in ((_bindings(issued), 200), (_bindings(authority.issue_cert("x")), 401)):
            server.bindings = bindings
            made = client(server, ca_file=str(tmp_path / "ca.pem"))
            (answer,) = await ask(made, b"")
            await made.aclose()
            assert answer.status == expected


def _bindings(issued: trustme.LeafCert) -> GssChannelBindings:
    import hashlib

    certificate = ssl.PEM_cert_to_DER_cert(issued.cert_chain_pems[0].bytes().decode())
    digest = hashlib.sha256(certificate).digest()
    return GssChannelBindings(application_data=b"tls-server-end-point:" + digest)


def test_a_password_is_needed_for_a_user() -> None:
    options = HttpOptions.model_validate(
        {"url": "http://nav.example", "auth": {"kind": "windows", "user": USER}}
    )

    with pytest.raises(BadConfiguration, match="no secret 'password'"):
        HttpClient(options, {})


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (["Negotiate", "NTLM"], ["Negotiate", "NTLM"]),
        (["Negotiate, NTLM"], ["Negotiate", "NTLM"]),
        (['Basic realm="a", charset="UTF-8"'], ["Basic"]),
        ([], []),
    ],
)
def test_what_a_server_offers_is_read_from_one_header_or_many(
    headers: list[str], expected: list[str]
) -> None:
    assert offered_schemes(headers) == expected
