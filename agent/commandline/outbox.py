"""`groundwire outbox`: what waits, and what could not pass."""

from __future__ import annotations

import click

from agent.commandline.exits import ExitCode, code_of_many
from agent.commandline.invocation import Invocation, json_option, pass_invocation, run_async, shared_options


@click.group(invoke_without_command=True)
@shared_options
@json_option
@click.pass_context
def outbox(context: click.Context) -> None:
    """Show what waits for the relay; the commands below are about dead letters."""
    if context.invoked_subcommand is None:
        _show(context.ensure_object(Invocation))


def _show(invocation: Invocation) -> None:
    stats = run_async(invocation.client().ask("outbox"))
    rows = [
        [
            name,
            one["pending_batches"],
            one["pending_bytes"],
            one["oldest_enqueued_at"],
            one["acked_seq"],
            one["dead_letters"],
        ]
        for name, one in sorted(stats["streams"].items())
    ]
    invocation.output.table(["STREAM", "WAITING", "BYTES", "OLDEST", "LAST ACKED", "DEAD LETTERS"], rows)
    invocation.output.line(
        f"In all: {stats['pending_batches']} batches, {stats['pending_bytes']} bytes waiting; "
        f"file of {stats['file_bytes']} bytes"
    )
    invocation.output.document(stats)


@outbox.command("dead-letters")
@click.argument("stream", required=False)
@click.option("--limit", type=click.IntRange(1, 1_000), default=100, show_default=True)
@click.option("--after", "after_id", type=click.IntRange(0), default=0, help="Go on behind this id.")
@click.option("--raw", is_flag=True, help="With the source record as it was read. It may hold personal data.")
@shared_options
@json_option
@pass_invocation
def dead_letters(invocation: Invocation, stream: str | None, limit: int, after_id: int, *, raw: bool) -> None:
    """List the records that cannot pass, with the reason."""
    args = {"stream": stream, "limit": limit, "after_id": after_id, "raw": raw}
    letters = run_async(invocation.client().ask("dead_letters", args))["dead_letters"]
    rows = [[one["id"], one["stream"], one["key"], one["field"], one["message"]] for one in letters]
    invocation.output.table(["ID", "STREAM", "KEY", "FIELD", "REASON"], rows)
    if raw:
        for one in letters:
            invocation.output.line(f"{one['id']}: {one['raw'] or 'not kept'}")
    if not letters:
        invocation.output.line("No dead letters.")
    invocation.output.document({"dead_letters": letters})


@outbox.command()
@click.argument("ids", nargs=-1, required=True, type=click.IntRange(1))
@shared_options
@json_option
@pass_invocation
def requeue(invocation: Invocation, ids: tuple[int, ...]) -> None:
    """Read the records of these dead letters again, with the mapping that is in force now."""
    answer = run_async(invocation.client().ask("requeue", {"ids": list(ids)}))
    runs = answer.get("runs", [])
    invocation.output.line(f"{answer['requeued']} requeued.")
    for run in runs:
        if run.get("error"):
            invocation.output.line(f"{run['stream']}: {run['error']['message']}", colour="red")
    invocation.output.document(answer)
    codes = [ExitCode.OK if run["status"] == "succeeded" else ExitCode.FAILED for run in runs]
    click.get_current_context().exit(code_of_many(codes))


@outbox.command()
@click.argument("ids", nargs=-1, required=True, type=click.IntRange(1))
@click.option("--yes", is_flag=True, help="Do not ask.")
@shared_options
@json_option
@pass_invocation
def drop(invocation: Invocation, ids: tuple[int, ...], *, yes: bool) -> None:
    """Forget these dead letters; their records stay as they are at the source."""
    if not yes:
        click.confirm(f"Forget {len(ids)} dead letters?", abort=True, err=True)
    answer = run_async(invocation.client().ask("drop", {"ids": list(ids)}))
    invocation.output.line(f"{answer['dropped']} dropped.")
    invocation.output.document(answer)
