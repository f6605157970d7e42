"""`groundwire status`: what the running agent is doing."""

from __future__ import annotations

from typing import Any, Final

import click

from agent.commandline import overview
from agent.commandline.invocation import Invocation, json_option, pass_invocation, run_async, shared_options
from agent.commandline.progress import differences
from agent.errors import GroundwireError
from agent.telemetry.text import clean_text

OK, WARNING, PROBLEM, NOT_KNOWN = range(4)  # exit codes of --check: what monitoring systems take
_CHECK_CODES: Final = {"warning": WARNING, "problem": PROBLEM}


@click.command()
@click.option("--watch", is_flag=True, help="Go on showing it, in place, until q or Ctrl-C.")
@click.option(
    "--every",
    type=click.FloatRange(0.2, 3_600),
    default=2.0,
    show_default=True,
    help="Seconds, with --watch.",
)
@click.option(
    "--check",
    is_flag=True,
    help="For monitoring: one line, and exit code 0 well, 1 warning, 2 problem or no agent, 3 not known.",
)
@shared_options
@json_option
@pass_invocation
def status(invocation: Invocation, *, watch: bool, every: float, check: bool) -> None:
    """Show at a glance what runs and what is wrong: the link to the relay, every stream, what waits in the outbox."""
    if watch and (check or invocation.json):
        raise click.UsageError("--watch goes with neither --check nor --json.")
    if check:
        click.get_current_context().exit(_check(invocation))
    if watch:
        from agent.commandline.watching import watch as go_on  # noqa: PLC0415 - rich, and only here

        run_async(go_on(invocation.client(), every))
        return
    answer = run_async(invocation.client().ask("status"))
    show(invocation, answer)
    invocation.output.document(answer)


def _check(invocation: Invocation) -> int:
    from agent.control import NoAgentRunning  # noqa: PLC0415 - heavy

    try:
        answer = run_async(invocation.client().ask("status"))
        verdict = answer["verdict"]
    except NoAgentRunning as error:
        click.echo(f"GROUNDWIRE CRITICAL - {clean_text(error.message)}")
        return PROBLEM
    except (GroundwireError, KeyError) as error:
        click.echo(f"GROUNDWIRE UNKNOWN - {clean_text(str(error))}")
        return NOT_KNOWN
    click.echo(clean_text(overview.check_line(verdict, answer["outbox"])))
    return _CHECK_CODES.get(verdict["level"], OK)


def show(invocation: Invocation, answer: dict[str, Any]) -> None:
    """All of it once, in lines."""
    from agent.clock import SystemClock  # noqa: PLC0415 - asyncio is slow to load

    output = invocation.output
    found = overview.head(answer)
    for line in found:
        output.line(line.text, bold=line.bold, colour=line.colour)
    if found:
        output.line()
    output.line(overview.tunnel(answer).text)
    if not found:
        _show_relay_trouble(invocation, answer["relay"])
    for line in overview.backlog(answer):
        output.line(line.text)
    if answer["outbox"].get("reading_paused"):
        output.line(
            "  Reading is paused at the outbox's high-water mark, until the relay has taken enough", bold=True
        )
    if not found:
        _show_doubts(invocation, answer.get("commands") or {})
        _show_audit(invocation, answer.get("audit") or {})
    _show_trace(invocation, answer.get("trace") or {})
    output.line()
    rows = overview.rows(answer, SystemClock().utcnow())
    output.table(["STREAM", "STATE", "DONE", "LAST RUN", "NEXT"], [row.cells() for row in rows])
    _show_connections(invocation, answer["connections"], told=bool(found))


def _show_relay_trouble(invocation: Invocation, relay: dict[str, Any]) -> None:
    output = invocation.output
    if relay.get("error"):
        output.line(f"  {relay['error']['message']}", colour="red")
        output.line(f"  What to do: {relay['error']['hint']}")
    if held_back := relay.get("held_back"):
        names = ", ".join(held_back["connections"])
        output.line(f"  The relay takes nothing of {names}: {held_back['reason']}", colour="red")


def _show_connections(invocation: Invocation, connections: list[dict[str, Any]], *, told: bool) -> None:
    """`told`: what is wrong stands above already."""
    output = invocation.output
    for connection in connections:
        if connection.get("paused"):
            name = connection["name"]
            output.line(f"{name} is paused: `groundwire resume {name}` lets it run again", bold=True)
        _show_limits(invocation, connection["name"], connection.get("limits") or {})
        for stream in connection["streams"]:
            name = f"{connection['name']}/{stream['name']}"
            if not told:
                _show_error(invocation, name, stream.get("error"))
            if stream.get("quietUntil"):
                output.line(f"{name}: quiet hours until {stream['quietUntil']}")
            if (reconciled := stream.get("reconciled")) is not None:
                output.line(f"{name}: compared {reconciled['at']}, {differences(stream)}")
            _show_offers(invocation, name, stream)


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
