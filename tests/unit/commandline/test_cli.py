from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import pytest

from agent.cli import Groundwire, main
from agent.commandline.invocation import shared_options
from agent.errors import CredentialsRefused, Unreachable

from .conftest import Shell


def commands(group: click.Group, path: str = "groundwire") -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        if command.hidden:
            continue
        found[f"{path} {name}"] = command
        if isinstance(command, click.Group):
            found |= commands(command, f"{path} {name}")
    return found


def test_every_command_says_what_it_does() -> None:
    assert [name for name, command in commands(main).items() if not command.help] == []


def test_no_list_of_commands_breaks_off_in_the_middle_of_a_sentence(shell: Shell) -> None:
    groups = [name for name, command in commands(main).items() if isinstance(command, click.Group)]

    for name in ["groundwire", *groups]:
        assert "..." not in shell.run(*name.split()[1:], "--help").stdout.partition("Commands:")[2]


def test_every_command_and_option_is_documented() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "cli.md").read_text(encoding="utf-8")

    missing = [name for name in commands(main) if name not in page]
    for command in commands(main).values():
        options = [option for option in command.params if isinstance(option, click.Option)]
        missing += [text for option in options for text in option.opts if text not in page]

    assert missing == []


def test_an_unknown_command_is_a_usage_error(shell: Shell) -> None:
    assert shell.run("snyc").exit_code == 2


def test_the_folder_may_be_named_before_or_behind_the_command(shell: Shell, tmp_path: Path) -> None:
    other = Shell(tmp_path / "other")
    other.write("agent.toml", '[agent]\nname = "hamburg"\n')

    assert 'name = "berlin"' in shell.run("config", "show").stdout
    assert 'name = "hamburg"' in shell.run("config", "show", "--config", str(other.folder)).stdout


def test_the_folder_may_be_named_by_the_environment(shell: Shell) -> None:
    from click.testing import CliRunner

    result = CliRunner().invoke(main, ["config", "show"], env={"GROUNDWIRE_CONFIG": str(shell.folder)})

    assert 'name = "berlin"' in result.stdout


def ending_with(error: BaseException) -> click.Command:
    @click.group(cls=Groundwire)
    @shared_options
    def group() -> None:
        pass

    @group.command()
    def go() -> None:
        raise error

    return group


def run(error: BaseException, *words: str) -> Any:
    from click.testing import CliRunner

    return CliRunner().invoke(ending_with(error), [*words, "go"])


def test_an_error_is_told_as_what_where_and_what_to_do() -> None:
    result = run(CredentialsRefused("the password was refused", where="aw", hint="Change it."))

    assert result.exit_code == 4
    assert result.stderr == "aw: the password was refused\n  What to do: Change it.\n"
    assert result.stdout == ""


def test_the_errors_of_a_task_group_come_out_as_themselves() -> None:
    result = run(
        ExceptionGroup("tasks", [ExceptionGroup("inner", [ValueError("x"), Unreachable("nothing there")])])
    )

    assert result.exit_code == 5
    assert "nothing there" in result.stderr


def test_a_bug_is_one_sentence_and_no_traceback() -> None:
    result = run(RuntimeError("canary"))

    assert result.exit_code == 70
    assert "bug in Groundwire (RuntimeError)" in result.stderr
    assert "--debug" in result.stderr
    assert not re.search("Traceback|canary", result.output)


def test_debug_shows_the_traceback_of_a_bug() -> None:
    result = run(RuntimeError("detail"), "--debug")

    assert result.exit_code == 70
    assert "Traceback" in result.stderr
    assert "detail" in result.stderr


def test_ctrl_c_has_an_exit_code_of_its_own() -> None:
    assert run(KeyboardInterrupt()).exit_code == 130


def test_a_reader_that_leaves_is_no_error() -> None:
    assert run(BrokenPipeError()).exit_code == 0


@pytest.mark.parametrize("text", ["line\nforged", "\x1b[2J", "\u202e"])
def test_what_a_source_says_cannot_drive_the_terminal(text: str) -> None:
    result = run(Unreachable(f"a{text}b", where=text, hint=text))

    assert not re.search("[\x1b\u202e]", result.output)
