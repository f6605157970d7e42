"""`groundwire upgrade`: the switch to another version, which goes back by itself where it is asked to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.commandline.invocation import Invocation, json_option, pass_invocation, run_async, shared_options

if TYPE_CHECKING:
    from agent.upgrade.switching import Switch


_if_gated = click.option(
    "--if-gated", is_flag=True, help="Do nothing unless agent.toml says [upgrade] gate = true."
)


@click.group()
def upgrade() -> None:
    """Keep the old version until the new one works. Packages call these; see docs/upgrade.md."""


@upgrade.command()
@_if_gated
@shared_options
@json_option
@pass_invocation
def prepare(invocation: Invocation, *, if_gated: bool) -> None:
    """Keep this version's program and a copy of its state aside; the agent must not run."""
    if if_gated and not invocation.settings().upgrade.gate:
        return
    done = run_async(switch_of(invocation).prepare())
    output = invocation.output
    output.line(f"Version {done['version']} and {done['copied_bytes']:,} bytes of state are kept aside.")
    output.document(done)


@upgrade.command()
@_if_gated
@click.option(
    "--within",
    type=click.IntRange(1, 3_600),
    metavar="SECONDS",
    help="The new version's time. Default: [upgrade] within.",
)
@shared_options
@json_option
@pass_invocation
def watch(invocation: Invocation, within: int | None, *, if_gated: bool) -> None:
    """Wait until the new version is connected and the relay has acked; otherwise put the old one back."""
    settings = invocation.settings()
    if if_gated and not settings.upgrade.gate:
        return  # what lies aside is of an upgrade before this one
    _leave_to_old_program()
    from agent.commandline.exits import code_of  # noqa: PLC0415
    from agent.upgrade.switching import UpgradeFailed  # noqa: PLC0415 - heavy

    switch = switch_of(invocation)
    seconds = settings.upgrade.within.total_seconds() if within is None else float(within)
    try:
        found = run_async(switch.go_on(seconds) if if_gated else switch.watch(seconds))
    except UpgradeFailed as error:
        if not switch.is_aside:
            raise
        invocation.output.error(error)
        _leave_to_present_program(switch, invocation, code_of(error))
    else:
        if found is not None:
            invocation.output.line(f"The new version works: {found.reason}.")
            invocation.output.document({"verdict": found.verdict.value, "reason": found.reason})
        _leave_to_present_program(switch, invocation)


@upgrade.command()
@shared_options
@json_option
@pass_invocation
def confirm(invocation: Invocation) -> None:
    """Keep the new version, and forget what was kept aside."""
    _end_watch()
    plan = run_async(switch_of(invocation).confirm("confirmed by hand"))
    invocation.output.line(f"Confirmed; nothing of version {plan.before} is kept any more.")
    invocation.output.document({"phase": plan.phase.value, "reason": plan.reason})


@upgrade.command("roll-back")
@shared_options
@json_option
@pass_invocation
def roll_back(invocation: Invocation) -> None:
    """Stop the agent, put the old version back, and start it.

    The state stays as the new version left it, but for files that the old one cannot read.
    """
    _leave_to_old_program()
    switch = switch_of(invocation)
    _end_watch()
    plan = run_async(switch.roll_back("asked for by hand"))
    kept = ", ".join(plan.restored)
    invocation.output.line(f"Version {plan.before} runs again.")
    if kept:
        invocation.output.line(f"Put back from the copy, because a newer version had changed them: {kept}.")
    invocation.output.document(
        {"phase": plan.phase.value, "version": plan.before, "restored": list(plan.restored)}
    )
    _leave_to_present_program(switch, invocation)


@upgrade.command(hidden=True)
@shared_options
@pass_invocation
def tidy(invocation: Invocation) -> None:
    """Remove the program that was kept aside, once nothing can go back to it: also what ran from there."""
    _end_watch()
    run_async(switch_of(invocation).tidy())


@upgrade.command()
@shared_options
@json_option
@pass_invocation
def status(invocation: Invocation) -> None:
    """Show what became of the last upgrade."""
    from agent.upgrade.plan import read_plan  # noqa: PLC0415

    plan = read_plan(invocation.settings().state_dir)
    if plan is None:
        invocation.output.line("No upgrade was prepared here.")
        invocation.output.document({"phase": None})
        return
    phase = plan.phase.value.replace("_", " ")
    reason = f": {plan.reason}" if plan.reason else ""
    invocation.output.line(f"The upgrade from version {plan.before}, {plan.prepared_at}: {phase}{reason}.")
    invocation.output.document(
        {
            "phase": plan.phase.value,
            "before": plan.before,
            "prepared_at": plan.prepared_at,
            "reason": plan.reason,
            "restored": list(plan.restored),
        }
    )


def _leave_to_old_program() -> None:
    """What is gone back to is the old program's to judge: it alone knows which files it cannot read.

    Before anything else is loaded, which a new version that is broken may lack.
    """
    from agent.upgrade.programs import RESET, is_kept, own_folder, previous_of, runs_from_kept  # noqa: PLC0415

    program = own_folder()
    if program is None or not is_kept(program) or runs_from_kept(program):
        return
    old = str(previous_of(program) / Path(sys.executable).name)
    sys.stdout.flush()
    done = subprocess.run([old, *sys.argv[1:]], env={**os.environ, RESET: "1"}, check=False)  # noqa: S603
    os._exit(done.returncode)  # of this program there may be another version in its place by now


def _leave_to_present_program(switch: Switch, invocation: Invocation, code: int = 0) -> None:
    """This one runs from the folder that goes now, and a program cannot remove what it still loads itself from."""
    child = _present_program(switch, invocation)
    if child is None:
        return
    sys.stdout.flush()
    if (
        sys.platform == "win32"
    ):  # nothing that runs can be removed there: it waits until this process has ended
        os._exit(code)
    os._exit(code or child.wait())  # nothing of this program can be loaded any more


def _present_program(switch: Switch, invocation: Invocation) -> subprocess.Popen[bytes] | None:
    from agent.upgrade.programs import RESET  # noqa: PLC0415

    verb = switch.left_to_do()
    if switch.program is None or not switch.is_aside or verb is None:
        return None
    present = str(switch.program / Path(sys.executable).name)
    words = [present, "upgrade", verb, "--config", str(invocation.config_dir)]
    # Or the bundle's loader would take the new process for a part of this one, and load what goes.
    environment = {**os.environ, RESET: "1"}
    quiet = subprocess.DEVNULL
    if sys.platform == "win32":
        return subprocess.Popen(  # noqa: S603
            words, env=environment, stdin=quiet, stdout=quiet, stderr=quiet, creationflags=subprocess.DETACHED_PROCESS
        )  # fmt: skip
    return subprocess.Popen(words, env=environment, stdin=quiet, stdout=quiet)  # noqa: S603


def watch_over(invocation: Invocation) -> None:
    """`watch --if-gated`, as a service that has no terminal. Raises UpgradeFailed where the old version is back."""
    settings = invocation.settings()
    if not settings.upgrade.gate:
        return
    switch = switch_of(invocation)
    try:
        run_async(switch.go_on(settings.upgrade.within.total_seconds()))
    finally:
        _present_program(switch, invocation)


def switch_of(invocation: Invocation) -> Switch:
    from functools import partial  # noqa: PLC0415

    from agent.clock import SystemClock  # noqa: PLC0415
    from agent.upgrade.services import SystemdService  # noqa: PLC0415
    from agent.upgrade.switching import Switch  # noqa: PLC0415 - heavy

    settings, ask = invocation.settings(), partial(invocation.client().ask, "status")
    if sys.platform == "win32":
        from agent.service.access import NtfsAccess  # noqa: PLC0415 - exists on Windows only
        from agent.service.plan import program_access  # noqa: PLC0415
        from agent.service.this_windows import administration  # noqa: PLC0415
        from agent.upgrade.services import WindowsService  # noqa: PLC0415

        access = NtfsAccess()
        return Switch(
            settings,
            SystemClock(),
            WindowsService(administration()),
            ask,
            close=lambda folder: access.close(folder, program_access()),
        )
    return Switch(settings, SystemClock(), SystemdService(), ask)


def _end_watch() -> None:
    """Of a Windows: what is decided needs no service that watches."""
    if sys.platform == "win32":
        from agent.service.this_windows import watch  # noqa: PLC0415 - exists on Windows only

        run_async(watch().end())
