"""What a receiver does is written down and never does the relay harm."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence

import pytest
import trustme

from agent.clock import SystemClock
from relay.webhooks.courier import Courier, Outcome
from relay.webhooks.line import MAX_BODY_BYTES, MAX_EXCERPT
from relay.webhooks.targets import Rules, networks_of
from tests.integration.webhook_receivers import (
    OK,
    Peer,
    Receiver,
    Script,
    answering,
    hanging,
    receiver,
    resetting,
    well,
)

LOOPBACK = Rules(allow_http=True, networks=networks_of(["127.0.0.0/8"]))
SHORT = 0.5  # seconds for a request, where the receiver never answers
HEADERS = {"webhook-id": "evt_1"}
BODY = b'{"type":"record.created"}'


def courier(
    rules: Rules = LOOPBACK,
    *,
    seconds: float = 30.0,
    tls: ssl.SSLContext | None = None,
    names: dict[str, Sequence[str]] | None = None,
) -> Courier:
    def lookup(host: str, port: int) -> Sequence[str]:
        return (names or {}).get(host, (host,))

    context = tls or ssl.create_default_context()
    return Courier(rules, context, clock=SystemClock(), lookup=lookup, request_seconds=seconds)


async def sent(script: Script, *, seconds: float = 30.0) -> tuple[Outcome, Receiver]:
    post = courier(seconds=seconds)
    try:
        async with receiver(script) as there:
            return await post.post("wep_1", there.url, HEADERS, BODY), there
    finally:
        post.close()


async def test_a_request_arrives_as_it_was_signed() -> None:
    outcome, there = await sent(well)

    assert (outcome.status, outcome.excerpt, outcome.failure) == (200, "ok", "")
    [request] = there.requests
    assert (request.path, request.body) == ("/hook", BODY)
    assert request.headers["webhook-id"] == "evt_1"
    assert request.headers["host"] == f"127.0.0.1:{there.port}"


@pytest.mark.parametrize("status", [200, 204, 301, 404, 410, 500])
async def test_every_status_is_told(status: int) -> None:
    outcome, _ = await sent(answering(status))

    assert outcome.status == status


async def test_a_redirect_is_not_followed() -> None:
    async with receiver() as elsewhere:
        script = answering(302, f"Location: http://127.0.0.1:{elsewhere.port}/hook\r\n")
        outcome, _ = await sent(script)

        assert (outcome.status, elsewhere.connections) == (302, 0)


async def test_a_receiver_that_hangs_ends_with_its_time() -> None:
    outcome, _ = await sent(hanging, seconds=SHORT)

    assert outcome.failure == "no answer within 0.5 seconds"


async def test_one_that_resets_is_a_failure() -> None:
    outcome, _ = await sent(resetting)

    assert (outcome.status, outcome.failure) == (None, "the connection was broken off")


async def test_one_that_closes_without_a_word_is_a_failure() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()

    outcome, _ = await sent(script)

    assert outcome.status is None
    assert outcome.failure


async def _drip(peer: Peer, data: bytes) -> None:
    for byte in data:
        await peer.say(bytes([byte]))
        await SystemClock().sleep(0.05)
    await peer.reader.read()


async def test_one_that_sends_its_head_byte_by_byte_ends_with_its_time() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await _drip(peer, OK)

    outcome, _ = await sent(script, seconds=SHORT)

    assert outcome.failure == "no answer within 0.5 seconds"


async def test_a_body_that_drips_changes_nothing_of_the_status() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nab")
        await peer.reader.read()

    outcome, _ = await sent(script)

    assert (outcome.status, outcome.excerpt) == (200, "ab")


async def test_a_giant_answer_is_cut_off() -> None:
    """It is neither read nor kept beyond its bound."""
    said = 0

    async def script(peer: Peer) -> None:
        nonlocal said
        await peer.request()
        await peer.say(b"HTTP/1.1 500 X\r\nContent-Length: 10000000000\r\n\r\n")
        while True:
            await peer.say(b"x" * 65_536)
            said += 65_536

    outcome, _ = await sent(script)

    assert (outcome.status, len(outcome.excerpt)) == (500, MAX_EXCERPT)
    assert said < 1_000 * MAX_BODY_BYTES


@pytest.mark.parametrize(
    "head",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"y" * 100_000,
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"\x00\xff" * 10_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000,
        b"HTTP/1.1 101 Switching\r\n\r\n",
    ],
    ids=["ssh", "long", "no-status", "length", "bytes", "interim", "upgrade"],
)
async def test_what_is_no_answer_of_http_is_a_failure(head: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(head)

    outcome, _ = await sent(script)

    assert outcome.status is None
    assert outcome.failure


async def test_control_characters_of_an_answer_go_no_further() -> None:
    outcome, _ = await sent(answering(500, body=b"a\x1b[31m\x00b\xff\x85"))

    assert outcome.excerpt == "a [31m b\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"


async def test_a_connection_is_kept_for_the_next_request_of_the_same_endpoint_alone() -> None:
    post = courier()
    async with receiver() as there:
        for _ in range(3):
            await post.post("wep_1", there.url, HEADERS, BODY)
        await post.post("wep_2", there.url, HEADERS, BODY)

        assert (len(there.requests), there.connections) == (4, 2)
    post.close()


async def test_a_connection_that_was_closed_while_idle_costs_no_delivery() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(OK)

    post = courier()
    async with receiver(script) as there:
        outcomes = [await post.post("wep_1", there.url, HEADERS, BODY) for _ in range(3)]

        assert [outcome.status for outcome in outcomes] == [200, 200, 200]
        assert there.connections == 3
    post.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n" + b"x" * 2 * MAX_BODY_BYTES,
    ],
    ids=["it says so", "an old version", "an answer that was not read to its end"],
)
async def test_a_connection_that_cannot_carry_a_second_request_is_not_kept(answer: bytes) -> None:
    async def script(peer: Peer) -> None:
        while await peer.request() is not None:  # it stays open at the receiver's end
            await peer.say(answer)

    post = courier()
    async with receiver(script) as there:
        outcomes = [await post.post("wep_1", there.url, HEADERS, BODY) for _ in range(2)]

        assert [outcome.status for outcome in outcomes] == [200, 200]
        assert (len(there.requests), there.connections) == (2, 2)
    post.close()


async def test_nobody_answers() -> None:
    async with receiver() as there:
        url = there.url
    post = courier()

    outcome = await post.post("wep_1", url, HEADERS, BODY)

    assert outcome.failure == "the connection was refused"


async def test_the_address_is_looked_at_before_a_connection_is_made() -> None:
    post = courier(Rules(allow_http=True), names={"hooks.example.com": ["127.0.0.1"]})
    async with receiver() as there:
        outcome = await post.post("wep_1", f"http://hooks.example.com:{there.port}/", HEADERS, BODY)

        assert "not at a public address" in outcome.failure
        assert there.connections == 0


async def test_a_name_that_changes_its_answer_leads_nowhere() -> None:
    """Whoever checks a name and then connects to the name asks twice, and may be told two things (DNS rebinding)."""
    answers = iter([["127.0.0.2"], ["127.0.0.1"]])
    asked = 0

    def lookup(host: str, port: int) -> Sequence[str]:
        nonlocal asked
        asked += 1
        return next(answers)

    rules = Rules(allow_http=True, networks=networks_of(["127.0.0.2/32"]))
    post = Courier(rules, ssl.create_default_context(), clock=SystemClock(), lookup=lookup)
    async with receiver() as inside:  # listens on 127.0.0.1 alone
        first = await post.post("wep_1", f"http://hooks.example.com:{inside.port}/", HEADERS, BODY)
        second = await post.post("wep_1", f"http://hooks.example.com:{inside.port}/", HEADERS, BODY)

        assert (first.failure, asked) == ("the connection was refused", 2)
        assert "not at a public address" in second.failure
        assert inside.connections == 0


async def test_the_proxy_of_the_environment_is_for_other_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiver() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")

        outcome, there = await sent(well)

        assert (outcome.status, len(there.requests), proxy.connections) == (200, 1, 0)


async def test_a_name_server_that_hangs_ends_with_the_time_of_the_request_and_holds_up_nobody_else() -> None:
    release = asyncio.Event()
    loop = asyncio.get_running_loop()

    def lookup(host: str, port: int) -> Sequence[str]:
        if host == "slow.example":
            asyncio.run_coroutine_threadsafe(release.wait(), loop).result()
        return ("127.0.0.1",)

    post = Courier(
        LOOPBACK, ssl.create_default_context(), clock=SystemClock(), lookup=lookup, request_seconds=SHORT
    )
    async with receiver() as there:
        slow, quick = await asyncio.gather(
            post.post("wep_1", "http://slow.example/", HEADERS, BODY),
            post.post("wep_2", f"http://quick.example:{there.port}/", HEADERS, BODY),
        )
        release.set()

        assert (slow.failure, quick.status) == ("no answer within 0.5 seconds", 200)
    post.close()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_side(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.mark.parametrize(("trusted", "named"), [(True, True), (False, True), (True, False)])
async def test_the_certificate_is_checked_for_the_name_of_the_url(
    authority: trustme.CA, *, trusted: bool, named: bool
) -> None:
    """Pinned to an address, the connection still has to prove the name."""
    context = ssl.create_default_context()
    if trusted:
        authority.configure_trust(context)
    tls = server_side(authority, "hooks.example.com" if named else "other.example.com")
    post = courier(tls=context, names={"hooks.example.com": ["127.0.0.1"]})
    async with receiver(tls=tls) as there:
        outcome = await post.post("wep_1", f"https://hooks.example.com:{there.port}/", HEADERS, BODY)

        if trusted and named:
            assert outcome.status == 200
        else:
            assert outcome.failure.startswith("the certificate is not accepted")
    post.close()
