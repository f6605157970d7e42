"""Attacks on the console's door, over real sockets: other names and sites, links, sessions, passwords."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.audit.trail import Actor, Origin
from agent.clock import ManualClock
from agent.console.door import IDLE_SECONDS, LINK_SECONDS, LONGEST_SECONDS, WRONG_PASSWORDS
from agent.console.password import Password
from agent.console.service import Console, ConsoleUnavailable
from agent.settings import ConsoleTable
from tests.canaries import canary
from tests.security.besieged import ALICE, PATIENCE_SECONDS, Besieged, Trail, exchange

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
