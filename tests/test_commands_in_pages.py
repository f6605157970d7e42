"""Every command that the documentation names is one, with options that it has; and each block of commands is run somewhere."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from agent.cli import main

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(groundwire [^`]+)`")
TYPED = re.compile(r"^\s*(?:\$ |sudo -u \w+ |venv/bin/)*(groundwire (?:(?!  )[^#|<>;&\n])*)", re.MULTILINE)

# What is signed or hashed, not typed.
SIGNED = {
    "groundwire audit line 1",
    "groundwire enrolment code 1",
    "groundwire handshake 1",
    "groundwire relay audit line 1",
}

# Pages with blocks of commands, and the test that types them as they stand.
RUN_BY = {
    "docs/commands.md": "tests/integration/test_commands_page.py",
    "docs/diagnostics.md": "tests/integration/test_pages_run.py",
    "docs/install-linux.md": "tests/packaging/test_service_cycle.py",
    "docs/install-offline.md": "tests/packaging/test_offline.py",
    "docs/install-relay.md": "tests/packaging/test_relay_machine.py",
    "docs/moving.md": "tests/system/test_moving.py",
    "docs/network.md": "tests/integration/test_pages_run.py",
    "docs/platform-guide.md": "tests/integration/test_platform_guide.py",
    "docs/systems/any-database.md": "tests/integration/test_any_database_page.py",
    "docs/troubleshooting.md": "tests/integration/test_pages_run.py",
    "docs/tutorial.md": "tests/integration/test_tutorial.py",
}
# Pages whose blocks no test types, and why.
NOT_RUN = {
    "README.md": "it installs from a package registry; set-up is typed by tests/integration/test_setup.py, the rest as in docs/tutorial.md",
}


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def commands_of(page: str) -> Iterator[str]:
    for _, block in FENCE.findall(page):
        yield from TYPED.findall(block.replace("\\\n", " "))
    yield from INLINE.findall(FENCE.sub("", page))


def fault_of(command: str) -> str:
    """What of it there is not; words in capitals, dots and angles stand for something."""
    try:
        words = shlex.split(command, comments=True)[1:]
    except ValueError:
        words = command.split()[1:]
    here: click.Command = main
    if command in SIGNED:
        return ""
    while words:
        word = words.pop(0)
        if word.startswith("-") and word != "-":
            name = word.partition("=")[0]
            known = {
                option: one
                for one in [*here.params, *main.params]
                for option in [*one.opts, *one.secondary_opts]
            }
            if name not in known and name not in {"-h", "--help"}:
                return f"{here.name} has no {name}"
            one = known.get(name)
            if (
                isinstance(one, click.Option)
                and not one.is_flag
                and not one.count
                and words
                and "=" not in word
            ):
                words.pop(0)
        elif isinstance(here, click.Group):
            if not re.fullmatch(r"[a-z][a-z-]*", word):
                return ""  # `groundwire COMMAND`, `groundwire ...`
            if word not in here.commands:
                return f"{here.name} has no {word}"
            here = here.commands[word]
    return ""


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_every_command_of_a_page_is_one(page: Path) -> None:
    faults = {
        command.strip(): fault
        for command in commands_of(page.read_text("utf-8"))
        if (fault := fault_of(command))
    }

    assert faults == {}


def test_a_command_that_is_none_is_noticed() -> None:
    assert fault_of("groundwire stauts") == "main has no stauts"
    assert fault_of("groundwire sync --previev") == "sync has no --previev"
    assert fault_of("groundwire relay token create CONFIG --scope read --scope command") == ""
    assert fault_of("groundwire --config agent sync erp/orders --accept-deletions") == ""
    assert fault_of("groundwire COMMAND --help") == ""


def test_each_page_with_blocks_of_commands_is_run_or_says_why_not() -> None:
    with_blocks = {
        shown(page)
        for page in PAGES
        if any(kind in {"sh", "bash"} for kind, _ in FENCE.findall(page.read_text("utf-8")))
    }

    assert with_blocks == {*RUN_BY, *NOT_RUN}
    assert not set(RUN_BY) & set(NOT_RUN)
    assert all(NOT_RUN.values())


@pytest.mark.parametrize(("page", "test"), RUN_BY.items())
def test_the_test_that_types_a_page_reads_it(page: str, test: str) -> None:
    assert Path(page).name in (ROOT / test).read_text("utf-8")
