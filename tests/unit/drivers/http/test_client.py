from __future__ import annotations

import asyncio
import base64
import gzip
import ssl
import zlib
from collections.abc import AsyncIterator

import httpcore
import httpx
import pytest

from drivers.contract import (
    BadConfiguration,
    DriverError,
    SourceBusy,
    SourceChanged,
    Throttled,
    Unreachable,
)
from drivers.http.client import HttpClient, retry_after, server_time
from drivers.http.messages import Answer, Request, Sink
from drivers.http.options import HttpOptions
from drivers.http.transport import NotSent
from tests.canaries import canary
from tests.unit.drivers.http.answering import OAUTH, URL, answer, client, raw

MIB = 1024 * 1024


async def test_what_the_connection_configures_goes_with_every_request() -> None:
    seen: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return raw(b"{}")

    made = client(
        respond,
        {"password": canary("päss"), "k": "v1"},
        auth={"kind": "basic", "user": "ann"},
        headers={"X-Key": {"secret": "k"}, "X-Plain": "1"},
    )
    got = await made.send(Request("GET", f"{URL}/a%2Fb?x=%20", {"Accept": "application/json"}))

    assert got.status == 200
    assert str(seen[0].url) == f"{URL}/a%2Fb?x=%20"
    assert (
        seen[0].headers["authorization"]
        == "Basic " + base64.b64encode(f"ann:{canary('päss')}".encode()).decode()
    )
    assert (seen[0].headers["x-key"], seen[0].headers["x-plain"]) == ("v1", "1")


async def test_a_redirect_is_told_and_not_followed() -> None:
    asked: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return answer(302, headers={"Location": "http://169.254.169.254/latest/meta-data"})

    with pytest.raises(BadConfiguration, match=r"169\.254\.169\.254"):
        await client(respond).send(Request("GET", "/x"))
    assert len(asked) == 1


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/x", "http://erp.example:44300/sap", "https://erp.example/sap", "//evil.example/x", "file:///etc/passwd", "https://erp.example:44300@evil.example/"],
)  # fmt: skip
async def test_a_target_on_another_host_is_refused_before_anything_is_sent(target: str) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        raise AssertionError(request.url)

    with pytest.raises(DriverError):
        await client(respond).send(Request("GET", target))


async def test_a_pause_that_the_server_asks_for_is_throttled() -> None:
    for status, header, pause in ((429, "7", 7), (503, "120", 120), (429, "", 30), (429, "999999", 3_600)):
        made = client(lambda _, s=status, h=header: answer(s, headers={"Retry-After": h} if h else {}))
        with pytest.raises(Throttled) as caught:
            await made.send(Request("GET", "/x"))
        assert caught.value.retry_after == pause
    with pytest.raises(SourceBusy):
        await client(lambda _: answer(503)).send(Request("GET", "/x"))


def test_a_date_to_come_back_at_is_counted_on_the_servers_clock() -> None:
    headers = {"date": "Mon, 05 Jan 2026 08:00:00 GMT", "retry-after": "Mon, 05 Jan 2026 08:01:30 GMT"}
    assert retry_after(Answer(429, headers, b"")) == 90
    assert server_time(Answer(200, headers, b"")).isoformat() == "2026-01-05T08:00:00+00:00"
    assert server_time(Answer(200, {"date": "soon"}, b"")) is None
    assert retry_after(Answer(429, {"retry-after": "later"}, b"")) is None


async def test_a_compressed_answer_is_inflated_no_further_than_allowed() -> None:
    bomb = gzip.compress(b"0" * (64 * MIB), 9)
    with pytest.raises(SourceChanged, match="longer than"):
        await client(lambda _: raw(bomb, **{"content-encoding": "gzip"}), max_body_bytes=MIB).send(
            Request("GET", "/x")
        )
    fine = await client(lambda _: raw(zlib.compress(b"abc"), **{"content-encoding": "deflate"})).send(
        Request("GET", "/x")
    )
    assert fine.body == b"abc"


@pytest.mark.parametrize(
    ("body", "encoding"),
    [(b"not gzip", "gzip"), (b"x", "br"), (gzip.compress(b"abc" * 99, mtime=0)[:-9], "gzip")],
)
async def test_damaged_or_unasked_compression_is_no_answer(body: bytes, encoding: str) -> None:
    with pytest.raises(SourceChanged):
        await client(lambda _: raw(body, **{"content-encoding": encoding})).send(Request("GET", "/x"))


async def test_bytes_behind_a_compressed_answer_are_not_gathered() -> None:
    taken: list[int] = []

    class Endless(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield gzip.compress(b"{}")
            for number in range(100):
                taken.append(number)
                yield b"x" * MIB

    def respond(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-encoding": "gzip"}, stream=Endless())

    with pytest.raises(SourceChanged, match="behind the end"):
        await client(respond).send(Request("GET", "/x"))
    assert taken == [0]


async def test_a_plain_answer_that_is_too_long_is_refused() -> None:
    with pytest.raises(SourceChanged, match="longer than"):
        await client(lambda _: raw(b"x" * (MIB + 1)), max_body_bytes=MIB).send(Request("GET", "/x"))


async def test_a_long_answer_goes_into_a_sink_in_pieces_and_no_further_than_allowed() -> None:
    asked, taken = [], bytearray()

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if request.url.path.endswith("missing"):
            return answer(404, b"not here")
        return raw(gzip.compress(b"x" * 100_000), **{"content-encoding": "gzip"})

    made = client(respond)
    whole = Sink(taken.extend, 100_000, "lower it")
    got = await made.send(Request("GET", "/sap/package", repeatable=True), sink=whole)
    assert (got.status, got.body, bytes(taken)) == (200, b"", b"x" * 100_000)

    taken.clear()
    refused = await made.send(Request("GET", "/sap/missing"), sink=whole)
    assert (refused.body, bytes(taken)) == (b"not here", b"")

    with pytest.raises(SourceChanged) as error:
        await made.send(Request("GET", "/sap/package"), sink=Sink(taken.extend, 99_999, "lower it"))
    assert error.value.hint == "lower it"
    assert len(taken) <= 99_999


async def test_what_goes_into_a_sink_is_asked_for_once() -> None:
    asked = []

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        raise httpcore.ReadError("broken")

    with pytest.raises(Unreachable):
        await client(respond).send(
            Request("GET", "/sap/package", repeatable=True), sink=Sink(bytearray().extend, 10, "")
        )
    assert len(asked) == 1


async def test_what_can_be_asked_again_is_asked_once_more_after_a_broken_line() -> None:
    asked: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(request.method)
        if len(asked) == 1:
            raise httpcore.RemoteProtocolError("Server disconnected")
        return raw(b"{}")

    made = client(respond)
    assert (await made.send(Request("GET", "/x", repeatable=True))).status == 200
    asked.clear()
    with pytest.raises(Unreachable) as caught:
        await made.send(Request("POST", "/x", body=b"{}"))
    assert not isinstance(caught.value, NotSent)
    assert asked == ["POST"]


async def test_a_request_that_found_no_connection_was_not_sent() -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        raise httpcore.ConnectError("refused")

    with pytest.raises(NotSent):
        await client(respond).send(Request("POST", "/x"))


async def test_an_answer_has_an_end_in_time() -> None:
    async def slow(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        return raw(b"")

    options = HttpOptions.model_validate({"url": URL, "request_seconds": 0.01})
    made = HttpClient(options, {}, transport=httpx.MockTransport(slow))
    with pytest.raises(Unreachable, match="took longer"):
        await made.send(Request("GET", "/x", repeatable=True))


async def test_requests_are_spaced_out_over_the_minute() -> None:
    now, waited = [100.0], list[float]()

    async def pause(seconds: float) -> None:
        waited.append(round(seconds, 3))
        now[0] += seconds

    options = HttpOptions.model_validate({"url": URL, "requests_per_minute": 30})
    made = HttpClient(
        options, {}, transport=httpx.MockTransport(lambda _: raw(b"")), pause=pause, monotonic=lambda: now[0]
    )
    for _ in range(4):
        await made.send(Request("GET", "/x"))
    assert waited == [2.0, 2.0, 2.0]


@pytest.mark.parametrize("location", ["http://[", "https://[::1", "//[x"])
async def test_a_redirect_to_what_is_no_url_is_an_error_of_the_contract(location: str) -> None:
    with pytest.raises(DriverError):
        await client(lambda _: answer(302, headers={"Location": location})).send(Request("GET", "/x"))
    with pytest.raises(BadConfiguration):
        await client(lambda _: answer(200)).send(Request("GET", location))


async def test_a_redirect_shows_no_password() -> None:
    location = f"https://ann:{canary()}@erp.example/x"
    with pytest.raises(BadConfiguration) as caught:
        await client(lambda _: answer(302, headers={"Location": location})).send(Request("GET", "/x"))
    assert canary() not in str(caught.value)


def test_times_that_are_none_are_none() -> None:
    assert retry_after(Answer(429, {"retry-after": "²"}, b"")) is None
    assert server_time(Answer(200, {"date": "Fri, 31 Dec 9999 23:59:59 -1400"}, b"")) is None


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (httpcore.ProxyError("502 Bad Gateway"), NotSent),
        (httpcore.ProxyError("504 Gateway Timeout"), NotSent),
        (httpcore.ProxyError("407 Proxy Authentication Required"), BadConfiguration),
        (httpcore.ProxyError("403 Forbidden"), BadConfiguration),
    ],
)
async def test_a_proxy_that_does_not_reach_the_host_is_told_from_one_that_refuses(
    failure: Exception, kind: type[DriverError]
) -> None:
    def respond(_: httpx.Request) -> httpx.Response:
        raise failure

    with pytest.raises(kind):
        await client(respond).send(Request("POST", "/x", body=b"{}"))


async def test_a_line_that_ends_amid_the_handshake_may_be_there_again_later() -> None:
    def respond(_: httpx.Request) -> httpx.Response:
        raise httpcore.ConnectError from ssl.SSLEOFError(8, "EOF occurred in violation of protocol")

    with pytest.raises(NotSent):
        await client(respond).send(Request("GET", "/x"))


@pytest.mark.parametrize("value", [canary("\n"), canary("ü")])
def test_a_header_that_cannot_be_sent_is_told_without_its_value(value: str) -> None:
    with pytest.raises(BadConfiguration) as caught:
        client(lambda _: answer(200), {"k": value}, headers={"X-Key": {"secret": "k"}})
    assert caught.value.where == "options.headers.X-Key"
    assert "nter2" not in f"{caught.value!r}{caught.value.hint}"


@pytest.mark.parametrize("host", ["169.254.169.254", "2852039166", "0xa9fea9fe", "[::ffff:169.254.169.254]"])
def test_a_proxy_is_not_asked_for_an_address_that_is_closed(host: str) -> None:
    for options, where in (
        ({"url": f"http://{host}/sap"}, "options.url"),
        ({"url": URL, "auth": {**OAUTH, "token_url": f"http://{host}/t"}}, "options.auth.token_url"),
    ):
        made = HttpOptions.model_validate({**options, "proxy": "http://proxy:3128"})
        with pytest.raises(BadConfiguration) as caught:
            HttpClient(made, {"client_secret": "s"})
        assert caught.value.where == where


def test_a_proxy_may_be_asked_for_any_other_host() -> None:
    for host in ("erp.example", "10.0.0.5", "[fd12::1]", "cafe"):
        assert HttpClient(HttpOptions.model_validate({"url": f"http://{host}", "proxy": "http://p:1"}), {})


def test_a_proxys_password_may_hold_any_letter() -> None:
    options = HttpOptions.model_validate({"url": URL, "proxy": "http://proxy:3128", "proxy_user": "jörg"})
    assert HttpClient(options, {"proxy_password": "pässwörd"})


# --- signing in


def test_a_secret_that_is_not_there_is_named() -> None:
    with pytest.raises(BadConfiguration, match="password"):
        client(lambda _: raw(b""), {}, auth={"kind": "basic", "user": "ann"})


def test_no_error_shows_a_password() -> None:
    with pytest.raises(ValueError, match="should not hold a user or a password"):
        HttpOptions.model_validate({"url": f"https://ann:{canary()}@erp.example"})
