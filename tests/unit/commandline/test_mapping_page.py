"""The examples of docs/mapping.md, typed as they stand, in their order; also that the pages name every command."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from agent.commandline.mapping import mapping
from tests.unit.commandline.conftest import Shell

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = (DOCS / "mapping.md").read_text("utf-8")
CONSOLES = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
GAP = "..."


def examples() -> Iterator[tuple[str, list[str]]]:
    """Each command line with the lines that the page shows behind it."""
    for console in CONSOLES:
        for example in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
            command, _, output = example.partition("\n")
            yield command, [plain(line) for line in output.splitlines() if line.strip()]


def plain(line: str) -> str:
    """Without what differs from day to day and from host to host, and without the width of columns."""
    return " ".join(re.sub(r"local \S+", "local WHO", MOMENT.sub("WHEN", line)).split())


def test_every_example_of_the_page_says_what_it_says_there(shell: Shell) -> None:
    shell.write("connections/box.toml", 'system = "sandbox"\n[options]\nsize = 10\n[sync]\nmanual = true\n')
    typed = 0
    for command, expected in examples():
        words = shlex.split(command)
        assert words[0] == "groundwire"
        done = shell.run(*words[1:])
        shown = [plain(line) for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        position = 0
        for line in expected:
            if line == GAP:
                continue
            assert line in shown[position:], f"$ {command}\n{done.stdout}{done.stderr}"
            position = shown.index(line, position) + 1
        assert GAP in expected or shown == expected, f"$ {command}\n{done.stdout}{done.stderr}"
        typed += 1
    assert typed >= len(CONSOLES) > 5


def test_every_command_is_on_the_pages() -> None:
    reference = (DOCS / "cli.md").read_text("utf-8")
    for name in mapping.commands:
        assert f"`groundwire mapping {name} " in reference, name
        assert re.search(rf"groundwire mapping {name}|`{name}`", PAGE), name
