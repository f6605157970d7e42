"""`groundwire console`: the way into the local console."""

from __future__ import annotations

import html
import os
import sys
import webbrowser
from pathlib import Path
from typing import Any

import click

from agent.commandline.invocation import Invocation, json_option, pass_invocation, run_async, shared_options
from agent.errors import ConfigurationError

OPENING_FILE = "console-open.html"


@click.group(invoke_without_command=True)
@click.option("--print", "only_print", is_flag=True, help="Print the link and open nothing.")
@shared_options
@json_option
@click.pass_context
def console(context: click.Context, *, only_print: bool) -> None:
    """Open the local console in a browser. The link is good once, for two minutes."""
    if context.invoked_subcommand is None:
        _open(context.ensure_object(Invocation), only_print=only_print)


def _open(invocation: Invocation, *, only_print: bool) -> None:
    if not (invocation.config_dir / "agent.toml").exists():
        raise ConfigurationError(
            "nothing is set up here yet, so there is no agent whose console could be opened",
            where=str(invocation.config_dir),
            hint="`groundwire setup --web` sets this machine up in a browser; another folder is named with --config.",
        )
    answer = run_async(invocation.client().ask("console_link"))
    output = invocation.output
    wanted = not only_print and not invocation.json
    opened = wanted and opens_in_browser(invocation.settings().state_dir, answer["url"])
    if opened:
        output.note("The console opens in your browser. If it does not, open this link within two minutes:")
    output.line(answer["url"])
    output.document(answer)


@console.command()
@click.option("--remove", is_flag=True, help="Ask for none any more.")
@shared_options
@json_option
@pass_invocation
def password(invocation: Invocation, *, remove: bool) -> None:
    """Have the console ask for a password beside the link; it is read from standard input, or from a prompt.

    Whoever is signed in has to sign in anew.
    """
    given = None if remove else _password()
    answer = run_async(_set(invocation, given))
    if answer["asked_for"]:
        invocation.output.line("The console asks for this password from now on.")
    elif answer["changed"]:
        invocation.output.line("The console asks for no password any more.")
    else:
        invocation.output.line("The console asked for no password.")
    invocation.output.document(answer)


async def _set(invocation: Invocation, given: str | None) -> dict[str, Any]:
    """Ask the running agent, or do here what it would."""
    from agent.audit.log import open_trail  # noqa: PLC0415 - heavy
    from agent.calls.console import ConsoleCalls  # noqa: PLC0415
    from agent.clock import SystemClock  # noqa: PLC0415
    from agent.console.password import Password  # noqa: PLC0415
    from agent.control import ControlClient, is_running  # noqa: PLC0415

    settings = invocation.settings()
    args = {"password": given}
    if await is_running(settings.state_dir):
        return dict(await ControlClient(settings.state_dir).ask("console_password", args))
    invocation.quiet_logging()
    async with open_trail(settings.state_dir, SystemClock(), settings.audit.retention) as trail:
        calls = ConsoleCalls(None, Password(settings.state_dir), trail).handlers()
        return dict(await calls["console_password"](args, lambda _: None))


def _password() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    text = sys.stdin.readline(4_096).rstrip("\r\n")
    if not text:
        raise ConfigurationError("there is no password", hint="Give it on standard input, as one line.")
    return text


def _has_desktop() -> bool:
    if not sys.stdout.isatty():
        return False
    if sys.platform in {"win32", "darwin"}:
        return True
    return os.geteuid() != 0 and bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def opens_in_browser(folder: Path, url: str) -> bool:
    """Hand the browser a private file of `folder` that leads to the link: a command line is there for everybody to read."""
    if not _has_desktop():
        return False
    file = folder / OPENING_FILE
    try:
        _write(file, url)
        return webbrowser.open(file.absolute().as_uri())
    except (OSError, webbrowser.Error):
        return False


def _write(file: Path, url: str) -> None:
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as page:
        page.write(
            '<!doctype html><meta charset="utf-8"><title>Groundwire</title>'
            f'<meta http-equiv="refresh" content="0;url={html.escape(url)}">'
        )
