"""The API's own socket, with asyncio's server upon it as the running relay has."""

from __future__ import annotations

import asyncio
import socket

import pytest

from agent.errors import ConfigurationError
from relay.api.listening import listen
from relay.settings import Api


async def test_small_answers_are_not_held_back_until_the_client_has_acknowledged_the_one_before() -> None:
    accepted: asyncio.Queue[int] = asyncio.Queue()

    async def note(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        own = writer.get_extra_info("socket")
        accepted.put_nowait(own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    listening = listen(Api(host="127.0.0.1", port=0))
    port = listening.getsockname()[1]
    async with await asyncio.start_server(note, sock=listening):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await accepted.get() == 1
        writer.close()


def test_a_port_that_is_taken_is_named_with_its_setting() -> None:
    with listen(Api(host="127.0.0.1", port=0)) as first:
        port = first.getsockname()[1]
        with pytest.raises(ConfigurationError) as refused:
            listen(Api(host="127.0.0.1", port=port))

    assert str(port) in str(refused.value)
    assert refused.value.where == "api.port"
