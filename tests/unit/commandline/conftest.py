from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from click.testing import CliRunner, Result

from agent.cli import main
from agent.control import ControlServer, Handler, Progress


class Shell:
    """Types commands against one configuration folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state_dir = folder / "state"
        self.write("agent.toml", '[agent]\nname = "berlin"\nstate_dir = "state"\n')

    def write(self, name: str, text: str) -> Path:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def run(self, *words: str, env: Mapping[str, str] | None = None, answer: str = "") -> Result:
        return CliRunner().invoke(main, ["--config", str(self.folder), *words], env=env, input=answer)

    def json(self, *words: str, env: Mapping[str, str] | None = None) -> Any:
        return json.loads(self.run(*words, "--json", env=env).stdout)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path / "c")


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    root.handlers, root.level = handlers, level


class FakeAgent:
    """Answers calls as the running agent would, and remembers them."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, Any] = {}
        self.progress: dict[str, list[Any]] = {}

    def handlers(self) -> dict[str, Handler]:
        return {name: self._handler(name) for name in self.answers}

    def _handler(self, name: str) -> Handler:
        async def handle(args: dict[str, Any], progress: Progress) -> Any:
            self.calls.append((name, args))
            for value in self.progress.get(name, []):
                progress(value)
            if isinstance(self.answers[name], Exception):
                raise self.answers[name]
            return self.answers[name]

        return handle


RunningAgent = Callable[..., Any]


@pytest.fixture
def running_agent(shell: Shell) -> RunningAgent:
    """A fake agent behind a real control socket, in a thread of its own: the commands run their own event loop."""

    @contextmanager
    def run(**answers: Any) -> Iterator[FakeAgent]:
        agent = FakeAgent()
        agent.answers = answers
        ready, stop = threading.Event(), threading.Event()

        async def serve() -> None:
            server = ControlServer(agent.handlers(), shell.state_dir)
            serving = asyncio.ensure_future(server.serve())
            await server.listening.wait()
            ready.set()
            await asyncio.to_thread(stop.wait)
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

        thread = threading.Thread(target=lambda: asyncio.run(serve()))
        thread.start()
        try:
            assert ready.wait(30)
            yield agent
        finally:
            stop.set()
            thread.join()

    return run
