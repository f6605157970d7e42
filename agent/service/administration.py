"""Installing, configuring and removing the Windows service: in which order, and what is no reason to give up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from agent.clock import Clock
from agent.errors import ConfigurationError, GroundwireError, NeedsPersonError, NotPermitted, Unreachable
from agent.service.plan import (
    ACCOUNT,
    ADMINISTRATORS,
    DESCRIPTION,
    NAME,
    PRESHUTDOWN_SECONDS,
    Recovery,
    folder_access,
    in_quotes,
    is_trusted,
    service_sid,
)
from agent.service.ports import FileAccess, ServiceControl, ServiceRefused, StartType, State

START_SECONDS: Final = 120.0  # a large outbox is checked before the agent says that it runs
STOP_SECONDS: Final = 120.0  # drain, drivers, disk
LEAVE_SECONDS: Final = 60.0  # of a process whose service has stopped
LOOK_SECONDS: Final = 0.25
IDENTITY_FILE: Final = "identity.json"  # of agent/identity.py, which is heavy
FILE_NOT_FOUND: Final = 2
ACCESS_DENIED: Final = 5
MOST_NAMED: Final = 5  # files of which a person is told
MOST_ASIDE: Final = 100  # folders moved away; beyond that somebody has to look

Answer = TypeVar("Answer")
Given = ParamSpec("Given")


@dataclass(frozen=True, slots=True)
class Done:
    """What was done, in sentences, and what the system would not do though the service works without."""

    steps: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Folders:
    config: Path
    state: Path


@dataclass(frozen=True, slots=True)
class Standing:
    runs: bool = False
    start: StartType = StartType.AUTOMATIC
    account: str = ""


class Administration:
    """Of this machine's service. Every method raises a GroundwireError."""

    def __init__(self, control: ServiceControl, access: FileAccess, clock: Clock) -> None:
        self._control = control
        self._access = access
        self._clock = clock

    def install(self, command_line: str, folders: Folders) -> Done:
        """Make the service, or bring one that is there up to date; it is not started."""
        self._want_administrator("install")
        done = Done()
        first = _asked(self._control.state) is State.MISSING
        if first:
            _asked(self._control.create, command_line)
            done.steps.append(f"The service {NAME} was made; it starts with the machine.")
        else:
            _asked(self._control.set_command_line, command_line)
            done.steps.append(f"The service {NAME} was there; it starts this program now.")
        self._configure(folders, done, first=first)
        return done

    def configure(self, folders: Folders, *, first: bool = False) -> Done:
        """Everything but program and account of a service that is there already, as the Windows package makes one.

        `first`: it was made just now, by that package. What lies in the folders is nobody's yet then.
        """
        self._want_administrator("configure")
        self._want_service()
        done = Done()
        self._configure(folders, done, first=first)
        return done

    def standing(self) -> Standing:
        """What of it an operator may have set, and an exchange of the program is to leave as it was."""
        state, control = _asked(self._control.state), self._control
        if state is State.MISSING:
            return Standing()
        runs = state in {State.STARTING, State.RUNNING}
        return Standing(runs, _asked(control.start_type), _asked(control.account))

    def stand(self, before: Standing, done: Done) -> None:
        """Start type and account as they were; it is not started."""
        account = before.account
        if account.casefold() not in {"", ACCOUNT.casefold(), _asked(self._control.account).casefold()}:
            try:
                self._control.set_account(account)
                done.steps.append(f"It runs as {account}, as before.")
            except ServiceRefused as error:
                done.warnings.append(
                    f"It ran as {account}, which Windows did not take ({error}): it runs as {ACCOUNT} now. Set the account "
                    "in the services console."
                )
        if before.start is not StartType.AUTOMATIC:
            _asked(self._control.set_start_type, before.start)
            done.steps.append(
                f"It starts {before.start.value}, as before.".replace("starts disabled", "is disabled")
            )

    def is_closed(self, folder: Path) -> bool:
        """Whether nobody but administrators and the service can have put anything there."""
        return folder.is_dir() and self._is_closed(folder, service_sid())

    def is_wanted(self) -> bool:
        """Whether it runs, or is to start with the machine."""
        standing = self.standing()
        present = _asked(self._control.state) is not State.MISSING
        return present and (standing.runs or standing.start is StartType.AUTOMATIC)

    async def start(self) -> None:
        self._want_administrator("start")
        self._want_service()
        if _asked(self._control.state) is State.RUNNING:
            return
        _asked(self._control.start)
        await self._until(State.RUNNING, START_SECONDS, "did not start", _LOOK)

    async def start_if_enrolled(self, folders: Folders, done: Done) -> None:
        """At the end of an installation, which is good whether the service starts or not."""
        if not (folders.state / IDENTITY_FILE).exists():
            done.steps.append("It was not started: this agent is not enrolled yet.")
            return
        try:
            await self.start()
        except GroundwireError as error:
            done.warnings.append(f"{error}. {error.hint}")
        else:
            done.steps.append(f"The service {NAME} runs.")

    async def stop(self) -> None:
        """Returns when it has ended: what it had sent is acked, or is sent again later."""
        self._want_administrator("stop")
        self._want_service()
        state = await self._settled()
        if state is State.STOPPED:
            return
        if state is not State.STOPPING:
            _asked(self._control.stop)
        await self._until(State.STOPPED, STOP_SECONDS, "did not end", _LOOK)
        deadline = self._clock.monotonic() + LEAVE_SECONDS
        while not _asked(self._control.process_is_gone) and self._clock.monotonic() <= deadline:
            await self._clock.sleep(
                LOOK_SECONDS
            )  # it holds its files: who removes or replaces them waits for it

    async def remove(self) -> None:
        """Stop it and take it out; configuration and state stay."""
        await self.stop()
        _asked(self._control.delete)
        _asked(self._control.remove_event_source)

    def state(self) -> tuple[State, int]:
        """With the code that its last run ended with."""
        state = _asked(self._control.state)
        return state, 0 if state is State.MISSING else _asked(self._control.exit_code)

    # The parts.

    def _configure(self, folders: Folders, done: Done, *, first: bool) -> None:
        self._close_folders(folders, done, first=first)
        self._quote_program(done)
        control = self._control
        wanted: list[tuple[str, Callable[[], None]]] = [
            ("its description", lambda: control.set_description(DESCRIPTION)),
            ("that it is started again when it ends unexpectedly", lambda: control.set_recovery(Recovery())),
            ("that it is started again also when it ends with an error", control.set_recovery_after_errors),
            ("that it starts behind what the machine needs to start", control.set_delayed_start),
            ("that its account can be given access", control.set_own_sid),
            ("the time that it has when the machine shuts down", lambda: control.set_preshutdown(PRESHUTDOWN_SECONDS)),
            ("the source of its events", control.add_event_source),
        ]  # fmt: skip
        for what, step in wanted:
            try:
                step()
            except ServiceRefused as error:
                done.warnings.append(f"Windows did not take {what}: {error}")
        done.steps.append("Recovery, delayed start, account and source of events are set.")

    def _quote_program(self, done: Done) -> None:
        """Of a path with a blank Windows starts what the part before it names, if somebody has put that there."""
        found = _asked(self._control.command_line)
        if (quoted := in_quotes(found)) != found:
            _asked(self._control.set_command_line, quoted)
            done.steps.append("The path of its program was put in quotes.")

    def _close_folders(self, folders: Folders, done: Done, *, first: bool) -> None:
        """Before the service runs: whoever can write a connection file decides to whom credentials are shown."""
        sid = service_sid()
        self._settle(folders.config, sid, done, first=first)
        try:
            folders.config.mkdir(parents=True, exist_ok=True)
            (folders.config / "connections").mkdir(exist_ok=True)
            _asked(self._access.close, folders.config, folder_access(sid, writable=False))
            self._want_nothing_strange(folders.config, sid)  # until here others could write in it
            folders.state.mkdir(parents=True, exist_ok=True)
            _asked(self._access.close, folders.state, folder_access(sid, writable=True))
        except OSError as error:
            raise NotPermitted(
                f"the folder cannot be made: {error.strerror or 'unknown fault'}",
                where=str(error.filename or folders.config),
                hint=_AS_ADMINISTRATOR,
            ) from error
        done.steps.append(
            f"{folders.config} is open to administrators, and to the service for reading; {folders.state} for writing."
        )

    def _settle(self, folder: Path, sid: str, done: Done, *, first: bool) -> None:
        """What no administrator, nor the service, can have put there.

        Where the folder was closed already, somebody with rights brought it: a copy from a backup, the files of another
        account. It stays, and is the administrators' from now on. Where others could write and this is the first
        installation, the folder is moved away. An agent at work is never made an empty one: it is said, and nothing done.
        """
        strange = list(self._strange(folder, sid))
        if not strange:
            return
        if self._is_closed(folder, sid):
            for path in strange:
                if _asked(self._access.is_link, path):
                    raise ConfigurationError(
                        "a link, and what it holds lies elsewhere",
                        where=str(path),
                        hint="Put the files themselves there, or name the folder that is meant in agent.toml, and ask again.",
                    )
                _asked(self._access.take, path)
            names = ", ".join(str(path) for path in strange[:MOST_NAMED])
            more = f" and {len(strange) - MOST_NAMED} more" if len(strange) > MOST_NAMED else ""
            done.warnings.append(
                f"{names}{more} belonged to somebody who is no administrator, and belongs to the administrators now."
            )
        elif first:
            moved = self._move_away(folder, strange[0])
            done.warnings.append(
                f"{folder} held what no administrator had put there. It was moved to {moved}: look what it is, and "
                "take nothing from it that you do not know."
            )
        else:
            raise ConfigurationError(
                f"{strange[0]} belongs to somebody who is no administrator, in a folder that others could write to",
                where=str(folder),
                hint="Look what it is. Delete it, or make it the administrators' with "
                f'`icacls "{strange[0]}" /setowner *{ADMINISTRATORS}`, and ask again.',
            )

    def _is_closed(self, folder: Path, sid: str) -> bool:
        """Whether nobody but administrators and the service could put anything there, as far as access lists say."""
        me = _asked(self._access.me)
        if _asked(self._access.is_link, folder) or not is_trusted(
            _asked(self._access.owner, folder), administrator=me, sid=sid
        ):
            return False
        waiting = [folder]
        while waiting:
            here = waiting.pop()
            writers = _asked(self._access.writers, here)
            if not all(is_trusted(one, administrator=me, sid=sid) for one in writers):
                return False
            waiting += [
                path for path in here.iterdir() if not _asked(self._access.is_link, path) and path.is_dir()
            ]
        return True

    def _move_away(self, folder: Path, strange: Path) -> Path:
        for number in range(1, MOST_ASIDE + 1):
            aside = folder.with_name(f"{folder.name}.not-trusted-{number}")
            if not aside.exists():
                try:
                    return folder.rename(aside)
                except OSError as error:
                    raise ConfigurationError(
                        f"{strange} belongs to somebody who is no administrator, and the folder cannot be moved away",
                        where=str(folder),
                        hint="Look what it is; delete or rename the folder as an administrator, and ask again.",
                    ) from error
        raise ConfigurationError("too many folders were moved away already", where=str(folder))

    def _want_nothing_strange(self, folder: Path, sid: str) -> None:
        strange = next(self._strange(folder, sid), None)
        if strange is not None:
            raise ConfigurationError(
                f"{strange} was put there by somebody who is no administrator, while the folder was being closed",
                where=str(folder),
                hint="Ask again: the folder is moved away then. Look what it holds, and who did it.",
            )

    def _strange(self, folder: Path, sid: str) -> Iterator[Path]:
        """What of the folder, and the folder itself, no administrator can have put there, as far as owners say."""
        if not folder.exists() and not folder.is_symlink():
            return
        me = _asked(self._access.me)
        waiting = [folder]
        while waiting:
            path = waiting.pop()
            found = _asked(self._looked_at, path)
            if found is None:
                continue
            linked, owner = found
            if linked or not is_trusted(owner, administrator=me, sid=sid):
                yield path
            if not linked and path.is_dir():  # behind a junction it is not this folder's, and may have no end
                with suppress(PermissionError, FileNotFoundError):
                    waiting += sorted(path.iterdir(), reverse=True)

    def _looked_at(self, path: Path) -> tuple[bool, str] | None:
        """Whether it is a link, and its owner; None: an agent at work has removed it meanwhile."""
        try:
            return self._access.is_link(path), self._access.owner(path)
        except ServiceRefused as error:
            if error.code == FILE_NOT_FOUND:
                return None
            raise

    async def _settled(self) -> State:
        """The system takes no stop of a service that is starting: wait until that is over, one way or the other."""
        deadline = self._clock.monotonic() + START_SECONDS
        while (
            state := _asked(self._control.state)
        ) is State.STARTING and self._clock.monotonic() <= deadline:
            await self._clock.sleep(LOOK_SECONDS)
        return state

    async def _until(self, wanted: State, seconds: float, failed: str, hint: str) -> None:
        deadline = self._clock.monotonic() + seconds
        while (state := _asked(self._control.state)) is not wanted:
            ended = wanted is State.RUNNING and state is State.STOPPED
            if ended or self._clock.monotonic() > deadline:
                code = _asked(self._control.exit_code)
                told = f" (exit code {code})" if code else ""
                raise Unreachable(f"the service {failed}{told}", where=NAME, hint=hint)
            await self._clock.sleep(LOOK_SECONDS)

    def _want_administrator(self, what: str) -> None:
        if not _asked(self._control.is_administrator):
            raise NotPermitted(
                f"only an administrator may {what} a service", where=NAME, hint=_AS_ADMINISTRATOR
            )

    def _want_service(self) -> None:
        if _asked(self._control.state) is State.MISSING:
            raise NeedsPersonError(
                "there is no such service", where=NAME, hint="Make it first: `groundwire service install`."
            )


def _asked(question: Callable[Given, Answer], *args: Given.args, **named: Given.kwargs) -> Answer:
    try:
        return question(*args, **named)
    except ServiceRefused as error:
        hint = _AS_ADMINISTRATOR if error.code == ACCESS_DENIED else _LOOK
        raise NeedsPersonError(f"Windows refused it: {error}", where=NAME, hint=hint) from error


_AS_ADMINISTRATOR: Final = "Open the terminal with `Run as administrator`, and give the command there again."
_LOOK: Final = "The event log (source Groundwire) and `groundwire log tail` say why."
