"""`groundwire package`: what the Windows package has the program do; agent/service/package.py says when.

It is an interface between versions: the one that goes and the one that comes call each other by these names.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from agent.commandline.invocation import Invocation, pass_invocation, run_async, shared_options
from agent.errors import ConfigurationError, GroundwireError, NeedsPersonError

if TYPE_CHECKING:
    from agent.service.administration import Done
    from agent.service.package import Package
    from agent.service.ports import FileAccess
    from agent.upgrade.switching import Switch

JOURNAL: Final = "install.log"


@click.group(hidden=True)
def package() -> None:
    """What the Windows package does around an exchange of the program."""


@package.command()
@click.option("--repair", is_flag=True, help="The same version comes again, and there is no way back.")
@shared_options
@pass_invocation
def leave(invocation: Invocation, *, repair: bool) -> None:
    """Before the files of this version go: stop its service, and keep aside what a way back needs."""

    async def prepare() -> None:
        switch = None if repair else _gated(invocation)
        if switch is not None:
            await switch.prepare()

    found = _package(invocation)
    with _journal(invocation, found, "the version before is left"):
        run_async(found.leave(prepare))


@package.command()
@shared_options
@pass_invocation
def undo(invocation: Invocation) -> None:
    """Where the installation goes back: the service of this version as it was."""
    found = _package(invocation)
    with _journal(invocation, found, "the installation went back") as told:
        told(run_async(found.undo()))
        switch = _gated(invocation)
        if switch is not None:
            with suppress(ConfigurationError):  # none had been prepared yet
                run_async(switch.confirm("the installation of the newer version went back by itself"))


@package.command()
@click.option("--upgrade", default="", help="The code of the package that was replaced; empty: none.")
@click.option("--start", default="", help="no: do not start it.")
@click.option("--answers", default="", help="A file for `groundwire setup --from`.")
@shared_options
@pass_invocation
def arrive(invocation: Invocation, upgrade: str, start: str, answers: str) -> None:
    """Behind the files of this version: close the folders, set up, start, have the upgrade watched over."""
    from agent.service.package import Wanted  # noqa: PLC0415

    async def set_up() -> None:
        _set_up(invocation, Path(answers))

    async def watched() -> None:
        _have_watched(invocation)

    wanted = Wanted(bool(upgrade), start.casefold() != "no", set_up if answers else None)
    found = _package(invocation)
    with _journal(invocation, found, "the version is installed") as told:
        told(run_async(found.arrive(wanted, watched)))


@package.command()
@shared_options
@pass_invocation
def remove(invocation: Invocation) -> None:
    """Before the files of this version go for good: what an upgrade has left beside them goes too."""
    from agent.upgrade.programs import forget, own_folder  # noqa: PLC0415

    async def everything() -> None:
        program = own_folder()
        if program is not None:
            forget(program)

    run_async(_package(invocation).remove(everything))


@package.command()
@shared_options
@pass_invocation
def watch(invocation: Invocation) -> None:
    """By the version kept aside: watch over the one that was started, as a service that goes on behind this command."""
    from agent.commandline.service import program_of_service  # noqa: PLC0415
    from agent.service.plan import command_line  # noqa: PLC0415

    config = str(invocation.config.absolute()) if invocation.config else None
    run_async(_package(invocation).watch.begin(command_line(program_of_service(), config, "watch")))


def _package(invocation: Invocation) -> Package:
    if sys.platform == "win32":
        from agent.commandline.service import folders_of  # noqa: PLC0415
        from agent.service import this_windows  # noqa: PLC0415 - exists on Windows only
        from agent.service.package import Package  # noqa: PLC0415

        return Package(this_windows.administration(), this_windows.watch(), folders_of(invocation))
    raise _not_here()


def _gated(invocation: Invocation) -> Switch | None:
    """None: no way back is asked for, or nobody knows, since agent.toml cannot be read."""
    from agent.commandline.upgrade import switch_of  # noqa: PLC0415

    try:
        return switch_of(invocation) if invocation.settings().upgrade.gate else None
    except ConfigurationError:
        return None


def _have_watched(invocation: Invocation) -> None:
    """By the version before, where it was kept aside: it alone knows what it can go back to."""
    from agent.upgrade.programs import RESET, is_kept, own_folder, previous_of  # noqa: PLC0415

    program = own_folder()
    if program is None or not is_kept(program) or _gated(invocation) is None:
        return
    words = [str(previous_of(program) / Path(sys.executable).name), "package", "watch", *_config(invocation)]
    done = subprocess.run(words, env={**os.environ, RESET: "1"}, capture_output=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise NeedsPersonError(
            f"the version before did not begin to watch: {_said(done)}",
            hint="`groundwire upgrade watch`, by hand and as an administrator, does the same.",
        )


def _set_up(invocation: Invocation, answers: Path) -> None:
    """From a copy that nobody else can change, in a process of its own. Raises ConfigurationError."""
    from agent.commandline.service import program_of_service  # noqa: PLC0415
    from agent.service.answers import read_trusted  # noqa: PLC0415
    from agent.service.plan import service_sid  # noqa: PLC0415
    from agent.vault.files import remove_private, replace_private  # noqa: PLC0415

    content = read_trusted(answers, _access(), service_sid())
    copy = invocation.config_dir.absolute() / f".being-set-up-{answers.name}"
    replace_private(copy, content)
    try:
        words = [*program_of_service(), "setup", "--from", str(copy), *_config(invocation)]
        done = subprocess.run(  # noqa: S603
            words, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
    finally:
        remove_private(copy)
    if done.returncode != 0:
        raise ConfigurationError(
            f"the agent was not set up: {_said(done).replace(str(copy), str(answers))}",
            where=str(answers),
            hint="Mend what it says and install again with the same file: what was done of it is kept. Or install without "
            "ANSWERS, and give `groundwire setup --from` yourself.",
        )


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    said = done.stderr.decode("utf-8", "replace").strip()
    return said or f"exit code {done.returncode}"


def _config(invocation: Invocation) -> list[str]:
    return [] if invocation.config is None else ["--config", str(invocation.config.absolute())]


def _access() -> FileAccess:
    if sys.platform == "win32":
        from agent.service.access import NtfsAccess  # noqa: PLC0415 - exists on Windows only

        return NtfsAccess()
    raise _not_here()


def _not_here() -> NeedsPersonError:
    return NeedsPersonError(
        "only the Windows package does this", hint="The packages of Linux have scripts of their own."
    )


@contextmanager
def _journal(invocation: Invocation, package: Package, what: str) -> Iterator[Callable[[Done], None]]:
    """What is done, and why not: into install.log of the configuration's folder, since the installer keeps none of it.

    Only once that folder is closed: before, somebody may have put a link of that name there for the system to write to.
    """
    from agent.clock import SystemClock  # noqa: PLC0415
    from agent.telemetry.event_log import NEEDS_PERSON, WARNING, event_log  # noqa: PLC0415
    from agent.version import VERSION  # noqa: PLC0415

    folder = package.folders.config
    stamp = f"{SystemClock().utcnow():%Y-%m-%d %H:%M:%SZ} {VERSION}"

    def write(lines: Sequence[str]) -> None:
        for line in lines:
            invocation.output.note(line)
        with suppress(OSError, GroundwireError):
            if package.administration.is_closed(folder):
                with (folder / JOURNAL).open("a", encoding="utf-8") as file:
                    file.writelines(f"{stamp} {line}\n" for line in [f"{what}:", *lines])

    try:
        yield lambda done: write([*done.steps, *(f"Note: {one}" for one in done.warnings)])
    except GroundwireError as error:
        write([str(error), f"What to do: {error.hint}"])
        if (events := event_log()) is not None:
            events.report(WARNING, NEEDS_PERSON, f"{what}: {error}\r\n{error.hint}")
        raise
