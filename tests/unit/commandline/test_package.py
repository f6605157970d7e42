"""`groundwire package`, as the MSI calls it, with a stand-in for Windows."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.cli import main
from agent.commandline import package as commands
from agent.service.ports import State
from agent.upgrade.copying import COPY
from agent.upgrade.plan import PLAN_FILE
from agent.upgrade.programs import own_folder
from agent.upgrade.switching import Switch
from tests.unit.service.test_windows_package import Machine
from tests.unit.service.test_windows_service import STRANGER, Files, number_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="stands in for Windows")


class Installed(Machine):
    """A machine, and what the program starts on it. `ends`: the code of that, with what it says."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(folder, now=State.STOPPED)
        self.started: list[list[str]] = []
        self.ends: tuple[int, bytes] = (0, b"")
        self.files = Files()
        monkeypatch.setattr(commands, "_package", lambda _: self.package)
        monkeypatch.setattr(commands, "_access", lambda: self.files)
        monkeypatch.setattr(commands.subprocess, "run", self.run)

    def run(self, words: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        self.started.append(words)
        code, said = self.ends
        if "setup" in words:
            assert Path(words[words.index("--from") + 1]).read_text() == "[relay]\n"
            if code == 0:
                self.enrolled()
        return subprocess.CompletedProcess(words, code, b"", said)

    def call(self, *words: str) -> Result:
        return CliRunner().invoke(main, ["package", *words, "--config", str(self.folders.config)])

    @property
    def journal(self) -> str:
        file = self.folders.config / commands.JOURNAL
        return file.read_text() if file.exists() else ""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installed:
    return Installed(tmp_path, monkeypatch)


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    made = tmp_path / "Our files" / "it's --start no.toml"
    made.parent.mkdir()
    made.write_text("[relay]\n")
    return made


def test_an_installation_sets_the_agent_up_from_a_copy_that_is_gone_afterwards_and_starts_it(
    machine: Installed, answers: Path
) -> None:
    done = machine.call("arrive", "--upgrade", "", "--start", "", "--answers", str(answers))

    assert done.exit_code == 0, done.output
    ((*_, verb, option, copy, _, config),) = machine.started
    assert (verb, option, config) == ("setup", "--from", str(machine.folders.config))
    assert Path(copy).parent == machine.folders.config
    assert not Path(copy).exists()
    assert machine.service.now is State.RUNNING
    assert "was set up from the file of answers" in machine.journal


def test_a_set_up_that_fails_ends_the_installation_with_its_reason_in_the_journal(
    machine: Installed, answers: Path
) -> None:
    machine.ends = (5, b"relay.example: the name is not known\n  What to do: look at the name.")

    done = machine.call("arrive", "--upgrade", "", "--start", "", "--answers", str(answers))

    assert done.exit_code != 0
    assert machine.service.now is State.STOPPED
    assert "the name is not known" in machine.journal
    assert "installed again" in machine.journal or "install again" in machine.journal
    assert not list(machine.folders.config.glob(".being-set-up*"))


def test_a_file_that_a_user_may_change_is_refused_before_anything_of_it_is_done(
    machine: Installed, answers: Path
) -> None:
    machine.files.writing = {number_of(answers): STRANGER}

    done = machine.call("arrive", "--upgrade", "", "--start", "", "--answers", str(answers))

    assert done.exit_code != 0
    assert machine.started == []
    assert STRANGER in machine.journal


def test_an_upgrade_is_told_what_the_installer_tells(machine: Installed, answers: Path) -> None:
    machine.enrolled()

    done = machine.call("arrive", "--upgrade", "{0B0C}", "--start", "NO", "--answers", str(answers))

    assert done.exit_code == 0, done.output
    assert machine.started == []
    assert machine.service.now is State.STOPPED
    assert "START=no" in machine.journal


def test_nothing_is_written_into_a_folder_that_others_can_write_to(
    machine: Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody may have put a link of that name there."""
    monkeypatch.setattr(
        "tests.unit.service.test_windows_package.Files",
        lambda: Files(
            writing={number_of(machine.folders.config): STRANGER},
            owners={number_of(machine.folders.config): STRANGER},
        ),
    )
    machine.enrolled()

    done = machine.call("arrive", "--upgrade", "{0B0C}", "--start", "", "--answers", "")

    assert done.exit_code != 0
    assert "belongs to somebody" in done.output
    assert machine.journal == ""


def test_the_version_that_goes_is_stopped_also_where_its_configuration_cannot_be_read(
    machine: Installed,
) -> None:
    (machine.folders.config / "agent.toml").write_text("[agent\n")
    machine.service.now = State.RUNNING

    done = machine.call("leave")

    assert done.exit_code == 0, done.output
    assert machine.service.did == ["stop"]


@pytest.mark.parametrize(("words", "kept"), [(["leave"], True), (["leave", "--repair"], False)])
def test_what_a_way_back_needs_is_kept_where_the_gate_is_asked_for(
    machine: Installed, words: list[str], *, kept: bool
) -> None:
    (machine.folders.config / "agent.toml").write_text(
        '[agent]\nstate_dir = "state"\n[upgrade]\ngate = true\n'
    )
    machine.service.now = State.RUNNING

    done = machine.call(*words)

    assert done.exit_code == 0, done.output
    assert (machine.folders.state / COPY).exists() == kept
    assert (machine.folders.state / PLAN_FILE).exists() == kept


def test_an_installation_that_goes_back_confirms_the_version_that_stays(machine: Installed) -> None:
    (machine.folders.config / "agent.toml").write_text(
        '[agent]\nstate_dir = "state"\n[upgrade]\ngate = true\n'
    )
    machine.enrolled()
    machine.service.now = State.RUNNING
    assert machine.call("leave").exit_code == 0

    done = machine.call("undo")

    assert done.exit_code == 0, done.output
    assert machine.service.now is State.RUNNING
    assert not (machine.folders.state / COPY).exists()


def test_it_is_the_version_kept_aside_that_is_asked_to_watch(
    machine: Installed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (machine.folders.config / "agent.toml").write_text(
        '[agent]\nstate_dir = "state"\n[upgrade]\ngate = true\n'
    )
    machine.enrolled()
    program = tmp_path / "Program Files" / "Groundwire"
    shutil.copytree(machine.folders.config, program.with_name("Groundwire.previous"))
    assert (
        Switch.__dataclass_fields__["program"].default_factory is own_folder
    )  # taken before it is another's
    monkeypatch.setattr("agent.upgrade.programs.own_folder", lambda: program)

    done = machine.call("arrive", "--upgrade", "{0B0C}", "--start", "", "--answers", "")

    assert done.exit_code == 0, done.output
    name = Path(sys.executable).name
    assert machine.started == [
        [str(program.with_name("Groundwire.previous") / name), "package", "watch", "--config", str(machine.folders.config)]
    ]  # fmt: skip
