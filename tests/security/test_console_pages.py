"""Attacks on the console's pages, over real sockets: what they say, and what a request may cost."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator

import httpx
import pytest
import uvicorn
from uvicorn.server import ServerState

from agent.console import gate, server
from agent.console.door import IDLE_SECONDS
from agent.console.live import MAX_PAGES
from agent.console.pages import PAGES
from tests.security.besieged import FORM, HOSTILE, PATIENCE_SECONDS, Besieged, exchange


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


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_another_site_can_load_nothing_into_its_page(besieged: Besieged, site: str) -> None:
    async with besieged.signed_in() as inside:
        for mode, destination in (("no-cors", "script"), ("navigate", "iframe"), ("cors", "empty")):
            headers = {"sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": destination}
            answer = await inside.client.get(f"{inside.root}settings", headers=headers)
            assert answer.status_code == 403
            assert "access-control-allow-origin" not in answer.headers


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
    _, one_more = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            with contextlib.suppress(ConnectionResetError):
                assert await opened[0][0].read() == b""  # the oldest has given way
    finally:
        for writer in (one_more, *(writer for _, writer in opened)):
            writer.close()


async def test_another_user_who_holds_connections_keeps_nobody_out_who_is_signed_in(
    besieged: Besieged,
) -> None:
    port = besieged.console.port or 0
    async with besieged.signed_in() as inside:  # its connection is the oldest, and stays
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(server.MAX_CONNECTIONS + 8)]
        try:
            own = {"cookie": inside.cookie.split(";")[0]}
            async with httpx.AsyncClient(base_url=besieged.origin, timeout=PATIENCE_SECONDS) as fresh:
                assert (await fresh.get(f"{inside.root}settings", headers=own)).status_code == 200
            (line,) = inside.client._transport._pool.connections  # type: ignore[attr-defined]
            assert (await inside.client.get(f"{inside.root}settings")).status_code == 200
            assert inside.client._transport._pool.connections == [line]  # type: ignore[attr-defined]
        finally:
            for _, writer in held:
                writer.close()


async def test_a_connection_on_which_nobody_signs_in_does_not_last(
    besieged: Besieged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "STRANGER_SECONDS", 0.5)
    port = besieged.console.port or 0
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    asked = f"GET /static/x HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    async with asyncio.timeout(PATIENCE_SECONDS):
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            while not reader.at_eof():  # it asks and asks, as fast as it is answered
                writer.write(asked)
                await writer.drain()
                await reader.read(65_536)
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
