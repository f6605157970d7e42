"""What a service manager hears from an agent whose relay is away, over a real socket."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Self

import pytest

from agent.app import App
from agent.clock import SystemClock
from agent.configuration.load import load
from agent.control import ControlClient
from agent.outbox.store import Outbox
from agent.service.notify import manager_of
from tests.integration.test_app_start import _settings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="systemd is Linux's")

PATIENCE_SECONDS = 120.0
WATCHDOG_SECONDS = 2.0


class Heard:
    """Everything that came through a notification socket, by its time."""

    def __init__(self, path: Path) -> None:
        self.environ = {
            "NOTIFY_SOCKET": str(path),
            "WATCHDOG_USEC": str(int(WATCHDOG_SECONDS * 1e6)),
            "WATCHDOG_PID": str(os.getpid()),
        }
        self.lines: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)

    def __enter__(self) -> Self:
        asyncio.get_running_loop().add_reader(self._socket, self._read)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._read()
        self._socket.close()

    def _read(self) -> None:
        with suppress(BlockingIOError):
            while True:
                self.lines += self._socket.recv(65_536).decode().split("\n")

    def pings(self) -> int:
        self._read()
        return self.lines.count("WATCHDOG=1")

    async def line(self, start: str, behind: int = 0) -> int:
        """Wait for a line that begins so; its place."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                for place, line in enumerate(self.lines[behind:], behind):
                    if line.startswith(start):
                        return place
                await SystemClock().sleep(0.02)


@asynccontextmanager
async def living(app: App) -> AsyncIterator[None]:
    task = asyncio.create_task(app.run())
    try:
        yield
    finally:
        app.stop()
        await task


async def test_an_agent_is_ready_when_it_answers_and_says_how_it_stands_that_it_lives_and_that_it_ends(
    tmp_path: Path,
) -> None:
    settings = _settings(tmp_path)
    with Heard(tmp_path / "notify") as heard:
        async with living(App(settings, manager=manager_of(heard.environ))):
            ready = await heard.line("READY=1")
            status = await ControlClient(settings.state_dir).ask("status")
            said = await heard.line("STATUS=")
            first = await heard.line("WATCHDOG=1")
            await heard.line("WATCHDOG=1", behind=first + 1)
        lines = list(heard.lines)

    assert status["relay"]["phase"] != "connected"  # whose being away is no reason to end the agent
    assert lines[0].startswith("EXTEND_TIMEOUT_USEC=")
    assert lines.index("STOPPING=1") > max(ready, said, first)
    assert lines[said].endswith("wait") or lines[said].endswith("waits")


async def test_an_agent_whose_outbox_hangs_does_not_say_that_it_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Outbox] = []
    opening = Outbox.open

    async def keep(*args: object, **named: object) -> Outbox:
        opened.append(await opening(*args, **named))  # type: ignore[arg-type]  # handed through
        return opened[-1]

    monkeypatch.setattr(Outbox, "open", keep)
    on = threading.Event()
    with Heard(tmp_path / "notify") as heard:
        async with living(App(_settings(tmp_path), manager=manager_of(heard.environ))):
            await heard.line("WATCHDOG=1")
            hanging = asyncio.create_task(opened[0]._thread.run(lambda: on.wait(PATIENCE_SECONDS)))
            await SystemClock().sleep(WATCHDOG_SECONDS)  # by which what was under way has been told
            before = heard.pings()
            await SystemClock().sleep(2 * WATCHDOG_SECONDS)
            meanwhile = heard.pings() - before
            on.set()
            await hanging
            await heard.line("WATCHDOG=1", behind=len(heard.lines))  # it is not given up for good

    assert meanwhile == 0


async def test_an_agent_that_is_told_to_reload_says_so_and_is_ready_again(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    with Heard(tmp_path / "notify") as heard:
        app = App(settings, manager=manager_of(heard.environ))
        async with living(app):
            await heard.line("READY=1")
            (tmp_path / "connections" / "third.toml").unlink()
            app.reload()
            begun = await heard.line("RELOADING=1")
            await heard.line("READY=1", behind=begun)
            status = await ControlClient(settings.state_dir).ask("status")

    assert heard.lines[begun + 1].startswith("MONOTONIC_USEC=")
    assert [one["name"] for one in status["connections"]] == ["first", "second"]
    assert list(load(tmp_path, environ={}).connections) == ["first", "second"]


async def test_a_relay_says_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "relay"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GROUNDWIRE")}
    await _ended(environ, "relay", "init", str(folder), "--gateway-port", "0", "--api-port", "0")
    with Heard(tmp_path / "notify") as heard:
        environ |= {**heard.environ}
        del environ["WATCHDOG_PID"]  # it is another process's than this one
        relay = await _started(environ, "relay", "run", str(folder))
        try:
            ready = await heard.line("READY=1")
            said = await heard.line("STATUS=")
            await heard.line("WATCHDOG=1")
            relay.terminate()
            ended = await relay.wait()
        finally:
            if relay.returncode is None:
                relay.kill()
                await relay.wait()
        lines = list(heard.lines)

    assert ended == 0
    assert lines[said] == "STATUS=0 agents connected"
    assert lines.index("STOPPING=1") > ready


async def _started(environ: dict[str, str], *words: str) -> asyncio.subprocess.Process:
    quiet = asyncio.subprocess.DEVNULL
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agent.cli", *words, env=environ, stdout=quiet, stderr=quiet
    )


async def _ended(environ: dict[str, str], *words: str) -> None:
    assert await (await _started(environ, *words)).wait() == 0
