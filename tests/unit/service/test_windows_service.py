"""The Windows service without Windows: what is asked of the system, in which order, and what an operator is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent import identity
from agent.clock import ManualClock
from agent.errors import NeedsPersonError, NotPermitted, Unreachable
from agent.service.administration import IDENTITY_FILE, Administration, Folders
from agent.service.plan import ACCOUNT, command_line, folder_access, in_quotes, is_trusted, service_sid
from agent.service.ports import ServiceRefused, StartType, State
from agent.service.windows_status import ServiceState, WindowsManager

ADMINISTRATOR = "S-1-5-21-1-2-3-500"
STRANGER = "S-1-5-21-1-2-3-1001"
PROGRAM = r'"C:\Program Files\Groundwire\groundwire.exe" service run'


@dataclass
class System:
    """A service control manager. `refuses`: the calls that it does not know, as an old one or Wine."""

    administrator: bool = True
    now: State = State.MISSING
    ends_with: int = 0
    starts: str = PROGRAM
    lingers: list[bool] = field(default_factory=list)
    begins: StartType = StartType.AUTOMATIC
    runs_as: str = ACCOUNT
    becomes: list[State] = field(default_factory=list)
    refuses: frozenset[str] = frozenset()
    did: list[str] = field(default_factory=list)
    asked: dict[str, object] = field(default_factory=dict)

    def is_administrator(self):
        return self.administrator

    def state(self):
        if self.becomes:
            self.now = self.becomes.pop(0)
        return self.now

    def exit_code(self):
        return self.ends_with

    def command_line(self):
        return self.starts

    def process_is_gone(self):
        return not self.lingers or self.lingers.pop()

    def start_type(self):
        return self.begins

    def account(self):
        return self.runs_as

    def __getattr__(self, name):
        if not name.startswith(("create", "delete", "start", "stop", "set_", "add_", "remove_")):
            raise AttributeError(name)

        def call(*given):
            if name in self.refuses:
                raise ServiceRefused(124, "Invalid level.")
            self.did.append(name)
            self.asked[name] = given
            if name == "create":
                self.now = State.STOPPED
            if name == "delete":
                self.now = State.MISSING

        return call


def number_of(path: Path) -> int:
    """It keeps it when it is moved, and what comes in its place has another."""
    return path.lstat().st_ino


@dataclass
class Files:
    """Owners and access lists; everything belongs to the administrator who asks but what is named, by its `number_of`."""

    owners: dict[int, str] = field(default_factory=dict)
    links: frozenset[int] = frozenset()
    closed: dict[Path, str] = field(default_factory=dict)
    writing: dict[int, str] = field(
        default_factory=dict
    )  # whose entry lets them write, by the folder's number
    taken: list[Path] = field(default_factory=list)

    def writers(self, path):
        return frozenset({"S-1-5-18", self.writing.get(number_of(path), ADMINISTRATOR)})

    def take(self, path):
        self.taken.append(path)
        self.owners.pop(number_of(path), None)

    def me(self):
        return ADMINISTRATOR

    def owner(self, path):
        return self.owners.get(number_of(path), ADMINISTRATOR)

    def is_link(self, path):
        return number_of(path) in self.links

    def close(self, folder, access):
        assert folder.is_dir()
        self.closed[folder] = access


class HurriedClock(ManualClock):
    """Whoever sleeps wakes at once, and the time has passed."""

    async def sleep(self, seconds):
        self.advance(seconds)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path / "Groundwire", tmp_path / "Groundwire" / "state")


def administration(system: System, files: Files | None = None) -> Administration:
    return Administration(system, files or Files(), HurriedClock())


def test_the_account_has_the_number_that_windows_makes_of_the_name():
    # Windows' own installer of modules, whose number is known everywhere.
    assert service_sid("TrustedInstaller") == (
        "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
    )


def test_the_file_that_says_that_an_agent_is_enrolled_is_that_of_its_identity():
    assert identity.IDENTITY_FILE == IDENTITY_FILE


def test_a_program_in_a_folder_with_a_space_is_started_and_no_other():
    line = command_line([r"C:\Program Files\Groundwire\groundwire.exe"], r"D:\Our files\groundwire")
    assert line == PROGRAM + r' --config "D:\Our files\groundwire"'


@pytest.mark.parametrize(
    ("made", "starts"),
    [
        (r"C:\Program Files\Groundwire\groundwire.exe service run", PROGRAM),
        (PROGRAM, PROGRAM),
        (r"D:\Groundwire\GROUNDWIRE.EXE", r'"D:\Groundwire\GROUNDWIRE.EXE"'),
        (
            r"C:\a.exe files\g.exe service run --config C:\b.exe",
            r'"C:\a.exe files\g.exe" service run --config C:\b.exe',
        ),
        ("python -m agent.cli service run", "python -m agent.cli service run"),
    ],
)
def test_the_path_of_a_program_is_put_in_quotes_whoever_made_the_service_without(folders, made, starts):
    system = System(now=State.STOPPED, starts=made)

    administration(system).configure(folders)

    assert in_quotes(made) == starts
    assert system.asked.get("set_command_line") == (None if made == starts else (starts,))


def test_the_service_reads_its_configuration_and_writes_its_state_and_nobody_else_does():
    assert folder_access("S-1-5-80-1", writable=False) == (
        "D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;S-1-5-80-1)"
    )
    assert "(A;OICI;0x1301bf;;;S-1-5-80-1)" in folder_access("S-1-5-80-1", writable=True)


@pytest.mark.parametrize("owner", ["S-1-1-0", "S-1-5-32-545", STRANGER])
def test_what_belongs_to_others_is_not_trusted(owner):
    assert not is_trusted(owner, administrator=ADMINISTRATOR, sid=service_sid())
    assert is_trusted(ADMINISTRATOR, administrator=ADMINISTRATOR, sid=service_sid())


def test_an_installed_service_recovers_starts_delayed_and_can_drain_at_a_shutdown(folders):
    system, files = System(), Files()
    done = administration(system, files).install(PROGRAM, folders)

    assert system.did == [
        "create", "set_description", "set_recovery", "set_recovery_after_errors", "set_delayed_start", "set_own_sid",
        "set_preshutdown", "add_event_source",
    ]  # fmt: skip
    assert system.asked["create"] == (PROGRAM,)
    assert system.asked["set_recovery"][0].restart_seconds == (5, 30, 60)
    assert system.asked["set_preshutdown"] == (60,)
    assert list(files.closed) == [folders.config, folders.state]
    assert not done.warnings


def test_installing_again_starts_the_new_program(folders):
    system = System(now=State.STOPPED)
    administration(system).install(PROGRAM, folders)
    assert system.asked["set_command_line"] == (PROGRAM,)
    assert "create" not in system.did


def test_what_the_system_does_not_know_is_a_note_and_the_rest_is_done(folders):
    system = System(refuses=frozenset({"set_recovery_after_errors", "set_delayed_start"}))
    done = administration(system).install(PROGRAM, folders)
    assert len(done.warnings) == 2
    assert "Invalid level" in done.warnings[0]
    assert system.did[-1] == "add_event_source"


async def test_only_an_administrator_may(folders):
    system = System(administrator=False, now=State.STOPPED)
    one = administration(system)
    with pytest.raises(NotPermitted, match="only an administrator may install"):
        one.install(PROGRAM, folders)
    for what in (one.start, one.stop, one.remove):
        with pytest.raises(NotPermitted, match="only an administrator may"):
            await what()
    assert system.did == []
    assert not folders.config.exists()


async def test_without_a_service_the_operator_is_told_how_to_make_one(folders):
    with pytest.raises(NeedsPersonError, match="no such service") as caught:
        await administration(System()).start()
    assert "groundwire service install" in caught.value.hint
    with pytest.raises(NeedsPersonError, match="no such service"):
        administration(System()).configure(folders)


async def test_a_start_is_waited_for_and_a_failed_one_says_with_which_code():
    system = System(now=State.STOPPED, becomes=[State.STOPPED, State.STOPPED, State.STARTING, State.RUNNING])
    await administration(system).start()
    assert system.did == ["start"]

    failing = System(
        now=State.STOPPED, ends_with=3, becomes=[State.STOPPED] * 2 + [State.STARTING, State.STOPPED]
    )
    with pytest.raises(Unreachable, match=r"did not start \(exit code 3\)"):
        await administration(failing).start()


async def test_an_installation_starts_an_enrolled_agent_and_no_other(folders):
    system = System(now=State.STOPPED)
    one = administration(system)
    done = one.configure(folders)
    await one.start_if_enrolled(folders, done)
    assert "start" not in system.did

    (folders.state / IDENTITY_FILE).touch()
    system.becomes = [State.STOPPED, State.STOPPED, State.RUNNING]
    await one.start_if_enrolled(folders, done)
    assert system.did[-1] == "start"
    assert not done.warnings


async def test_an_installation_is_good_though_the_agent_cannot_start(folders):
    system = System(now=State.STOPPED, ends_with=4)
    one = administration(system)
    done = one.configure(folders)
    (folders.state / IDENTITY_FILE).touch()
    await one.start_if_enrolled(folders, done)
    assert "did not start (exit code 4)" in done.warnings[0]


async def test_a_stop_that_does_not_end_is_given_up():
    clock = HurriedClock()
    with pytest.raises(Unreachable, match="did not end"):
        await Administration(System(now=State.STOPPING), Files(), clock).stop()
    assert clock.monotonic() > 120


async def test_a_stop_waits_for_the_process_that_holds_the_files():
    system = System(
        now=State.RUNNING, becomes=[State.RUNNING] * 3 + [State.STOPPED] * 2, lingers=[True, False, False]
    )

    await administration(system).stop()

    assert system.lingers == []


async def test_a_service_that_starts_is_stopped_when_it_has_started():
    starting = [State.STARTING] * 3
    system = System(now=State.STARTING, becomes=[*starting, State.RUNNING, State.STOPPING, State.STOPPED])
    await administration(system).stop()
    assert system.did == ["stop"]

    failed = System(now=State.STARTING, becomes=[*starting, State.STOPPED])
    await administration(failed).stop()
    assert failed.did == []


async def test_a_service_that_ends_already_is_waited_for_and_not_asked_again():
    system = System(now=State.STOPPING, becomes=[State.STOPPING] * 3 + [State.STOPPED])
    await administration(system).stop()
    assert system.did == []


async def test_removing_stops_it_first_and_leaves_its_files(folders):
    system = System(now=State.RUNNING, becomes=[State.RUNNING, State.RUNNING, State.STOPPING, State.STOPPED])
    folders.config.mkdir()
    await administration(system).remove()
    assert system.did == ["stop", "delete", "remove_event_source"]
    assert folders.config.exists()


class Heard:
    def __init__(self):
        self.states = []
        self.waits = []

    def tell(self, state, *, exit_code, checkpoint, wait_seconds):
        self.states.append((state, exit_code, checkpoint))
        self.waits.append(wait_seconds)


def test_windows_hears_each_step_of_a_life_with_a_checkpoint_that_grows():
    heard = Heard()
    manager = WindowsManager(heard)
    manager.begin()
    manager.needs(60)
    manager.ready()
    manager.ready()
    manager.stop_asked()
    manager.stopping(40)
    manager.ended(0)
    assert heard.states == [
        (ServiceState.STARTING, 0, 1),
        (ServiceState.STARTING, 0, 2),
        (ServiceState.RUNNING, 0, 0),
        (ServiceState.STOPPING, 0, 1),
        (ServiceState.STOPPING, 0, 2),
        (ServiceState.STOPPED, 0, 0),
    ]
    assert heard.waits[3:5] == [90, 40]


def test_a_service_that_ends_never_says_again_that_it_runs():
    heard = Heard()
    manager = WindowsManager(heard)
    manager.stop_asked()
    manager.ready()
    manager.needs(60)
    manager.ended(4)
    manager.stopping(1)
    assert [state for state, *_ in heard.states] == [
        ServiceState.STOPPING, ServiceState.STOPPING, ServiceState.STOPPED,
    ]  # fmt: skip
    assert heard.states[-1] == (ServiceState.STOPPED, 4, 0)


def test_a_stop_that_comes_before_the_agent_is_there_is_not_forgotten():
    stopped = []
    manager = WindowsManager(Heard())
    manager.stop_asked()
    manager.stops_with(lambda: stopped.append("early"))
    assert stopped == ["early"]

    later = WindowsManager(Heard())
    later.stops_with(lambda: stopped.append("late"))
    later.stop_asked()
    assert stopped == ["early", "late"]
