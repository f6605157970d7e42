"""How the client signs in: tokens, passwords, sessions."""

from __future__ import annotations

import asyncio
from json import loads
from typing import Any

import httpx
import pytest

from drivers.contract import (
    CredentialsRefused,
    SourceBusy,
)
from drivers.http.client import HttpClient
from drivers.http.messages import Request
from drivers.http.options import HttpOptions
from tests.canaries import canary
from tests.unit.drivers.http.answering import OAUTH, URL, answer, client


class TokenServer:
    def __init__(self) -> None:
        self.tokens = 0
        self.forms: list[str] = []
        self.valid = ""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "login.example":
            self.tokens += 1
            self.forms.append(request.content.decode())
            self.valid = f"t{self.tokens}"
            return answer(200, json={"access_token": self.valid, "expires_in": 3600})
        good = request.headers.get("authorization") == f"Bearer {self.valid}"
        return answer(200 if good else 401)


async def test_a_token_is_fetched_once_kept_and_renewed_when_it_is_refused() -> None:
    server = TokenServer()
    made = client(server, {"client_secret": "s"}, auth=OAUTH, parallel=8)

    answers = await asyncio.gather(*(made.send(Request("GET", "/x")) for _ in range(8)))
    assert {each.status for each in answers} == {200}
    assert server.tokens == 1
    assert server.forms == ["grant_type=client_credentials&scope=erp"]

    server.valid = "revoked"
    answers = await asyncio.gather(*(made.send(Request("GET", "/x")) for _ in range(8)))
    assert {each.status for each in answers} == {200}
    assert server.tokens == 2


async def test_a_refused_client_is_said_in_the_endpoints_words() -> None:
    def respond(_: httpx.Request) -> httpx.Response:
        return answer(401, json={"error": "invalid_client", "error_description": "unknown client"})

    with pytest.raises(CredentialsRefused, match="invalid_client unknown client"):
        await client(respond, {"client_secret": "s"}, auth=OAUTH).send(Request("GET", "/x"))


@pytest.mark.parametrize("status", [500, 502, 504])
async def test_a_place_to_sign_in_that_fails_is_tried_again_later(status: int) -> None:
    def respond(_: httpx.Request) -> httpx.Response:
        return answer(status)

    session = {"kind": "session", "path": "/Login", "body": {"UserName": "m"}}
    for auth in (OAUTH, session):
        with pytest.raises(SourceBusy):
            await client(respond, {"client_secret": "s"}, auth=auth).send(Request("GET", "/x"))


@pytest.mark.parametrize("life", ["NaN", "Infinity", "1" + "0" * 400, "-1", '"x"', "null"])
async def test_a_token_of_no_sensible_life_is_kept_for_a_while(life: str) -> None:
    tokens: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.host != "login.example":
            return answer(200)
        tokens.append(str(request.url))
        return answer(200, f'{{"access_token": "t", "expires_in": {life}}}'.encode())

    now = [0.0]
    options = HttpOptions.model_validate({"url": URL, "auth": OAUTH})
    made = HttpClient(
        options, {"client_secret": "s"}, transport=httpx.MockTransport(respond), monotonic=lambda: now[0]
    )
    for moment in (0.0, 1.0, 200.0, 301.0):
        now[0] = moment
        await made.send(Request("GET", "/x"))
    assert len(tokens) == 2


async def test_a_refused_password_is_sent_once_by_each_request() -> None:
    """Each try counts towards the lock of an account."""
    asked: list[str] = []
    both = asyncio.Event()

    async def respond(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        if len(asked) == 2:
            both.set()
        await both.wait()
        return answer(401)

    options = HttpOptions.model_validate({"url": URL, "auth": {"kind": "basic", "user": "ann"}})
    made = HttpClient(options, {"password": "p"}, transport=httpx.MockTransport(respond))
    answers = await asyncio.gather(made.send(Request("GET", "/a")), made.send(Request("GET", "/b")))

    assert [each.status for each in answers] == [401, 401]
    assert sorted(asked) == ["/a", "/b"]


@pytest.mark.parametrize("session", [True, False])
async def test_a_refusal_that_repeats_the_secret_does_not_show_it(*, session: bool) -> None:
    def respond(_: httpx.Request) -> httpx.Response:
        if session:
            return answer(401, json={"error": {"message": "x" * 295 + f"{canary()} is wrong"}})
        return answer(401, json={"error": "no", "error_description": "x" * 292 + f"{canary()} is wrong"})

    auth = {"kind": "session", "path": "/L", "body": {"Password": {"secret": "client_secret"}}}
    with pytest.raises(CredentialsRefused) as caught:
        await client(respond, {"client_secret": canary()}, auth=auth if session else OAUTH).send(
            Request("GET", "/x")
        )
    assert canary()[:4] not in str(caught.value)


async def test_a_server_that_does_not_answer_the_logout_holds_up_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/Logout":
            await asyncio.Event().wait()
        return answer(200)

    monkeypatch.setattr("drivers.http.client._LEAVING_SECONDS", 0.01)
    auth = {"kind": "session", "path": "/Login", "body": {"UserName": "m"}, "logout": "/Logout"}
    options = HttpOptions.model_validate({"url": URL, "auth": auth})
    made = HttpClient(options, {}, transport=httpx.MockTransport(respond))
    await made.send(Request("GET", "/x"))

    async with asyncio.timeout(5):
        await made.aclose()


async def test_a_session_is_opened_carried_by_its_cookie_and_opened_anew_when_it_ended() -> None:
    open_sessions: set[str] = set()
    logons: list[dict[str, Any]] = []

    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/b1s/v2/Login":
            logons.append(loads(request.content))
            open_sessions.add(f"s{len(logons)}")
            return answer(200, headers={"Set-Cookie": f"B1SESSION=s{len(logons)}; Path=/"})
        name = request.headers.get("cookie", "").removeprefix("B1SESSION=")
        return answer(200 if name in open_sessions else 401)

    auth = {"kind": "session", "path": "/b1s/v2/Login", "body": {"CompanyDB": "DEMO", "UserName": "m", "Password": {"secret": "password"}}}  # fmt: skip
    made = client(respond, {"password": "p"}, auth=auth)

    assert (await made.send(Request("GET", "/x"))).status == 200
    open_sessions.clear()
    assert (await made.send(Request("POST", "/x", body=b"{}"))).status == 200
    assert logons == [{"CompanyDB": "DEMO", "UserName": "m", "Password": "p"}] * 2


async def test_a_refused_logon_is_no_endless_loop() -> None:
    asked: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return answer(401, json={"error": {"message": {"value": "Fail to get DB Credentials"}}})

    auth = {"kind": "session", "path": "/Login", "body": {"UserName": "m"}}
    with pytest.raises(CredentialsRefused, match="Fail to get DB Credentials"):
        await client(respond, {}, auth=auth).send(Request("GET", "/x"))
    assert asked == ["/Login"]
