"""`groundwire status`: what the running agent is doing."""

from __future__ import annotations

from typing import Any

import click

from agent.commandline.invocation import Invocation, json_option, pass_invocation, run_async, shared_options
from agent.commandline.progress import describe, differences


@click.command()
@shared_options
@json_option
@pass_invocation
def status(invocation: Invocation) -> None:
    """Show the link to the relay, every stream, and what waits in the outbox."""
    answer = run_async(invocation.client().ask("status"))
    relay, waiting = answer["relay"], answer["outbox"]
    output = invocation.output
    output.line(f"Relay: {relay['phase']} since {relay['since']}; last ack {relay['last_ack'] or 'never'}")
    if relay.get("error"):
        output.line(f"  {relay['error']['message']}", colour="red")
        output.line(f"  What to do: {relay['error']['hint']}")
    if held_back := relay.get("held_back"):
        names = ", ".join(held_back["connections"])
        output.line(f"  The relay takes nothing of {names}: {held_back['reason']}", colour="red")
    output.line(
        f"Outbox: {waiting['pending_batches']} batches wait ({_size(waiting['pending_bytes'])}), "
        f"{waiting['dead_letters']} dead letters"
    )
    if waiting.get("reading_paused"):
        output.line(
            "  Reading is paused at the outbox's high-water mark, until the relay has taken enough", bold=True
        )
    _show_doubts(invocation, answer.get("commands") or {})
    _show_audit(invocation, answer.get("audit") or {})
    _show_trace(invocation, answer.get("trace") or {})
    output.line()
    output.table(
        ["STREAM", "STATE", "LAST RUN", "DONE", "NEXT"],
        [
            _row(connection, stream)
            for connection in answer["connections"]
            for stream in connection["streams"]
        ],
    )
    for connection in answer["connections"]:
        if connection.get("paused"):
            name = connection["name"]
            output.line(f"{name} is paused: `groundwire resume {name}` lets it run again", bold=True)
        _show_limits(invocation, connection["name"], connection.get("limits") or {})
        for stream in connection["streams"]:
            name = f"{connection['name']}/{stream['name']}"
            _show_error(invocation, name, stream.get("error"))
            if stream.get("quietUntil"):
                output.line(f"{name}: quiet hours until {stream['quietUntil']}")
            if (reconciled := stream.get("reconciled")) is not None:
                output.line(f"{name}: compared {reconciled['at']}, {differences(stream)}")
            _show_offers(invocation, name, stream)
    output.document(answer)


def _row(connection: dict[str, Any], stream: dict[str, Any]) -> list[Any]:
    last = stream.get("lastRun")
    return [
        f"{connection['name']}/{stream['name']}",
        "paused" if connection.get("paused") else stream["state"],
        f"{last['status']} {last['finishedAt'] or last['startedAt']}" if last else None,
        describe(last) if last else None,
        stream.get("nextRunAt"),
    ]


def _show_error(invocation: Invocation, stream: str, error: dict[str, Any] | None) -> None:
    if not error:
        return
    message = error.get("message") or error["code"]
    where = f"{error['where']}: " if error.get("where") not in {None, "", stream} else ""
    invocation.output.line(f"{stream}: {where}{message}", colour="red")
    if error.get("hint"):
        invocation.output.line(f"  What to do: {error['hint']}")


def _show_limits(invocation: Invocation, name: str, limits: dict[str, Any]) -> None:
    """Those that somebody set, and a pause that the source wants."""
    told = []
    if limits.get("parallelReads", 1) > 1:
        told.append(f"{limits['parallelReads']} streams at a time")
    if limits.get("rowsPerCall"):
        told.append(f"at most {limits['rowsPerCall']} rows a call")
    if limits.get("quietHours"):
        told.append(f"quiet {', '.join(limits['quietHours'])} {limits['timeZone']}")
    if told:
        invocation.output.line(f"{name}: {'; '.join(told)}")
    if limits.get("pauseSeconds"):
        invocation.output.line(f"{name}: the source wants a pause, for {limits['pauseSeconds']} s more")


def _show_offers(invocation: Invocation, name: str, stream: dict[str, Any]) -> None:
    """What somebody may want to do, and nobody has to."""
    line = invocation.output.line
    if stream.get("remap"):
        line(f"{name}: records at the relay have an older form; `groundwire resync {name}` maps them again")
    if stream.get("newColumns"):
        columns = ", ".join(stream["newColumns"])
        line(f"{name}: new in the source: {columns}; `groundwire mapping show {name}` offers them")
    if stream.get("goneColumns"):
        line(f"{name}: gone from the source, and not used: {', '.join(stream['goneColumns'])}")


def _show_doubts(invocation: Invocation, commands: dict[str, Any]) -> None:
    count = commands.get("in_doubt", 0)
    if count:
        verb = "command is" if count == 1 else "commands are"
        invocation.output.line(
            f"{count} {verb} in doubt: `groundwire commands list --state in_doubt`", colour="red"
        )


def _show_audit(invocation: Invocation, audit: dict[str, Any]) -> None:
    error = audit.get("error")
    if error:
        invocation.output.line(
            f"Audit log: {error['message']}: what has to be audited is refused", colour="red"
        )
        invocation.output.line(f"  What to do: {error['hint']}")


def _show_trace(invocation: Invocation, trace: dict[str, Any]) -> None:
    state = trace.get("state", "off")
    if state == "on":
        names = ", ".join(trace["connections"])
        invocation.output.line(
            f"Payloads are traced: {names}, until {trace['until']}, {trace['file']}", bold=True
        )
    elif state == "full":
        invocation.output.line("Payloads are no longer traced: the trace is full", bold=True)
    elif trace.get("error"):
        invocation.output.line(f"No payloads are traced: {trace['error']['message']}", colour="red")
        invocation.output.line(f"  What to do: {trace['error']['hint']}")


def _size(value: int) -> str:
    size = float(value)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:  # noqa: PLR2004 - bytes of a KiB
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
