"""The `groundwire` command: groups the commands, and turns every way they can end into words and an exit code."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from typing import Any

import click

from agent.commandline.audit import audit
from agent.commandline.check import check
from agent.commandline.commands import commands, pause, resume
from agent.commandline.configure import config
from agent.commandline.console import console
from agent.commandline.diagnostics import diagnostics
from agent.commandline.discover import discover
from agent.commandline.doctor import doctor
from agent.commandline.enroll import enroll
from agent.commandline.exits import ExitCode, code_of
from agent.commandline.explain import explain
from agent.commandline.invocation import Invocation, first_error, shared_options
from agent.commandline.log import log
from agent.commandline.mapping import mapping
from agent.commandline.outbox import outbox
from agent.commandline.package import package
from agent.commandline.policy import policy
from agent.commandline.relay import relay
from agent.commandline.run import run
from agent.commandline.secret import secret
from agent.commandline.selfcheck import selfcheck
from agent.commandline.service import service
from agent.commandline.setup import setup
from agent.commandline.status import status
from agent.commandline.sync import reconcile, resync, sync
from agent.commandline.system import system
from agent.commandline.upgrade import upgrade
from agent.commandline.verify import verify
from agent.commandline.version import version
from agent.errors import GroundwireError


class Groundwire(click.Group):
    """Ends every command with words for the operator; never with a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        invocation = ctx.ensure_object(Invocation)
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.ClickException, click.Abort):
            raise
        except BrokenPipeError:
            _forget_stdout()
            ctx.exit(ExitCode.OK)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(ExitCode.INTERRUPTED)
        except BaseExceptionGroup as group:
            ctx.exit(_end(first_error(group), invocation))
        except Exception as error:  # noqa: BLE001 - the outermost frame: whatever is left is a bug to be told of
            ctx.exit(_end(error, invocation))


def _end(error: BaseException, invocation: Invocation) -> ExitCode:
    if isinstance(error, GroundwireError):
        if invocation.debug:
            _show_traceback(error)
        invocation.output.error(error)
        return code_of(error)
    if isinstance(error, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    if invocation.debug:
        _show_traceback(error)
    click.secho(f"This is a bug in Groundwire ({type(error).__name__}).", err=True, fg="red")
    if not invocation.debug:
        click.echo("  What to do: repeat the command with --debug, and report what it shows.", err=True)
    return ExitCode.BUG


def _show_traceback(error: BaseException) -> None:
    from agent.telemetry.text import clean_text  # noqa: PLC0415 - only when something went wrong

    for part in traceback.format_exception(error):
        for line in part.splitlines():
            click.echo(clean_text(line), err=True)


def _forget_stdout() -> None:
    """The reader of a pipe has left: leave without the interpreter's own complaint at exit."""
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())


@click.group(
    cls=Groundwire,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 ok, 1 failed, 2 usage, 3 configuration, 4 needs a person, 5 unreachable, 6 partly failed.",
)
@shared_options
def main() -> None:
    """Reads ERP systems on premises and sends them, normalised, through one outbound tunnel."""


for command in (
    run,
    check,
    diagnostics,
    discover,
    doctor,
    explain,
    sync,
    resync,
    reconcile,
    pause,
    resume,
    status,
    outbox,
    log,
    commands,
    audit,
    policy,
    config,
    console,
    mapping,
    secret,
    selfcheck,
    package,
    service,
    setup,
    enroll,
    relay,
    system,
    upgrade,
    verify,
    version,
):
    main.add_command(command)


def _tell_whole(group: click.Group) -> None:
    """In the list of commands, each one's first sentence; click itself cuts it where the line ends."""
    for one in group.commands.values():
        if one.short_help is None:
            one.short_help = (
                " ".join((one.help or "").split("\n\n", 1)[0].split()).split(". ", 1)[0].rstrip(".") + "."
            )
        if isinstance(one, click.Group):
            _tell_whole(one)


_tell_whole(main)


if __name__ == "__main__":
    main()
