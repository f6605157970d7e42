"""Canary secrets: what the tests use as secrets is known by its text, and no test may let it out.

Every password, token and key that the tests make up comes from `canary`. Whatever a test prints, logs, raises, sends
to the relay, starts as a process or leaves in a file of the agent or the relay is looked through for it, in the forms
in which secrets get about: as it is, in Base64 at any place of a longer text, in hexadecimal, in UTF-16, or either half of it
alone, as a cut or two writes leave it. A test in which one is found fails. URL and JSON escapes change nothing of it.

This is a plugin of pytest; tests/conftest.py takes it in.
"""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import click.testing
import pyarrow as pa
import pytest

from agent.control import ControlClient
from agent.errors import GroundwireError
from agent.model import payload
from agent.protocol.session import AgentSession

_HALVES: Final = ("Kz7Zeisigq", "Vw4Wachtlx")
CANARY: Final = "".join(_HALVES)

# Where secrets lawfully live: what a test keeps on the source's side, plain files of secrets, and what an operator wrote.
_SOURCE_FILES: Final = ("source.json", "*.secret")
_LAWFUL_FOLDERS: Final = frozenset({"secrets", "connections"})
_DRIVER_HOST: Final = "agent.hosting.child"
_COMMAND_LINE: Final = "agent.cli"


def canary(name: str = "") -> str:
    """A secret for a test; `name` tells several apart, and may hold odd characters."""
    return CANARY + name


def _forms(half: str) -> Iterator[bytes]:
    raw = half.encode()
    yield raw
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    yield half.encode("utf-16-le")
    for before in range(3):  # bytes of a group of three that come before it
        text = base64.b64encode(bytes(before) + raw + bytes(2))
        first, last = -(-8 * before // 6), 8 * (before + len(raw)) // 6
        yield text[first:last]


FORMS: Final = tuple(dict.fromkeys(form for half in _HALVES for form in _forms(half)))
_LONGEST_FORM: Final = max(map(len, FORMS))
_BLOCK_BYTES: Final = 4 * 1024 * 1024
_MOST_BLOCKS: Final = 64  # what is behind them is more of the same


def betrayed(data: str | bytes) -> bool:
    """Whether a canary is in it, in any form."""
    raw = data.encode("utf-8", "replace") if isinstance(data, str) else data
    return any(form in raw for form in FORMS)


def _file_betrays(path: Path) -> bool:
    """Block by block: a file of a test may be large, and gone or closed to us by the time that it is looked at."""
    before = b""
    with suppress(OSError), path.open("rb") as file:
        for _ in range(_MOST_BLOCKS):
            block = file.read(_BLOCK_BYTES)
            if not block:
                break
            if betrayed(before + block):
                return True
            before = block[-_LONGEST_FORM:]
    return False


class Watch:
    """What the present test let out, and where."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def look(self, place: str, *texts: object) -> None:
        for text in texts:
            shown = text if isinstance(text, str | bytes) else str(text)
            if betrayed(shown):
                self.seen.append(f"{place}: {shown[:300]!r}")

    def look_through(self, folder: Path) -> None:
        for place, _, names in os.walk(folder):
            if _LAWFUL_FOLDERS.intersection(Path(place).parts):
                continue
            for path in (Path(place, name) for name in names):
                lawful = any(path.match(pattern) for pattern in _SOURCE_FILES)
                if not lawful and path.is_file() and not path.is_symlink() and _file_betrays(path):
                    self.seen.append(f"file {path.relative_to(folder)}")

    def take(self) -> list[str]:
        taken, self.seen = self.seen, []
        return taken


def _after(owner: Any, name: str, tell: Callable[..., None]) -> Any:
    """The member, told about each call with what came of it."""
    original = getattr(owner, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        tell(result, *args, **kwargs)
        return result

    return patch.object(owner, name, call)


def _watched(watch: Watch) -> Iterable[Any]:
    """Everything through which something gets out of a test's process, besides what pytest captures by itself."""

    def error(_: None, made: Any, *__: Any, **___: Any) -> None:
        watch.look(f"error {type(made).__name__}", made.message, made.where, made.hint)

    def caught(_: None, __: Any, info: Any) -> None:
        raised = info[1]
        hint = getattr(raised, "hint", "")
        watch.look(
            f"error {type(raised).__name__}", str(raised), repr(raised), getattr(raised, "where", ""), hint
        )

    def printed(result: Any, *_: Any, **__: Any) -> None:
        watch.look("captured output", *result)

    def answered(result: click.testing.Result, *_: Any, **__: Any) -> None:
        watch.look("output of a command", result.output_bytes, result.stderr_bytes or b"")

    def packed(_: bytes, table: pa.Table) -> None:
        """Before it is compressed: nothing is found in it afterwards, neither in a frame nor in the outbox."""
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        watch.look("payload of a batch", sink.getvalue().to_pybytes())

    def sent(messages: list[str | bytes], *_: Any, **__: Any) -> None:
        watch.look("frame to the relay", *messages)

    def started(_: None, __: Any, args: Any = (), *___: Any, **more: Any) -> None:
        words = [args] if isinstance(args, str | bytes) else [str(word) for word in more.get("args", args)]
        watch.look("arguments of a process", *words)
        if _DRIVER_HOST in words:
            watch.look("environment of a driver", *(more.get("env") or {}).values())

    def ran(done: subprocess.CompletedProcess[Any], args: Any, *_: Any, **__: Any) -> None:
        if _COMMAND_LINE in args:
            watch.look("output of groundwire", done.stdout or "", done.stderr or "")

    ask = ControlClient.ask

    async def asked(client: ControlClient, *args: Any, **kwargs: Any) -> Any:
        answer = await ask(client, *args, **kwargs)
        watch.look("answer of the agent", repr(answer))
        return answer

    yield _after(GroundwireError, "__init__", error)
    yield _after(pytest.ExceptionInfo, "fill_unfilled", caught)
    yield _after(pytest.CaptureFixture, "readouterr", printed)
    yield _after(click.testing.CliRunner, "invoke", answered)
    yield _after(payload, "pack", packed)
    yield _after(AgentSession, "messages_to_send", sent)
    yield _after(subprocess.Popen, "__init__", started)
    yield _after(subprocess, "run", ran)
    yield patch.object(ControlClient, "ask", asked)


class Canaries:
    """The plugin itself."""

    def __init__(self) -> None:
        self._watch = Watch()
        self._patches = ExitStack()

    def pytest_sessionstart(self) -> None:
        for change in _watched(self._watch):
            self._patches.enter_context(change)

    def pytest_sessionfinish(self) -> None:
        self._patches.close()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Iterator[None]:
        self._watch.take()
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Iterator[None]:
        result = yield
        folder = getattr(item, "funcargs", {}).get("tmp_path")
        if folder is not None:
            self._watch.look_through(folder)
        for when, key, content in item._report_sections:
            self._watch.look(f"{key} of {when}", content)
        if found := self._watch.take():
            pytest.fail("a canary got out:\n" + "\n".join(found), pytrace=False)
        return result
