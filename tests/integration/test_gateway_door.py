"""Strangers of one address at a real gateway: they get their share of the door and no more."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from relay.app import RelayApp
from relay.door import SILENT
from tests.integration.relay_peer import client_of, enrolled_peer, eventually, made, patient

MOST = 2
ELSEWHERE = ("127.0.0.2", 0)  # the whole of 127/8 is this host on Linux

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs a second address of the loopback")


@asynccontextmanager
async def running(tmp_path: Path, **gateway: Any) -> AsyncIterator[tuple[RelayApp, httpx.AsyncClient]]:
    settings, token = await asyncio.to_thread(made, tmp_path / "relay")
    settings = patient(settings)
    limits = type(settings.gateway).model_validate({
        **settings.gateway.model_dump(), "newcomers_per_address": MOST, **gateway
    })  # fmt: skip
    settings = settings.model_copy(update={"gateway": limits})
    async with RelayApp(settings) as relay, client_of(relay, token) as client:
        yield relay, client


async def let_in(relay: RelayApp, **options: Any) -> ClientConnection:
    """A stranger who says nothing once it is in."""
    return await connect(relay.gateway_url, ping_interval=None, **options)


async def test_strangers_of_one_address_take_their_share_and_agents_of_others_come_in(tmp_path: Path) -> None:
    async with running(tmp_path) as (relay, client), AsyncExitStack() as strangers:
        peer = await enrolled_peer(relay, client)
        await eventually(lambda: _nobody(relay))
        for _ in range(MOST):
            await strangers.enter_async_context(await let_in(relay, local_addr=ELSEWHERE))

        with pytest.raises(InvalidStatus) as refused:
            await let_in(relay, local_addr=ELSEWHERE)
        async with peer.connected():
            pass

    assert refused.value.response.status_code == 503
    assert refused.value.response.headers["Retry-After"] == "5"


async def test_a_stranger_that_goes_makes_room_for_the_next(tmp_path: Path) -> None:
    async with running(tmp_path) as (relay, _):
        for _ in range(3 * MOST):
            async with await let_in(relay):
                pass
            await eventually(lambda: _nobody(relay))


async def test_agents_that_have_proved_who_they_are_are_no_strangers(tmp_path: Path) -> None:
    """A whole fleet may stand behind one address."""
    async with running(tmp_path) as (relay, client), AsyncExitStack() as agents:
        for number in range(2 * MOST):
            peer = await enrolled_peer(relay, client, f"plant-{number}")
            await eventually(lambda: _settled(relay))
            await agents.enter_async_context(peer.connected())

        assert relay.gateway.sessions == 2 * MOST


async def test_strangers_that_ask_for_nothing_are_held_to_a_number_too(tmp_path: Path) -> None:
    async with running(tmp_path) as (relay, client):
        peer = await enrolled_peer(relay, client)
        await eventually(lambda: _nobody(relay))
        lines = [await _line(relay) for _ in range(SILENT * MOST + 1)]
        try:
            async with asyncio.timeout(10):  # less than a handshake may take
                assert await _ended(lines[-1][0])
            async with peer.connected():
                assert not lines[0][0].at_eof()
        finally:
            for _, writer in lines:
                writer.close()


async def test_behind_a_proxy_of_ours_strangers_are_told_apart_by_what_it_says(tmp_path: Path) -> None:
    async with (
        running(tmp_path, trusted_proxies=["127.0.0.0/8"]) as (relay, _),
        AsyncExitStack() as strangers,
    ):
        for _ in range(MOST):
            await strangers.enter_async_context(await let_in(relay, **_said("203.0.113.1")))

        with pytest.raises(InvalidStatus, match="503"):
            await let_in(relay, **_said("198.51.100.9, 203.0.113.1"))
        await strangers.enter_async_context(await let_in(relay, **_said("203.0.113.2")))
        for _ in range(2 * MOST):  # a proxy that says nothing has a limit of its own, or none
            await strangers.enter_async_context(await let_in(relay))


async def test_who_is_no_proxy_of_ours_gets_no_further_share_by_saying_so(tmp_path: Path) -> None:
    async with (
        running(tmp_path, trusted_proxies=["10.0.0.0/8"]) as (relay, _),
        AsyncExitStack() as strangers,
    ):
        for number in range(MOST):
            await strangers.enter_async_context(await let_in(relay, **_said(f"203.0.113.{number}")))

        with pytest.raises(InvalidStatus, match="503"):
            await let_in(relay, **_said("203.0.113.99"))


def _said(text: str) -> dict[str, Any]:
    return {"additional_headers": {"X-Forwarded-For": text}}


async def _line(relay: RelayApp) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", relay.gateway.port, local_addr=ELSEWHERE)


async def _ended(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read() == b""
    except ConnectionResetError:
        return True


async def _nobody(relay: RelayApp) -> bool:
    door = relay.gateway._door
    return not relay.gateway._links and not door._newcomers._count and not door._silent._count


async def _settled(relay: RelayApp) -> bool:
    return not relay.gateway._door._newcomers._count
