"""Attacks on the local console, each over real sockets against a console that listens; its calls are fakes."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from uvicorn.server import ServerState

from agent.audit.trail import Actor, Origin
from agent.clock import ManualClock
from agent.console import gate, server
from agent.console.door import IDLE_SECONDS, LINK_SECONDS, LONGEST_SECONDS, WRONG_PASSWORDS
from agent.console.live import MAX_PAGES
from agent.console.pages import PAGES
from agent.console.password import Password
from agent.console.service import Console, ConsoleUnavailable
from agent.control import caller
from agent.settings import ConsoleTable
from tests.canaries import canary

ALICE = Actor(Origin.LOCAL, "root (alice)")
PATIENCE_SECONDS = 30.0
FORM = "application/x-www-form-urlencoded"
HOSTILE = "<script>alert('erp')</script>"


@dataclass
class Trail:
    """Remembers what was recorded, and who was sent away."""

    lines: list[tuple[str, Actor, Mapping[str, Any]]] = field(default_factory=list)
    denied: list[tuple[str, str]] = field(default_factory=list)

    async def record(self, action: str, actor: Actor, facts: Mapping[str, Any]) -> None:
        self.lines.append((action, actor, facts))

    async def deny(self, actor: Actor, why: str) -> None:
        self.denied.append((actor.name, why))

    def actions(self) -> list[str]:
        return [action for action, _, _ in self.lines]


@dataclass
class Besieged:
    """A console that listens, and what became known of it."""

    console: Console
    trail: Trail
    clock: ManualClock
    password: Password
    paused: list[Actor] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.console.port}"

    async def link(self) -> str:
        return await self.console.link(ALICE)

    def handlers(self) -> dict[str, Any]:
        async def settings(_args: Any, _progress: Any) -> dict[str, Any]:
            setting = {
                "section": "agent",
                "name": "name",
                "value": HOSTILE,
                "where": "",
                "about": HOSTILE,
                "waits": False,
            }
            return {
                "config_dir": HOSTILE,
                "state_dir": "",
                "agent": [setting],
                "connections": [],
                "broken": [],
            }

        async def pause(_args: Any, _progress: Any) -> dict[str, Any]:
            self.paused.append(caller())
            return {}

        return {"settings": settings, "pause": pause}

    @asynccontextmanager
    async def signed_in(self) -> AsyncIterator[Inside]:
        async with httpx.AsyncClient(base_url=self.origin, timeout=PATIENCE_SECONDS) as client:
            link = httpx.URL(await self.link())
            answer = await client.post(
                link.path, data={"link": link.params["link"]}, headers={"origin": self.origin}
            )
            assert answer.status_code == 303, answer.text
            root = answer.headers["location"]
            page = await client.get(f"{root}settings")
            token = re.search(r'name="token" value="([^"]+)"', page.text)
            assert token is not None
            yield Inside(client, root, token[1], link.params["link"], answer.headers["set-cookie"])


@dataclass
class Inside:
    client: httpx.AsyncClient
    root: str
    token: str
    link: str
    cookie: str

    async def pause(self, headers: Mapping[str, str], **fields: str) -> int:
        answer = await self.client.post(
            f"{self.root}connections/erp", data={"do": "pause", **fields}, headers=dict(headers)
        )
        return answer.status_code


@pytest.fixture
async def besieged(tmp_path: Path) -> AsyncIterator[Besieged]:
    trail, clock, password = Trail(), ManualClock(), Password(tmp_path)
    calls: dict[str, Any] = {}
    console = Console(ConsoleTable(), "berlin", password, lambda: calls, trail, trail.deny, clock)
    found = Besieged(console, trail, clock, password)
    calls |= found.handlers()
    await console.link(ALICE)
    yield found
    await console.aclose()


async def exchange(port: int, request: bytes) -> bytes:
    """Bytes as they are: clients correct what an attacker would send."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await reader.read()
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


# --- other names, other sites


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "[::1]:{port}"]
)
async def test_a_name_that_an_attacker_points_here_opens_nothing(besieged: Besieged, host: str) -> None:
    async with besieged.signed_in() as inside:
        named = {"host": host.format(port=besieged.console.port)}
        answer = await inside.client.get(f"{inside.root}settings", headers=named)

        assert answer.status_code == 421
        assert await inside.pause({**named, "origin": besieged.origin}, token=inside.token) == 421


@pytest.mark.parametrize("hosts", [b"", b"Host: 127.0.0.1:%d\r\nHost: evil.example\r\n"])
async def test_no_host_and_two_of_them_are_refused(besieged: Besieged, hosts: bytes) -> None:
    port = besieged.console.port or 0
    told = hosts % port if b"%d" in hosts else hosts
    answer = await exchange(port, b"GET / HTTP/1.1\r\n" + told + b"Connection: close\r\n\r\n")

    assert answer.split(b" ")[1] in {b"400", b"421"}


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9"},
        {"origin": "https://127.0.0.1:{port}"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "http://evil.example", "sec-fetch-site": "same-origin"},
        {},
    ],
    ids=lambda headers: " ".join(headers.values()) or "nothing",
)
async def test_a_form_of_another_page_changes_nothing(besieged: Besieged, headers: dict[str, str]) -> None:
    told = {name: value.format(port=besieged.console.port) for name, value in headers.items()}
    async with besieged.signed_in() as inside:
        assert await inside.pause(told, token=inside.token) == 403

    assert besieged.paused == []


async def test_a_form_without_its_sessions_token_changes_nothing(besieged: Besieged) -> None:
    async with besieged.signed_in() as other, besieged.signed_in() as inside:
        own = {"origin": besieged.origin}
        assert await inside.pause(own) == 403
        assert await inside.pause(own, token="") == 403
        assert await inside.pause(own, token=inside.token[:-1]) == 403
        assert await inside.pause(own, token=other.token) == 403
        assert besieged.paused == []

        assert await inside.pause(own, token=inside.token) == 303
        assert besieged.paused == [Actor(Origin.CONSOLE, "root (alice)")]


async def test_no_page_takes_a_form_without_a_token(besieged: Besieged) -> None:
    async with besieged.signed_in() as inside:
        for page in PAGES:
            path = re.sub(r"\{\w+\}", "x", page.path)
            for do in (*page.actions, "nothing"):
                answer = await inside.client.post(
                    f"{inside.root}{path}", data={"do": do}, headers={"origin": besieged.origin}
                )
                assert answer.status_code == 403, f"{page.path} {do}"
        for path in ("leave", "theme"):
            answer = await inside.client.post(
                f"{inside.root}{path}", data={"theme": "dark"}, headers={"origin": besieged.origin}
            )
            assert answer.status_code == 403


async def test_a_form_of_another_kind_is_not_read(besieged: Besieged) -> None:
    """Such as browsers send without asking first."""
    async with besieged.signed_in() as inside:
        for kind in ("text/plain", "multipart/form-data; boundary=x", "application/json"):
            answer = await inside.client.post(
                f"{inside.root}connections/erp",
                content=f"do=pause&token={inside.token}",
                headers={"origin": besieged.origin, "content-type": kind},
            )
            assert answer.status_code == 415

    assert besieged.paused == []


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_another_site_can_load_nothing_into_its_page(besieged: Besieged, site: str) -> None:
    async with besieged.signed_in() as inside:
        for mode, destination in (("no-cors", "script"), ("navigate", "iframe"), ("cors", "empty")):
            headers = {"sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": destination}
            answer = await inside.client.get(f"{inside.root}settings", headers=headers)
            assert answer.status_code == 403
            assert "access-control-allow-origin" not in answer.headers


async def test_every_answer_forbids_framing_sniffing_and_foreign_content(besieged: Besieged) -> None:
    async with besieged.signed_in() as inside:
        style = re.search(r'href="(/static/console[^"]+css)"', (await inside.client.get("/")).text)
        assert style is not None
        paths = (
            "/",
            style[1],
            f"{inside.root}settings",
            f"{inside.root}nothing",
            f"{inside.root}open?link=x",
        )
        for path in paths:
            headers = (await inside.client.get(path)).headers
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert "default-src 'none'" in headers["content-security-policy"]
            assert "unsafe" not in headers["content-security-policy"]
            assert headers["x-frame-options"] == "DENY"
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "same-origin"
            assert ("no-store" in headers["cache-control"]) == (path != style[1])
            assert "server" not in headers


async def test_what_a_source_says_is_text_and_never_script(besieged: Besieged) -> None:
    async with besieged.signed_in() as inside:
        text = (await inside.client.get(f"{inside.root}settings")).text

    assert HOSTILE not in text
    assert "&lt;script&gt;" in text


# --- links and sessions


async def test_nothing_listens_before_somebody_asks(tmp_path: Path) -> None:
    trail = Trail()
    console = Console(ConsoleTable(), "berlin", Password(tmp_path), dict, trail, trail.deny, ManualClock())

    assert console.port is None


async def test_looking_at_a_link_does_not_use_it_up(besieged: Besieged) -> None:
    """Browsers load pages ahead, and mail programs look at links."""
    link = await besieged.link()
    async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client:
        for _ in range(3):
            assert (await client.get(link)).status_code == 200
            assert (await client.head(link)).status_code == 200
        url = httpx.URL(link)
        data, headers = {"link": url.params["link"]}, {"origin": besieged.origin}
        answer = await client.post(f"{besieged.origin}{url.path}", data=data, headers=headers)

    assert answer.status_code == 303


async def test_a_link_that_is_used_a_second_time_ends_the_session_it_made(besieged: Besieged) -> None:
    async with besieged.signed_in() as victim, httpx.AsyncClient(timeout=PATIENCE_SECONDS) as thief:
        again = await thief.post(
            f"{besieged.origin}{victim.root}open",
            data={"link": victim.link},
            headers={"origin": besieged.origin},
        )

        assert again.status_code == 410
        assert "set-cookie" not in again.headers
        assert (await victim.client.get(f"{victim.root}settings")).status_code == 401
    assert besieged.trail.actions()[-1] == "console_signed_out"
    assert besieged.trail.lines[-1][2] == {"because": "link_used_again"}
    assert ("root (alice)", "link") in besieged.trail.denied


async def test_two_who_use_a_link_at_the_same_moment_do_not_both_come_in(besieged: Besieged) -> None:
    await asyncio.to_thread(besieged.password.keep, canary("-console"))
    link = httpx.URL(await besieged.link())
    async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client:
        form = {"link": link.params["link"], "password": canary("-console")}
        answers = await asyncio.gather(
            *(
                client.post(f"{besieged.origin}{link.path}", data=form, headers={"origin": besieged.origin})
                for _ in range(3)
            )
        )

    assert sorted(answer.status_code for answer in answers) == [303, 410, 410]


async def test_a_link_is_good_for_a_short_while_alone(besieged: Besieged) -> None:
    link = httpx.URL(await besieged.link())
    besieged.clock.advance(LINK_SECONDS)
    async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client:
        data, headers = {"link": link.params["link"]}, {"origin": besieged.origin}
        answer = await client.post(f"{besieged.origin}{link.path}", data=data, headers=headers)

    assert answer.status_code == 410


@pytest.mark.parametrize("cookie", ["", "x" * 43, "\xff\xfe", "a" * 8_000])
async def test_a_made_up_session_opens_nothing(besieged: Besieged, cookie: str) -> None:
    async with besieged.signed_in() as inside, httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client:
        headers = {"cookie": f"groundwire={cookie}".encode("latin-1")}
        answer = await client.get(f"{besieged.origin}{inside.root}settings", headers=headers)  # type: ignore[arg-type]

    assert answer.status_code == 401


async def test_the_cookie_is_for_this_console_alone(besieged: Besieged) -> None:
    async with besieged.signed_in() as inside:
        assert "HttpOnly" in inside.cookie
        assert "SameSite=strict" in inside.cookie
        assert f"Path={inside.root.rstrip('/')}" in inside.cookie
        bare = httpx.AsyncClient(base_url=besieged.origin, timeout=PATIENCE_SECONDS)
        closed = await bare.get("/")
        await bare.aclose()

    assert inside.root.strip("/") not in closed.text


async def test_a_session_ends_when_nobody_does_anything(besieged: Besieged) -> None:
    async with besieged.signed_in() as inside:
        for _ in range(3):  # what a page asks for by itself does not count
            besieged.clock.advance(IDLE_SECONDS / 4)
            live = await inside.client.get(f"{inside.root}settings", headers={"x-live": "1"})
            assert live.status_code == 200
        besieged.clock.advance(IDLE_SECONDS / 4)
        assert (await inside.client.get(f"{inside.root}settings")).status_code == 401


async def test_a_session_ends_after_half_a_day_whatever_is_done(besieged: Besieged) -> None:
    async with besieged.signed_in() as inside:
        for _ in range(int(LONGEST_SECONDS / (IDLE_SECONDS / 2)) - 1):
            besieged.clock.advance(IDLE_SECONDS / 2)
            assert (await inside.client.get(f"{inside.root}settings")).status_code == 200
        besieged.clock.advance(IDLE_SECONDS / 2)
        assert (await inside.client.get(f"{inside.root}settings")).status_code == 401


async def test_a_console_that_nobody_uses_listens_no_more(besieged: Besieged) -> None:
    port = besieged.console.port or 0
    async with besieged.signed_in():
        life = asyncio.create_task(besieged.console.run())
        async with asyncio.timeout(PATIENCE_SECONDS):
            while besieged.console.port is not None:
                await asyncio.sleep(0.01)  # noqa: TID251 - a socket is being closed
        assert besieged.clock.monotonic() >= IDLE_SECONDS
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)

    with pytest.raises(ConnectionRefusedError):
        await exchange(port, b"GET / HTTP/1.1\r\n\r\n")


async def test_signing_out_ends_the_session(besieged: Besieged) -> None:
    async with besieged.signed_in() as inside:
        left = await inside.client.post(
            f"{inside.root}leave", data={"token": inside.token}, headers={"origin": besieged.origin}
        )
        assert left.status_code == 200
        assert (await inside.client.get(f"{inside.root}settings")).status_code == 401


async def test_a_few_wrong_passwords_and_the_link_is_gone(besieged: Besieged) -> None:
    await asyncio.to_thread(besieged.password.keep, canary("-console"))
    link = httpx.URL(await besieged.link())

    async def tried(password: str) -> int:
        async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client:
            form = {"link": link.params["link"], "password": password}
            headers = {"origin": besieged.origin}
            return (
                await client.post(f"{besieged.origin}{link.path}", data=form, headers=headers)
            ).status_code

    assert [await tried("wrong") for _ in range(WRONG_PASSWORDS)] == [403] * WRONG_PASSWORDS
    assert await tried(canary("-console")) == 410
    assert besieged.trail.denied.count(("root (alice)", "password")) == WRONG_PASSWORDS


async def test_another_password_ends_every_session(besieged: Besieged) -> None:
    async with besieged.signed_in() as inside:
        besieged.console.end_sessions()
        assert (await inside.client.get(f"{inside.root}settings")).status_code == 401


# --- files, sizes, time


@pytest.mark.parametrize(
    "path",
    [
        "/static/../agent.toml",
        "/static/..%2f..%2fagent.toml",
        "/static/%2e%2e/%2e%2e/etc/passwd",
        "/static//etc/passwd",
        "/static/..\\..\\agent.toml",
        "/static/console.css",
        "/static/%00",
        "/../../etc/passwd",
    ],
)
async def test_no_path_leads_to_a_file_of_the_host(besieged: Besieged, path: str) -> None:
    port = besieged.console.port or 0
    told = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
    answer = await exchange(port, told.encode())

    assert answer.split(b" ")[1] in {b"400", b"404"}
    assert b"root:" not in answer


async def test_a_body_that_is_too_large_is_not_taken(besieged: Besieged) -> None:
    async with besieged.signed_in() as inside:
        large = "a" * (gate.MAX_BODY_BYTES + 1)
        headers = {"origin": besieged.origin, "content-type": FORM}
        told = await inside.client.post(f"{inside.root}settings", content=large, headers=headers)

        async def untold() -> AsyncIterator[bytes]:
            for _ in range(8):
                yield large[: gate.MAX_BODY_BYTES // 4].encode()

        streamed = await inside.client.post(f"{inside.root}settings", content=untold(), headers=headers)

    assert told.status_code == streamed.status_code == 413


async def test_a_form_of_very_many_fields_is_not_taken(besieged: Besieged) -> None:
    async with besieged.signed_in() as inside:
        headers = {"origin": besieged.origin, "content-type": FORM}
        answer = await inside.client.post(f"{inside.root}settings", content="a=1&" * 10_000, headers=headers)

    assert answer.status_code == 400


@pytest.mark.parametrize("head", [b"GET /" + b"a" * 40_000, b"\x16\x03\x01" + bytes(200)])
async def test_what_is_no_request_is_sent_away(besieged: Besieged, head: bytes) -> None:
    answer = await exchange(besieged.console.port or 0, head + b"\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: 127",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 50\r\n\r\nhalf",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\nGET / HTTP/1.1\r\nHos",
    ],
    ids=["nothing", "half a head", "half a body", "half a second request"],
)
async def test_a_client_that_is_too_slow_is_let_go(
    besieged: Besieged, begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "REQUEST_SECONDS", 0.2)
    port = besieged.console.port or 0
    told = begun % port if b"%d" in begun else begun
    with contextlib.suppress(ConnectionResetError):
        await exchange(port, told)  # which ends only when the other side closes


async def test_so_many_connections_and_no_more(besieged: Besieged) -> None:
    port = besieged.console.port or 0
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(server.MAX_CONNECTIONS)]
    try:
        with pytest.raises((ConnectionResetError, AssertionError)):
            assert await exchange(port, b"GET / HTTP/1.1\r\n\r\n") != b""
    finally:
        for _, writer in opened:
            writer.close()


async def test_so_many_live_pages_and_no_more(besieged: Besieged) -> None:
    async with besieged.signed_in() as inside:
        headers = {"cookie": inside.cookie.split(";")[0]}
        clients = [
            httpx.AsyncClient(base_url=besieged.origin, headers=headers, timeout=PATIENCE_SECONDS)
            for _ in range(MAX_PAGES)
        ]
        async with asyncio.TaskGroup() as group:
            feeds = [group.create_task(_first_event(one, inside.root)) for one in clients]
            await asyncio.gather(*feeds)
            refused = await inside.client.get(f"{inside.root}live")
            for one in clients:
                await one.aclose()

    assert refused.status_code == 503


async def _first_event(client: httpx.AsyncClient, root: str) -> None:
    answer = await client.send(client.build_request("GET", f"{root}live"), stream=True)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    async for line in answer.aiter_lines():
        if line == "event: change":
            return  # and the answer stays open


async def test_an_upgrade_to_another_protocol_is_not_made(besieged: Besieged) -> None:
    port = besieged.console.port or 0
    told = (
        f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    assert b" 101 " not in await exchange(port, told.encode())


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_no_other_method_is_answered(besieged: Besieged, method: str) -> None:
    async with besieged.signed_in() as inside:
        answer = await inside.client.request(
            method, f"{inside.root}settings", headers={"origin": besieged.origin}
        )

    assert answer.status_code == 405


async def test_wrong_passwords_beside_each_other_are_counted_too(besieged: Besieged) -> None:
    await asyncio.to_thread(besieged.password.keep, canary("-console"))
    link = httpx.URL(await besieged.link())
    async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client:
        form = {"link": link.params["link"], "password": "wrong"}
        address, headers = f"{besieged.origin}{link.path}", {"origin": besieged.origin}
        tries = (client.post(address, data=form, headers=headers) for _ in range(WRONG_PASSWORDS + 3))
        answers = await asyncio.gather(*tries)

    assert sorted(answer.status_code for answer in answers) == [403] * WRONG_PASSWORDS + [410] * 3


async def test_a_cookie_that_another_port_has_set_signs_nobody_out(besieged: Besieged) -> None:
    async with besieged.signed_in() as inside:
        own = inside.cookie.split(";")[0]
        async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client:
            # As browsers send them: the longer path first.
            headers = {"cookie": f"{own}; groundwire=of-another-port"}
            answer = await client.get(f"{besieged.origin}{inside.root}settings", headers=headers)

    assert answer.status_code == 200


async def test_a_form_that_comes_too_late_does_nothing_and_loses_nothing(besieged: Besieged) -> None:
    form = {"do": "pause", "text": f"title = 1 {HOSTILE}"}
    async with besieged.signed_in() as inside:
        address, headers = f"{inside.root}connections/erp", {"origin": besieged.origin}
        of_another = await inside.client.post(address, data={**form, "token": "x"}, headers=headers)
        besieged.clock.advance(IDLE_SECONDS)
        ended = await inside.client.post(address, data={**form, "token": inside.token}, headers=headers)

    assert (of_another.status_code, ended.status_code) == (403, 401)
    for answer in (of_another, ended):
        assert "title = 1 &lt;script&gt;" in answer.text
    assert besieged.paused == []


async def test_a_client_that_takes_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "STALLED_SECONDS", 0.01)
    aborted = asyncio.Event()

    class Stuck(asyncio.Transport):
        def abort(self) -> None:
            aborted.set()

    config = uvicorn.Config(lambda: None, log_config=None)
    protocol = server._Bounded(config=config, server_state=ServerState(), app_state={})
    protocol.connection_made(Stuck())
    protocol.pause_writing()

    async with asyncio.timeout(server.REQUEST_SECONDS / 2):
        await aborted.wait()
    protocol.connection_lost(OSError())


async def test_no_fault_of_the_console_ends_the_agent(tmp_path: Path) -> None:
    trail, faults = Trail(), [RuntimeError("a broken file of it"), RuntimeError("still broken")]
    asked = 0

    def handlers() -> dict[str, Any]:
        nonlocal asked
        asked += 1
        if faults:
            raise faults.pop()
        return {}

    table, console_clock = ConsoleTable(always=True), ManualClock()
    console = Console(table, "berlin", Password(tmp_path), handlers, trail, trail.deny, console_clock)
    living = asyncio.create_task(console.run())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while console.port is None:
            assert not living.done()
            await console_clock.sleep(0)
    living.cancel()
    await asyncio.gather(living, return_exceptions=True)

    assert asked == 3
    assert console.port is None
    with pytest.raises(ConsoleUnavailable):
        await console.link(ALICE)
