from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import pytest

from agent.clock import SystemClock
from agent.errors import Unreachable
from agent.tunnel import dial

HANGS_SECONDS = 40.0


def test_a_name_server_that_hangs_is_named_and_does_not_hold_up_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release = threading.Event()

    def hang(*_: Any, **__: Any) -> list[Any]:
        release.wait(HANGS_SECONDS)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    monkeypatch.setattr(dial, "HOP_SECONDS", 0.05)

    async def ask() -> Unreachable:
        with pytest.raises(Unreachable) as refused:
            await dial.resolve("relay.example", 443)
        return refused.value

    began = SystemClock().monotonic()
    error = asyncio.run(ask())
    took = SystemClock().monotonic() - began
    release.set()

    assert took < HANGS_SECONDS / 2
    assert error.message == "the name server did not answer"
    assert "name servers" in error.hint


async def test_a_name_that_resolves_is_found_and_one_that_does_not_is_refused() -> None:
    assert (await dial.resolve("127.0.0.1", 443))[0][1][:2] == ("127.0.0.1", 443)
    with pytest.raises(Unreachable, match="does not resolve"):
        await dial.resolve("no-such-host.invalid", 443)
