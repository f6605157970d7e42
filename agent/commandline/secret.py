"""`groundwire secret`: the vault. Values are read from standard input or a hidden prompt, never from an argument."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.commandline.invocation import Invocation, json_option, pass_invocation, run_async, shared_options
from agent.errors import ConfigurationError

if TYPE_CHECKING:
    from agent.credentials.changes import SecretChanges
    from agent.settings import Settings

MAX_INPUT_BYTES = 1024 * 1024  # far above any secret; an export of a thousand is a few of these
MAX_EXPORT_BYTES = 64 * 1024 * 1024


@click.group()
def secret() -> None:
    """Set, list and move the secrets that connection files refer to as secret:NAME."""


@secret.command("set", context_settings={"allow_extra_args": True})
@click.argument("name")
@click.option(
    "--from-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Read the value from this file, such as a key.",
)
@click.option("--force", is_flag=True, help="Store it even if a source refuses it.")
@shared_options
@json_option
@pass_invocation
def set_secret(invocation: Invocation, name: str, from_file: Path | None, *, force: bool) -> None:
    """Store a secret; the value comes from standard input, or from a prompt on a terminal.

    It is tried first with every connection that refers to it, and not stored if one is refused.
    """
    if click.get_current_context().args:
        # click would repeat what was typed, and scripts write that down.
        raise click.UsageError("A value is no argument: it is read from standard input or from --from-file.")
    value = _value(name, from_file)
    answer = run_async(_call(invocation, "secret_set", {"name": name, "value": value, "force": force}))
    output = invocation.output
    output.line(f"Stored {name}.")
    for user, outcome in answer["tried"].items():
        why = f" ({outcome['why']})" if outcome["why"] else ""
        output.line(f"  {user}: {outcome['outcome']}{why}")
    if not answer["tried"]:
        output.line("  No connection refers to it yet.")
    output.document(answer)


@secret.command("list")
@shared_options
@json_option
@pass_invocation
def list_secrets(invocation: Invocation) -> None:
    """Names, when and by whom they were set, and what uses them; never a value."""
    answer = run_async(_call(invocation, "secret_list", {}))
    output = invocation.output
    rows = [
        [one["name"], one["place"], one["at"], one["by"], ", ".join(one["used_by"]) or "nothing"]
        for one in answer["secrets"]
    ]
    output.table(["NAME", "PLACE", "SET AT", "SET BY", "USED BY"], rows)
    for sentence in _about(answer["vault"], any_secret=bool(rows)):
        output.line(sentence)
    output.document(answer)


@secret.command()
@click.argument("name")
@click.option("--force", is_flag=True, help="Remove it even while a connection refers to it.")
@shared_options
@json_option
@pass_invocation
def remove(invocation: Invocation, name: str, *, force: bool) -> None:
    """Remove a secret from the vault."""
    answer = run_async(_call(invocation, "secret_remove", {"name": name, "force": force}))
    if not answer["removed"]:
        raise ConfigurationError(
            f"the vault holds no secret named {name!r}", hint="`groundwire secret list` shows what there is."
        )
    invocation.output.line(f"Removed {name}.")
    invocation.output.document(answer)


@secret.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@shared_options
@json_option
@pass_invocation
def export(invocation: Invocation, file: Path) -> None:
    """Write all secrets of the vault into FILE, sealed with a passphrase, for another machine."""
    if file.exists():
        raise ConfigurationError("the file is there already", where=str(file), hint="Name another one.")
    passphrase = _passphrase(twice=True)
    answer = run_async(_call(invocation, "secret_export", {"passphrase": passphrase}))
    _write_export(file, answer.pop("content"))
    invocation.output.line(f"Wrote {len(answer['names'])} secrets to {file}.")
    invocation.output.document(answer)


@secret.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--replace", is_flag=True, help="Put them in the place of secrets of the same names.")
@shared_options
@json_option
@pass_invocation
def import_secrets(invocation: Invocation, file: Path, *, replace: bool) -> None:
    """Store the secrets of an exported FILE in this machine's vault."""
    import base64  # noqa: PLC0415

    content = base64.b64encode(_read(file, MAX_EXPORT_BYTES)).decode()
    args = {"content": content, "passphrase": _passphrase(), "where": str(file), "replace": replace}
    answer = run_async(_call(invocation, "secret_import", args))
    invocation.output.line(f"Stored {len(answer['names'])} secrets.")
    invocation.output.document(answer)


@secret.command()
@shared_options
@json_option
@pass_invocation
def rekey(invocation: Invocation) -> None:
    """Seal everything with a new key, guarded by the best protection that this host has now."""
    answer = run_async(_call(invocation, "secret_rekey", {}))
    for sentence in _about(answer, any_secret=answer["exists"]):
        invocation.output.line(sentence)
    invocation.output.document(answer)


async def _call(invocation: Invocation, call: str, args: dict[str, Any]) -> dict[str, Any]:
    invocation.quiet_logging()
    return await call_here(invocation.settings(), call, args)


async def call_here(settings: Settings, call: str, args: dict[str, Any]) -> dict[str, Any]:
    """Ask the running agent, or do here what it would."""
    from agent.calls.secrets import SecretCalls  # noqa: PLC0415 - heavy
    from agent.control import ControlClient, is_running  # noqa: PLC0415

    answer: dict[str, Any]
    if await is_running(settings.state_dir):
        answer = await ControlClient(settings.state_dir).ask(call, args)
        return answer
    async with _changes(settings) as changes:
        answer = await SecretCalls(changes).handlers()[call](args, lambda _: None)
        return answer


@asynccontextmanager
async def _changes(settings: Settings) -> AsyncIterator[SecretChanges]:
    from agent.audit.log import open_trail  # noqa: PLC0415
    from agent.clock import SystemClock  # noqa: PLC0415
    from agent.credentials.access import Access  # noqa: PLC0415 - heavy
    from agent.credentials.changes import SecretChanges  # noqa: PLC0415

    async def apply(_users: object) -> None:
        """The next start of the agent reads what is stored."""

    clock = SystemClock()
    access = Access(settings.limits, settings.state_dir, clock)
    async with open_trail(settings.state_dir, clock, settings.audit.retention) as trail:
        yield SecretChanges(lambda: settings, access, trail, clock, apply=apply)
        await access.settled()


def _value(name: str, from_file: Path | None) -> str:
    if from_file is not None:
        raw = _read(from_file, MAX_INPUT_BYTES)
    elif sys.stdin.isatty():
        return str(click.prompt(f"Value of {name}", hide_input=True, err=True))
    else:
        raw = sys.stdin.buffer.read(MAX_INPUT_BYTES + 1)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise ConfigurationError(
            "the value is not UTF-8 text", hint="Write binary keys as PEM, or in base64."
        ) from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise ConfigurationError(
            "there is no value",
            hint=f"Give it on standard input: `groundwire secret set {name} < FILE`, or use a terminal and be asked.",
        )
    return text


def _passphrase(*, twice: bool = False) -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Passphrase", hide_input=True, confirmation_prompt=twice, err=True))
    text = sys.stdin.readline(MAX_INPUT_BYTES).rstrip("\r\n")
    if not text:
        raise ConfigurationError("there is no passphrase", hint="Give it on standard input, as one line.")
    return text


def _read(file: Path, limit: int) -> bytes:
    try:
        with file.open("rb") as opened:
            content = opened.read(limit + 1)
    except OSError as error:
        raise ConfigurationError(
            f"the file cannot be read: {error.strerror or 'unreadable'}", where=str(file)
        ) from error
    if len(content) > limit:
        raise ConfigurationError(f"the file is larger than {limit} bytes", where=str(file))
    return content


def _write_export(file: Path, content: str) -> None:
    import base64  # noqa: PLC0415
    import os  # noqa: PLC0415

    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
            opened.write(base64.b64decode(content))
            opened.flush()
            os.fsync(opened.fileno())
    except OSError as error:
        raise ConfigurationError(
            f"the file cannot be written: {error.strerror or 'unknown fault'}", where=str(file)
        ) from error


def _about(vault: dict[str, Any], *, any_secret: bool) -> list[str]:
    sentences = [str(vault["sentence"])]
    if not any_secret:
        sentences.insert(0, "There is no secret yet: `groundwire secret set NAME`.")
    if vault["better"]:
        sentences.append(
            f"This host offers a better protection ({vault['better']}): `groundwire secret rekey` moves the key there."
        )
    if vault["older"]:
        sentences.append(
            "The vault is older than the last one that was written here: it came from a backup, and secrets that were "
            "set or rotated since are the earlier ones. Set them anew."
        )
    return sentences
