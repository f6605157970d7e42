"""`groundwire service`: the agent as a service of this Windows machine. Elsewhere it says what the system's own way is."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from agent.commandline.invocation import Invocation, json_option, pass_invocation, run_async, shared_options
from agent.errors import NeedsPersonError

if TYPE_CHECKING:
    from agent.service.administration import Administration, Done, Folders

UNIT = "groundwire.service"
_BY_SYSTEMD = {
    "install": "The package makes the unit; without one, packaging/linux has it. Then: `systemctl daemon-reload`.",
    "configure": f"`systemctl edit {UNIT}` opens a file for what is to differ.",
    "start": f"`systemctl enable --now {UNIT}` starts it, now and with the machine.",
    "stop": f"`systemctl stop {UNIT}` ends it; `systemctl disable --now {UNIT}` also for the next start of the machine.",
    "remove": "Remove the package: `apt-get remove groundwire` or `dnf remove groundwire`.",
    "status": f"`systemctl status {UNIT}` and `groundwire status`.",
}


@click.group()
def service() -> None:
    """The agent as a Windows service: make, start, stop, remove it."""


@service.command("install")
@shared_options
@json_option
@pass_invocation
def install(invocation: Invocation) -> None:
    """Make the service, with its account, recovery and the access to its folders; it is not started."""
    from agent.service.plan import command_line  # noqa: PLC0415

    administration = _administration("install")
    config = str(invocation.config.absolute()) if invocation.config else None
    done = administration.install(command_line(program_of_service(), config), folders_of(invocation))
    _told(invocation, done)


@service.command("configure")
@click.option("--start", is_flag=True, help="Start it, if this agent is enrolled.")
@shared_options
@json_option
@pass_invocation
def configure(invocation: Invocation, *, start: bool) -> None:
    """Set account, recovery and access of a service that there is, as `install` does; the Windows package runs it."""
    administration, folders = _administration("configure"), folders_of(invocation)
    done = administration.configure(folders)
    if start:
        run_async(administration.start_if_enrolled(folders, done))
    _told(invocation, done)


@service.command("start")
def start() -> None:
    """Start it, and wait until it runs."""
    run_async(_administration("start").start())


@service.command("stop")
def stop() -> None:
    """Stop it, and wait until it has ended: what is on its way is acked first, as far as its limit allows."""
    run_async(_administration("stop").stop())


@service.command("remove")
def remove() -> None:
    """Stop it and take it out of Windows. Configuration and state stay where they are."""
    run_async(_administration("remove").remove())


@service.command("status")
@json_option
@pass_invocation
def status(invocation: Invocation) -> None:
    """Whether there is one, and whether it runs."""
    state, code = _administration("status").state()
    invocation.output.line(f"The service is {state}{f', and ended with exit code {code}' if code else ''}.")
    invocation.output.document({"state": state.value, "exit_code": code})


@service.command("run", hidden=True)
@shared_options
@pass_invocation
def run(invocation: Invocation) -> None:
    """Be the service; Windows runs it."""
    if sys.platform == "win32":
        from agent.service.windows import run_as_service  # noqa: PLC0415 - exists on Windows only

        run_as_service(invocation.config)
    else:
        raise _elsewhere("start")


@service.command("watch", hidden=True)
@shared_options
@pass_invocation
def watch(invocation: Invocation) -> None:
    """Be the service that watches over an upgrade; Windows runs it."""
    if sys.platform == "win32":
        from agent.service.windows_watch import watch_as_service  # noqa: PLC0415 - exists on Windows only

        watch_as_service(invocation.config)
    else:
        raise _elsewhere("start")


def _administration(what: str) -> Administration:
    if sys.platform == "win32":
        from agent.service import this_windows  # noqa: PLC0415 - exists on Windows only

        return this_windows.administration()
    raise _elsewhere(what)


def _elsewhere(what: str) -> NeedsPersonError:
    return NeedsPersonError(
        "services of this system are the business of systemd", where=UNIT, hint=_BY_SYSTEMD[what]
    )


def folders_of(invocation: Invocation) -> Folders:
    """Where the service will look; agent.toml need not be there yet."""
    from agent.errors import ConfigurationError  # noqa: PLC0415
    from agent.service.administration import Folders  # noqa: PLC0415

    config = invocation.config_dir.absolute()
    try:
        state = invocation.settings().state_dir
    except ConfigurationError:
        state = config / "state"
    return Folders(config, state)


def program_of_service() -> list[str]:
    frozen = getattr(sys, "frozen", False)
    return [sys.executable] if frozen else [sys.executable, "-m", "agent.cli"]


def _told(invocation: Invocation, done: Done) -> None:
    for step in done.steps:
        invocation.output.line(step)
    for warning in done.warnings:
        invocation.output.note(f"Note: {warning}")
    invocation.output.document({"steps": done.steps, "warnings": done.warnings})
