"""`groundwire outbox` on dead letters: why records cannot pass, looking at one, asking for them again, forgetting them."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from agent.commandline.exits import ExitCode, code_of_many
from agent.commandline.invocation import Invocation, json_option, pass_invocation, run_async, shared_options
from agent.errors import ConfigurationError, GroundwireError

Command = TypeVar("Command", bound=Callable[..., Any])
PAGE: Final = 1_000
SHOWN_GROUPS: Final = 50


def _choice(command: Command) -> Command:
    """Which dead letters are meant, where no ids say so."""
    for option in (
        click.option("--all", "everything", is_flag=True, help="All there are."),
        click.option("--field", metavar="FIELD", help="Only of this field."),
        click.option("--reason", metavar="REASON", help="Only with this reason, such as missing."),
        click.option("--stream", metavar="CONNECTION/STREAM", help="Only of this stream."),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("stream", required=False)
@shared_options
@json_option
@pass_invocation
def reasons(invocation: Invocation, stream: str | None) -> None:
    """Say why records cannot pass, by cause, and what to do about each."""
    answer = run_async(invocation.client().ask("dead_letter_groups", {"stream": stream}))
    output, groups = invocation.output, answer["groups"]
    for group in groups[:SHOWN_GROUPS]:
        again = f", {group['asked_again']:,} asked for again" if group["asked_again"] else ""
        output.line(
            f"{group['count']:,} of {group['stream']}: {group['field']}: {group['reason']}{again}", bold=True
        )
        output.line(f"  {group['message']}")
        if group.get("remedy"):
            output.line(f"  What to do: {group['remedy']}")
        meant = f"--stream {group['stream']} --reason {group['reason']} --field {group['field']}"
        output.line(f"  Then: groundwire outbox requeue {meant}")
    if len(groups) > SHOWN_GROUPS:
        output.line(f"and {len(groups) - SHOWN_GROUPS} causes more; --json has them")
    if groups:
        output.line(
            f"In all {answer['total']:,}. `groundwire outbox dead-letters` lists them; the other records go on."
        )
    else:
        output.line("No dead letters: every record passes.")
    output.document(answer)


@click.command("show")
@click.argument("letter_id", metavar="ID", type=click.IntRange(1))
@click.option(
    "--content", is_flag=True, help="With the source record as it was read. It may hold personal data."
)
@shared_options
@json_option
@pass_invocation
def show_letter(invocation: Invocation, letter_id: int, *, content: bool) -> None:
    """Show one dead letter: what, why, of which stream, under which rule, and what to do."""
    letter, rule = run_async(_letter_with_rule(invocation, letter_id))
    if not content:
        letter.pop("raw", None)
    output = invocation.output
    output.line(f"Dead letter {letter['id']}: {letter['stream']}, key {letter['key']}", bold=True)
    output.line(f"  {letter['field']}: {letter['reason']}: {letter['message']}")
    if rule and rule["toml"]:
        output.line(f"  The rule: {letter['field']} = {rule['toml']}")
        output.line(f"            {rule['words']}")
    output.line(f"  Since {letter['created_at']}, run {letter['run']}")
    if letter.get("requeued_at"):
        output.line(f"  Asked for again {letter['requeued_at']}; it has not passed since")
    if letter.get("remedy"):
        output.line(f"  What to do: {letter['remedy']}")
    output.line(f"  Then: groundwire outbox requeue {letter['id']}")
    if content:
        output.line("  As it was read:")
        output.text(_pretty(letter.get("raw")))
    output.document({**letter, "rule": rule})


async def _letter_with_rule(
    invocation: Invocation, letter_id: int
) -> tuple[dict[str, Any], Mapping[str, Any] | None]:
    client = invocation.client()
    letter: dict[str, Any] = await client.ask("dead_letter", {"id": letter_id})
    connection, _, stream = letter["stream"].partition("/")
    rule = None
    with suppress(GroundwireError):  # a stream that is not in force has no rule
        args = {"connection": connection, "stream": stream, "columns": False}
        fields = (await client.ask("mapping_show", args))["fields"]
        rule = next((line for line in fields if line["field"] == letter["field"]), None)
    return letter, rule


def _pretty(raw: str | None) -> str:
    if raw is None:
        return "not kept: it is too large, or too many are kept already"
    try:
        return json.dumps(json.loads(raw), ensure_ascii=False, indent=2)
    except ValueError:
        return raw


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID...]", type=click.IntRange(1))
@_choice
@click.option("--no-wait", is_flag=True, help="Do not wait until they have been read.")
@shared_options
@json_option
@pass_invocation
def requeue(
    invocation: Invocation,
    ids: tuple[int, ...],
    stream: str | None,
    reason: str | None,
    field: str | None,
    *,
    everything: bool,
    no_wait: bool,
) -> None:
    """Read the records of dead letters again, with the mapping that is in force now.

    By their IDs, or all that --stream, --reason and --field say; those that pass now are dead letters no more.
    """
    choice = _chosen(ids, stream, reason, field, everything=everything)
    more = {"wait": False} if no_wait else {}
    answer = run_async(_each(invocation, "requeue", ids, choice, more))
    runs = answer["runs"]
    invocation.output.line(f"{answer['requeued']} requeued.{_left(answer)}")
    if no_wait and answer["requeued"]:
        invocation.output.line("`groundwire outbox reasons` says afterwards which still cannot pass.")
    for run in runs:
        if run.get("error"):
            invocation.output.line(f"{run['stream']}: {run['error']['message']}", colour="red")
    invocation.output.document(answer)
    codes = [ExitCode.OK if run["status"] == "succeeded" else ExitCode.FAILED for run in runs]
    click.get_current_context().exit(code_of_many(codes))


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID...]", type=click.IntRange(1))
@_choice
@click.option("--why", metavar="TEXT", help="The reason, for the audit log. Asked for where it is missing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@shared_options
@json_option
@pass_invocation
def drop(
    invocation: Invocation,
    ids: tuple[int, ...],
    stream: str | None,
    reason: str | None,
    field: str | None,
    why: str | None,
    *,
    everything: bool,
    yes: bool,
) -> None:
    """Forget dead letters; their records stay as they are at the source, and come again when they change."""
    choice = _chosen(ids, stream, reason, field, everything=everything)
    count = len(ids) if ids else run_async(_count(invocation, choice))
    if not count:
        invocation.output.line("No dead letters of that kind.")
        invocation.output.document({"dropped": 0, "left": 0})
        return
    if not why:
        if yes:
            raise click.UsageError("--yes needs --why: the reason stands in the audit log.")
        why = click.prompt("Why, for the audit log", err=True)
    if not yes:
        click.confirm(f"Forget {count:,} dead letters?", abort=True, err=True)
    answer = run_async(_each(invocation, "drop", ids, choice, {"why": why}))
    invocation.output.line(f"{answer['dropped']} dropped.{_left(answer)}")
    invocation.output.document(answer)


@click.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--stream", metavar="CONNECTION/STREAM", help="Only of this stream.")
@click.option("--reason", metavar="REASON", help="Only with this reason.")
@click.option(
    "--content", is_flag=True, help="With the source records as they were read. They may hold personal data."
)
@shared_options
@json_option
@pass_invocation
def export_letters(
    invocation: Invocation, file: Path, stream: str | None, reason: str | None, *, content: bool
) -> None:
    """Write the dead letters to a new FILE, one JSON object a line, that only this user may read."""
    count = run_async(_export(invocation, file, {"stream": stream, "reason": reason}, content=content))
    invocation.output.line(f"Wrote {count:,} dead letters to {file}.")
    invocation.output.document({"file": str(file), "count": count})


async def _export(invocation: Invocation, file: Path, choice: Mapping[str, Any], *, content: bool) -> int:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"cannot be written: {error.strerror or 'unknown fault'}",
            where=str(file),
            hint="Name a file that is not there yet, in a folder that this user may write to.",
        ) from error
    count = 0
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as written:
            async for letter in _letters(invocation, {**choice, "raw": content}):
                if not content:
                    letter.pop("raw", None)
                written.write(json.dumps(letter, ensure_ascii=False) + "\n")
                count += 1
    except BaseException:
        os.unlink(file)  # noqa: PTH108 - half an export would pass for a whole one
        raise
    return count


async def _letters(invocation: Invocation, args: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
    client, after = invocation.client(), 0
    while True:
        answer = await client.ask("dead_letters", {**args, "after_id": after, "limit": PAGE})
        for letter in answer["dead_letters"]:
            yield letter
        if answer["next"] is None:
            return
        after = answer["next"]


def _chosen(
    ids: tuple[int, ...], stream: str | None, reason: str | None, field: str | None, *, everything: bool
) -> dict[str, str]:
    """What the options say. Raises where they say nothing, or something else than the ids."""
    choice = {
        name: value
        for name, value in (("stream", stream), ("reason", reason), ("field", field))
        if value is not None
    }
    if sum((bool(ids), bool(choice), everything)) != 1:
        raise click.UsageError("Name ids, or say which with --stream, --reason and --field, or --all.")
    return choice


async def _groups(invocation: Invocation, choice: Mapping[str, str]) -> list[dict[str, Any]]:
    answer = await invocation.client().ask("dead_letter_groups", {"stream": choice.get("stream")})
    wanted = [(name, choice[name]) for name in ("reason", "field") if name in choice]
    return [group for group in answer["groups"] if all(group[name] == value for name, value in wanted)]


async def _count(invocation: Invocation, choice: Mapping[str, str]) -> int:
    return sum(group["count"] for group in await _groups(invocation, choice))


async def _each(
    invocation: Invocation,
    call: str,
    ids: tuple[int, ...],
    choice: Mapping[str, str],
    more: Mapping[str, Any],
) -> dict[str, Any]:
    """Make the call for the ids, or for each stream that has such letters; the answers joined."""
    if ids:
        answer: dict[str, Any] = await invocation.client().ask(call, {"ids": list(ids), **more})
        return answer
    joined: dict[str, Any] = {"requeued": 0, "runs": []} if call == "requeue" else {"dropped": 0}
    joined["left"] = 0
    streams = dict.fromkeys(group["stream"] for group in await _groups(invocation, choice))
    for stream in streams:
        chosen = {**choice, "stream": stream}
        answer = await invocation.client().ask(call, {"chosen": chosen, **more})
        joined = {name: before + answer[name] for name, before in joined.items()}
    return joined


def _left(answer: Mapping[str, Any]) -> str:
    return f" {answer['left']:,} are left: repeat the command." if answer.get("left") else ""
