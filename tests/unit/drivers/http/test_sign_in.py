"""What a place to sign in answers that cannot be right."""

from __future__ import annotations

import re
from collections.abc import Callable
from json import dumps

import httpx
import pytest

from drivers.contract import CredentialsRefused, SourceChanged
from drivers.http.client import HttpClient
from drivers.http.messages import Request
from drivers.http.oauth1 import Credentials, authorization
from drivers.http.options import HttpOptions
from tests.canaries import canary

URL = "https://erp.example"
DEEP = b'{"error":' + b"[" * 100_000


def client(respond: Callable[[httpx.Request], httpx.Response]) -> HttpClient:
    auth = {"kind": "oauth2", "token_url": f"{URL}/token", "client_id": "c"}
    made = HttpOptions.model_validate({"url": URL, "auth": auth})
    return HttpClient(made, {"client_secret": canary()}, transport=httpx.MockTransport(respond))


def answering(status: int, body: bytes) -> HttpClient:
    return client(lambda _: httpx.Response(status, stream=httpx.ByteStream(body)))


@pytest.mark.parametrize("token", ["", "tökén", "a b", "a\nb", "a\u2028b", " ", 7, None, ["x"]])
async def test_what_is_no_token_is_told_and_never_sent(token: object) -> None:
    asked: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200, stream=httpx.ByteStream(dumps({"access_token": token}).encode()))

    with pytest.raises(SourceChanged, match="without a token"):
        await client(respond).send(Request("GET", f"{URL}/x"))

    assert asked == ["/token"]


@pytest.mark.parametrize("body", [DEEP, b"\xff\xfe\x00", b"[" * 100_000, b'{"a":' + b"9" * 5_000 + b"}"])
@pytest.mark.parametrize(("status", "kind"), [(200, SourceChanged), (400, CredentialsRefused)])
async def test_an_answer_that_nobody_can_read_is_an_error_of_the_contract(
    status: int, kind: type[Exception], body: bytes
) -> None:
    with pytest.raises(kind):
        await answering(status, body).send(Request("GET", f"{URL}/x"))


async def test_behind_a_proxy_a_request_is_signed_as_the_server_itself_sees_it() -> None:
    auth = {
        "kind": "oauth1",
        "realm": "R",
        "consumer_key": "ck",
        "token_id": "tk",
        "signed_as": "https://itself.example",
    }
    secrets = {"consumer_secret": "cs", "token_secret": "ts"}
    made = HttpOptions.model_validate({"url": f"{URL}/inside", "auth": auth})
    seen: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, stream=httpx.ByteStream(b""))

    client_ = HttpClient(made, secrets, transport=httpx.MockTransport(respond), now=lambda: 1_700_000_000.0)
    await client_.send(Request("POST", f"{URL}/inside/rest/q?limit=1"))

    header = seen[0].headers["authorization"]
    nonce = re.findall(r'oauth_nonce="(\w+)"', header)[0]
    held = Credentials("R", "ck", "cs", "tk", "ts")
    place = "https://itself.example/rest/q?limit=1"
    assert str(seen[0].url) == f"{URL}/inside/rest/q?limit=1"
    assert header == authorization(held, "POST", place, moment=1_700_000_000, nonce=nonce)
