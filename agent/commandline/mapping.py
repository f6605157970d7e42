"""`groundwire mapping`: look at a stream's mapping, try a change on real rows, put it in force, take it back."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from agent.commandline.invocation import Invocation, json_option, pass_invocation, run_async, shared_options
from agent.errors import ConfigurationError

Command = TypeVar("Command", bound=Callable[..., Any])

_COLUMN: Final = re.compile(r"[^\W\d][\w .$#/-]*")


@click.group()
def mapping() -> None:
    """How source columns become fields, changed while the agent runs; every change is a version."""


def _of_stream(command: Command) -> Command:
    for option in (json_option, shared_options, click.argument("stream", metavar="CONNECTION/STREAM")):
        command = option(command)
    return command


def _changing(command: Command) -> Command:
    for option in (
        click.option("--note", default="", metavar="TEXT", help="Why; kept with the version."),
        click.option("--accept-rejects", is_flag=True, help="Also if more records are rejected than now."),
        click.option("--resync", "again", is_flag=True, help="Then read the stream again in full."),
    ):
        command = option(command)
    return command


@mapping.command()
@_of_stream
@click.option("--samples", type=click.IntRange(0, 20), default=0, help="Show values of so many records.")
@click.option("--all", "everything", is_flag=True, help="Also the fields that are not mapped.")
@pass_invocation
def show(invocation: Invocation, stream: str, *, samples: int, everything: bool) -> None:
    """Show each field with its source, how it is made, and whether the file or a change says so."""
    from agent.commandline.mapping_tables import show_mapping  # noqa: PLC0415 - heavy

    answer = _ask(invocation, "mapping_show", stream, samples=samples)
    show_mapping(invocation.output, answer, stream, samples=samples, everything=everything)
    invocation.output.document(answer)


@mapping.command()
@_of_stream
@click.argument("field", required=False)
@click.argument("value", required=False, metavar="TOML")
@click.option("--unset", multiple=True, metavar="FIELD", help="As if this field were not mapped.")
@click.option("--rows", type=click.IntRange(1, 500), default=20, help="How many records to try.")
@click.option("--key", multiple=True, help="Try the record with this key; may be repeated.")
@pass_invocation
def preview(
    invocation: Invocation,
    stream: str,
    *,
    field: str | None,
    value: str | None,
    unset: tuple[str, ...],
    rows: int,
    key: tuple[str, ...],
) -> None:
    """Try a change on real records; change nothing. Without one: how the mapping in force does."""
    from agent.commandline.mapping_tables import show_comparison  # noqa: PLC0415 - heavy

    if (field is None) != (value is None):
        raise click.UsageError("A field needs a value: FIELD 'TOML'.")
    changes = [_set(invocation, stream, field, value)] if field is not None and value is not None else []
    changes += [_unset(invocation, stream, name) for name in unset]
    answer = _ask(invocation, "mapping_preview", stream, changes=changes, rows=rows, keys=list(key))
    show_comparison(invocation.output, answer)
    absent = len(set(key)) - answer["tried"] if key else 0
    if absent > 0:
        invocation.output.note(f"{absent} of the keys named no record at the source.")
    invocation.output.document(answer)


@mapping.command("set")
@_of_stream
@click.argument("field")
@click.argument("value", metavar="TOML")
@_changing
@pass_invocation
def set_(
    invocation: Invocation,
    stream: str,
    *,
    field: str,
    value: str,
    note: str,
    accept_rejects: bool,
    again: bool,
) -> None:
    """Make FIELD as TOML says: a source column, or a table such as '{ from = "col", trim = true }'."""
    changes = [_set(invocation, stream, field, value)]
    _change(invocation, stream, changes, note=note, accept_rejects=accept_rejects, again=again)


@mapping.command()
@_of_stream
@click.argument("fields", nargs=-1, required=True, metavar="FIELD...")
@_changing
@pass_invocation
def unset(
    invocation: Invocation,
    stream: str,
    *,
    fields: tuple[str, ...],
    note: str,
    accept_rejects: bool,
    again: bool,
) -> None:
    """Map these fields no more, whatever the file says."""
    changes = [_unset(invocation, stream, field) for field in fields]
    _change(invocation, stream, changes, note=note, accept_rejects=accept_rejects, again=again)


@mapping.command()
@_of_stream
@click.argument("fields", nargs=-1, required=True, metavar="FIELD...")
@_changing
@pass_invocation
def reset(
    invocation: Invocation,
    stream: str,
    *,
    fields: tuple[str, ...],
    note: str,
    accept_rejects: bool,
    again: bool,
) -> None:
    """Make these fields as the connection file says."""
    changes = [{"path": _path(invocation, stream, field), "reset": True} for field in fields]
    _change(invocation, stream, changes, note=note, accept_rejects=accept_rejects, again=again)


@mapping.command()
@_of_stream
@pass_invocation
def history(invocation: Invocation, stream: str) -> None:
    """List the versions, newest first: when, who, what."""
    from agent.commandline.mapping_tables import show_history  # noqa: PLC0415 - heavy

    answer = _ask(invocation, "mapping_history", stream)
    show_history(invocation.output, answer)
    invocation.output.document(answer)


@mapping.command()
@_of_stream
@click.option("--to", type=click.IntRange(0), required=True, help="The version; 0: the file alone.")
@_changing
@pass_invocation
def revert(
    invocation: Invocation, stream: str, *, to: int, note: str, accept_rejects: bool, again: bool
) -> None:
    """Put an older version in force again, as a new one."""
    answer = _ask(invocation, "mapping_revert", stream, to=to, note=note, accept_rejects=accept_rejects)
    _changed(invocation, stream, answer, again=again)


@mapping.command()
@_of_stream
@pass_invocation
def export(invocation: Invocation, stream: str) -> None:
    """Print the map table in force, to be pasted into the connection file; then `adopt`."""
    from agent.mapping.toml import map_table  # noqa: PLC0415 - heavy

    answer = _ask(invocation, "mapping_show", stream, columns=False)
    for line in map_table(stream.partition("/")[2], answer["table"]).splitlines():
        invocation.output.line(line)
    invocation.output.document({"table": answer["table"]})


@mapping.command()
@_of_stream
@pass_invocation
def adopt(invocation: Invocation, stream: str) -> None:
    """Let go of the changes that the connection file says by now; what is in force stays the same."""
    answer = _ask(invocation, "mapping_adopt", stream)
    output = invocation.output
    for name in answer["adopted"]:
        output.line(f"{name}: the file says it now")
    left = answer["left"]
    stay = "change stays" if left == 1 else "changes stay"
    output.line(f"{left} {stay} beside the file." if left else "The file says it all.")
    output.document(answer)


@mapping.command()
@_of_stream
@pass_invocation
def dismiss(invocation: Invocation, stream: str) -> None:
    """Offer the columns that are new in the source no more."""
    answer = _ask(invocation, "mapping_accept_columns", stream)
    for word in ("new", "gone"):
        names = answer[f"{word}_columns"]
        if names:
            invocation.output.line(f"{word}: {', '.join(names)}")
    if not any(answer.values()):
        invocation.output.line("There was nothing new.")
    invocation.output.document(answer)


def _change(
    invocation: Invocation,
    stream: str,
    changes: list[dict[str, Any]],
    *,
    note: str,
    accept_rejects: bool,
    again: bool,
) -> None:
    answer = _ask(
        invocation, "mapping_change", stream, changes=changes, note=note, accept_rejects=accept_rejects
    )
    _changed(invocation, stream, answer, again=again)


def _changed(invocation: Invocation, stream: str, answer: dict[str, Any], *, again: bool) -> None:
    from agent.commandline.sync import resync  # noqa: PLC0415 - heavy

    output = invocation.output
    if not answer["changed"]:
        output.line(f"Nothing to change: version {answer['version']} says so.")
    else:
        output.line(f"Version {answer['version']} of {stream} is in force: {', '.join(answer['changed'])}")
    tried = answer["preview"]
    if tried is not None:
        output.line(f"Tried on {tried['tried']} records: {tried['after']['rejected']} rejected")
    if answer["remap"] and not again:
        output.line(
            f"Records at the relay keep their old form: `groundwire resync {stream}` maps them again."
        )
    if not again:
        output.document(answer)
        return
    click.get_current_context().invoke(resync, streams=(stream,))


def _ask(invocation: Invocation, call: str, stream: str, **args: Any) -> dict[str, Any]:
    from agent.commandline.mapping_here import ask  # noqa: PLC0415 - heavy

    invocation.quiet_logging()
    connection, slash, name = stream.partition("/")
    if not slash:
        raise click.UsageError("Name the stream as CONNECTION/STREAM.")
    return run_async(ask(invocation.settings(), call, {"connection": connection, "stream": name, **args}))


def _set(invocation: Invocation, stream: str, field: str, text: str) -> dict[str, Any]:
    return {"path": _path(invocation, stream, field), "spec": value_of(text)}


def _unset(invocation: Invocation, stream: str, field: str) -> dict[str, Any]:
    return {"path": _path(invocation, stream, field), "remove": True}


def _path(invocation: Invocation, stream: str, field: str) -> list[str]:
    from agent.commandline.drivers import find_connection  # noqa: PLC0415 - heavy
    from agent.mapping.paths import path_of  # noqa: PLC0415

    connection, _, name = stream.partition("/")
    settings = find_connection(invocation.settings(), connection)
    if name not in settings.streams:
        raise ConfigurationError(
            f"the connection {connection} has no stream named {name!r}",
            hint=f"There are: {', '.join(settings.streams) or 'none'}.",
        )
    return list(path_of(field, settings.streams[name].entity))


def value_of(text: str) -> Any:
    """A value as TOML writes it; a bare name that is none is a source column, for shells eat quotes."""
    try:
        table = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError as error:
        if _COLUMN.fullmatch(text):
            return text
        raise ConfigurationError(
            f"{text} is no TOML value: {error}",
            hint="""Write 'column', '"column"' or '{ from = "column", trim = true }'.""",
        ) from error
    if set(table) != {"value"}:
        raise ConfigurationError("a value is written on one line")
    return table["value"]
