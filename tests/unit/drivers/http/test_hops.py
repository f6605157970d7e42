"""The way to a server, as `groundwire check` tells of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from drivers.check_steps import tried_in_turn
from drivers.http.hops import way_to
from drivers.http.options import HttpOptions


@pytest.mark.parametrize(
    ("addresses", "reached"),
    [
        (["127.0.0.2", "127.0.0.1"], True),
        (["127.0.0.1", "127.0.0.2"], True),
        (["127.0.0.2"], False),
        ([], False),
    ],
)
async def test_a_server_answers_when_one_of_its_addresses_does_as_for_every_request(
    addresses: list[str], reached: bool
) -> None:
    async def resolver(_host: str, _port: int) -> Sequence[str]:
        return addresses

    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    steps = await tried_in_turn(way_to(HttpOptions(url=f"http://erp.example:{port}"), resolver=resolver))
    server.close()

    assert steps[-1].ok is reached
    assert reached or (steps[-1].code, f"erp.example:{port}" in steps[-1].detail) == ("unreachable", True)
