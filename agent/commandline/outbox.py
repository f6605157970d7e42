"""`groundwire outbox`: what waits, and what could not pass."""

from __future__ import annotations

import click

from agent.commandline.invocation import Invocation, json_option, pass_invocation, run_async, shared_options
from agent.commandline.letters import drop, export_letters, reasons, requeue, show_letter
from agent.measures import size


@click.group(invoke_without_command=True)
@shared_options
@json_option
@click.pass_context
def outbox(context: click.Context) -> None:
    """Show what waits for the relay, and what cannot pass."""
    if context.invoked_subcommand is None:
        _show(context.ensure_object(Invocation))


def _show(invocation: Invocation) -> None:
    stats = run_async(invocation.client().ask("outbox"))
    rows = [
        [
            name,
            one["pending_batches"],
            size(one["pending_bytes"]),
            one["oldest_enqueued_at"],
            one["acked_seq"],
            one["dead_letters"],
        ]
        for name, one in sorted(stats["streams"].items())
    ]
    invocation.output.table(["STREAM", "WAITING", "BYTES", "OLDEST", "LAST ACKED", "DEAD LETTERS"], rows)
    invocation.output.line(
        f"In all: {stats['pending_batches']} batches, {size(stats['pending_bytes'])} waiting; "
        f"file of {size(stats['file_bytes'])}"
    )
    if stats["pending_batches"]:
        invocation.output.line("`groundwire outbox in-flight` says why they wait.")
    if stats.get("dead_letters"):
        invocation.output.line("`groundwire outbox reasons` says why records cannot pass, and what to do.")
    invocation.output.document(stats)


@outbox.command("in-flight")
@click.argument("stream", required=False)
@click.option("--limit", type=click.IntRange(1, 1_000), default=50, show_default=True)
@click.option("--after", "after_seq", type=click.IntRange(0), default=0, help="Go on behind this number.")
@shared_options
@json_option
@pass_invocation
def in_flight(invocation: Invocation, stream: str | None, limit: int, after_seq: int) -> None:
    """Say why what waits is still here, and list the batches, oldest first."""
    args = {"stream": stream, "limit": limit, "after_seq": after_seq}
    answer = run_async(invocation.client().ask("in_flight", args))
    output, batches = invocation.output, answer["batches"]
    rows = [
        [one["seq"], one["stream"], one["kind"], one["count"], size(one["bytes"]), one["enqueued_at"]]
        for one in batches
    ]
    output.table(["BATCH", "STREAM", "KIND", "COUNT", "BYTES", "ENQUEUED"], rows)
    if batches:
        output.line(f"They wait: {answer['why']['text']}", bold=True)
        if answer["why"].get("hint"):
            output.line(f"  What to do: {answer['why']['hint']}")
    else:
        output.line("Nothing waits: the relay has acked everything.")
    for name, reason in answer["held"].items():
        output.line(f"The relay takes nothing of {name}: {reason}", colour="red")
    if answer["next"] is not None:
        output.line(f"There are more: --after {answer['next']}")
    output.document(answer)


@outbox.command("dead-letters")
@click.argument("stream", required=False)
@click.option("--connection", metavar="NAME", help="Only of this connection.")
@click.option("--field", metavar="FIELD", help="Only of this field.")
@click.option("--reason", metavar="REASON", help="Only with this reason.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=100, show_default=True)
@click.option("--after", "after_id", type=click.IntRange(0), default=0, help="Go on behind this id.")
@click.option("--raw", is_flag=True, help="With the source record as it was read. It may hold personal data.")
@shared_options
@json_option
@pass_invocation
def dead_letters(
    invocation: Invocation,
    stream: str | None,
    connection: str | None,
    field: str | None,
    reason: str | None,
    limit: int,
    after_id: int,
    *,
    raw: bool,
) -> None:
    """List the records that cannot pass, with the reason."""
    choice = {"connection": connection, "field": field, "reason": reason}
    args = {"stream": stream, "limit": limit, "after_id": after_id, "raw": raw}
    args |= {name: value for name, value in choice.items() if value is not None}
    answer = run_async(invocation.client().ask("dead_letters", args))
    letters, following = answer["dead_letters"], answer.get("next")
    rows = [[one["id"], one["stream"], one["key"], one["field"], one["message"]] for one in letters]
    invocation.output.table(["ID", "STREAM", "KEY", "FIELD", "REASON"], rows)
    if raw:
        for one in letters:
            invocation.output.line(f"{one['id']}: {one['raw'] or 'not kept'}")
    if not letters:
        invocation.output.line("No dead letters.")
    if following is not None:
        invocation.output.line(f"There are more: --after {following}")
    invocation.output.document({"dead_letters": letters, "next": following})


for command in (reasons, show_letter, requeue, drop, export_letters):
    outbox.add_command(command)
