"""What the Windows package has the program do around an exchange of it, without Windows."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from agent.errors import ConfigurationError, NeedsPersonError, StorageFull
from agent.service.administration import IDENTITY_FILE, Administration, Folders
from agent.service.answers import read_trusted
from agent.service.package import NOTE, Package, Wanted
from agent.service.plan import ACCOUNT, WRITING, command_line, program_access, service_sid
from agent.service.ports import ServiceRefused, StartType, State
from agent.service.watch import Watch
from agent.upgrade.services import WindowsService
from tests.unit.service.test_windows_service import (
    ADMINISTRATOR,
    PROGRAM,
    STRANGER,
    Files,
    HurriedClock,
    System,
    number_of,
)


class Machine:
    """A service control manager that does at once what it is asked for; a new MSI makes its service anew."""

    def __init__(self, folder: Path, **service: object) -> None:
        self.folders = Folders(folder / "Groundwire", folder / "Groundwire" / "state")
        self.folders.state.mkdir(parents=True)
        self.service = Service(**service)
        self.watch = Service()
        self.did: list[str] = []

    @property
    def package(self) -> Package:
        clock = HurriedClock()
        return Package(Administration(self.service, Files(), clock), Watch(self.watch, clock), self.folders)

    def enrolled(self) -> None:
        (self.folders.state / IDENTITY_FILE).touch()

    def exchanged(self) -> None:
        self.service = Service(now=State.STOPPED)

    def step(self, name: str, error: Exception | None = None):
        async def does() -> None:
            self.did.append(name)
            if error is not None:
                raise error

        return does


class Service(System):
    def start(self):
        self.did.append("start")
        self.now = State.RUNNING

    def stop(self):
        self.did.append("stop")
        self.now = State.STOPPED

    def set_start_type(self, start):
        self.begins = start

    def set_account(self, account):
        if "$" not in account:
            raise ServiceRefused(1057, "The account name is invalid.")
        self.runs_as = account


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path, now=State.RUNNING)
    made.enrolled()
    return made


async def upgraded(machine: Machine, wanted: Wanted | None = None):
    await machine.package.leave(machine.step("prepare"))
    machine.exchanged()
    return await machine.package.arrive(wanted or Wanted(upgrade=True), machine.step("watch"))


async def test_the_version_before_ends_with_its_drain_before_anything_is_kept_of_it(machine):
    await machine.package.leave(machine.step("prepare"))

    assert machine.service.did == ["stop"]
    assert machine.did == ["prepare"]


async def test_an_agent_that_ran_runs_behind_an_upgrade_and_is_watched_over(machine):
    await upgraded(machine)

    assert machine.service.now is State.RUNNING
    assert machine.did == ["prepare", "watch"]
    assert not (machine.folders.config / NOTE).exists()


async def test_an_agent_that_an_operator_had_stopped_stays_stopped_and_starts_as_it_was_set_to(machine):
    machine.service.now, machine.service.begins = State.STOPPED, StartType.DISABLED

    done = await upgraded(machine)

    assert machine.service.now is State.STOPPED
    assert machine.service.begins is StartType.DISABLED
    assert machine.did == ["prepare"]
    assert "did not run before" in done.steps[-1]
    assert any("is disabled, as before" in step for step in done.steps)


async def test_a_managed_account_stays_and_one_with_a_password_is_told_of(machine):
    machine.service.runs_as = r"CORP\groundwire$"
    await upgraded(machine)
    assert machine.service.runs_as == r"CORP\groundwire$"

    machine.service.runs_as = r"CORP\jane"
    done = await upgraded(machine)
    assert machine.service.runs_as == ACCOUNT
    assert r"CORP\jane" in done.warnings[0]


async def test_where_the_version_before_cannot_be_kept_it_runs_again_and_the_installation_ends(machine):
    full = StorageFull("no room", where="C:")

    with pytest.raises(StorageFull):
        await machine.package.leave(machine.step("prepare", full))

    assert machine.service.did == ["stop", "start"]


async def test_an_installation_that_goes_back_leaves_the_service_as_it_was(machine):
    await machine.package.leave(machine.step("prepare"))
    machine.exchanged()  # the installer makes it again

    await machine.package.undo()

    assert machine.service.now is State.RUNNING
    assert "set_recovery" in machine.service.did


async def test_a_watch_of_an_upgrade_before_ends_first_and_goes_with_a_removal(machine):
    machine.watch.now = State.RUNNING
    await machine.package.leave(machine.step("prepare"))
    assert machine.watch.did == ["stop", "delete"]

    machine.watch.now = State.STOPPED
    await machine.package.remove(machine.step("forget"))
    assert machine.watch.now is State.MISSING
    assert machine.service.now is State.STOPPED
    assert machine.did[-1] == "forget"
    assert not (machine.folders.config / NOTE).exists()


async def test_a_watch_that_cannot_begin_is_told_of_and_the_agent_runs(machine):
    await machine.package.leave(machine.step("prepare"))
    machine.exchanged()

    done = await machine.package.arrive(
        Wanted(upgrade=True), machine.step("watch", NeedsPersonError("no", hint="By hand."))
    )

    assert machine.service.now is State.RUNNING
    assert "Nobody watches" in done.warnings[-1]


async def test_a_new_agent_is_set_up_from_the_file_before_it_starts(tmp_path):
    machine = Machine(tmp_path, now=State.STOPPED)

    async def set_up() -> None:
        assert machine.service.did[-1] == "add_event_source"  # its folders are closed by then
        machine.enrolled()

    await machine.package.arrive(Wanted(set_up=set_up), machine.step("watch"))

    assert machine.service.did[-1] == "start"


async def test_a_set_up_that_fails_ends_the_installation_and_nothing_is_started(tmp_path):
    machine = Machine(tmp_path, now=State.STOPPED)
    wrong = ConfigurationError("no such relay", where="answers.toml")

    with pytest.raises(ConfigurationError):
        await machine.package.arrive(Wanted(set_up=machine.step("set_up", wrong)), machine.step("watch"))

    assert "start" not in machine.service.did


async def test_one_command_line_is_good_for_installations_and_upgrades(machine):
    """At an upgrade the file is gone, or its code is used: an enrolled agent is not set up again."""
    await upgraded(machine, Wanted(upgrade=True, set_up=machine.step("set_up")))
    assert "set_up" not in machine.did

    (machine.folders.state / IDENTITY_FILE).unlink()
    await upgraded(machine, Wanted(upgrade=True, set_up=machine.step("set_up")))
    assert machine.did[-2:] == ["set_up", "watch"]


async def test_start_no_starts_nothing_and_nothing_is_watched(machine):
    await machine.package.leave(machine.step("prepare"))
    machine.exchanged()

    done = await machine.package.arrive(Wanted(upgrade=True, start=False), machine.step("watch"))

    assert machine.service.now is State.STOPPED
    assert machine.did == ["prepare"]
    assert "START=no" in done.steps[-1]


async def test_a_version_that_left_no_word_is_followed_by_one_that_runs_if_it_is_enrolled(machine):
    machine.exchanged()
    (machine.folders.config / NOTE).write_text("no word")

    await machine.package.arrive(Wanted(upgrade=True), machine.step("watch"))

    assert machine.service.now is State.RUNNING


async def test_the_watch_is_a_service_that_starts_with_the_machine_and_is_gone_when_it_ends():
    system, clock = Service(), HurriedClock()
    words = command_line([r"C:\Program Files\Groundwire.previous\groundwire.exe"], what="watch")
    assert words == r'"C:\Program Files\Groundwire.previous\groundwire.exe" service watch'

    await Watch(system, clock).begin(words)
    assert system.asked["create"] == (words,)
    assert system.did == ["create", "set_description", "set_recovery", "set_delayed_start", "start"]

    await Watch(system, clock).end()
    assert system.now is State.MISSING


async def test_a_watch_that_ends_by_itself_while_it_is_ended_goes_all_the_same():
    class Ending(Service):
        def stop(self):
            self.now = State.STOPPED
            raise ServiceRefused(1062, "The service has not been started.")

    system = Ending(now=State.RUNNING)
    await Watch(system, HurriedClock()).end()
    assert system.now is State.MISSING


def test_a_way_back_stops_and_starts_the_service_through_the_service_manager():
    system = Service(now=State.RUNNING)
    service = WindowsService(Administration(system, Files(), HurriedClock()))

    service.stop()
    assert system.now is State.STOPPED
    service.start()
    assert system.now is State.RUNNING


@pytest.mark.parametrize(
    ("now", "begins", "wanted"),
    [
        (State.STOPPED, StartType.AUTOMATIC, True),
        (State.RUNNING, StartType.BY_HAND, True),
        (State.STOPPED, StartType.BY_HAND, False),
        (State.STOPPED, StartType.DISABLED, False),
        (State.MISSING, StartType.AUTOMATIC, False),
    ],
)
def test_a_service_is_watched_that_runs_or_starts_with_the_machine(now, begins, wanted):
    system = Service(now=now, begins=begins)
    assert WindowsService(Administration(system, Files(), HurriedClock())).is_wanted() is wanted


async def test_a_watch_that_the_system_will_not_make_says_what_to_do_by_hand():
    with pytest.raises(NeedsPersonError, match="not begun") as caught:
        await Watch(Service(refuses=frozenset({"create"})), HurriedClock()).begin(PROGRAM)
    assert "groundwire upgrade watch" in caught.value.hint


def test_users_may_start_a_program_that_is_kept_aside_and_not_change_it():
    assert program_access() == "D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)"
    assert not 0x1200A9 & WRITING
    assert 0x1301BF & WRITING


# --- the file of answers


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    folder = tmp_path / "it's a folder"
    folder.mkdir()
    made = folder / "answers for all.toml"
    made.write_text("[relay]\n")
    return made


def test_an_administrators_file_is_taken_wherever_it_lies(answers):
    assert read_trusted(answers, Files(), service_sid()) == b"[relay]\n"


@pytest.mark.parametrize("who", [STRANGER, "S-1-1-0", service_sid()])
def test_a_file_that_somebody_else_owns_or_may_change_is_not_taken(answers, who):
    """What it says is done as the system: a relay of somebody's own, any file of the machine as a secret."""
    for files in (Files(owners={number_of(answers): who}), Files(writing={number_of(answers): who})):
        with pytest.raises(ConfigurationError, match="is no administrator") as caught:
            read_trusted(answers, files, service_sid())
        assert who in str(caught.value)
        assert "icacls" in caught.value.hint


def test_no_link_leads_to_the_file(answers, tmp_path):
    link = tmp_path / "link.toml"
    link.symlink_to(answers)
    with pytest.raises(ConfigurationError, match="not taken"):
        read_trusted(link, Files(), service_sid())

    with pytest.raises(ConfigurationError, match="a link leads to it"):
        read_trusted(answers, Files(links=frozenset({number_of(answers.parent)})), service_sid())

    os.link(answers, tmp_path / "second.toml")
    with pytest.raises(ConfigurationError, match="second name"):
        read_trusted(answers, Files(), service_sid())


def test_a_file_that_is_exchanged_while_it_is_looked_at_is_not_taken(answers, tmp_path):
    class Slow(Files):
        def is_link(self, path):
            if path == answers and not (tmp_path / "mine").exists():
                answers.rename(tmp_path / "mine")
                answers.write_text("[relay]\nurl = 'wss://evil.example'\n")
            return False

    with pytest.raises(ConfigurationError, match="exchanged"):
        read_trusted(answers, Slow(), service_sid())


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes lie elsewhere there")
def test_what_is_no_file_or_no_whole_path_is_named_and_not_waited_for(tmp_path, monkeypatch):
    pipe = tmp_path / "answers.toml"
    os.mkfifo(pipe)
    assert stat.S_ISFIFO(pipe.lstat().st_mode)
    with pytest.raises(ConfigurationError, match="no plain file"):
        read_trusted(pipe, Files(), service_sid())
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_trusted(tmp_path / "none.toml", Files(), service_sid())

    monkeypatch.chdir(tmp_path)
    Path("here.toml").write_text("")
    with pytest.raises(ConfigurationError, match="whole path"):
        read_trusted(Path("here.toml"), Files(), service_sid())


def test_what_windows_does_not_say_of_a_file_is_a_refusal(answers):
    class Silent(Files):
        def writers(self, path):
            raise ServiceRefused(5, "Access is denied.")

    with pytest.raises(ConfigurationError, match="Access is denied"):
        read_trusted(answers, Silent(owners={number_of(answers): ADMINISTRATOR}), service_sid())
