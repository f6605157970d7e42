"""The live view through a real pseudo-terminal, and the words that it and `groundwire status` are made of."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from agent.commandline import overview
from agent.commandline.watching import picture
from tests.unit.commandline.conftest import RunningAgent, Shell

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 1, 5, 12, 10, tzinfo=UTC)
PATIENCE = 60.0  # seconds; a machine that is busy with other things is no fault


def stream(name: str, state: str = "idle", **run: Any) -> dict[str, Any]:
    last = {
        "status": "succeeded",
        "startedAt": "2026-01-05T12:00:00Z",
        "finishedAt": "2026-01-05T12:01:00Z",
        "counts": {"read": 4_012},
    }
    return {
        "name": name,
        "state": state,
        "lastRun": last | run,
        "nextRunAt": "2026-01-05T12:15:00Z",
        "error": None,
    }


def status(*streams: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "relay": {"phase": "connected", "since": "2026-01-05T09:00:00Z", "last_ack": "2026-01-05T12:09:00Z"},
        "outbox": {"pending_batches": 12, "pending_bytes": 3 << 20, "dead_letters": 3},
        "figures": {
            "backlog": {"records": 4_012, "full_in_seconds": 12_000.0, "empty_in_seconds": None},
            "rates": {"over_seconds": 300.0, "enqueued_records": 50.0, "acked_records": 8.25},
            "last_acked": {
                "stream": "erp/orders", "seq": 12, "kind": "records", "count": 40,
                "acked_at": "2026-01-05T12:09:00Z",
            },
        },
        "connections": [{"name": "erp", "streams": list(streams or (stream("orders"),))}],
        "verdict": {
            "level": "warning",
            "text": "1 to keep an eye on",
            "findings": [
                {
                    "code": "outbox.dead_letters", "level": "warning", "where": "outbox",
                    "cause": "3 records cannot pass", "evidence": "erp/orders", "next_step": "Look at them.",
                }
            ],
        },
    } | more  # fmt: skip


def test_the_head_says_what_is_wrong_and_what_to_do(shell: Shell, running_agent: RunningAgent) -> None:
    with running_agent(status=status()):
        text = shell.run("status").stdout

    assert text.splitlines()[:3] == [
        "1 to keep an eye on",
        "  warning  outbox: 3 records cannot pass (erp/orders)",
        "           What to do: Look at them.",
    ]
    assert "12 batches wait (3.0 MiB) with 4,012 records, 3 dead letters; full in 3 h 20 min" in text
    assert "enqueued 50.0 records a second, acked 8.2, over the last 5 min" in text
    assert "last acked: erp/orders batch 12, 40 records, at 2026-01-05T12:09:00Z" in text


def test_a_run_under_way_says_how_far_it_is_and_how_fast() -> None:
    running = stream("orders", "running", status="running", finishedAt=None, counts={"read": 60_000})

    (row,) = overview.rows(status(running), NOW)

    assert row.done == "60,000 read in 10 min, 100/s"


def test_an_outbox_that_becomes_less_says_when_it_is_empty() -> None:
    figures = {"backlog": {"records": 1, "full_in_seconds": None, "empty_in_seconds": 90.0}}

    assert "; empty in 1 min 30 s" in overview.backlog(status(figures=figures))[0].text


@pytest.mark.parametrize(
    ("level", "code", "word"),
    [("ok", 0, "OK"), ("notice", 0, "OK"), ("warning", 1, "WARNING"), ("problem", 2, "CRITICAL")],
)
def test_monitoring_gets_one_line_and_a_code(
    shell: Shell, running_agent: RunningAgent, level: str, code: int, word: str
) -> None:
    verdict = {**status()["verdict"], "level": level}
    with running_agent(status=status(verdict=verdict)):
        done = shell.run("status", "--check")

    assert done.exit_code == code
    assert done.stdout.startswith(f"GROUNDWIRE {word} - ")
    assert done.stdout.endswith("| pending_batches=12 pending_bytes=3145728B dead_letters=3\n")
    assert done.stdout.count("\n") == done.stdout.count("|") == 1


def test_monitoring_is_told_that_no_agent_runs_and_that_nothing_is_known(shell: Shell) -> None:
    none_runs = shell.run("status", "--check")
    shell.write("agent.toml", "nonsense")
    unknown = shell.run("status", "--check")

    assert (none_runs.exit_code, none_runs.stdout[:21]) == (2, "GROUNDWIRE CRITICAL -")
    assert (unknown.exit_code, unknown.stdout[:20]) == (3, "GROUNDWIRE UNKNOWN -")


def test_watching_goes_with_no_other_form(shell: Shell) -> None:
    assert shell.run("status", "--watch", "--json").exit_code == 2
    assert shell.run("status", "--watch", "--check").exit_code == 2


@pytest.mark.parametrize(("width", "height"), [(80, 24), (40, 12), (200, 60)])
def test_the_picture_fits_its_window_and_shows_what_is_wrong_first(width: int, height: int) -> None:
    streams = [stream(f"stream-with-a-long-name-{number}") for number in range(300)]
    streams[250] = stream("broken", "needs_person")
    document = status(*streams)
    lines = [*overview.head(document), overview.tunnel(document), *overview.backlog(document)]
    console = Console(width=width, height=height, force_terminal=True, color_system=None)

    with console.capture() as shown:
        console.print(picture(lines, overview.rows(document, NOW), height=height, width=width))

    text = shown.get().rstrip("\n").split("\n")
    assert len(text) <= max(height, 20)  # in a very low window the lines above come before the streams
    assert max(map(len, text)) <= width
    assert any("broken" in line for line in text)
    assert "streams more" in text[-1]


class Terminal:
    """`groundwire` on a pseudo-terminal, as a person has it before them."""

    def __init__(self, folder: Path, *words: str, term: str = "xterm-256color", columns: int = 80) -> None:
        self.ours, theirs = pty.openpty()
        self.resize(columns)
        environment = os.environ | {"TERM": term, "PYTHONPATH": str(ROOT)}
        environment.pop("COLUMNS", None)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "agent.cli", "--config", str(folder), *words],
            stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - it has no threads yet
        )  # fmt: skip
        self.settings = termios.tcgetattr(theirs)
        self._theirs = theirs
        self.shown = ""

    def resize(self, columns: int, lines: int = 24) -> None:
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def press(self, keys: str) -> None:
        os.write(self.ours, keys.encode())

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown[-3_000:]
            self.read()

    def read(self) -> None:
        if select.select([self.ours], [], [], 0.2)[0]:
            try:
                self.shown += os.read(self.ours, 65_536).decode("utf-8", "replace")
            except OSError:  # the other end was closed
                return

    def end(self) -> int:
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            assert time.monotonic() < deadline, self.shown[-3_000:]
            self.read()
        self.read()
        return self.process.returncode

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.ours)
        os.close(self._theirs)

    @property
    def as_before(self) -> bool:
        """Whether the keyboard is as it was: echoing, line by line."""
        return termios.tcgetattr(self._theirs)[3] == self.settings[3]


@contextmanager
def terminal(*args: Any, **options: Any) -> Iterator[Terminal]:
    found = Terminal(*args, **options)
    try:
        yield found
    finally:
        found.close()


def test_the_live_view_redraws_in_place_heeds_the_window_and_ends_on_q(
    shell: Shell, running_agent: RunningAgent
) -> None:
    with (
        running_agent(status=status()) as agent,
        terminal(shell.folder, "status", "--watch", "--every", "0.2") as screen,
    ):
        screen.wait_for("1 to keep an eye on")
        agent.answers["status"] = status(stream("orders", "retrying"))
        screen.wait_for("retrying")
        screen.shown = ""
        screen.resize(50)
        screen.process.send_signal(signal.SIGWINCH)
        screen.wait_for("q ends this")
        screen.press("q")
        code = screen.end()
        restored = screen.as_before

    assert code == 0
    assert restored
    assert "\x1b[?1049l" in screen.shown  # the screen that was there before is back
    assert "Traceback" not in screen.shown


def test_the_live_view_ends_on_ctrl_c_and_leaves_the_terminal_as_it_was(
    shell: Shell, running_agent: RunningAgent
) -> None:
    with (
        running_agent(status=status()),
        terminal(shell.folder, "status", "--watch", "--every", "0.2") as screen,
    ):
        screen.wait_for("erp/orders")
        screen.press("\x03")
        code = screen.end()
        restored = screen.as_before

    assert code == 130
    assert restored
    assert "Traceback" not in screen.shown


def test_on_a_terminal_that_cannot_move_its_cursor_the_lines_come_anew(
    shell: Shell, running_agent: RunningAgent
) -> None:
    with (
        running_agent(status=status()) as agent,
        terminal(shell.folder, "status", "--watch", "--every", "0.2", term="dumb") as screen,
    ):
        screen.wait_for("erp/orders  idle")
        agent.answers["status"] = status(stream("orders", "retrying"))
        screen.wait_for("erp/orders  retrying")
        screen.press("\x03")
        screen.end()

    assert "\x1b" not in screen.shown


def test_an_agent_that_is_not_there_is_shown_as_that_and_asked_again(
    shell: Shell, running_agent: RunningAgent
) -> None:
    with terminal(shell.folder, "status", "--watch", "--every", "0.2") as screen:
        screen.wait_for("No agent is running")
        with running_agent(status=status()):
            screen.wait_for("erp/orders")
        screen.press("q")
        assert screen.end() == 0
