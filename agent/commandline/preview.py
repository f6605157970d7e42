"""`groundwire sync --preview`: what a sync would ask of its source, and what would leave."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import click

from agent.clock import SystemClock
from agent.commandline.drivers import as_in_force, find_connection, hosted, tell_left_out
from agent.commandline.exits import ExitCode, code_of, code_of_many
from agent.commandline.invocation import Invocation, run_async
from agent.commandline.output import Output
from agent.configuration.policy_file import policy_in
from agent.control import ControlClient, error_from, is_running
from agent.errors import AlreadyRunning, ConfigurationError, GroundwireError
from agent.outbox.limits import OUTBOX_FILE
from agent.outbox.store import Outbox
from agent.policies.in_force import leaving
from agent.policies.key import PolicyKey
from agent.policies.notes import agent_user
from agent.previewing import Wanted, beside_each_other, preview, unasked
from agent.settings import ConnectionSettings, Settings
from agent.sync.cursor import Checkpoint, read_checkpoint
from drivers.contract import ReadMode

PURPOSES: Final = {
    "initial": "The first walk",
    "changes": "What changed since the last sync",
    "compare": "Every row, compared with what was sent",
    "resend": "Everything again",
    "deletions": "Then the keys, to find what is gone",
}
_WORDS: Final = {"stays": "stay here", "masked": "leave masked", "hashed": "leave hashed"}


def show_preview(invocation: Invocation, texts: Sequence[str], records: int) -> None:
    """Raises ConfigurationError for a name that is not there; what is wrong with a stream is shown with it."""
    invocation.quiet_logging()
    settings = invocation.settings()
    found = run_async(_previews(settings, texts, records))
    before: dict[str, Any] | None = None
    for document in found:
        _show(invocation.output, document, before)
        before = document["error"]
    if not found:
        invocation.output.note("There is no stream to look at.")
    invocation.output.document({"streams": found})
    outcomes = [code_of(error_from(one["error"])) if one["error"] else ExitCode.OK for one in found]
    outcomes += [] if texts else tell_left_out(invocation.output, settings)
    click.get_current_context().exit(code_of_many(outcomes))


async def _previews(settings: Settings, texts: Sequence[str], records: int) -> list[dict[str, Any]]:
    """By the running agent, which has the environment of its secrets; else, or for a connection at rest, here."""
    running = await is_running(settings.state_dir)
    by_agent: list[str] = []
    here: dict[str, list[str]] = {}
    for text in texts or [name for name, one in settings.connections.items() if one.enabled]:
        name, slash, stream = text.partition("/")
        connection = find_connection(settings, name)
        if slash and stream not in connection.streams:
            raise ConfigurationError(
                f"the connection {name} has no stream named {stream!r}",
                where=connection.where,
                hint=f"There are: {', '.join(connection.streams) or 'none'}.",
            )
        if running and connection.enabled:
            by_agent.append(text)
        else:
            here.setdefault(name, []).extend([stream] if slash else connection.streams)
    found: list[dict[str, Any]] = []
    if by_agent:
        args = {"streams": by_agent, "records": records}
        found += (await ControlClient(settings.state_dir).ask("preview", args))["streams"]
    return found + await _previews_here(settings, here, records, running=running)


async def _previews_here(
    settings: Settings, here: Mapping[str, Sequence[str]], records: int, *, running: bool
) -> list[dict[str, Any]]:
    if not here:
        return []
    try:
        async with _checkpoints(settings, running=running) as checkpoint_of:
            stands = {
                f"{name}/{stream}": await checkpoint_of(f"{name}/{stream}")
                for name, streams in here.items()
                for stream in streams
            }
    except GroundwireError as error:
        now = SystemClock().utcnow()
        return [
            document
            for name, streams in here.items()
            for document in unasked(
                find_connection(settings, name), list(dict.fromkeys(streams)), error, now=now
            )
        ]
    looks = [
        partial(
            _preview_here,
            settings,
            find_connection(settings, name),
            list(dict.fromkeys(streams)),
            stands,
            records,
        )
        for name, streams in here.items()
    ]
    return await beside_each_other(looks)


async def _preview_here(
    settings: Settings,
    connection: ConnectionSettings,
    names: Sequence[str],
    stands: Mapping[str, Checkpoint],
    records: int,
) -> list[dict[str, Any]]:
    try:
        return await _look(settings, connection, names, stands, records)
    except GroundwireError as error:
        return unasked(connection, names, error, now=SystemClock().utcnow())


async def _look(
    settings: Settings,
    connection: ConnectionSettings,
    names: Sequence[str],
    stands: Mapping[str, Checkpoint],
    records: int,
) -> list[dict[str, Any]]:
    clock = SystemClock()
    connection = as_in_force(settings, connection)
    wanted = [Wanted(connection.streams[name], stands[f"{connection.name}/{name}"]) for name in names]
    policy = policy_in(settings.config_dir, user=agent_user(settings))
    leaves = partial(leaving, policy, key=PolicyKey(settings.state_dir, clock).if_there)
    async with hosted(settings, connection) as driver:
        return await preview(driver, connection, wanted, leaves, clock=clock, records=records)


@asynccontextmanager
async def _checkpoints(settings: Settings, *, running: bool) -> AsyncIterator[Any]:
    """Where streams stand. A connection that rests beside a running agent is looked at as if it had never been read."""

    async def none(_address: str) -> Checkpoint:
        return Checkpoint()

    path = settings.state_dir / OUTBOX_FILE
    if running or not path.exists():
        yield none
        return
    try:
        opened = await Outbox.open(path, clock=SystemClock())
    except AlreadyRunning as error:
        raise AlreadyRunning(
            "somebody syncs from this state folder at this moment, without an agent that could be asked",
            where=str(path),
            hint="Look again when that sync is over.",
        ) from error
    async with opened as outbox:

        async def stored(address: str) -> Checkpoint:
            return read_checkpoint(await outbox.last_checkpoint(address))

        yield stored


# --- for people


def _show(output: Output, document: dict[str, Any], before: dict[str, Any] | None) -> None:
    """`before`: the error of the stream before, which is not told twice."""
    output.line(f"{document['stream']} ({document['entity']})", bold=True)
    _show_schedule(output, document["schedule"])
    for read in document["reads"]:
        _show_read(output, read)
    policy, sample = document["policy"], document["sample"]
    if policy is not None and not policy["leaves"]:
        output.line(f"  Nothing would leave: {policy['why']}", bold=True)
        output.line(f"    What to do: {policy['hint']}")
    if sample is not None:
        _show_sample(output, sample, leaves=policy["leaves"])
    if document["error"] and not output.json:
        error = document["error"]
        if error == before:
            output.line("  As above.", colour="red")
            output.line()
            return
        where = f"{error['where']}: " if error.get("where") else ""
        output.line(f"  {where}{error['message']}", colour="red")
        output.line(f"    What to do: {error['hint']}")
    output.line()


def _show_schedule(output: Output, schedule: dict[str, Any]) -> None:
    when = f"every {schedule['every']}" if schedule["every"] else f"cron {schedule['cron']}"
    line = "only when asked" if schedule["manual"] else when
    if schedule["quiet_hours"]:
        line += f"; quiet {', '.join(schedule['quiet_hours'])} {schedule['time_zone']}"
    if schedule["quiet_until"]:
        line += f" (now, until {schedule['quiet_until']})"
    output.line(f"  When: {line}")


def _show_read(output: Output, read: dict[str, Any]) -> None:
    bounds = "".join(
        f" {word} {read[name]}" for word, name in (("from", "start"), ("to", "end")) if read[name]
    )
    goes_on = ", going on where it was cut short" if read["resumes"] else ""
    output.line(f"  {PURPOSES[read['purpose']]} ({read['mode']}){bounds}{goes_on}")
    if read["mode"] == ReadMode.WINDOW:
        output.line("    what last changed before that stays out (initial_window)")
    if read["objects"]:
        output.line(f"    reads {', '.join(read['objects'])}")
    about = "" if read["exact"] else "about "
    number = (
        "an unknown number of records" if read["rows"] is None else f"{about}{_many(read['rows'], 'record')}"
    )
    asks = f"    {number}, at most {read['rows_per_call']} a call"
    if read["pages"] is not None:
        asks += f", {_many(read['pages'], 'page')}"
    if read["calls"] is not None:
        asks += f", about {_many(read['calls'], 'call')}"
    output.line(f"{asks}; sessions at once: {read['sessions']}")
    for note in read["notes"]:
        output.line(f"    {note}")


def _many(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _mapped(mapped: int, tried: int) -> str:
    if not tried:
        return "there is no record yet to try the mapping with"
    if tried == 1:
        return "the first record maps" if mapped else "the first record does not map"
    return f"{mapped} of the first {tried} records map"


def _show_sample(output: Output, sample: dict[str, Any], *, leaves: bool) -> None:
    of = "" if sample["of"] == "pass" else "; of everything, for nothing is in that walk"
    output.line(f"  {_mapped(sample['mapped'], sample['tried'])}{of}")
    if sample["unknown_statuses"]:
        output.line(f"    {sample['unknown_statuses']} have a status that the mapping does not know")
    if sample["withheld_records"]:
        output.line(f"    {sample['withheld_records']} of them the policy keeps here")
    for treatment, paths in sample["withheld_fields"].items():
        output.line(f"    {_WORDS.get(treatment, treatment)}: {', '.join(paths)}")
    for reject in sample["rejects"]:
        output.line(f"    {reject['key']}: {reject['field']}: {reject['message']}", colour="red")
    if sample["records"]:
        output.line("  As they would leave:" if leaves else "  As they are mapped:")
    for record in sample["records"]:
        output.line(f"    {json.dumps(record, ensure_ascii=False, default=str)}")
