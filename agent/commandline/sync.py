"""`groundwire sync`, `resync` and `reconcile`: by the running agent, or once in this process where none runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from agent.commandline.exits import ExitCode, code_of, code_of_many
from agent.commandline.invocation import Invocation, json_option, pass_invocation, run_async, shared_options
from agent.commandline.progress import COUNTED, RunProgress, differences

if TYPE_CHECKING:
    from agent.settings import Settings

SOME_RECORDS: Final = 5
MOST_RECORDS: Final = 50  # that a preview shows of each stream
Show = Callable[[dict[str, Any]], None]


@click.command()
@click.argument("streams", nargs=-1, metavar="[CONNECTION | CONNECTION/STREAM]...")
@click.option("--accept-deletions", is_flag=True, help="Pass on removed records however many they are.")
@click.option("--preview", is_flag=True, help="Show what would be asked and sent; send nothing.")
@click.option(
    "--records",
    type=click.IntRange(1, MOST_RECORDS),
    metavar="N",
    help=f"With --preview: records of each stream, {SOME_RECORDS} without it.",
)
@shared_options
@json_option
@pass_invocation
def sync(
    invocation: Invocation,
    streams: tuple[str, ...],
    *,
    accept_deletions: bool,
    preview: bool,
    records: int | None,
) -> None:
    """Sync now: every stream, or the named ones; waits for the end."""
    if preview and accept_deletions:
        raise click.UsageError("A preview passes nothing on: leave --accept-deletions out.")
    if preview:
        from agent.commandline.preview import show_preview  # noqa: PLC0415 - heavy

        show_preview(invocation, streams, records or SOME_RECORDS)
        return
    if records is not None:
        raise click.UsageError("--records goes with --preview.")
    _sync(invocation, "sync", streams, accept_deletions=accept_deletions)


@click.command()
@click.argument("streams", nargs=-1, metavar="[CONNECTION | CONNECTION/STREAM]...")
@click.option("--all", "everything", is_flag=True, help="Every stream of every connection.")
@click.option("--accept-deletions", is_flag=True, help="Pass on removed records however many they are.")
@shared_options
@json_option
@pass_invocation
def resync(
    invocation: Invocation, streams: tuple[str, ...], *, everything: bool, accept_deletions: bool
) -> None:
    """Read the named streams from the beginning and send every record again; others are not disturbed."""
    if bool(streams) == everything:
        raise click.UsageError("Name the streams to read again, or give --all.")
    _sync(invocation, "resync", streams, accept_deletions=accept_deletions)


@click.command()
@click.argument("streams", nargs=-1, required=True, metavar="CONNECTION[/STREAM]...")
@click.option("--accept-deletions", is_flag=True, help="Pass on removed records however many they are.")
@shared_options
@json_option
@pass_invocation
def reconcile(invocation: Invocation, streams: tuple[str, ...], *, accept_deletions: bool) -> None:
    """Sync, then compare everything at the source with what was sent; tell and repair what differs."""
    _sync(invocation, "reconcile", streams, accept_deletions=accept_deletions)


def _sync(invocation: Invocation, call: str, streams: Sequence[str], *, accept_deletions: bool) -> None:
    invocation.quiet_logging()
    settings = invocation.settings()
    with RunProgress() as progress:
        runs, by_agent = run_async(
            _run(settings, call, streams, accept_deletions=accept_deletions, show=progress.update)
        )
    # The agent has its own word on files that are wrong: it may have their last good version in force.
    _answer(invocation, runs, None if by_agent or streams else settings, by_agent=by_agent)


async def _run(
    settings: Settings, call: str, streams: Sequence[str], *, accept_deletions: bool, show: Show
) -> tuple[list[dict[str, Any]], bool]:
    from agent.control import ControlClient, is_running  # noqa: PLC0415 - heavy

    if await is_running(settings.state_dir):
        args = {"streams": list(streams), "accept_deletions": accept_deletions}
        answer = await ControlClient(settings.state_dir).ask(call, args, show)
        return list(answer["runs"]), True

    from agent.app import App  # noqa: PLC0415 - the whole agent
    from agent.calls.running import result_document  # noqa: PLC0415

    refuse_unknown(settings, streams)
    results = await App(settings).run_once(
        streams,
        full=call == "resync",
        reconcile=call == "reconcile",
        accept_deletions=accept_deletions,
        progress=lambda report: show(report.to_document()),
    )
    return [result_document(result) for result in results], False


def refuse_unknown(settings: Settings, texts: Sequence[str]) -> None:
    """Raises ConfigurationError where "connection" or "connection/stream" names nothing that is enabled."""
    from agent.commandline.drivers import find_connection  # noqa: PLC0415 - heavy
    from agent.errors import ConfigurationError  # noqa: PLC0415

    for text in texts:
        name, slash, stream = text.partition("/")
        connection = find_connection(settings, name)
        if not connection.enabled:
            raise ConfigurationError(
                "the connection is not enabled", where=connection.where, hint="enabled = true"
            )
        if slash and stream not in connection.streams:
            raise ConfigurationError(
                f"the connection {name} has no stream named {stream!r}",
                where=connection.where,
                hint=f"There are: {', '.join(connection.streams) or 'none'}.",
            )


def _answer(
    invocation: Invocation, runs: list[dict[str, Any]], everything: Settings | None, *, by_agent: bool
) -> None:
    """`everything`: the settings, where every connection was to be synced in this process."""
    from agent.commandline.drivers import tell_left_out  # noqa: PLC0415 - heavy
    from agent.control import error_from  # noqa: PLC0415

    output = invocation.output
    rows = [
        [run["stream"], run["mode"], run["status"], *(run["counts"].get(key, 0) for key, _ in COUNTED)]
        for run in runs
    ]
    output.table(["STREAM", "MODE", "STATUS", *(word.upper() for _, word in COUNTED)], rows)
    for run in runs:
        if told := differences(run):
            output.line(f"{run['stream']}: {told}")
    output.document({"runs": runs, "by_running_agent": by_agent})
    outcomes: list[ExitCode] = []
    for run in runs:
        error = error_from(run["error"]) if run.get("error") else None
        failed = ExitCode.OK if run["status"] == "succeeded" else ExitCode.FAILED
        outcomes.append(code_of(error) if error is not None else failed)
        if error is not None and not output.json:
            output.error(error)
    if everything is not None:
        outcomes += tell_left_out(output, everything)
    if not runs:
        output.note("There is no stream to sync.")
    elif not by_agent:
        output.note(
            "No agent runs: the records wait in the outbox and travel when `groundwire run` is started."
        )
    click.get_current_context().exit(code_of_many(outcomes))
