"""README's quick start, word for word: from nothing to records at the relay, with somebody at the keys.

What differs is the machine and not the words: the ports, and that the installation is this checkout's. With
GROUNDWIRE_QUICK_START=1 (`make quick-start`) it is installed as the README says, into an environment of its own.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.pseudo_terminal import PseudoTerminal
from tests.servers import free_port

ROOT = Path(__file__).resolve().parents[2]
WHOLE = bool(os.environ.get("GROUNDWIRE_QUICK_START"))
PROMISED_SECONDS = 300
pytestmark = [pytest.mark.timeout(600)]


class Reader:
    """Goes through the section as somebody does who has read nothing else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        text = (ROOT / "README.md").read_text("utf-8").split("## Quick start", 1)[1].split("\n## ", 1)[0]
        self.ports = {"8443": str(free_port()), "8080": str(free_port())}
        self.blocks = [
            block.splitlines() for block in re.findall(r"```sh\n(.*?)```", self._here(text), re.DOTALL)
        ]
        rows = re.findall(r"^\| (.*?) \| (.*?) \|$", self._here(text), re.MULTILINE)
        self.answers = {asked: typed.strip("`") for asked, typed in rows if asked not in ("it asks for", "---", "everything else")}  # fmt: skip
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("XDG_", "GROUNDWIRE_", "VIRTUAL_ENV")) and "proxy" not in name.lower()
        }
        self.environment = {**kept, "HOME": str(folder / "home")}

    def _here(self, text: str) -> str:
        for usual, port in self.ports.items():
            text = text.replace(usual, port)
        return text

    def run(self, line: str) -> str:
        """One command of the page, which has to succeed."""
        if line == "groundwire relay init relay":
            line += f" --gateway-port {self.ports['8443']} --api-port {self.ports['8080']}"
        if not WHOLE and line.startswith(("python3 -m venv", "venv/bin/pip")):
            (self.folder / "venv").unlink(missing_ok=True)
            (self.folder / "venv").symlink_to(sys.prefix)
            return ""
        if (path := re.fullmatch(r'export PATH="\$PWD/(.*):\$PATH"', line)) is not None:
            self.environment["PATH"] = f"{self.folder}/{path[1]}:{os.environ['PATH']}"
            return ""
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PROMISED_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    @contextmanager
    def running(self, line: str) -> Iterator[None]:
        """A command that goes on in its terminal until Ctrl-C."""
        with (self.folder / f"{'-'.join(line.split()[:2])}.log").open("wb") as log:
            process = subprocess.Popen(
                line.split(), cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )  # fmt: skip
        try:
            yield
        finally:
            process.terminate()
            process.wait(60)

    def set_up(self, line: str, code: str) -> str:
        answers = {**self.answers, "Enrolment code": code}
        with PseudoTerminal(line.split(), environment=self.environment, folder=self.folder) as terminal:
            while (said := terminal.prompt()) is not None:
                typed = next((answers[asked] for asked in answers if f"  {asked}\n" in said), "")
                terminal.type(f"{typed}\n")
            assert terminal.end() == 0, terminal.screen
            return terminal.screen


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    folder = tmp_path / "groundwire"
    folder.mkdir()
    if WHOLE:
        wanted = ["pyproject.toml", "README.md", "agent", "drivers", "relay", "config"]
        for name in wanted:
            place = ROOT / name
            (shutil.copytree if place.is_dir() else shutil.copy)(place, folder / name)
    (folder / "home").mkdir()
    return Reader(folder)


def test_a_newcomer_has_records_at_the_relay_within_five_minutes_by_the_readme_alone(
    reader: Reader, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    (*prepare, run_relay), (*begin, set_up, run_agent), (ask,) = reader.blocks
    said = "".join(reader.run(line) for line in prepare)
    token = re.search(r"shown this once: (\S+)", said)
    assert token is not None, said
    with reader.running(run_relay):
        until(reader, f"curl -sf http://127.0.0.1:{reader.ports['8080']}/healthz", "ok")
        code = "".join(reader.run(line) for line in begin).strip()
        reader.set_up(set_up, code)
        with reader.running(run_agent):
            reader.environment["TOKEN"] = token[1]
            found = until(reader, ask, '"orderNo"')
            seconds = time.monotonic() - began
    assert json.loads(found)["items"][0]["orderNo"]
    with capsys.disabled():
        sys.stdout.write(
            f"\nquick start: {seconds:.0f} s {'with' if WHOLE else 'without'} the installation\n"
        )
    assert seconds < PROMISED_SECONDS


def until(reader: Reader, line: str, shown: str) -> str:
    """What a person does who is told to wait a moment: ask again."""
    deadline = time.monotonic() + PROMISED_SECONDS
    while True:
        done = subprocess.run(
            ["bash", "-c", line], env=reader.environment, capture_output=True, text=True, check=False
        )
        if shown in done.stdout:
            return done.stdout
        assert time.monotonic() < deadline, f"{line}: {done.stdout} {done.stderr}"
        time.sleep(0.2)
